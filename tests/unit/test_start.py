"""What starting the command line costs: only what it needs to say which commands there are."""

import subprocess
import sys

import pytest

from meshlab.cli import COMMANDS
from meshlab.recorder import ROOT

# Each of them costs between a tenth of a second and a second to import.
HEAVY = {"google", "grpc", "kubernetes", "pulumi", "pulumi_kubernetes", "pulumi_random", "pydantic", "yaml"}
IMPORTED = (
    "import sys, runpy\n"
    "try:\n"
    "    runpy.run_module('meshlab', run_name='__main__', alter_sys=True)\n"
    "finally:\n"
    "    print('imported:', *{name.partition('.')[0] for name in sys.modules})\n"
    "    print('ours:', *{name for name in sys.modules if name.startswith(('meshlab.', 'components', 'policy'))})\n"
)


def started(*words: str) -> tuple[str, set[str], set[str]]:
    """Output of `python -m meshlab` with these words, the packages that it imported, and its own modules."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED, *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    *said, packages, ours = done.stdout.splitlines()
    return "\n".join(said) + done.stderr, set(packages.split()[1:]), set(ours.split()[1:])


@pytest.mark.parametrize("words", [("--help",), (), ("no-such-command",)])
def test_help_imports_neither_pulumi_nor_anything_else_that_takes_long(words: tuple[str, ...]) -> None:
    said, packages, ours = started(*words)
    assert all(command in said for command in COMMANDS) or "usage: meshlab" in said
    assert "argparse" in packages
    assert packages & HEAVY == set()
    assert {name for name in ours if name.startswith(("meshlab.commands.", "components", "policy"))} == set()


def test_a_command_that_does_run_would_be_seen_to_import_them() -> None:
    _, packages, ours = started("graph", "--help")
    assert {"pulumi", "yaml"} <= packages
    assert "meshlab.commands.graph" in ours

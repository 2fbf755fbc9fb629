"""What starting the command line costs: only what it needs to say which commands there are."""

import ast
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from meshlab.cli.commands import completion
from meshlab.cli.exit_codes import CLOSED_PIPE
from meshlab.cli.main import COMMANDS, main
from meshlab.recording.recorder import ROOT
from tests.support.packages import PACKAGES

# Each of them costs between a tenth of a second and a second to import.
HEAVY = {"google", "grpc", "kubernetes", "pulumi", "pulumi_kubernetes", "pulumi_random", "pydantic", "yaml"}
IMPORTED = (
    "import sys, runpy\n"
    "try:\n"
    "    runpy.run_module('meshlab', run_name='__main__', alter_sys=True)\n"
    "finally:\n"
    "    print('imported:', *{name.partition('.')[0] for name in sys.modules})\n"
    f"    print('ours:', *{{name for name in sys.modules if name.partition('.')[0] in {PACKAGES}}})\n"
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
    costly = ("meshlab.cli.commands.", "components", "kube", "policy", "rollout", "settings")
    assert {name for name in ours if name.startswith(costly)} == set()


def test_a_command_that_does_run_would_be_seen_to_import_them() -> None:
    _, packages, ours = started("graph", "--help")
    assert {"pulumi", "yaml"} <= packages
    assert "meshlab.cli.commands.graph" in ours


def test_no_command_imports_another_and_nothing_else_imports_a_command() -> None:
    """Each is loaded by its name, when it is typed."""
    found = []
    for path in sorted((ROOT / "meshlab").rglob("*.py")):
        beside = {other.stem for other in path.parent.glob("*.py")} if path.parent.name == "commands" else set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                module = (node.module or "").split(".")
                if "commands" in module or (node.level == 1 and module[0] in beside):
                    found.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert found == []


def test_the_version_is_that_of_the_project() -> None:
    said, packages, _ = started("--version")
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert said == f"meshlab {version}"
    assert packages & HEAVY == set()


def cpu_seconds(*command: str) -> float:
    """The least CPU time of some runs of Python: what else the machine does makes it no shorter."""
    least = float("inf")
    for _ in range(7):
        with subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as child:
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
        least = min(least, usage.ru_utime + usage.ru_stime)
    return least


def test_help_costs_little_more_than_the_start_of_python() -> None:
    """0.05 s on a machine where Python starts in 0.015 s; a slower machine takes longer for either."""
    bare = cpu_seconds("-c", "")
    assert cpu_seconds("-m", "meshlab", "--help") - bare <= max(0.05, bare * 4)


def test_output_that_nobody_reads_to_its_end_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "meshlab", "completion", "bash"]
    done = subprocess.run(command, cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (CLOSED_PIPE, "")


def test_another_pipe_that_broke_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completion, "shellcode", lambda words, shell: raise_(BrokenPipeError()))
    with pytest.raises(BrokenPipeError):
        main(["completion", "bash"])


def test_a_state_folder_that_cannot_be_is_a_line(tmp_path: Path) -> None:
    state = tmp_path / "file"
    state.touch()
    command = [sys.executable, "-m", "meshlab", "cluster", "up"]
    environment = {**os.environ, "MESHLAB_STATE": str(state)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    *_, line = done.stderr.splitlines()
    assert line.startswith(f"{state}/clusters: expected a place where the state can be kept, got: Not a directory")
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)


def test_another_file_that_cannot_be_written_is_not_taken_for_the_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completion, "shellcode", lambda words, shell: raise_(PermissionError(13, "no", "/etc/x")))
    with pytest.raises(PermissionError):
        main(["completion", "bash"])


def raise_(error: Exception) -> str:
    raise error

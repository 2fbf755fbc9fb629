"""A shell completes commands, options, stacks and contexts, by the code that `meshlab completion` prints."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from embedded.tools.kubernetes import minors
from meshlab.cli.commands.completion import SHELLS
from meshlab.cli.main import COMMANDS, main
from meshlab.recording.recorder import ROOT
from meshlab.render.trees import stacks_of

KUBECONFIG = """\
contexts:
- {name: prod-eu, context: {cluster: one, user: one}}
- {name: prod-us, context: {cluster: one, user: one}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a `meshlab` to type, a kubeconfig, and a file that is no stack."""
    script = tmp_path / "meshlab"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m meshlab "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    (tmp_path / "kubeconfig").write_text(KUBECONFIG, encoding="utf-8")
    (tmp_path / "charts.tgz").touch()
    return tmp_path


def completed(folder: Path, line: str) -> set[str]:
    """What bash offers at the end of a line."""
    script = (
        'eval "$(meshlab completion bash)"\n'
        "COMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=9 COMP_WORDBREAKS=$' \\t\\n\"\\'><=;|&(:'\n"
        "_python_argcomplete meshlab\n"
        "printf '%s\\n' \"${COMPREPLY[@]}\"\n"
    )
    return {word.strip() for word in said(folder, ["bash", "-c", script, "bash", line]).splitlines() if word.strip()}


def said(folder: Path, command: list[str]) -> str:
    """What a shell prints that finds the folder's `meshlab` and kubeconfig."""
    environment = {
        **os.environ,
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "KUBECONFIG": str(folder / "kubeconfig"),
        "HOME": str(folder),
    }
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True).stdout


def test_bash_completes_commands(folder: Path) -> None:
    assert completed(folder, "meshlab ") >= COMMANDS.keys()
    assert completed(folder, "meshlab pr") == {"preview", "promote"}


def test_bash_completes_the_options_of_a_command(folder: Path) -> None:
    assert completed(folder, "meshlab up --c") == {"--charts", "--cluster"}
    assert completed(folder, "meshlab charts f") == {"fetch"}


def test_bash_completes_stacks(folder: Path) -> None:
    assert completed(folder, "meshlab up --stack ") == set(stacks_of(ROOT))
    assert completed(folder, "meshlab promote sta") == {"staging"}


def test_bash_completes_contexts_of_the_kubeconfig(folder: Path) -> None:
    assert completed(folder, "meshlab up --cluster ") == {"prod-eu", "prod-us"}


def test_bash_completes_minors_of_kubernetes(folder: Path) -> None:
    found = minors()
    assert completed(folder, "meshlab up --kubernetes ") == set(found)
    assert completed(folder, f"meshlab rehearse --kubernetes {found[0]},{found[-1]}") == {f"{found[0]},{found[-1]}"}


def test_bash_completes_files_elsewhere(folder: Path) -> None:
    assert completed(folder, "meshlab up --charts ch") == {"charts.tgz"}


@pytest.mark.skipif(shutil.which("fish") is None, reason="needs fish")
def test_fish_completes_commands(folder: Path) -> None:
    offered = said(folder, ["fish", "-c", 'meshlab completion fish | source; complete -C "meshlab pr"'])
    assert {line.split("\t")[0] for line in offered.splitlines()} == {"preview", "promote"}


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_prints_code_that_the_shell_reads(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    code = capsys.readouterr().out
    assert "meshlab" in code
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"needs {shell}")
    subprocess.run([program, "-n"], input=code, text=True, check=True, timeout=60)

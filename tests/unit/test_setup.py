"""`make setup` installs the locked packages with uv, or with pip where uv would not find them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from meshlab.recording.recorder import ROOT

LOCKS = ("requirements-cli.txt", "requirements-dev.txt")


class Environment:
    """A virtual environment whose pip and uv write down what they are asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder / "venv", folder / "log"
        (self.folder / "bin").mkdir(parents=True)
        self.program("pip", '[ "$1" = config ] && exit; case "$*" in */dev/stdin) cat > "$0.read";; esac')
        self.program("uv")

    def program(self, name: str, script: str = "") -> None:
        file = self.folder / "bin" / name
        file.write_text(f'#!/bin/sh\necho "{name} $*" >> {self.log}\n{script}\n', encoding="utf-8")
        file.chmod(0o755)

    def make(self, *targets: str) -> list[str]:
        """Make these stamps, and return who installed what."""
        command = ["make", "--silent", f"VENV={self.folder}", *(f"{self.folder}/{target}" for target in targets)]
        settings = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
        subprocess.run(command, cwd=ROOT, env=settings, check=True, timeout=60)
        words = [line.split() for line in self.log.read_text(encoding="utf-8").splitlines()]
        assert all("--require-hashes" in line for line in words if "install" in line)
        return [f"{line[0]} {line[-1]}" for line in words if "install" in line]


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return Environment(tmp_path)


def test_uv_installs_both_locks_and_pip_installs_uv(environment: Environment) -> None:
    installed = environment.make(".locked-dev")
    assert installed == [line for lock in LOCKS for line in ("pip /dev/stdin", f"uv {lock}")]


def test_the_uv_that_is_installed_is_the_one_of_the_lock(environment: Environment) -> None:
    environment.make(".locked")
    read = (environment.folder / "bin" / "pip.read").read_text(encoding="utf-8")
    (version,) = re.findall(r'^ {4}"uv==([\d.]+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.M)
    first, *rest = re.sub(r" \\\n", "\n", read).splitlines()
    hashes = [line.strip() for line in rest]
    assert first == f"uv=={version}"
    assert len(hashes) > 1
    assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", line) for line in hashes)


def test_pip_installs_where_uv_fails(environment: Environment) -> None:
    environment.program("uv", "exit 1")
    assert environment.make(".locked") == ["pip /dev/stdin", f"uv {LOCKS[0]}", f"pip {LOCKS[0]}"]


def test_pip_installs_where_uv_cannot_be_had(environment: Environment) -> None:
    environment.program("pip", 'case "$*" in */dev/stdin) exit 1;; esac')
    assert environment.make(".locked") == ["pip /dev/stdin", f"pip {LOCKS[0]}"]


def test_pip_installs_where_its_settings_name_an_index(environment: Environment) -> None:
    environment.program("pip", '[ "$1" = config ] && echo "global.index-url=\'https://mirror.example/simple\'"; exit 0')
    assert environment.make(".locked") == [f"pip {LOCKS[0]}"]


def test_pip_tells_of_an_index_in_its_environment_or_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "pip.conf"
    file.write_text("[global]\nindex-url = https://mirror.example/simple\n", encoding="utf-8")
    for setting in ({"PIP_INDEX_URL": "https://mirror.example/simple"}, {"PIP_CONFIG_FILE": str(file)}):
        told = subprocess.run(
            [sys.executable, "-m", "pip", "config", "list"],
            env={**os.environ, **setting},
            capture_output=True,
            text=True,
            check=True,
        )
        assert "index-url='https://mirror.example/simple'" in told.stdout


def test_nothing_is_installed_twice(environment: Environment) -> None:
    environment.make(".locked-dev")
    before = environment.log.read_text(encoding="utf-8")
    environment.make(".locked-dev")
    assert environment.log.read_text(encoding="utf-8") == before


def test_a_setup_that_neither_completes_is_done_again(environment: Environment) -> None:
    environment.program("uv", "exit 1")
    environment.program("pip", 'case "$*" in *cli.txt) exit 1;; esac')
    with pytest.raises(subprocess.CalledProcessError):
        environment.make(".locked")
    assert not (environment.folder / ".locked").exists()

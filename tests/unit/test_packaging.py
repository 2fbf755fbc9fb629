"""Pins stand in pyproject.toml alone, lock files are made from it, and setup installs the command `meshlab`."""

import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from meshlab.recording.recorder import ROOT
from tests.support.packages import PACKAGES

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
LOCKS = {
    "requirements.txt": "",
    "requirements-cli.txt": "cli",
    "requirements-dev.txt": "dev",
    "policy/requirements.txt": "policy",
}
"""The extra that each lock file holds beside the program's own packages."""

ENTRY = re.compile(
    r"^(?P<name>[\w.-]+)==(?P<version>[^\s;]+)(?P<rest>(?:[^\n\\]|\\\n)*)\n(?P<via>(?: +#[^\n]*\n)*)", re.MULTILINE
)
"""One package of a lock file, with its hashes, and the comment that says who asked for it."""


def wanted(extra: str) -> dict[str, Requirement]:
    """What pyproject.toml asks for with an extra, by canonical name; the extras that it names included."""
    found: dict[str, Requirement] = {}
    for text in [*PROJECT["dependencies"], *(EXTRAS[extra] if extra else [])]:
        requirement = Requirement(text)
        if requirement.name == PROJECT["name"]:
            for named in requirement.extras:
                found |= wanted(named)
        else:
            found[canonicalize_name(requirement.name)] = requirement
    return found


def locked(name: str) -> Iterator[re.Match[str]]:
    yield from ENTRY.finditer((ROOT / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize(("lock", "extra"), LOCKS.items())
def test_a_lock_file_holds_what_pyproject_asks_for(lock: str, extra: str) -> None:
    asked = wanted(extra)
    direct = {entry["name"]: entry["version"] for entry in locked(lock) if "meshlab (pyproject.toml)" in entry["via"]}
    assert direct.keys() == asked.keys(), "run `make lock`, and commit it"
    assert [name for name, version in direct.items() if not asked[name].specifier.contains(version)] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_file_pins_every_package_by_hash(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    entries = list(locked(lock))
    assert len(entries) == len(re.findall(r"^[^\s#]", text, re.MULTILINE)) > 10
    assert [entry["name"] for entry in entries if "--hash=sha256:" not in entry["rest"]] == []
    assert "index-url" not in text


def test_lock_files_agree_on_every_version() -> None:
    """A package may have several versions, each for other versions of Python."""
    everything = {(entry["name"], entry["version"]) for entry in locked("requirements-dev.txt")}
    for lock in LOCKS:
        assert {(entry["name"], entry["version"]) for entry in locked(lock)} <= everything, lock


@pytest.mark.parametrize("lock", [*LOCKS, "plugin/requirements.txt"])
def test_pip_reads_a_lock_file_and_finds_it_installed(lock: str) -> None:
    """As `pulumi install` runs it; what is missing could not be had without an index."""
    command = ["-m", "pip", "install", "--no-index", "--dry-run", "--quiet", "--requirement", lock]
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_dependency_is_pinned_once_and_exactly() -> None:
    texts = [text for listed in (PROJECT["dependencies"], *EXTRAS.values()) for text in listed]
    ours = [Requirement(text) for text in texts]
    pinned = [package for package in ours if package.name != PROJECT["name"]]
    assert all([spec.operator for spec in requirement.specifier] == ["=="] for requirement in pinned)
    names = [canonicalize_name(requirement.name) for requirement in pinned]
    assert len(names) == len(set(names))


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scripts of a new virtual environment in which the project is installed as `make setup` does it."""
    folder = tmp_path_factory.mktemp("installed")
    clone, environment = folder / "clone", folder / "venv"
    for name in PACKAGES:
        shutil.copytree(ROOT / name, clone / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "LICENSE"):
        shutil.copy(ROOT / name, clone)
    venv.create(environment)
    scripts = environment / "bin"
    (site,) = environment.glob("lib/python*/site-packages")
    # The packages of the lock: no test asks a registry.
    (site / "locked.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    command = ["-m", "pip", "install", "--no-index", "--no-build-isolation", "--editable", f"{clone}[cli]"]
    done = subprocess.run([scripts / "python", *command], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return scripts


def test_meshlab_is_a_command_after_setup_wherever_it_is_typed(installed: Path, tmp_path: Path) -> None:
    done = subprocess.run([installed / "meshlab", "--help"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: meshlab ")


def test_setup_does_not_slow_the_start_of_python(installed: Path) -> None:
    """A path of the clone in site-packages, not a hook that each start of Python would import."""
    (site,) = (installed.parent / "lib").glob("python*/site-packages")
    (path,) = (entry for entry in site.glob("*.pth") if "meshlab" in entry.name)
    assert path.read_text(encoding="utf-8").strip() == str(installed.parent.parent / "clone")


def test_meshlab_as_a_module_is_the_same_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "meshlab", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("usage: meshlab ")

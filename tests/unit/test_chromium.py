"""Where the tests' browser comes from: what is there, else npm's package, else Debian's, else a reason."""

import hashlib
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import brotlicffi
import pytest

from tests.support import chromium

# A "browser" that tells what it was started with.
PROGRAM = '#!/bin/sh\necho "$@" "$LD_LIBRARY_PATH" "$FONTCONFIG_FILE"\n'
Program = Callable[[str, str], Path]


@pytest.fixture(autouse=True)
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of its kind without a browser, npm or apt-get, whose user is not root; returns its folder of programs.

    What a script needs of the real one is there by name.
    """
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("sh", "cp", "dirname", "readlink"):
        found = chromium.shutil.which(name)
        assert found is not None
        (programs / name).symlink_to(found)
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(chromium.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(chromium.platform, "system", lambda: "Linux")
    monkeypatch.setattr(chromium.platform, "machine", lambda: "x86_64")
    return programs


@pytest.fixture
def program(bare: Path) -> Program:
    """Puts a program on PATH."""

    def put(name: str, text: str) -> Path:
        (bare / name).write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        (bare / name).chmod(0o755)
        return bare / name

    return put


@pytest.fixture
def npm(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An npm that packs a small package, which is the pinned one; returns the file with the words it was given."""
    package, asked = tmp_path / "package.tgz", tmp_path / "asked"
    with tarfile.open(package, "w:gz") as files:
        add(files, "package/bin/chromium.br", brotlicffi.compress(PROGRAM.encode()))
        add(files, "package/bin/al2023.tar.br", brotlicffi.compress(archive("lib/libnss3.so")))
        add(files, "package/bin/fonts.tar.br", brotlicffi.compress(archive("fonts/one.ttf")))
        add(files, "package/bin/swiftshader.tar.br", brotlicffi.compress(archive("libEGL.so")))
    monkeypatch.setattr(chromium, "SHA512", hashlib.sha512(package.read_bytes()).hexdigest())
    program("npm", f'echo "$@" >> {asked}\ncp {package} .')
    return asked


def add(files: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    files.addfile(entry, io.BytesIO(content))


def archive(name: str) -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as files:
        add(files, name, b"content")
    return whole.getvalue()


def test_npm_s_package_is_unpacked_once_and_runs_with_its_own_libraries(npm: Path, tmp_path: Path) -> None:
    assert chromium.main() == 0
    assert chromium.main() == 0
    (words,) = npm.read_text(encoding="utf-8").splitlines()
    assert words.startswith(f"pack {chromium.PACKAGE}@{chromium.VERSION} --ignore-scripts ")
    found = chromium.find()
    assert found is not None
    here = Path(found).parent
    assert here.is_relative_to(tmp_path / "cache")
    said = chromium.run([found, "--version"], timeout=30).stdout.split()
    assert said == ["--version", f"{here}/lib", f"{here}/fonts.conf"]
    assert {"lib", "fonts", "libEGL.so"} <= {path.name for path in here.iterdir()}
    assert [path.name for path in here.parent.iterdir()] == [here.name]


@pytest.mark.usefixtures("npm")
def test_another_package_than_the_pinned_one_is_not_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(chromium, "SHA512", "0" * 128)
    assert chromium.main() == 0
    assert "is not the package that was pinned" in capsys.readouterr().out
    assert list((tmp_path / "cache").rglob("*chromium*")) == []


def test_a_browser_that_is_there_and_runs_is_taken(npm: Path, program: Program) -> None:
    program("chromium", "echo the chromium package is to be had elsewhere >&2; exit 1")
    there = program("google-chrome", "echo 1")
    assert chromium.find() == str(there)
    assert chromium.main() == 0
    assert not npm.exists()


def test_root_gets_debian_s_where_npm_has_none(
    program: Program, bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chromium.os, "geteuid", lambda: 0)
    asked = tmp_path / "asked"
    program("apt-get", f'echo "$@" >> {asked}\n[ "$1" = update ] || cp {bare}/sh {bare}/chromium')
    assert chromium.main() == 0
    assert asked.read_text(encoding="utf-8") == "update\ninstall --yes --no-install-recommends chromium\n"


def test_where_none_can_be_had_one_line_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    assert chromium.main() == 0
    assert chromium.find() is None
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "none to be had" in line]
    assert line == (
        "browser: none to be had, so that tests that look at a page are skipped "
        "(npm is not there: install it or put it on PATH; Debian's is for root to install)"
    )

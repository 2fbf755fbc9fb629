"""Files of this machine for a layer: programs with the shared libraries that they load.

They come from the machine and not from a distribution's archive: then an image needs no network, no root and no
particular distribution, and the C library is the one that the Python and the Envoy of the virtual environment run with.
Each file keeps its path, so that the loader finds libraries by the same rules.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from base import process
from base.errors import MeshlabError

from .model import Entry

LIST_LIMIT = 60.0
MOST_LINKS = 40
# Where sbin is not on an ordinary user's PATH.
MORE_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")
LINKED = (Path("/bin"), Path("/sbin"))
LOADER_CACHE = Path("/etc/ld.so.cache")


def programs(names: Iterable[str]) -> Iterator[Entry]:
    """Programs of PATH by name, with their libraries. Raises MeshlabError for one that is not installed.

    Where /bin is a link to /usr/bin here, it is one in the image: scripts begin with /bin/sh.
    """
    names = list(names)
    if names:
        yield from (Entry(str(path)[1:], link=str(path.readlink())) for path in LINKED if path.is_symlink())
    for name in names:
        yield from program(located(name))


def located(name: str) -> Path:
    """Where a program of this machine is. Raises MeshlabError where it is not installed."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *MORE_FOLDERS))
    found = shutil.which(name, path=path)
    if found is None:
        raise MeshlabError(f"the program {name} is not on this machine; install it")
    return Path(found)


def program(path: Path) -> Iterator[Entry]:
    """A file with the links that lead to it, and the libraries that it loads."""
    yield from trail(path)
    yield from libraries([path])


def trail(path: Path) -> Iterator[Entry]:
    """A file and every symbolic link on the way to it, as they lie on this machine."""
    pending, here, links = list(path.absolute().parts[1:]), Path("/"), 0
    while pending:
        part = pending.pop(0)
        if part == "..":
            here = here.parent
            continue
        step = here / part
        if step.is_symlink():
            links += 1
            if links > MOST_LINKS:
                raise MeshlabError(f"{path}: too many symbolic links")
            target = step.readlink()
            yield Entry(str(step)[1:], link=str(target))
            pending = [*(target.parts[1:] if target.is_absolute() else target.parts), *pending]
            here = Path("/") if target.is_absolute() else here
        elif pending:
            here = step
        else:
            yield file(step, str(step)[1:])


def libraries(files: Iterable[Path]) -> Iterator[Entry]:
    """The shared libraries that programs and libraries load, by way of the loader itself."""
    binaries = [file for file in files if _is_elf(file)]
    if not binaries:
        return
    said = process.run(["ldd", *binaries], timeout=LIST_LIMIT, check=False)
    missing = re.search(r"^\s*(\S+) => not found", said.stdout, re.MULTILINE)
    if missing:
        raise MeshlabError(f"the library {missing[1]} is not on this machine; install it")
    for library in sorted(set(re.findall(r"^\s+(?:\S+ => )?(/\S+) \(0x", said.stdout, re.MULTILINE))):
        yield from trail(Path(library))
    if LOADER_CACHE.is_file():
        yield file(LOADER_CACHE, str(LOADER_CACHE)[1:])


def file(source: Path, path: str) -> Entry:
    """A file at another path; whoever owns it here, everybody can read it there."""
    return Entry(path, 0o755 if os.access(source, os.X_OK) and source.stat().st_mode & 0o100 else 0o644, source)


def _is_elf(path: Path) -> bool:
    with path.open("rb") as content:
        return content.read(4) == b"\x7fELF"

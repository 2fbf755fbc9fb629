"""Layers with Python: the interpreter that runs now, its standard library, and packages of its environment."""

from __future__ import annotations

import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

from base.errors import MeshlabError

from . import host
from .model import Entry

HOME = "opt/python"
LIBRARY = f"{HOME}/lib/python{sys.version_info[0]}.{sys.version_info[1]}"
PROGRAM = f"{HOME}/bin/python3"
# What no server loads, which is most of the bytes.
LEFT_OUT = {
    "__pycache__",
    "site-packages",
    "dist-packages",
    "test",
    "tests",
    "idlelib",
    "tkinter",
    "ensurepip",
    "lib2to3",
}
LEFT_OUT_PREFIX = "config-"


def interpreter() -> Iterator[Entry]:
    """The interpreter in /opt/python, which finds its library from where it lies."""
    binary = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    library = Path(sysconfig.get_path("stdlib"))
    yield host.file(binary, PROGRAM)
    yield Entry("usr/bin/python3", link=f"/{PROGRAM}")
    files = [path for path in sorted(library.rglob("*")) if path.is_file() and _served(path.relative_to(library))]
    for path in files:
        yield host.file(path, f"{LIBRARY}/{path.relative_to(library)}")
    yield from host.libraries([binary, *(path for path in files if ".so" in path.suffixes)])


def packages(names: Iterable[str]) -> Iterator[Entry]:
    """Installed packages and what they require. Raises MeshlabError where one is not installed."""
    files: list[tuple[Path, str]] = []
    for distribution in _closure(names):
        for path in distribution.files or ():
            inside = Path(str(path))
            if ".." not in inside.parts and "__pycache__" not in inside.parts:
                files.append((Path(str(distribution.locate_file(path))), str(inside)))
    for source, inside in files:
        if source.is_file():
            yield host.file(source, f"{LIBRARY}/site-packages/{inside}")
    yield from host.libraries(source for source, _ in files if ".so" in source.suffixes and source.is_file())


def _closure(names: Iterable[str]) -> list[metadata.Distribution]:
    found: dict[str, metadata.Distribution] = {}
    pending = [(name, True) for name in names]
    while pending:
        name, needed = pending.pop()
        key = re.sub(r"[-_.]+", "-", name).lower()
        if key in found:
            continue
        try:
            found[key] = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            # With a condition, it may be for another platform.
            if needed:
                raise MeshlabError(f"the Python package {name} is not installed", "make setup-dev") from None
            continue
        for requirement in found[key].requires or ():
            what, _, condition = requirement.partition(";")
            if "extra" not in condition:
                pending.append((re.split(r"[^\w.-]", what.strip(), maxsplit=1)[0], not condition))
    return [found[key] for key in sorted(found)]


def _served(inside: Path) -> bool:
    return (
        not any(part in LEFT_OUT or part.startswith(LEFT_OUT_PREFIX) for part in inside.parts) and inside.suffix != ".a"
    )

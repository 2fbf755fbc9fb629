"""A mirror on this machine of release files that were made here: programs that are in the cache, packed as released."""

import hashlib
import io
import tarfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from base.say import Say
from embedded.cluster import CLUSTER_TOOLS
from embedded.tools import downloads, pins, toolchain
from embedded.tools.pins import Tool

from .loopback import serving_files

NAMES = (*CLUSTER_TOOLS, "helm", "pulumi", "pulumi-resource-kubernetes", "pulumi-resource-random")
"""What `make up` needs."""


@contextmanager
def serving(folder: Path, table: Path, say: Say) -> Generator[str]:
    """Put the programs into `folder`, their digests into the tools.toml `table`, and serve them; gives the address."""
    programs = toolchain.ensure(NAMES, say)
    digests = {name: put(folder, pins.table()[name], program) for name, program in programs.items()}
    table.write_text(repinned(table.read_text(encoding="utf-8"), digests), encoding="utf-8")
    with serving_files(folder) as address:
        yield address


def put(folder: Path, tool: Tool, program: Path) -> str:
    """Put a program where its release file lies on a mirror, packed as that is; returns the file's digest."""
    # Any digest gives the download of this platform; the real one is in no table, since the file was made here.
    data = pins.toml()
    table = {**data, "sha256": {tool.name: {tool.release: {downloads.here(): ""}}}}
    found = downloads.read(tool.name, tool.release, data["tool"][tool.name], table)
    if found is None:
        raise ValueError(f"{tool.name}: tools.toml says not how it is released")
    file = folder / found.source / found.path
    file.parent.mkdir(parents=True, exist_ok=True)
    content = _content(tool, program)
    file.write_bytes(packed(found.member, content) if found.member else content)
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _content(tool: Tool, program: Path) -> bytes:
    content = program.read_bytes()
    if not tool.beside:
        return content
    # It reads files that no release has beside it: so it is started in its place, and the file has the real one's size.
    return f'#!/bin/sh\nexec "{program}" "$@"\n'.encode() + content


def packed(member: str, content: bytes) -> bytes:
    """A .tar.gz of one program."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz", compresslevel=1) as file:
        entry = tarfile.TarInfo(member)
        entry.size, entry.mode = len(content), 0o755
        file.addfile(entry, io.BytesIO(content))
    return archive.getvalue()


def repinned(text: str, digests: dict[str, str]) -> str:
    """tools.toml with these digests for this platform in place of all that it has."""
    table: dict[str, Any] = pins.table()
    before = text.partition("\n[sha256.")[0]
    added = (
        f'\n[sha256.{name}."{table[name].release}"]\n{downloads.here()} = "{digest}"\n'
        for name, digest in digests.items()
    )
    return before + "\n" + "".join(added)

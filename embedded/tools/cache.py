"""What lies in the tools' cache and beside it, by Pulumi, and taking away what no pin names."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import pins, pulumi_download, tool_lock, toolchain
from .download import PART, part_of

BUILD = ".build-"
FOLDER = re.compile(r"(?P<name>.+?)-(?P<version>v\d.*)")
"""How the folder of a tool is called."""


@dataclass(frozen=True)
class CachedTool:
    """A program in the cache, or one that is used from PATH."""

    name: str
    version: str
    origin: str
    """PATH, download, Pulumi (its own download) or build."""
    size: int
    """Bytes in the cache; 0 for what is on PATH."""
    pinned: bool
    """Whether a pin of this checkout names it."""
    path: Path


@dataclass(frozen=True)
class PrunedEntry:
    """What `prune` did with one entry."""

    what: str
    size: int
    """Bytes."""
    busy: bool
    """Whether it was left, because another process builds or downloads it."""


def kept() -> list[CachedTool]:
    """All programs in the cache, and after them what is used from PATH in their place, by name."""
    pinned = {tool.path.parent: tool for tool in pins.table().values()}
    found = [
        CachedTool(
            match["name"],
            pinned[folder].release if folder in pinned else match["version"],
            "download" if (folder / pins.ORIGIN).is_file() else "build",
            _size(folder),
            folder in pinned,
            folder,
        )
        for folder, match in _folders()
    ]
    found += [
        CachedTool(fetched.tool, f"v{fetched.version}", "Pulumi", _size(fetched.folder), fetched.pinned, fetched.folder)
        for fetched in pulumi_download.fetched()
        if fetched.whole
    ]
    here = {tool.path for tool in found}
    elsewhere = (tool for tool in pins.table().values() if tool.path.parent not in here)
    return [*found, *(found_tool for tool in elsewhere for found_tool in _on_path(tool))]


def others() -> dict[str, int]:
    """Folders in the cache that are no tool's, such as the tests' browser, and their bytes. `prune` leaves them."""
    return {
        entry.name: _size(entry)
        for entry in _entries()
        if entry.is_dir() and not entry.name.startswith(".") and not FOLDER.fullmatch(entry.name)
    }


def prune() -> list[PrunedEntry]:
    """Take away what no pin of this checkout names, and what killed builds and downloads have left.

    What another process is at work on stays, and so does all that is not a tool's. Links are not followed.
    """
    pinned = {tool.path.parent for tool in pins.table().values()}
    done = [
        _remove(folder, f"{match['name']} {match['version']}", *_keys(match["name"]))
        for folder, match in _folders()
        if folder not in pinned
    ]
    for fetched in pulumi_download.fetched():
        if not fetched.pinned:
            what = (
                f"{fetched.tool} v{fetched.version}"
                if fetched.whole
                else f"an unfinished download of {fetched.tool} by Pulumi"
            )
            done.append(_remove(fetched.folder, what, *_keys(fetched.tool), beside=fetched.beside))
    wanted = {part_of(tool.name, tool.download.sha256) for tool in pins.table().values() if tool.download is not None}
    for left in _entries():
        if left.name.startswith(BUILD):
            done.append(_remove(left, f"an unfinished build, {left.name}", left.name.removeprefix(BUILD)))
        elif left.name.startswith(PART) and left not in wanted:
            name = left.name.removeprefix(PART).rpartition("-")[0]
            done.append(_remove(left, f"an unfinished download of {name}", tool_lock.fetching(name)))
    return done


def _remove(path: Path, what: str, *keys: str, beside: Sequence[Path] = ()) -> PrunedEntry:
    size = _size(path)
    with tool_lock.held_if_free(*keys) as free:
        if free:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
            for file in beside:
                file.unlink(missing_ok=True)
        return PrunedEntry(what, size, busy=not free)


def _keys(name: str) -> list[str]:
    """The locks of what may be at work on a tool; all there are, for one that this checkout does not know."""
    tool = pins.table().get(name)
    if tool is not None:
        return [tool.folder, tool_lock.fetching(name)]
    return [entry.name.removeprefix(tool_lock.LOCK) for entry in _entries() if entry.name.startswith(tool_lock.LOCK)]


def _folders() -> Iterator[tuple[Path, re.Match[str]]]:
    """The folders of tools, by name; a link to one is one too, and only the link is ours."""
    for entry in _entries():
        match = FOLDER.fullmatch(entry.name)
        if match and not entry.name.startswith(".") and entry.is_dir():
            yield entry, match


def _entries() -> list[Path]:
    folder = pins.cache_folder()
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _on_path(tool: pins.Tool) -> Iterator[CachedTool]:
    path = toolchain.find(tool.key)
    if path is not None:
        version = ".".join(map(str, toolchain.said_version(tool, path) or ()))
        yield CachedTool(tool.name, f"v{version}", "PATH", 0, pinned=True, path=path)


def _size(path: Path) -> int:
    if path.is_symlink() or path.is_file():
        return path.lstat().st_size
    return sum(inside.lstat().st_size for inside in path.rglob("*") if not inside.is_dir() or inside.is_symlink())

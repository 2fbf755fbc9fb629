"""What lies in the tools' cache and beside it, by Pulumi, and taking away what no pin names."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import lock as toollock
from . import pulumi_download as pulumidownload
from . import toolchain
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
    pinned = {tool.path.parent: tool for tool in toolchain.table().values()}
    found = [
        CachedTool(
            match["name"],
            pinned[folder].release if folder in pinned else match["version"],
            "download" if (folder / toolchain.ORIGIN).is_file() else "build",
            _size(folder),
            folder in pinned,
            folder,
        )
        for folder, match in _folders()
    ]
    found += [
        CachedTool(one.tool, f"v{one.version}", "Pulumi", _size(one.folder), one.pinned, one.folder)
        for one in pulumidownload.fetched()
        if one.whole
    ]
    here = {one.path for one in found}
    elsewhere = (tool for tool in toolchain.table().values() if tool.path.parent not in here)
    return [*found, *(one for tool in elsewhere for one in _on_path(tool))]


def others() -> dict[str, int]:
    """Folders in the cache that are no tool's, such as the tests' browser, and their bytes. `prune` leaves them."""
    return {
        one.name: _size(one)
        for one in _entries()
        if one.is_dir() and not one.name.startswith(".") and not FOLDER.fullmatch(one.name)
    }


def prune() -> list[PrunedEntry]:
    """Take away what no pin of this checkout names, and what killed builds and downloads have left.

    What another process is at work on stays, and so does all that is not a tool's. Links are not followed.
    """
    pinned = {tool.path.parent for tool in toolchain.table().values()}
    done = [
        _remove(folder, f"{match['name']} {match['version']}", *_keys(match["name"]))
        for folder, match in _folders()
        if folder not in pinned
    ]
    for one in pulumidownload.fetched():
        if not one.pinned:
            what = f"{one.tool} v{one.version}" if one.whole else f"an unfinished download of {one.tool} by Pulumi"
            done.append(_remove(one.folder, what, *_keys(one.tool), beside=one.beside))
    wanted = {
        part_of(tool.name, tool.download.sha256) for tool in toolchain.table().values() if tool.download is not None
    }
    for left in _entries():
        if left.name.startswith(BUILD):
            done.append(_remove(left, f"an unfinished build, {left.name}", left.name.removeprefix(BUILD)))
        elif left.name.startswith(PART) and left not in wanted:
            name = left.name.removeprefix(PART).rpartition("-")[0]
            done.append(_remove(left, f"an unfinished download of {name}", toollock.fetching(name)))
    return done


def _remove(path: Path, what: str, *keys: str, beside: Sequence[Path] = ()) -> PrunedEntry:
    size = _size(path)
    with toollock.held_if_free(*keys) as free:
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
    tool = toolchain.table().get(name)
    if tool is not None:
        return [tool.folder, toollock.fetching(name)]
    return [one.name.removeprefix(toollock.LOCK) for one in _entries() if one.name.startswith(toollock.LOCK)]


def _folders() -> Iterator[tuple[Path, re.Match[str]]]:
    """The folders of tools, by name; a link to one is one too, and only the link is ours."""
    for entry in _entries():
        match = FOLDER.fullmatch(entry.name)
        if match and not entry.name.startswith(".") and entry.is_dir():
            yield entry, match


def _entries() -> list[Path]:
    folder = toolchain.cache_folder()
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _on_path(tool: toolchain.Tool) -> Iterator[CachedTool]:
    path = toolchain.find(tool.key)
    if path is not None:
        version = ".".join(map(str, toolchain.said_version(tool, path) or ()))
        yield CachedTool(tool.name, f"v{version}", "PATH", 0, pinned=True, path=path)


def _size(path: Path) -> int:
    if path.is_symlink() or path.is_file():
        return path.lstat().st_size
    return sum(one.lstat().st_size for one in path.rglob("*") if not one.is_dir() or one.is_symlink())

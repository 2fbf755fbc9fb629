"""The cgroups of one real node: all lie below one group, so that they can be found and removed by its name.

With version 1 each hierarchy has such a group, with version 2 there is one. A group outlives its processes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

MOUNT = Path("/sys/fs/cgroup")
NEEDED = ("cpu", "memory", "pids")
REMOVAL_LIMIT = 5.0


def group(identifier: str) -> str:
    """The path of the cluster's group, from the root of each hierarchy."""
    return f"/meshlab-{identifier}"


def lacking() -> str:
    """What this machine's cgroups lack, in a few words; empty where all is there."""
    single = MOUNT / "cgroup.controllers"
    if single.is_file():
        controllers = single.read_text(encoding="ascii").split()
        absent = [name for name in NEEDED if name not in controllers]
        folders = [MOUNT]
    else:
        absent = [name for name in NEEDED if not (MOUNT / name / "cgroup.procs").is_file()]
        folders = [MOUNT / name for name in NEEDED]
    if absent:
        return f"{MOUNT} has no controller {', '.join(absent)}"
    closed = [folder for folder in folders if not os.access(folder, os.W_OK) or _read_only(folder)]
    return f"{', '.join(map(str, closed))} is read-only" if closed else ""


def create(identifier: str) -> None:
    """Make the group in every hierarchy. The container runtime makes those of pods below it."""
    for root in _hierarchies():
        with suppress(OSError):  # a hierarchy that nobody may write to is not used by the runtime either
            (root / group(identifier)[1:]).mkdir(exist_ok=True)


def remove(identifier: str) -> None:
    """Remove the group and all below it, in every hierarchy. Its processes have to be gone."""
    limit = time.monotonic() + REMOVAL_LIMIT
    while left := list(existing(identifier)):
        for top in left:
            # From the leaves up: a group with groups in it cannot be removed.
            for folder, _, _ in os.walk(top, topdown=False):
                with suppress(OSError):
                    Path(folder).rmdir()
        if time.monotonic() > limit:
            return
        time.sleep(0.02)


def existing(identifier: str) -> Iterator[Path]:
    """The folders of the group that there are."""
    for root in _hierarchies():
        folder = root / group(identifier)[1:]
        if folder.is_dir():
            yield folder


def _hierarchies() -> list[Path]:
    if (MOUNT / "cgroup.controllers").is_file():
        return [MOUNT]
    # Links such as cpu -> cpu,cpuacct lead to the same hierarchy.
    return [path for path in sorted(MOUNT.glob("*")) if path.is_dir() and not path.is_symlink()]


def _read_only(folder: Path) -> bool:
    return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)

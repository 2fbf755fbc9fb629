"""Locks of the tools' cache: one process at a time builds in a folder, fetches a tool, or takes one away."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from .pins import cache_folder

LOCK = ".lock-"
"""What the file of a lock begins with."""


@contextmanager
def held(key: str, waiting: Callable[[], None] = lambda: None) -> Generator[None]:
    """Holds the lock of a key; calls `waiting` once where somebody else has it. The kernel frees a dead holder's."""
    cache_folder().mkdir(parents=True, exist_ok=True)
    with _file(key).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def held_if_free(*keys: str) -> Generator[bool]:
    """Holds the locks of all keys, or of none where somebody has one of them; the block is told which."""
    cache_folder().mkdir(parents=True, exist_ok=True)
    with ExitStack() as files:
        try:
            for key in keys:
                file = files.enter_context(_file(key).open("w"))
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            files.close()
            yield False
            return
        yield True


def fetching(name: str) -> str:
    """The key for a tool's download."""
    return f"fetch-{name}"


def _file(key: str) -> Path:
    return cache_folder() / f"{LOCK}{key}"

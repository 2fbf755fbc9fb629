"""Builds programs of tools.toml with Go, one folder after the other, and tells how far each build is."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path

from . import process
from .toolchain import TOOLS_FOLDER, Progress, Tool, ToolBuildError, cache_folder

# Building the API server takes minutes on a small machine; an hour is no build any more.
BUILD_LIMIT, LIST_LIMIT = 3600.0, 600.0
TOLD_EVERY_SECONDS = 30.0
# The caller's own Go settings must not change what is built.
BUILD_ENVIRONMENT = {
    "GOFLAGS": "-mod=readonly",
    "GOWORK": "off",
    "CGO_ENABLED": "0",
    "GOOS": None,
    "GOARCH": None,
    "GOEXPERIMENT": None,
}

Group = Sequence[Tool]
"""Tools that one `go build` makes: they share most of the work, so one call is far quicker than one each."""


def build(tools: Iterable[Tool], progress: Progress) -> None:
    """Build every tool, the longest build first. Raises ToolBuildError where one fails."""
    groups = sorted(_groups(tools), key=_cpu_seconds, reverse=True)
    speed = 1.0  # of this machine beside the one that the times of tools.toml are from
    for number, group in enumerate(groups, 1):
        count = f" ({number} of {len(groups)})" if len(groups) > 1 else ""
        started = time.monotonic()
        if _build(group, count, _cpu_seconds(group) / _processors() * speed, progress):
            speed = (time.monotonic() - started) / (_cpu_seconds(group) / _processors())


def _groups(tools: Iterable[Tool]) -> list[Group]:
    groups: dict[tuple[str, str, tuple[str, ...]], list[Tool]] = {}
    for tool in tools:
        groups.setdefault((tool.folder, tool.linker_flags, tool.tags), []).append(tool)
    return list(groups.values())


def _cpu_seconds(group: Group) -> float:
    return sum(tool.cpu_seconds for tool in group)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _build(tools: Group, count: str, expected: float, progress: Progress) -> bool:
    """Build a group; false where somebody else has done it meanwhile. `expected` is in seconds."""
    first, what = tools[0], ", ".join(tool.name for tool in tools)
    target = cache_folder() / f".build-{first.folder}"
    with _lock(first.folder, lambda: progress(f"tools: waiting for another build of {what}")):
        if all(tool.path.is_file() for tool in tools):
            return False
        once = f"from source{count}, once for this machine: about {_about(expected)}"
        progress(f"tools: building {what} {first.release} {once}")
        started = time.monotonic()
        shutil.rmtree(target, ignore_errors=True)  # what a killed build left
        target.mkdir()
        log = cache_folder() / f"build-{first.folder}.log"
        try:
            built = process.run(
                ["go", "build", "-v", *_flags(first), "-o", f"{target}/", *(tool.package for tool in tools)],
                timeout=BUILD_LIMIT,
                cwd=TOOLS_FOLDER / first.folder,
                env=BUILD_ENVIRONMENT,
                check=False,
                on_line=_Compiled(what, started, expected, progress).line,
            )
            log.write_text(built.stdout + built.stderr, encoding="utf-8")
            if built.code != 0:
                raise ToolBuildError(f"building {what} {first.release} failed: {built.last_words()} (log: {log})")
            for tool in tools:
                _put(tool, target)
        except (process.ProcessError, OSError) as error:
            raise ToolBuildError(f"building {what} {first.release} failed: {error}") from None
        finally:
            shutil.rmtree(target, ignore_errors=True)
    progress(f"tools: built {what} {first.release} in {time.monotonic() - started:.0f} s")
    return True


def _flags(tool: Tool) -> list[str]:
    return ["-trimpath", "-buildvcs=false", "-ldflags", tool.linker_flags, "-tags", ",".join(tool.tags)]


def _put(tool: Tool, target: Path) -> None:
    """Move a program to its place, after the files that it reads: who finds it may run it."""
    tool.path.parent.mkdir(exist_ok=True)
    if tool.beside:
        module = _module_folder(tool)
        for name in tool.beside:
            copy = tool.path.parent / Path(name).name
            copy.write_bytes((module / name).read_bytes())
    (target / tool.built_as).replace(tool.path)


def _module_folder(tool: Tool) -> Path:
    listed = process.run(
        ["go", "list", "-m", "-json", tool.module],
        timeout=LIST_LIMIT,
        cwd=TOOLS_FOLDER / tool.folder,
        env=BUILD_ENVIRONMENT,
    )
    return Path(json.loads(listed.stdout)["Dir"])


def _about(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{max(seconds, 1):.0f} s"


class _Compiled:
    """Counts the packages that `go build -v` names as it compiles them, and tells now and then."""

    def __init__(self, what: str, started: float, expected: float, progress: Progress) -> None:
        self._what, self._started, self._expected, self._progress = what, started, expected, progress
        self._packages, self._told = 0, started

    def line(self, _said: str) -> None:
        """Take in one line, from the reader's thread."""
        self._packages += 1
        now = time.monotonic()
        if now - self._told < TOLD_EVERY_SECONDS:
            return
        self._told = now
        left = self._expected - (now - self._started)
        rest = f"about {_about(left)} left" if left > 0 else "longer than expected"
        self._progress(f"tools: {self._what}: {self._packages} packages, {now - self._started:.0f} s, {rest}")


@contextmanager
def _lock(folder: str, waiting: Callable[[], None]) -> Generator[None]:
    """Lets one process at a time build in a folder. The kernel lets go of the lock when its holder dies."""
    cache_folder().mkdir(parents=True, exist_ok=True)
    with (cache_folder() / f".lock-{folder}").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield

"""Builds programs of tools.toml with Go, one folder after the other, and tells how far each build is."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from base import process
from base.errors import MeshlabError
from base.say import Say

from . import display, tool_lock
from .pins import ORIGIN, TOOLS_FOLDER, Tool, cache_folder

# Building the API server takes minutes on a small machine; an hour is no build any more.
BUILD_LIMIT, LIST_LIMIT = 3600.0, 600.0
# What goes far quicker than expected was in Go's cache, and says nothing of the machine.
LEAST_SPEED = 0.3
# The caller's own Go settings must not change what is built.
BUILD_ENVIRONMENT = {
    "GOFLAGS": "-mod=readonly",
    "GOWORK": "off",
    "CGO_ENABLED": "0",
    "GOOS": None,
    "GOARCH": None,
    "GOEXPERIMENT": None,
}
# What decides the key of a package in Go's cache is the same for all tools, so that each compiles once. Nothing is said
# for a debugger: the linker flags would leave it out of the program in any case.
SHARED_FLAGS = ("-trimpath", "-buildvcs=false", "-gcflags=all=-dwarf=false")

Group = Sequence[Tool]
"""Tools that one `go build` makes: they share most of the work, so one call is far quicker than one each."""


def build(tools: Iterable[Tool], progress: Say) -> None:
    """Build every tool, the longest build first. Raises MeshlabError where one fails."""
    groups = sorted(_groups(tools), key=_cpu_seconds, reverse=True)
    with display.shown(progress) as board:
        for number, group in enumerate(groups, 1):
            count = f" ({number} of {len(groups)})" if len(groups) > 1 else ""
            usual, started = _cpu_seconds(group) / _processors(), time.monotonic()
            if _build(group, count, usual * _speed(), board):
                _note_speed((time.monotonic() - started) / usual)


def _speed() -> float:
    """How many times the seconds of tools.toml a build has taken on this machine, the last time."""
    with suppress(OSError, ValueError):
        return float(_speed_file().read_text(encoding="ascii"))
    return 1.0


def _note_speed(speed: float) -> None:
    if speed >= LEAST_SPEED:
        with suppress(OSError):
            _speed_file().write_text(f"{speed:.2f}\n", encoding="ascii")


def _speed_file() -> Path:
    return cache_folder() / "speed"


def _groups(tools: Iterable[Tool]) -> list[Group]:
    groups: dict[tuple[str, str, tuple[str, ...]], list[Tool]] = {}
    for tool in tools:
        groups.setdefault((tool.folder, tool.linker_flags, tool.tags), []).append(tool)
    return list(groups.values())


def _cpu_seconds(group: Group) -> float:
    return sum(tool.cpu_seconds for tool in group)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _build(tools: Group, count: str, expected: float, board: display.Board) -> bool:
    """Build a group; false where somebody else has done it meanwhile. `expected` is in seconds."""
    first, what = tools[0], ", ".join(tool.name for tool in tools)
    target = cache_folder() / f".build-{first.folder}"
    with tool_lock.held(first.folder, lambda: board.say(f"tools: waiting for another build of {what}")):
        if all(tool.path.is_file() for tool in tools):
            return False
        once = f"from source{count}, once for this machine: about {display.about_seconds(expected)}"
        board.say(f"tools: building {what} {first.release} {once}")
        started = time.monotonic()
        shutil.rmtree(target, ignore_errors=True)  # what a killed build left
        target.mkdir()
        log = cache_folder() / f"build-{first.folder}.log"
        try:
            with board.doing(what, expected) as job:
                built = process.run(
                    ["go", "build", "-v", *_flags(first), "-o", f"{target}/", *(tool.package for tool in tools)],
                    timeout=BUILD_LIMIT,
                    cwd=TOOLS_FOLDER / first.folder,
                    env=BUILD_ENVIRONMENT,
                    check=False,
                    on_line=_Compiled(job).line,
                )
            log.write_text(built.stdout + built.stderr, encoding="utf-8")
            if built.code != 0:
                raise MeshlabError(f"building {what} {first.release} failed: {built.last_words()} (log: {log})")
            for tool in tools:
                _put(tool, target)
        except (process.ProcessError, OSError) as error:
            raise MeshlabError(f"building {what} {first.release} failed: {error}") from None
        finally:
            shutil.rmtree(target, ignore_errors=True)
    board.say(f"tools: built {what} {first.release} in {time.monotonic() - started:.0f} s")
    return True


def _flags(tool: Tool) -> list[str]:
    return [*SHARED_FLAGS, "-ldflags", tool.linker_flags, "-tags", ",".join(tool.tags)]


def _put(tool: Tool, target: Path) -> None:
    """Move a program to its place, after the files that it reads: who finds it may run it."""
    tool.path.parent.mkdir(exist_ok=True)
    if tool.beside:
        module = _module_folder(tool)
        for name in tool.beside:
            copy = tool.path.parent / Path(name).name
            copy.write_bytes((module / name).read_bytes())
    (tool.path.parent / ORIGIN).unlink(missing_ok=True)
    (target / tool.built_as).replace(tool.path)


def _module_folder(tool: Tool) -> Path:
    listed = process.run(
        ["go", "list", "-m", "-json", tool.module],
        timeout=LIST_LIMIT,
        cwd=TOOLS_FOLDER / tool.folder,
        env=BUILD_ENVIRONMENT,
    )
    return Path(json.loads(listed.stdout)["Dir"])


class _Compiled:
    """Counts the packages that `go build -v` names as it compiles them."""

    def __init__(self, job: display.Job) -> None:
        self._job, self._packages = job, 0

    def line(self, _said: str) -> None:
        """Take in one line, from the reader's thread."""
        self._packages += 1
        self._job.far(f"{self._packages} packages")

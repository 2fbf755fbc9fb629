"""The lines of the program that a resource's registration sends to the engine, which keeps them in the state.

The SDK sends the whole call stack (findings/pulumi_call_stacks.sh): also the frames of asyncio, gRPC and the SDK, with
the paths of this machine. In a state without dashboards they are a third of the file, which a file backend writes at
each step, and sending them takes a seventh of the program's time. This module sends only lines of the program.
"""

import sys
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from pulumi.runtime import resource
from pulumi.runtime.proto import source_pb2

CONSTRUCTORS = 3
"""How many calls of `__init__`, counted from the registration, are of the resource's own classes: the line before them
made it. The SDK counts so, and a plain CustomResource has only two: inside a component, the line that made the
component is the first that is sent."""

_places: list[Mapping[str, str]] = []
"""Of each open `told`: URI prefix by path prefix of the program's files. The last one counts."""


def shorten() -> None:
    """Replace the SDK's function for the rest of the process: outside of `told`, no line is sent.

    The function is not put back, because a thread of the program may still run.
    """
    resource._get_stack_trace = _stack_trace  # pyright: ignore[reportPrivateUsage]


@contextmanager
def told(folder: Path, project: Path, parts: Iterable[str]) -> Generator[None]:
    """While the context is open, send the lines of the program in `folder`, with paths as if it were in `project`.

    `parts` names the program's files and, with a slash at the end, its packages. The engine writes paths relative to
    the folder of Pulumi.yaml, which is `project`.
    """
    shorten()
    # The engine knows its folder by the path without symbolic links.
    root = project.resolve().as_uri()
    _places.append({f"{folder}/{name}": f"{root}/{name}" for name in parts})
    try:
        yield
    finally:
        _places.pop()


def _stack_trace() -> source_pb2.StackTrace:
    places = next(reversed(_places), dict[str, str]())
    frame: FrameType | None = sys._getframe(1) if places else None  # pyright: ignore[reportPrivateUsage]
    constructors = 0
    while frame and constructors < CONSTRUCTORS:
        constructors += frame.f_code.co_name == "__init__"
        frame = frame.f_back
    lines: list[source_pb2.StackFrame] = []
    while frame:
        if uri := _uri(frame.f_code.co_filename, places):
            lines.append(source_pb2.StackFrame(pc=source_pb2.SourcePosition(uri=uri, line=frame.f_lineno)))
        frame = frame.f_back
    return source_pb2.StackTrace(frames=lines)


def _uri(file: str, places: Mapping[str, str]) -> str:
    """The file's URI; empty for a file that is not of the program."""
    return next((uri + file[len(path) :] for path, uri in places.items() if file.startswith(path)), "")

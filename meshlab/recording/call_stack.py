"""The lines of the program that a registration tells the engine, which keeps them in the state.

The SDK tells the whole call stack (findings/pulumi_call_stacks.sh): also the frames of what runs the program, with the
paths of this machine. They were a third of a state without its dashboards, which a file backend writes whole at each
step, and took a seventh of the program's time. Here only the program's own lines are told, and their paths are the same
on every machine.
"""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from pulumi.runtime import resource
from pulumi.runtime.proto import source_pb2

OURS = ("__main__.py", "base/", "components/", "kube/", "rollout/", "settings/")
"""What a program's folder has of the program."""
CONSTRUCTORS = 3
"""The calls of `__init__` between a registration and the line that made the resource, as the SDK counts them."""

_places: dict[str, str] = {}
"""Where the engine is to look for what lies here; empty where nothing is told."""


def shorten() -> None:
    """Have the SDK tell what `told` says, and outside of it nothing. For good: a program may go on in a thread."""
    resource._get_stack_trace = _stack_trace  # pyright: ignore[reportPrivateUsage]


@contextmanager
def told(folder: Path, project: Path) -> Generator[None]:
    """Tell the lines of the program in `folder` meanwhile, as if it lay in `project`, where the engine finds the
    Pulumi.yaml: it writes paths from there, and so has the same for a program that lies elsewhere."""
    shorten()
    before = dict(_places)
    _places.update({f"{folder}/{name}": f"{project.as_uri()}/{name}" for name in OURS})
    try:
        yield
    finally:
        _places.clear()
        _places.update(before)


def _stack_trace() -> source_pb2.StackTrace:
    frame: FrameType | None = sys._getframe(1) if _places else None  # pyright: ignore[reportPrivateUsage]
    constructors = 0
    lines: list[source_pb2.StackFrame] = []
    while frame:
        if constructors == CONSTRUCTORS and (uri := _uri(frame.f_code.co_filename)):
            lines.append(source_pb2.StackFrame(pc=source_pb2.SourcePosition(uri=uri, line=frame.f_lineno)))
        constructors = min(constructors + (frame.f_code.co_name == "__init__"), CONSTRUCTORS)
        frame = frame.f_back
    return source_pb2.StackTrace(frames=lines)


def _uri(file: str) -> str:
    """Where the engine is to look for a file; empty where it is not of the program."""
    return next((uri + file[len(ours) :] for ours, uri in _places.items() if file.startswith(ours)), "")

"""What is told of an operation that Ctrl-C ended: what has become of the stack, and which command is next."""

from collections.abc import Generator
from contextlib import contextmanager, suppress

from .backends import Backend, deployment_in
from .locks import locks_of

WAITING = "interrupted: the engine ends what it has begun, and keeps what was done; Ctrl-C again kills it"


@contextmanager
def interruptible(backend: Backend, stack: str, options: str, command: str) -> Generator[None]:
    """An operation of the engine. KeyboardInterrupt leaves it with how to go on as its text."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_next(backend, stack, options, command)) from None


def _next(backend: Backend, stack: str, options: str, command: str) -> str:
    if _half_way(backend, stack):
        return f"{stack} is locked, or has operations that never ended; next: meshlab recover {options}"
    other = "up" if command == "down" else "down"
    return f"what was done is kept; next: meshlab {command} {options} to go on, or meshlab {other} {options}"


def _half_way(backend: Backend, stack: str) -> bool:
    """Whether the next run needs a recovery first, as far as a file backend tells; others tell it themselves."""
    if backend.folder is not None and locks_of(backend.folder, stack):
        return True
    file = backend.state_file(stack)
    with suppress(OSError, ValueError):
        return file is not None and bool(deployment_in(file).get("pending_operations"))
    return False

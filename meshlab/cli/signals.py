"""A job that is cancelled and a terminal that is closed end a command in the same good order as Ctrl-C.

Python dies of both at once, and the engine, which has a session of its own, would go on with nobody to watch it.
"""

import os
import signal
import sys
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

CANCELLING = (signal.SIGTERM, signal.SIGHUP)
"""What ends a command beside Ctrl-C."""


class Received:
    """The signal that ended a command."""

    def __init__(self) -> None:
        self._first: int | None = None
        self._before: dict[int, Any] = {}
        # One that is closed no longer tells that it is one.
        self._terminals = [stream.fileno() for stream in (sys.stdout, sys.stderr) if stream and stream.isatty()]

    def take(self, number: int, default: object) -> None:
        """React to a signal that this process does not react to in its own way yet."""
        if signal.getsignal(number) is default:
            self._before[number] = signal.signal(number, self.interrupt)

    def restore(self) -> None:
        """React as before."""
        for number, reaction in self._before.items():
            signal.signal(number, reaction)

    @property
    def code(self) -> int:
        """A shell's exit code for it."""
        return 128 + (self._first or signal.SIGINT)

    def interrupt(self, number: int, frame: FrameType | None) -> None:
        """Raise KeyboardInterrupt for the first one, and for every Ctrl-C.

        A cancelled job gets SIGTERM after SIGINT: that must not hurry what ends in good order.
        """
        if number == signal.SIGHUP:
            _to_nowhere(self._terminals)
        if self._first is not None and number in CANCELLING:
            return
        self._first = self._first or number
        raise KeyboardInterrupt


@contextmanager
def interrupting() -> Generator[Received]:
    """Take CANCELLING for Ctrl-C, but for one that this process ignores (nohup) or has a reaction of its own to."""
    received = Received()
    with suppress(ValueError):  # only the main thread gets signals, and only it may set reactions
        received.take(signal.SIGINT, signal.default_int_handler)
        for each in CANCELLING:
            received.take(each, signal.SIG_DFL)
    try:
        yield received
    finally:
        received.restore()


def _to_nowhere(terminals: Iterable[int]) -> None:
    """A terminal that is closed refuses what is written to it."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    for terminal in terminals:
        os.dup2(nothing, terminal)
    os.close(nothing)

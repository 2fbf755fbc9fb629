"""Tells people how far long work is: one line that is drawn anew on a terminal, plain lines now and then elsewhere."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TextIO

Say = Callable[[str], None]

TOLD_EVERY_SECONDS, DRAWN_EVERY_SECONDS = 30.0, 0.5
CLEAR = "\r\x1b[2K"


class Job:
    """One thing that takes long: a build, a download."""

    def __init__(self, board: Board, what: str, expected: float) -> None:
        """`expected` is in seconds; 0 where nobody knows."""
        self._board, self._what, self._expected = board, what, expected
        self._started = self._told = time.monotonic()
        self._detail = ""

    def far(self, detail: str) -> None:
        """Say how far it is, in a few words; from any thread, as often as one likes."""
        self._detail = detail
        now = time.monotonic()
        if self._board.drawn or now - self._told < TOLD_EVERY_SECONDS:
            return
        self._told = now
        self._board.say(f"tools: {self._what}: {', '.join(filter(None, (detail, self._so_far(now), self._left(now))))}")

    def line(self, now: float) -> str:
        """What a terminal shows of it."""
        about = f" of about {about_seconds(self._expected)}" if self._expected else ""
        return f"{self._what}: {', '.join(filter(None, (self._detail, f'{self._so_far(now)}{about}')))}"

    def _so_far(self, now: float) -> str:
        return f"{now - self._started:.0f} s"

    def _left(self, now: float) -> str:
        if not self._expected:
            return ""
        left = self._expected - (now - self._started)
        return f"about {about_seconds(left)} left" if left > 0 else "longer than expected"


class Board:
    """Every job that goes on. Lines for the user go through `say`, so that they and the drawn one do not mix."""

    def __init__(self, progress: Say, terminal: TextIO | None) -> None:
        """Without a terminal, jobs tell by `progress`, one line now and then."""
        self._progress, self._terminal = progress, terminal
        self._jobs: list[Job] = []
        self._lock = threading.RLock()
        self._over = threading.Event()

    @property
    def drawn(self) -> bool:
        """Whether there is a line on a terminal."""
        return self._terminal is not None

    def say(self, line: str) -> None:
        """Tell a whole line."""
        with self._lock:
            self._draw("")
            self._progress(line)

    @contextmanager
    def doing(self, what: str, expected: float = 0.0) -> Generator[Job]:
        """Shows a job as long as the block takes. `expected` is in seconds."""
        job = Job(self, what, expected)
        with self._lock:
            self._jobs.append(job)
        try:
            yield job
        finally:
            with self._lock:
                self._jobs.remove(job)

    def follow(self) -> None:
        """Draw until `end`, in a thread of its own."""
        while not self._over.wait(DRAWN_EVERY_SECONDS):
            with self._lock:
                self._draw(" | ".join(job.line(time.monotonic()) for job in self._jobs))

    def end(self) -> None:
        """Leave nothing of the line on the terminal."""
        self._over.set()
        with self._lock:
            self._draw("")

    def _draw(self, line: str) -> None:
        if self._terminal is None:
            return
        # One column stays free: some terminals go to the next line when the last one is written to.
        width = shutil.get_terminal_size().columns - 1
        self._terminal.write(CLEAR + (line if len(line) <= width else f"{line[: width - 1]}…"))
        self._terminal.flush()


@contextmanager
def shown(progress: Say) -> Generator[Board]:
    """A board for the work of the block."""
    board = Board(progress, sys.stderr if for_people(sys.stderr) else None)
    drawing = threading.Thread(target=board.follow, daemon=True) if board.drawn else None
    if drawing:
        drawing.start()
    try:
        yield board
    finally:
        board.end()
        if drawing:
            drawing.join()


def for_people(stream: TextIO) -> bool:
    """Whether a stream is a terminal on which a line can be drawn anew, and no CI reads it."""
    in_ci = os.environ.get("CI", "").lower() not in ("", "0", "false")
    return not in_ci and os.environ.get("TERM", "dumb") != "dumb" and stream.isatty()


def about_seconds(seconds: float) -> str:
    """A time for people: `50 s`, `4 min`."""
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{max(seconds, 1):.0f} s"

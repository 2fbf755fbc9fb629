"""Measures one command with all that it starts."""

import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from base import process
from meshlab.recording.recorder import ROOT

LIMIT_SECONDS = 1800.0


@dataclass(frozen=True)
class Usage:
    """What a command and everything it started has used."""

    seconds: float
    """From its start to its end."""
    cpu_seconds: float
    """User and system time of all its processes, also of those that ended before it did."""
    memory_bytes: int
    """The most that its processes had together at one look; pages that they share count once."""


class MeasuredError(Exception):
    """The command failed, so what it took is no measurement; the message has its last words."""


def measured(
    command: Sequence[process.Argument], *, cwd: Path | None = None, env: Mapping[str, str | None] | None = None
) -> Usage:
    """Run a command to its end. Raises MeasuredError where it fails, leaves something running, or takes too long."""
    with tempfile.TemporaryDirectory(prefix="meshlab-bench-") as folder:
        result = Path(folder) / "usage.json"
        # As a file and by -P: nothing of this tree may get in the way of the command's own Python modules.
        watcher = [sys.executable, "-P", ROOT / "bench" / "tree.py", result, *command]
        try:
            done = process.run(watcher, timeout=LIMIT_SECONDS, cwd=cwd, env=env, check=False)
        except process.ProcessError as error:
            raise MeasuredError(str(error)) from None
        if done.code != 0:
            raise MeasuredError(f"exit code {done.code}: {_reason(done)}")
        found = json.loads(result.read_text(encoding="utf-8"))
    left = found.pop("left_running")
    if left:
        raise MeasuredError(f"still running after its end: {', '.join(left)}")
    return Usage(**found)


def _reason(done: process.Completed) -> str:
    """The first line that calls itself an error, of standard error before output; else the last words."""
    lines = [line.strip() for text in (done.stderr, done.stdout) for line in text.splitlines()]
    return next((line for line in lines if line.lower().startswith("error")), done.last_words())

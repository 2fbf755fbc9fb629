"""Runs one command and measures it with everything it starts: `python -m bench.tree RESULT COMMAND...`

A process of its own, since it makes itself the one that the kernel gives orphans to: whatever the command starts, and
whatever that leaves behind, is waited for here. So its CPU time is the kernel's own sum over all of them, not a sample.
Memory has no such sum: it is the highest of many looks. Needs Linux.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from types import FrameType

import psutil

LOOK_SECONDS = 0.2
"""Time between two looks at memory. A look costs some milliseconds, of another core where there is one."""
FIRST_LOOK_SECONDS = 0.005
"""The same at the start, and then more with each look: so that a command of a moment is looked at too."""
LEFT_SECONDS = 5.0
"""How long what the command left running may take to end; then it is ended."""
_SET_CHILD_SUBREAPER = 36  # prctl(2)


def main(result: Path, command: list[str]) -> int:
    """Run `command`, write what it took to the file `result`, and return its exit code."""
    if ctypes.CDLL(None, use_errno=True).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "the kernel does not let this process wait for orphans")
    signal.signal(signal.SIGTERM, _stop)
    memory = _Memory()
    started = time.monotonic()
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    memory.start()
    code = _wait_for(child.pid)
    seconds = time.monotonic() - started
    memory.stop()
    left = _await_orphans()
    usage = getrusage(RUSAGE_CHILDREN)
    result.write_text(
        json.dumps(
            {
                "seconds": seconds,
                "cpu_seconds": usage.ru_utime + usage.ru_stime,
                "memory_bytes": memory.peak,
                "left_running": left,
            }
        ),
        encoding="utf-8",
    )
    return code


class _Memory(threading.Thread):
    """Looks at the memory of all descendants until it is told to stop."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        """Bytes; pages that several processes share count once (proportional set size)."""
        self._done = threading.Event()

    def run(self) -> None:
        pause = FIRST_LOOK_SECONDS
        while True:
            self.peak = max(self.peak, sum(_memory_of(process) for process in _descendants()))
            if self._done.wait(pause):
                return
            pause = min(pause * 1.2, LOOK_SECONDS)

    def stop(self) -> None:
        self._done.set()
        self.join()


def _descendants() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def _memory_of(process: psutil.Process) -> int:
    with suppress(psutil.NoSuchProcess, psutil.AccessDenied):  # it has just ended
        return int(process.memory_full_info().pss)
    return 0


def _ended() -> Iterator[tuple[int, int]]:
    """Number and exit code of each child that ends, until there are none."""
    with suppress(ChildProcessError):
        while True:
            pid, status = os.wait()
            yield pid, os.waitstatus_to_exitcode(status)


def _wait_for(wanted: int) -> int:
    """Wait until the process `wanted` ends; orphans that end before are waited for on the way."""
    return next(code for pid, code in _ended() if pid == wanted)


def _await_orphans() -> list[str]:
    """Wait for what the command has left behind; returns the names of what did not end by itself."""
    left: list[str] = []
    late = threading.Timer(LEFT_SECONDS, lambda: left.extend(_kill_all()))
    late.start()
    for _ in _ended():
        pass
    late.cancel()
    return left


def _kill_all() -> list[str]:
    """Kill all descendants; returns their names."""
    killed: list[str] = []
    for process in _descendants():
        with suppress(psutil.NoSuchProcess):
            killed.append(process.name())
            process.kill()
    return killed


def _stop(signum: int, frame: FrameType | None) -> None:
    _kill_all()
    for _ in _ended():
        _kill_all()  # what had just been started
    sys.exit(128 + signum)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]) % 256)

"""The end of a program whose engine has gone, so that nothing of it reaches the next run in this process.

The SDK (pulumi 3.272) leaves such a program's tasks behind, pending for ever, and Python's garbage collector ends them
later, in any thread. Its `run_pulumi_func` takes that for an error of the program: it goes on, and waits for what is
registered in that thread, which may be another run. That run then hangs, or ends before all is registered
(findings/pulumi_collected_program.sh).
"""

import asyncio
import time
from contextlib import suppress
from contextvars import Context

from pulumi.runtime.settings import Settings, configure

LIMIT_SECONDS, STOPPED_SECONDS, POLL_SECONDS = 10.0, 0.5, 0.02


def end(loop: asyncio.AbstractEventLoop) -> None:
    """Wait for the program that runs in this loop, then end what is left of it. One that goes on is left alone."""
    _await(loop)
    if loop.is_running():
        return
    for task in asyncio.all_tasks(loop):
        Context().run(_close, task)


def _await(loop: asyncio.AbstractEventLoop) -> None:
    """Wait until the loop is closed, or stands still: one that an error has left open stays so."""
    deadline, stopped_since = time.monotonic() + LIMIT_SECONDS, None
    while not loop.is_closed() and (now := time.monotonic()) < deadline:
        # Between its last steps the loop stands still for a moment.
        stopped_since = None if loop.is_running() else stopped_since or now
        if stopped_since is not None and now - stopped_since > STOPPED_SECONDS:
            return
        time.sleep(POLL_SECONDS)


def _close(task: asyncio.Task[object]) -> None:
    """End the task's coroutine here and now, among settings in which nothing is registered."""
    configure(Settings(project="", stack=""))
    with suppress(Exception):  # of a program that has failed already, and has told why
        task.get_coro().close()

"""What is left of a program whose engine has gone is ended at once, and apart from whatever runs next."""

import asyncio
import gc
import threading
from collections.abc import Callable
from typing import Any, cast

import pytest
from pulumi.runtime.settings import SETTINGS, Settings, configure
from pulumi.runtime.stack import run_pulumi_func

from meshlab.engine import program_end


def apart(act: Callable[[], None]) -> None:
    """Run `act` in a thread, as the Automation API runs a program: what is registered belongs to that thread."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            act()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]


def left_half_way() -> asyncio.AbstractEventLoop:
    """The loop of a program that waits for an answer when its engine goes."""
    loop = asyncio.new_event_loop()

    def program() -> None:
        configure(Settings(project="p", stack="s"))
        loop.call_later(0.1, loop.stop)
        with pytest.raises(RuntimeError, match="stopped before"):
            loop.run_until_complete(run_pulumi_func(answerless))

    async def answerless() -> None:
        await asyncio.get_running_loop().create_future()

    apart(program)
    return loop


def registered_after_collection() -> int:
    """How much of what another run has registered is there once Python has collected what is left of the program."""
    left: list[int] = []

    async def other() -> None:
        configure(Settings(project="p", stack="other"))
        registered = cast(Any, SETTINGS).outputs
        registered.add(asyncio.get_running_loop().create_future())
        gc.collect()
        left.append(len(registered))

    apart(lambda: asyncio.run(other()))
    return left[0]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_the_sdk_leaves_behind_would_take_from_another_run() -> None:
    """Where this fails, the SDK ends its programs itself, and program_end can go."""
    gc.collect()
    left_half_way()
    assert registered_after_collection() == 0


def test_a_program_that_was_ended_takes_nothing_from_another_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program_end, "STOPPED_SECONDS", 0.05)
    gc.collect()
    program_end.end(left_half_way())
    assert registered_after_collection() == 1


def test_a_program_that_goes_on_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program_end, "LIMIT_SECONDS", 0.2)
    loop, ended = asyncio.new_event_loop(), threading.Event()

    async def program() -> None:
        await asyncio.sleep(1)
        ended.set()

    thread = threading.Thread(target=lambda: loop.run_until_complete(program()))
    thread.start()
    program_end.end(loop)
    assert not ended.is_set()
    thread.join()
    assert ended.is_set()
    loop.close()

"""SIGTERM and SIGHUP end a command as Ctrl-C does; only a second Ctrl-C hurries it."""

import os
import pty
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from meshlab.cli.signals import interrupting

# It ends in good order: after an interruption, it takes its time.
COMMAND = """
import signal
import sys
import time

from meshlab.cli.signals import interrupting

if "as it comes" not in sys.argv:
    # Whoever starts the tests may have it ignored.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)
with interrupting() as received:
    try:
        print("begun", flush=True)
        time.sleep(20)
    except KeyboardInterrupt:
        try:
            print("ending", flush=True)
            for _ in range(10):
                time.sleep(0.1)
                print("more", flush=True)
            open(sys.argv[1], "w").write("in good order")
        except KeyboardInterrupt:
            open(sys.argv[1], "w").write("hurried")
sys.exit(received.code)
"""


def ended(told: Path, *signals: signal.Signals, prefix: tuple[str, ...] = ()) -> tuple[int, str]:
    """The exit code of a command that gets these signals, one after the other, and how it ended."""
    words = [*prefix, sys.executable, "-c", COMMAND, str(told), *(["as it comes"] if prefix else [])]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as command:
        assert command.stdout is not None
        assert command.stdout.readline() == "begun\n"
        command.send_signal(signals[0])
        if not prefix:
            assert command.stdout.readline() == "ending\n"
        for each in signals[1:]:
            command.send_signal(each)
        command.stdout.read()
    return command.returncode, told.read_text(encoding="utf-8")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_each_signal_ends_a_command_in_good_order(number: signal.Signals, tmp_path: Path) -> None:
    assert ended(tmp_path / "told", number) == (128 + number, "in good order")


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_cancelled_job_is_not_hurried_by_its_second_signal(first: signal.Signals, tmp_path: Path) -> None:
    assert ended(tmp_path / "told", first, signal.SIGTERM) == (128 + first, "in good order")


def test_a_second_ctrl_c_hurries(tmp_path: Path) -> None:
    assert ended(tmp_path / "told", signal.SIGINT, signal.SIGINT) == (128 + signal.SIGINT, "hurried")


def test_under_nohup_a_closed_terminal_ends_nothing(tmp_path: Path) -> None:
    code = ended(tmp_path / "told", signal.SIGHUP, signal.SIGINT, prefix=("nohup",))
    assert code == (128 + signal.SIGINT, "in good order")


@pytest.mark.parametrize("first", [None, signal.SIGINT])
def test_a_closed_terminal_is_no_obstacle_to_a_good_end(first: signal.Signals | None, tmp_path: Path) -> None:
    told = tmp_path / "told"
    child, terminal = pty.fork()
    if child == 0:
        os.execv(sys.executable, [sys.executable, "-c", COMMAND, str(told)])
    with os.fdopen(terminal, "rb", buffering=0) as screen:
        assert screen.read(5) == b"begun"
        if first is not None:
            os.kill(child, first)
            assert b"ending" in screen.read(64) + screen.read(64)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 128 + (first or signal.SIGHUP)
    assert told.read_text(encoding="utf-8") == "in good order"


def test_a_stream_that_is_closed_is_no_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    with interrupting() as received:
        assert received.code == 128 + signal.SIGINT


def test_a_reaction_of_the_caller_is_left_and_ours_is_taken_back() -> None:
    def theirs(*_: object) -> None:
        pass

    before = signal.signal(signal.SIGTERM, theirs)
    try:
        interrupt = signal.getsignal(signal.SIGINT)
        with interrupting():
            assert signal.getsignal(signal.SIGTERM) is theirs
            assert signal.getsignal(signal.SIGINT) is not interrupt
        assert signal.getsignal(signal.SIGINT) is interrupt
        assert signal.getsignal(signal.SIGTERM) is theirs
    finally:
        signal.signal(signal.SIGTERM, before)


def test_outside_of_the_main_thread_nothing_is_taken() -> None:
    failed: list[BaseException] = []

    def run() -> None:
        try:
            with interrupting():
                pass
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert failed == []

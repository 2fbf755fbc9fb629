"""Child processes: the one place where meshlab starts a program and the one where it makes sure that it is gone.

Every command gets a session of its own, so that a time limit or Ctrl-C ends the whole family and not just its first
member, and a time limit of its own, so that nothing hangs for ever. Errors are one line: the command, what happened
and the last thing that it said.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from .environment import settled
from .errors import MeshlabError

Argument = str | Path
OnLine = Callable[[str], None]


class ProcessError(MeshlabError):
    """A command could not be started, took too long or failed. The text is one line for the user."""


class CommandMissingError(ProcessError):
    """The program is not there or may not be run."""


class CommandTimeoutError(ProcessError):
    """The command was still running at its time limit and has been ended."""


class CommandFailedError(ProcessError):
    """The command ended with a non-zero exit code; `completed` has everything that it wrote."""

    def __init__(self, completed: Completed) -> None:
        said = completed.last_words()
        super().__init__(f"{completed.name} failed with exit code {completed.code}" + (f": {said}" if said else ""))
        self.completed = completed


@dataclass(frozen=True)
class Completed:
    """A command that has ended. `code` is negative where a signal ended it; `seconds` is wall-clock time."""

    args: tuple[str, ...]
    code: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def name(self) -> str:
        """The program and its first word, such as `helm install`: enough to know it by, and never a secret."""
        return _name(self.args)

    def last_words(self) -> str:
        """The last line that is not blank, of standard error first: where most programs put their reason."""
        for text in (self.stderr, self.stdout):
            lines = [line.strip() for line in text.splitlines() if line.strip()]
            if lines:
                return lines[-1]
        return ""


def run(
    args: Sequence[Argument],
    *,
    timeout: float,
    cwd: Path | None = None,
    env: Mapping[str, str | None] | None = None,
    stdin: str = "",
    check: bool = True,
    on_line: OnLine | None = None,
    on_error_line: OnLine | None = None,
    stop_signal: signal.Signals = signal.SIGTERM,
    grace: float = 10.0,
    on_interrupt: Callable[[], None] | None = None,
) -> Completed:
    """Runs a command to its end and returns what it wrote.

    `timeout` and `grace` are seconds. `env` is laid over this process's environment without the caller's preferences
    (`environment.settled`); None takes a variable away.
    `on_line` gets each line of both streams as it comes (from other threads), without those of standard error where
    `on_error_line` gets them. When the time is over, or when anything is raised here (Ctrl-C), the command's session
    gets `stop_signal`, and SIGKILL once `grace` has passed. After Ctrl-C, `on_interrupt` is called before that,
    where the command still runs.

    Raises CommandMissingError, CommandTimeoutError and, unless `check` is false, CommandFailedError.
    """
    words = tuple(str(arg) for arg in args)
    started = time.monotonic()
    said: list[_Reader] = []
    try:
        with _session(words, cwd, env, subprocess.PIPE, subprocess.PIPE, stop_signal, grace, on_interrupt) as child:
            assert child.stdin and child.stdout and child.stderr
            said += _Reader(child.stdout, on_line), _Reader(child.stderr, on_error_line or on_line)
            _feed(child.stdin, stdin)
            code = child.wait(timeout)
    except subprocess.TimeoutExpired:
        late = Completed(words, 0, said[0].text(), said[1].text(), timeout)
        last = f", last words: {late.last_words()}" if late.last_words() else ""
        raise CommandTimeoutError(f"{late.name} was not done after {timeout:g} s and was ended{last}") from None
    completed = Completed(words, code, said[0].text(), said[1].text(), time.monotonic() - started)
    if check and code != 0:
        raise CommandFailedError(completed)
    return completed


@contextmanager
def background(
    args: Sequence[Argument],
    *,
    log: Path,
    cwd: Path | None = None,
    env: Mapping[str, str | None] | None = None,
    grace: float = 5.0,
) -> Generator[subprocess.Popen[bytes]]:
    """Runs a command beside the `with` block, its output into the file `log`, and ends it after. Otherwise as `run`."""
    words = tuple(str(arg) for arg in args)
    with log.open("wb") as sink, _session(words, cwd, env, subprocess.DEVNULL, sink, signal.SIGTERM, grace) as child:
        yield child
        stop(child, signal.SIGTERM, grace)


def stop(child: subprocess.Popen[bytes], stop_signal: signal.Signals = signal.SIGTERM, grace: float = 5.0) -> None:
    """Ends the session of a child that `run` or `background` started: asks first, and kills what is left after `grace`
    seconds. A second Ctrl-C during the grace kills at once. Does nothing for a child whose end was seen before: its
    number may be a stranger's by now."""
    if child.returncode is not None:
        return
    _signal_session(child.pid, stop_signal)
    try:
        child.wait(grace)
    except subprocess.TimeoutExpired:
        pass
    finally:
        # Also where the child itself obeyed: its own children may not have.
        _signal_session(child.pid, signal.SIGKILL)
        child.wait()


@dataclass(frozen=True)
class ProcessId:
    """One process and no other: the kernel gives a number out again, but not with the same start time.

    `started` is in clock ticks since boot, as the kernel has it. psutil gives wall-clock time, which moves when the
    clock is set: an identity in a file would no longer match its living process.
    """

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> ProcessId | None:
        """The process that has this number now; None where there is none or where it is a zombie."""
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            return None
        # The second field is the program's name in brackets and may hold anything; the rest are numbers.
        fields = stat.rpartition(")")[2].split()
        return None if fields[0] in "ZX" else cls(pid, int(fields[19]))

    def alive(self) -> bool:
        """True while exactly this process runs."""
        return ProcessId.of(self.pid) == self


class _Reader:
    """Reads one stream to its end beside the caller, so that no pipe can fill up and block the child."""

    def __init__(self, stream: IO[bytes], on_line: OnLine | None) -> None:
        self._parts: list[str] = []
        self._thread = threading.Thread(target=self._read, args=(stream, on_line), daemon=True)
        self._thread.start()

    def _read(self, stream: IO[bytes], on_line: OnLine | None) -> None:
        with stream:
            for raw in stream:
                line = raw.decode(errors="replace")
                self._parts.append(line)
                if on_line:
                    on_line(line.rstrip("\r\n"))

    def text(self) -> str:
        # A daemon that the child left behind may hold the pipe open for ever; what the child wrote is here long before.
        self._thread.join(2.0)
        return "".join(self._parts)


@contextmanager
def _session(
    words: tuple[str, ...],
    cwd: Path | None,
    env: Mapping[str, str | None] | None,
    stdin: int,
    output: int | IO[bytes],
    stop_signal: signal.Signals,
    grace: float,
    on_interrupt: Callable[[], None] | None = None,
) -> Generator[subprocess.Popen[bytes]]:
    """A command in a session of its own, which whatever is raised in the block ends."""
    child = None
    try:
        with _signals_held():
            child = _spawn(words, cwd, env, stdin, output)
        yield child
    except BaseException as error:
        if child:
            try:
                if on_interrupt and isinstance(error, KeyboardInterrupt) and child.poll() is None:
                    on_interrupt()
            finally:
                stop(child, stop_signal, grace)
        raise


def _spawn(
    words: tuple[str, ...],
    cwd: Path | None,
    env: Mapping[str, str | None] | None,
    stdin: int,
    output: int | IO[bytes],
) -> subprocess.Popen[bytes]:
    merged: dict[str, str | None] = {**settled(os.environ), **(env or {})}
    environment = {key: value for key, value in merged.items() if value is not None}
    if cwd is not None and not cwd.is_dir():
        raise CommandMissingError(f"{_name(words)} cannot run in {cwd}: there is no such folder")
    try:
        return subprocess.Popen(
            words, cwd=cwd, env=environment, stdin=stdin, stdout=output, stderr=output, start_new_session=True
        )
    except FileNotFoundError:
        raise CommandMissingError(f"{words[0]} is not there: install it or put it on PATH") from None
    except PermissionError:
        raise CommandMissingError(f"{words[0]} may not be run: it is not an executable file") from None


@contextmanager
def _signals_held() -> Generator[None]:
    """Puts Python's own reactions to signals off until the block is done. A Ctrl-C between the birth of a child and the
    moment when we have it in hand would else leave it running with nobody to end it."""
    came: list[signal.Signals] = []
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    ours = {each: reaction for each, reaction in before.items() if callable(reaction)}
    if threading.current_thread() is not threading.main_thread():
        ours = {}  # only the main thread gets signals, and only it may set reactions
    for each in ours:
        signal.signal(each, lambda number, frame: came.append(signal.Signals(number)))
    try:
        yield
    finally:
        for each, reaction in ours.items():
            signal.signal(each, reaction)
        for each in came:
            signal.raise_signal(each)


def detach(log: Path) -> None:
    """Make this process one that nobody waits for and that needs no terminal; its output goes to `log`."""
    os.setsid()
    with log.open("ab") as sink, Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(sink.fileno(), 1)
        os.dup2(sink.fileno(), 2)


def _feed(pipe: IO[bytes], text: str) -> None:
    try:
        with pipe:
            pipe.write(text.encode())
    except BrokenPipeError:
        pass  # the child did not want all of it; its exit code says whether that matters


def _signal_session(pid: int, signum: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signum)


def _name(words: tuple[str, ...]) -> str:
    program = Path(words[0]).name
    first = next((word for word in words[1:2] if not word.startswith("-") and "=" not in word), "")
    return f"{program} {first}".strip()

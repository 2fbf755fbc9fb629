"""What interrupts a run in the middle: kill -9 of the engine's processes, and a network that stops carrying bytes."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pulumi import automation as auto
from pulumi.automation import events

from meshlab.engine.driver import EngineDriver

BEGUN_LIMIT_SECONDS = 300.0


class Progress:
    """Follows a run by the engine's events; `begun` keeps every resource whose change has ever begun."""

    def __init__(self) -> None:
        self.begun: set[str] = set()
        self._changed = threading.Condition()
        self.ended = False
        self._since_start = 0

    def start(self) -> None:
        """Forget the last run, but not what it had begun."""
        self.ended, self._since_start = False, 0

    def see(self, event: events.EngineEvent) -> None:
        """Take in one event; called from the SDK's own thread."""
        pre = event.resource_pre_event
        if pre is not None and pre.metadata.op.value not in ("same", "read", "refresh"):
            with self._changed:
                self.begun.add(pre.metadata.urn.rsplit("::", 1)[-1])
                self._since_start += 1
                self._changed.notify_all()

    def end(self) -> None:
        """Let those go who wait for more."""
        with self._changed:
            self.ended = True
            self._changed.notify_all()

    def wait(self, reached: Callable[[set[str], int], bool]) -> bool:
        """Wait until `reached` (resources ever begun, changes begun in this run) is true; false where the run ended."""
        with self._changed:
            self._changed.wait_for(
                lambda: self.ended or reached(self.begun, self._since_start), timeout=BEGUN_LIMIT_SECONDS
            )
            return not self.ended


def up_with(driver: EngineDriver, progress: Progress, meanwhile: Callable[[], None]) -> Exception | None:
    """`up`, with `meanwhile` beside it; returns what `up` failed with, if it did."""
    progress.start()
    beside = threading.Thread(target=meanwhile)
    beside.start()
    try:
        driver.stack.up(on_event=progress.see, color="never")
    except auto.CommandError as error:
        return error
    finally:
        progress.end()
        beside.join()
    return None


def descendants(pid: int, program: str) -> list[int]:
    """The processes below `pid`, from the first that runs `program` down, parents first."""
    parents = {int(entry.name): _parent(entry) for entry in Path("/proc").glob("[0-9]*")}
    below = [child for child, parent in parents.items() if parent == pid]
    roots = [child for child in below if _program(child) == program]
    found = [process_id for root in roots for process_id in (root, *_below(root, parents))]
    return found or [descendant for child in below for descendant in descendants(child, program)]


def kill_engine(whole: bool) -> list[int]:
    """kill -9 the engine that this process started: alone, or with its provider and the program."""
    family = descendants(os.getpid(), "pulumi")
    victims = family if whole else family[:1]
    for pid in victims:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return victims


class Wire:
    """A TCP proxy on loopback to a server on loopback; `cut` stops it from carrying bytes, and keeps connections."""

    def __init__(self, port: int) -> None:
        self._there = port
        self._carries = threading.Event()
        self._carries.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def cut(self, seconds: float) -> None:
        """Carry nothing for `seconds`."""
        self._carries.clear()
        time.sleep(seconds)
        self._carries.set()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                here, _ = self._listener.accept()
                threading.Thread(target=self._carry, args=(here,), daemon=True).start()

    def _carry(self, here: socket.socket) -> None:
        self._carries.wait()
        try:
            there = socket.create_connection(("127.0.0.1", self._there))
        except OSError:
            here.close()
            return
        with here, there:
            back = threading.Thread(target=self._pass_on, args=(there, here), daemon=True)
            back.start()
            self._pass_on(here, there)
            back.join()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                self._carries.wait()
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


def command_of(pid: int) -> tuple[list[str], dict[str, str], str]:
    """How a process was started: its words, its environment and its folder."""
    folder = Path(f"/proc/{pid}")
    words = (folder / "cmdline").read_bytes().decode().split("\0")[:-1]
    pairs = [pair.partition("=") for pair in (folder / "environ").read_bytes().decode().split("\0") if pair]
    return words, {key: value for key, _, value in pairs}, str((folder / "cwd").readlink())


def _below(pid: int, parents: dict[int, int]) -> list[int]:
    children = [child for child, parent in parents.items() if parent == pid]
    return [process_id for child in children for process_id in (child, *_below(child, parents))]


def _parent(entry: Path) -> int:
    try:
        return int((entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _program(pid: int) -> str:
    try:
        return Path(Path(f"/proc/{pid}/cmdline").read_text(errors="replace").split("\0")[0]).name
    except OSError:
        return ""


def filled(folder: Path) -> Path:
    """A file that takes all the room that a file system has left; whoever removes it gives the room back."""
    ballast = folder / "ballast"
    block = b"\0" * 65536
    with ballast.open("wb", buffering=0) as sink, suppress(OSError):
        while True:
            sink.write(block)
    with ballast.open("ab", buffering=0) as sink, suppress(OSError):
        while sink.write(b"\0"):
            pass
    return ballast

"""How far long work is: a line drawn anew on a real terminal, plain lines through a pipe and in CI."""

import hashlib
import io
import os
import pty
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded.tools import display
from embedded.tools.display import CLEAR, Board
from meshlab.recording.recorder import ROOT
from tests.support.release_server import ReleaseServer, Served, serving

WORK = """
import time
from embedded.tools import display
display.TOLD_EVERY_SECONDS, display.DRAWN_EVERY_SECONDS = 0.2, 0.05
with display.shown(lambda line: print(line, flush=True)) as board:
    board.say("tools: building helm")
    with board.doing("helm", 120.0) as job:
        for packages in range(1, 6):
            job.far(f"{packages} packages")
            time.sleep(0.15)
    board.say("tools: built helm")
"""
DOWNLOAD = """
import dataclasses, sys
from embedded.tools import display, pins, toolchain
from embedded.tools.downloads import Download
display.DRAWN_EVERY_SECONDS = 0.05
base, sha256 = sys.argv[1:]
table = {"helm": dataclasses.replace(pins.table()["helm"], download=Download("helm", base, "helm", sha256))}
pins.table = lambda: table
toolchain.ensure(["helm"])
"""


class Clock:
    """Stands where it is put."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(display, "time", clock)
    return clock


@pytest.fixture
def server() -> Iterator[ReleaseServer]:
    with serving() as running:
        yield running


def on_terminal(code: str, *args: str, columns: int = 80, **env: str) -> str:
    """What a person sees of a Python program: all that it writes to a pseudo-terminal of this width."""
    ours, theirs = pty.openpty()
    environment = {key: value for key, value in os.environ.items() if key not in ("CI", "COLUMNS")}
    environment |= {"TERM": "xterm", "COLUMNS": str(columns), **env}
    child = subprocess.Popen(
        [sys.executable, "-c", code, *args], cwd=ROOT, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    seen = bytearray()

    def read() -> None:
        while True:
            try:
                piece = os.read(ours, 4096)
            except OSError:  # Linux says so at the end of a terminal
                return
            if not piece:
                return
            seen.extend(piece)

    reader = threading.Thread(target=read)
    reader.start()
    assert child.wait(60) == 0, seen.decode()
    reader.join()
    os.close(ours)
    return seen.decode()


def left_on(seen: str) -> list[str]:
    """The lines that stay on a terminal: of each, what comes after the last time that it was cleared."""
    lines = [line.rpartition("\x1b[2K")[2].strip("\r") for line in seen.split("\n")]
    return [line for line in lines if line]


def test_a_terminal_shows_one_line_that_changes_and_keeps_none_of_it() -> None:
    seen = on_terminal(WORK)
    drawn = re.findall(r"helm: (\d) packages, \d s of about 2 min", seen)
    assert {"1", "5"} <= set(drawn)
    assert left_on(seen) == ["tools: building helm", "tools: built helm"]
    assert "tools: helm:" not in seen, "the lines now and then are for those who have no terminal"


def test_a_narrow_terminal_shows_what_fits_into_one_line() -> None:
    seen = on_terminal(WORK, columns=20)
    drawn = re.findall(r"\x1b\[2K(helm[^\r]*)", seen)
    assert drawn
    assert all(len(line) <= 19 and line.endswith("…") for line in drawn)
    assert left_on(seen) == ["tools: building helm", "tools: built helm"]


@pytest.mark.parametrize("env", [{"CI": "true"}, {"CI": "1"}, {"TERM": "dumb"}])
def test_ci_and_a_dumb_terminal_get_plain_lines(env: dict[str, str]) -> None:
    seen = on_terminal(WORK, **env)
    assert "\x1b" not in seen
    lines = seen.replace("\r", "").splitlines()
    assert (lines[0], lines[-1]) == ("tools: building helm", "tools: built helm")
    assert re.fullmatch(r"tools: helm: \d packages, \d s, about 2 min left", lines[1])


def test_a_pipe_gets_plain_lines() -> None:
    done = subprocess.run([sys.executable, "-c", WORK], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "\x1b" not in done.stdout + done.stderr
    assert done.stdout.splitlines()[0] == "tools: building helm"
    assert 1 <= done.stdout.count("packages") <= 4
    assert done.stderr == ""


def test_a_download_shows_how_much_has_come(server: ReleaseServer, tmp_path: Path) -> None:
    content = b"#" * 4_000_000
    server.files["/helm"] = Served(content, piece=1_000_000, pause=0.3)
    cache = {"XDG_CACHE_HOME": str(tmp_path), "MESHLAB_DOWNLOADS": "", "no_proxy": "127.0.0.1"}
    seen = on_terminal(DOWNLOAD, server.base, hashlib.sha256(content).hexdigest(), PATH=str(tmp_path), **cache)
    shown = re.findall(r"downloading: helm: (\d) of 4 MB, \d s", seen)
    assert shown == sorted(shown)
    assert len(set(shown)) >= 3
    first, last = left_on(seen)
    assert first.startswith("tools: downloading helm v")
    assert re.fullmatch(r"tools: downloaded helm v\S+ \(4 MB\) in \d s", last)


def test_two_jobs_share_the_line(clock: Clock) -> None:
    said: list[str] = []
    board = Board(said.append, None)
    with board.doing("helm", 60.0) as first, board.doing("kwok") as second:
        first.far("3 packages")
        second.far("2 of 9 MB")
        clock.now += 12
        assert [job.line(clock.now) for job in (first, second)] == [
            "helm: 3 packages, 12 s of about 60 s",
            "kwok: 2 of 9 MB, 12 s",
        ]
    assert said == []


def test_what_takes_longer_than_expected_says_so(clock: Clock) -> None:
    said: list[str] = []
    with Board(said.append, None).doing("helm", 100.0) as job:
        for packages in (1, 2):
            clock.now += 60
            job.far(f"{packages} packages")
    assert said == [
        "tools: helm: 1 packages, 60 s, about 40 s left",
        "tools: helm: 2 packages, 120 s, longer than expected",
    ]


def test_what_is_quick_says_nothing_in_between(clock: Clock) -> None:
    said: list[str] = []
    with Board(said.append, None).doing("helm", 100.0) as job:
        for packages in range(5):
            clock.now += 5
            job.far(f"{packages} packages")
    assert said == []


def test_what_is_not_known_is_not_foretold(clock: Clock) -> None:
    said: list[str] = []
    with Board(said.append, None).doing("downloading") as job:
        clock.now += 31
        job.far("helm: 5 of 9 MB")
    assert said == ["tools: downloading: helm: 5 of 9 MB, 31 s"]


def test_a_line_for_the_user_stands_alone_on_the_terminal() -> None:
    terminal = io.StringIO()
    board = Board(lambda line: print(line, file=terminal), terminal)
    board._draw("helm: 3 packages")
    board.say("tools: built kwok")
    board.end()
    assert terminal.getvalue() == f"{CLEAR}helm: 3 packages{CLEAR}tools: built kwok\n{CLEAR}"

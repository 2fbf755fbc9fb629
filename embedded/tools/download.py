"""Downloads tools that tools.toml has a digest of, all at once, and says why another was not."""

from __future__ import annotations

import shutil
import tarfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from base.errors import MeshlabError
from base.say import Say

from . import display, downloads, tool_lock
from .downloads import Download
from .pins import ORIGIN, Tool, cache_folder

if TYPE_CHECKING:
    from .transfer import Transfer

ANSWER_SECONDS, POLL_SECONDS = 5.0, 0.05
OFF = f"downloads are off: {downloads.VARIABLE}={downloads.OFF}"
MEGABYTE = 1_000_000
PART = ".fetch-"

_silent: dict[str, str] = {}
"""Hosts that have not answered this process, and why: they are not waited for again."""
_faults: dict[str, str] = {}
"""Why the download of a tool failed, by its key."""


def why_not(tool: Tool) -> str:
    """Why a tool was not, or would not be, downloaded here; empty where nothing speaks against it."""
    if downloads.switched_off():
        return OFF
    if tool.download is None:
        return f"tools.toml has no digest of {tool.name} {tool.release} for {downloads.here()}"
    return _faults.get(tool.key) or silence(tool.download.url)


def silence(url: str) -> str:
    """Why the host of an address is not asked again in this process, which has been told; empty where it may be."""
    return _silent.get(downloads.host(url), "")


def download(tools: Sequence[Tool], progress: Say) -> list[Tool]:
    """Download the tools that can be; returns the others.

    A host that has not answered after 5 seconds is given up, and that is said once. Raises MeshlabError where a
    file has not the digest that tools.toml says, and MeshlabError where MESHLAB_DOWNLOADS is no address.
    """
    jobs = [_Job(tool, tool.download) for tool in tools if not why_not(tool) and tool.download is not None]
    if not jobs:
        return list(tools)
    cache_folder().mkdir(parents=True, exist_ok=True)
    with display.shown(progress) as board:
        board.say(f"tools: downloading {_named(jobs)}")
        try:
            with board.doing("downloading") as shown:
                for job in jobs:
                    threading.Thread(target=job.run, daemon=True).start()
                while any(job.pending for job in jobs):
                    time.sleep(POLL_SECONDS)
                    shown.far(_far(jobs))
                    for job in jobs:
                        job.give_up_on_silence()
        finally:
            for job in jobs:
                job.abandon()
        _tell(jobs, board)
    wrong = next((job.wrong for job in jobs if job.wrong), None)
    if wrong:
        raise MeshlabError(wrong)
    return [tool for tool in tools if not tool.path.is_file()]


def part_of(name: str, sha256: str) -> Path:
    """Where a tool's file lies as long as it is not whole."""
    return cache_folder() / f"{PART}{name}-{sha256[:16]}"


class _Job:
    """One download, in a thread of its own. What it has come to is read from the caller's."""

    def __init__(self, tool: Tool, of: Download) -> None:
        self.tool = tool
        self.url = of.url  # asked for here, where the caller hears of a wrong setting
        self.pending = True
        self.fault = self.silence = self.wrong = ""
        self.seconds = 0.0
        self.size = 0
        self.transfer: Transfer | None = None
        self._of = of
        self._asked = 0.0

    def run(self) -> None:
        """Fetch it and put it into its place."""
        from . import transfer  # brings requests, which most runs do not need

        try:
            # Somebody else who fetches it may take as long as it takes.
            with tool_lock.held(tool_lock.fetching(self.tool.name)):
                if not self.tool.path.is_file():
                    one = transfer.Transfer(self.url, self._of.sha256, part_of(self.tool.name, self._of.sha256))
                    self._asked, self.transfer = time.monotonic(), one
                    file = one.run()
                    size = file.stat().st_size
                    _put(self.tool, self._of, file, self.url)
                    self.size, self.seconds = size, time.monotonic() - self._asked
        except transfer.DigestError as error:
            self.wrong = (
                f"{self.tool.name} {self.tool.release}: {error} (fix the mirror or the proxy, or build it: "
                f"{downloads.VARIABLE}={downloads.OFF})"
            )
        except transfer.NoAnswerError as error:
            self._fell_silent(str(error))
        except (transfer.TransferError, OSError, tarfile.TarError) as error:
            if self.pending:
                self.fault = _faults[self.tool.key] = str(error)
        finally:
            self.pending = False

    def give_up_on_silence(self) -> None:
        """Wait no longer where nobody has answered in time: a name that is not found may take half a minute."""
        one = self.transfer
        if self.pending and one and not one.answered and time.monotonic() - self._asked > ANSWER_SECONDS:
            one.abandoned = True
            self._fell_silent(f"{downloads.host(self.url)}: no answer within {ANSWER_SECONDS:g} s")
            self.pending = False

    def abandon(self) -> None:
        """Let the thread end by itself, where it is still on its way."""
        if self.transfer is not None:
            self.transfer.abandoned = True

    def _fell_silent(self, fault: str) -> None:
        if self.pending:
            self.silence = _silent[downloads.host(self.url)] = fault


def _put(tool: Tool, of: Download, file: Path, url: str) -> None:
    """Move a program to its place, after the note of where it came from. Raises OSError where the archive has none."""
    folder = tool.path.parent
    folder.mkdir(exist_ok=True)
    new = folder / f".new-{tool.name}"
    try:
        if of.member is None:
            file.replace(new)
        else:
            _unpack(file, of.member, new, url)
        new.chmod(0o755)
        (folder / ORIGIN).write_text(f"{url}\n", encoding="utf-8")
        new.replace(tool.path)
    finally:
        new.unlink(missing_ok=True)
        file.unlink(missing_ok=True)
        with suppress(OSError):  # where nothing was put there
            folder.rmdir()


def _unpack(archive: Path, member: str, target: Path, url: str) -> None:
    with tarfile.open(archive) as opened:
        found = next((entry for entry in opened if entry.isfile() and entry.name.removeprefix("./") == member), None)
        packed = opened.extractfile(found) if found else None
        if packed is None:
            raise OSError(f"{url}: expected the file {member} in it")
        with packed, target.open("wb") as file:
            shutil.copyfileobj(packed, file)


def _tell(jobs: Sequence[_Job], board: display.Board) -> None:
    """What came, and once for all hosts together which did not answer."""
    for job in jobs:
        if job.size:
            board.say(f"tools: downloaded {_named([job])} ({job.size / MEGABYTE:.0f} MB) in {job.seconds:.0f} s")
        elif job.fault:
            board.say(f"tools: the download of {_named([job])} failed: {job.fault}")
    silent = [job for job in jobs if job.silence]
    if silent:
        faults = ", ".join(dict.fromkeys(job.silence for job in silent))
        board.say(f"tools: not downloaded: {_named(silent)} ({faults})")


def _named(jobs: Sequence[_Job]) -> str:
    return ", ".join(f"{job.tool.name} {job.tool.release}" for job in jobs)


def _far(jobs: Sequence[_Job]) -> str:
    """How much has come of what is on its way; the whole is not known before all have answered."""
    under_way = [one for job in jobs if job.pending and (one := job.transfer)]
    received, total = (sum(download.received for download in under_way), sum(download.total for download in under_way))
    names = ", ".join(job.tool.name for job in jobs if job.pending)
    return f"{names}: {received / MEGABYTE:.0f} of {total / MEGABYTE:.0f} MB" if total else names

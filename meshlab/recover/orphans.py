"""The engine's helpers that outlived it: a provider whose `pulumi` was killed goes on with what it has begun."""

import os
import select
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from base.process import ProcessId

HELPERS = ("pulumi-resource-", "pulumi-language-")
ENGINE = "pulumi"
END_LIMIT_SECONDS = 10.0


@dataclass(frozen=True)
class Orphan:
    """A provider or language host whose engine is gone."""

    process: ProcessId
    name: str

    def told(self) -> str:
        """Which process it is, for people."""
        return f"{self.name} (process {self.process.pid})"

    def end(self) -> None:
        """Kill it and wait until it is gone: it must not go on beside what comes next."""
        with suppress(ProcessLookupError):
            handle = os.pidfd_open(self.process.pid)
            try:
                if self.process.alive():
                    signal.pidfd_send_signal(handle, signal.SIGKILL)
                    select.select([handle], [], [], END_LIMIT_SECONDS)
            finally:
                os.close(handle)


def orphans_of(backend_url: str) -> list[Orphan]:
    """The helpers of runs on this backend whose engine does not run any more."""
    found: list[Orphan] = []
    for entry in Path("/proc").glob("[0-9]*"):
        pid = int(entry.name)
        process, name = ProcessId.of(pid), _program(pid)
        if process is None or not name.startswith(HELPERS) or not _works_for(pid, backend_url):
            continue
        if not _has_engine(pid):
            found.append(Orphan(process, name))
    return sorted(found, key=lambda orphan: orphan.process.pid)


def _program(pid: int) -> str:
    """The name of a process' program; for a script, the script's."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:2]
    except OSError:
        return ""
    names = [Path(word.decode(errors="replace")).name for word in words]
    return next((name for name in names if name.startswith(HELPERS)), names[0] if names else "")


def _has_engine(pid: int) -> bool:
    """Whether the engine is among the processes above; the program itself runs below its language host."""
    while pid > 1:
        pid = _parent(pid)
        if _program(pid) == ENGINE:
            return True
    return False


def _works_for(pid: int, backend_url: str) -> bool:
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:  # gone, or somebody else's
        return False
    return f"PULUMI_BACKEND_URL={backend_url}".encode() in environment.split(b"\0")


def _parent(pid: int) -> int:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    return int(stat.rpartition(")")[2].split()[1])

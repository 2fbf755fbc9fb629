"""The engine's helpers that outlived it: a provider whose `pulumi` was killed goes on with what it has begun."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from ..engine.backends import NO_SIDECARS, URL

HELPERS = ("pulumi-resource-", "pulumi-language-")
ENGINE = "pulumi"
END_LIMIT_SECONDS = 10.0


@dataclass(frozen=True)
class Orphan:
    """A provider or language host whose engine is gone."""

    process: psutil.Process
    name: str

    def told(self) -> str:
        """Which process it is, for people."""
        return f"{self.name} (process {self.process.pid})"

    def end(self) -> None:
        """Kill it and wait until it is gone: it must not continue beside the next run."""
        with suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
            self.process.kill()
            self.process.wait(END_LIMIT_SECONDS)


def orphans_of(backend_url: str) -> list[Orphan]:
    """The helpers of runs on this backend whose engine no longer runs. None where only Pulumi knows the address."""
    wanted = backend_url.removesuffix(NO_SIDECARS)
    if not wanted:
        return []
    found: list[Orphan] = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # gone, or another user's
            name = _program(process)
            if not name.startswith(HELPERS) or _backend_of(process) != wanted:
                continue
            # The program itself runs below its language host.
            if ENGINE not in map(_program, process.parents()):
                found.append(Orphan(process, name))
    return sorted(found, key=lambda orphan: orphan.process.pid)


def _backend_of(process: psutil.Process) -> str:
    return process.environ().get(URL, "").removesuffix(NO_SIDECARS)


def _program(process: psutil.Process) -> str:
    """The name of a process' program; for a script, the script's. Empty if it cannot be read."""
    try:
        names = [Path(word).name for word in process.cmdline()[:2]]
    except psutil.Error:
        return ""
    return next((name for name in names if name.startswith(HELPERS)), names[0] if names else "")

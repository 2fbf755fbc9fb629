"""The locks of a stack on a file backend, and whether whoever took one still lives."""

import json
import platform
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any

import psutil

from ..stackfile.reading import PROJECT

HALF_WRITTEN_SECONDS = 2.0
"""A lock is one small write; one that cannot be read after this long was left by a writer that died in it."""
CLOCK_SLACK_SECONDS = 2.0


class Holder(Enum):
    """What is known of the process that took a lock."""

    LIVING = "living"
    DEAD = "dead"
    ELSEWHERE = "elsewhere"
    """On another machine, or in another container: it cannot be looked at from here."""


@dataclass(frozen=True)
class Lock:
    """One lock file. Where it could not be read, there is no `pid`."""

    file: Path
    pid: int
    user: str
    host: str
    since: datetime | None

    def told(self) -> str:
        """Who holds it, for people."""
        if not self.pid:
            return f"an unreadable lock ({self.file.name})"
        since = self.since.astimezone().strftime("%Y-%m-%d %H:%M:%S") if self.since else "an unknown time"
        return f"the lock of process {self.pid} of {self.user}@{self.host}, taken {since}"

    def holder(self) -> Holder:
        """Whether its process lives. A number that the kernel gave out again since is not that process."""
        if not self.pid:
            return Holder.DEAD
        if self.host != platform.node():
            return Holder.ELSEWHERE
        started = started_at(self.pid)
        if started is None:
            return Holder.DEAD
        if self.since is None:
            return Holder.LIVING
        began_later = started > self.since.timestamp() + CLOCK_SLACK_SECONDS
        return Holder.DEAD if began_later else Holder.LIVING

    def remove(self) -> None:
        """Take the lock away."""
        self.file.unlink(missing_ok=True)
        attributes_of(self.file).unlink(missing_ok=True)


def locks_of(backend: Path, stack: str) -> list[Lock]:
    """The locks of a stack in the folder of a file backend, the oldest first."""
    folder = backend / ".pulumi" / "locks" / "organization" / PROJECT / stack
    # The backend takes every file there for a lock, the draft of one included that a full disk kept from being written.
    files = [file for file in sorted(folder.glob("*")) if file.suffix != ".attrs"]
    found = [_read(file) for file in files]
    return sorted((lock for lock in found if lock), key=lambda lock: lock.since or datetime.min.replace(tzinfo=UTC))


def began(locks: Iterable[Lock]) -> datetime | None:
    """When the first of the runs that left these locks began; None where no lock tells."""
    return min((lock.since for lock in locks if lock.since), default=None)


def started_at(pid: int) -> float | None:
    """When the process with this number started, in seconds since the epoch; None if it does not run any more."""
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.NoSuchProcess:
        return None


def attributes_of(file: Path) -> Path:
    """The file that the backend keeps beside each of its own."""
    return file.with_name(f"{file.name}.attrs")


def _read(file: Path) -> Lock | None:
    """A lock; None where it has just gone."""
    limit = time.monotonic() + HALF_WRITTEN_SECONDS
    while True:
        try:
            data: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            since = datetime.fromisoformat(str(data["timestamp"]))
            return Lock(file, int(data["pid"]), str(data["username"]), str(data["hostname"]), since)
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            if time.monotonic() > limit:
                return Lock(file, 0, "", "", None)
            time.sleep(0.1)

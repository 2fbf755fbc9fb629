"""Where the state is kept, whether it can be written and read, and whether a run is going on or was cut off."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from ..engine_secrets import PASSPHRASE, PASSPHRASE_FILE, key_service, passphrase_environment
from ..lab import LabError
from ..recorder import stack_file
from ..recovery.locks import Holder, Lock
from .finding import Finding, Level
from .known import Known

ROOM_MEGABYTES = 50
"""The state is a few megabytes, and is written anew, with a copy, at every step."""


def state(stack: str, folder: Path, url: str, known: Known, locks: list[Lock], on: str = "") -> Iterator[Finding]:
    """Backend, room, passphrase, locks and pending operations. `folder` has our files; `on` is `Target.option`."""
    trouble = [*_room(folder), *_secrets(stack, folder, known), *_interrupted(stack, known, locks, on)]
    yield from trouble
    if not any(one.level is Level.PROBLEM for one in trouble):
        has = "has this stack" if known.exists else "has nothing of this stack yet"
        yield Finding("state", Level.OK, f"{url}, {has if known.readable else 'which is not looked into from here'}")


def _room(folder: Path) -> Iterator[Finding]:
    above = next(path for path in (folder, *folder.resolve().parents) if path.exists())
    if not os.access(above, os.W_OK):
        yield Finding("state", Level.PROBLEM, f"{above} may not be written", "give yourself the right to")
        return
    free = shutil.disk_usage(above).free // 1_000_000
    if free < ROOM_MEGABYTES:
        yield Finding(
            "state", Level.PROBLEM, f"{above} has {free} MB of room, less than {ROOM_MEGABYTES} MB", "make room there"
        )


def _secrets(stack: str, folder: Path, known: Known) -> Iterator[Finding]:
    service = key_service(stack_file(stack).content)
    if service is not None:
        return
    own = folder / "passphrase"
    elsewhere = os.environ.get(PASSPHRASE) or os.environ.get(PASSPHRASE_FILE)
    if known.locked_by == "passphrase" and not elsewhere and not own.is_file():
        yield Finding(
            "passphrase",
            Level.PROBLEM,
            f"the state has secrets that a passphrase locks, and {own} is not there",
            f"put the file back, or set {PASSPHRASE}",
        )
        return
    named = os.environ.get(PASSPHRASE_FILE)
    if named and not os.environ.get(PASSPHRASE) and not Path(named).is_file():
        yield Finding("passphrase", Level.PROBLEM, f"{PASSPHRASE_FILE}: no file {named}", "name one that is there")
        return
    if elsewhere or own.is_file():
        return
    try:
        # Of the two answers, only the error is of interest: the other one would make the file.
        if os.environ.get("PULUMI_BACKEND_URL") or PASSPHRASE in os.environ:
            passphrase_environment(stack, service, folder)
    except LabError as error:
        yield Finding("passphrase", Level.PROBLEM, str(error), "see docs/secrets.md")


def _interrupted(stack: str, known: Known, locks: list[Lock], on: str) -> Iterator[Finding]:
    recover = f"meshlab recover --stack {stack}{on}"
    for lock in locks:
        match lock.holder():
            case Holder.LIVING:
                yield Finding("lock", Level.PROBLEM, f"a run is going on: {lock.told()}", "wait for it")
            case Holder.ELSEWHERE:
                text = f"{lock.told()} on another machine or in another container"
                yield Finding("lock", Level.PROBLEM, text, f"once that one is gone: {recover} --holder-is-gone")
            case Holder.DEAD:
                yield Finding("lock", Level.PROBLEM, f"{lock.told()}, which is dead", recover)
    if known.pending and not any(lock.holder() is Holder.LIVING for lock in locks):
        some = ", ".join(known.pending[:3]) + (" and others" if len(known.pending) > 3 else "")
        yield Finding("state", Level.PROBLEM, f"{len(known.pending)} operations never ended: {some}", recover)

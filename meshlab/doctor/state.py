"""Where the state is kept, whether it can be written and read, and whether a run is going on or was cut off."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from base.wording import counted

from ..engine.backends import UPGRADE, URL, Backend, legacy_files
from ..engine.locks import Holder, Lock
from ..engine.secrets import PASSPHRASE, PASSPHRASE_FILE, has_passphrase, key_service, passphrase_environment
from ..engine.state_backend import StackBackend
from ..preflight.finding import Finding, Level
from ..stack import Stack
from ..stackfile.stack_names import reference_of
from ..state_folder import STATE_VARIABLE
from ..target import LabError
from .known import Known

ROOM_MEGABYTES = 50
"""The state is a few megabytes, and is written anew, with a copy, at every step."""


def state(stack: str, folder: Path, where: StackBackend, known: Known, on: str = "") -> Iterator[Finding]:
    """Backend, room, passphrase, locks and pending operations. `folder` has our files; `on` is `Target.option`."""
    locks, backend = where.locks(), where.backend
    trouble = [
        *_room(folder),
        *_layout(stack, backend),
        *_secrets(stack, folder, backend, known),
        *_interrupted(stack, known, locks, on),
    ]
    yield from trouble
    if not any(finding.level is Level.PROBLEM for finding in trouble):
        has = "has this stack" if known.exists else "has nothing of this stack yet"
        yield Finding(
            "state", Level.OK, f"{backend.told()}, {has if known.readable else 'which is not looked into from here'}"
        )


def _layout(stack: str, backend: Backend) -> Iterator[Finding]:
    """States that are not sorted by project, as before Pulumi 3.61."""
    files = legacy_files(backend.folder) if backend.folder is not None else []
    if not files or backend.folder is None:
        return
    names = ", ".join(file.name.partition(".")[0] for file in files)
    if not (backend.folder / ".pulumi" / "meta.yaml").is_file():
        text = f"{backend.shown} has the legacy layout, states not sorted by project ({names}), which Pulumi refuses"
        yield Finding("state", Level.PROBLEM, text, UPGRADE)
    elif stack in (file.name.partition(".")[0] for file in files):
        text = f"{backend.shown} has a state of {stack} not sorted by project, which Pulumi does not look at"
        yield Finding("state", Level.WARNING, text, f"{URL}={backend.shown} pulumi state upgrade")


def _room(folder: Path) -> Iterator[Finding]:
    above = next(path for path in (folder, *folder.resolve().parents) if path.exists())
    if not above.is_dir():
        text = f"the state's folder {folder}: expected a folder, got a file at {above}"
        yield Finding("state", Level.PROBLEM, text, f"set {STATE_VARIABLE} to a folder that can be written")
        return
    if not os.access(above, os.W_OK):
        yield Finding("state", Level.PROBLEM, f"{above} may not be written", "give yourself the right to")
        return
    free = shutil.disk_usage(above).free // 1_000_000
    if free < ROOM_MEGABYTES:
        yield Finding(
            "state", Level.PROBLEM, f"{above} has {free} MB of room, less than {ROOM_MEGABYTES} MB", "make room there"
        )


def _secrets(stack: str, folder: Path, backend: Backend, known: Known) -> Iterator[Finding]:
    content, own = Stack.load(stack).file.content, folder / "passphrase"
    locked = known.locked_by == "passphrase"
    if key_service(content) is not None or not (locked or has_passphrase(content, backend)):
        return
    named = os.environ.get(PASSPHRASE_FILE)
    if named and not os.environ.get(PASSPHRASE) and not Path(named).is_file():
        yield Finding("passphrase", Level.PROBLEM, f"{PASSPHRASE_FILE}: no file {named}", "name one that is there")
        return
    if os.environ.get(PASSPHRASE) or named or (backend.own and own.is_file()):
        return
    if locked:
        there = f", and {own} is not there" if backend.own else ""
        text = f"the state has secrets that a passphrase locks{there}"
        fix = f"put the file back, or set {PASSPHRASE}" if backend.own else f"set {PASSPHRASE}"
        yield Finding("passphrase", Level.PROBLEM, text, fix)
        return
    try:
        # Of the two answers, only the error is of interest: the other one would make the file.
        if not backend.own or PASSPHRASE in os.environ:
            passphrase_environment(stack, content, folder, backend)
    except LabError as error:
        yield Finding("passphrase", Level.PROBLEM, str(error), "see docs/secrets.md")


def _interrupted(stack: str, known: Known, locks: list[Lock], on: str) -> Iterator[Finding]:
    recover = f"meshlab recover --stack {reference_of(stack)}{on}"
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
        yield Finding(
            "state", Level.PROBLEM, f"{counted(len(known.pending), 'operation')} never ended: {some}", recover
        )

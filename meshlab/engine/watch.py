"""What the engine tells of an operation: each resource as it is done, and what went wrong."""

import re
import threading
import time
from collections.abc import Callable, Collection, Generator, Mapping
from contextlib import contextmanager
from typing import Any

from pulumi import automation as auto
from pulumi.automation import events

from base.say import Say

from ..target import LabError
from .events import EventLog
from .operations import NOTHING, EngineStep, operation
from .outcome import Step

Explain = Callable[[Collection[str]], list[str]]

STACK = "pulumi:pulumi:Stack"
BY_HAND = "delete the lock file with `pulumi cancel`"
"""The CLI's advice for a lock; in a backend of ours, that command would not find the stack."""
BY_MESHLAB = "run meshlab recover, which removes the lock of a dead process"
_NOTHING_SAID = ("update failed", "preview failed", "an unhandled error occurred: program exited with non-zero")
_COLOURS = re.compile(r"<\{%[^%]*%\}>")


def _type(urn: str) -> str:
    return urn.split("::")[2].rpartition("$")[2] if urn.count("::") > 2 else ""


def _about(urn: str | None, message: str) -> str:
    """A message with the resource that it is about, which the engine keeps beside it."""
    name = (urn or "").rpartition("::")[2]
    return message if not name or _type(urn or "") == STACK or name in message else f"{name}: {message}"


def _lines_of(error: auto.CommandError) -> list[str]:
    """What the CLI wrote as its reason, where the engine did not come so far as to report any: a lock, a full disk."""
    reason = str(error).partition("\n stderr: ")[2] or str(error)
    lines = [line.strip().removeprefix("error: ") for line in reason.splitlines() if line.strip()]
    return [line.replace(BY_HAND, BY_MESHLAB) for line in lines]


def _note(log: EventLog, event: events.EngineEvent) -> None:
    """Keep of an event what times need: never the inputs and outputs that it carries."""
    if event.resource_pre_event is not None:
        log.begun(event.resource_pre_event.metadata.urn, event.resource_pre_event.metadata.op.value)
    if event.res_outputs_event is not None:
        log.done(event.res_outputs_event.metadata.urn, event.res_outputs_event.metadata.op.value)
    if event.res_op_failed_event is not None:
        log.failed(event.res_op_failed_event.metadata.urn, event.res_op_failed_event.metadata.op.value)


class Watch:
    """Follows an operation by the engine's events: times each resource, tells of it, keeps what went wrong."""

    def __init__(self, say: Say | None, log: EventLog | None = None, explain: Explain | None = None) -> None:
        """`explain` is asked once, after a failure, for what the cluster says of the resources with these URNs."""
        self._say, self._log, self._explain = say, log, explain
        self._failed: dict[str, None] = {}
        self._started: dict[str, float] = {}
        self._steps: dict[str, Step] = {}
        self._operations: dict[EngineStep, None] = {}
        self._errors: list[str] = []
        self._outputs: Mapping[str, Any] = {}
        self._lock = threading.Lock()

    def see(self, event: events.EngineEvent) -> None:
        """Take in one event; called from the SDK's own thread."""
        with self._lock:
            if self._log is not None:
                _note(self._log, event)
            if event.resource_pre_event is not None:
                self._started.setdefault(event.resource_pre_event.metadata.urn, time.monotonic())
                self._begun(event.resource_pre_event.metadata)
            if event.res_outputs_event is not None:
                self._finished(event.res_outputs_event.metadata)
                self._take_outputs(event.res_outputs_event.metadata)
            if event.res_op_failed_event is not None:
                self._failed[event.res_op_failed_event.metadata.urn] = None
            diagnostic = event.diagnostic_event
            if diagnostic is not None and diagnostic.severity == "error":
                self._errors.append(_about(diagnostic.urn, _COLOURS.sub("", diagnostic.message).strip()))
                if diagnostic.urn and _type(diagnostic.urn) != STACK:
                    self._failed[diagnostic.urn] = None

    def steps(self) -> tuple[Step, ...]:
        """Every resource that the operation has dealt with, in the order of completion."""
        with self._lock:
            return tuple(self._steps.values())

    def operations(self) -> tuple[EngineStep, ...]:
        """What the operation does, or a preview would do, sorted."""
        with self._lock:
            return tuple(sorted(self._operations))

    def outputs(self) -> Mapping[str, Any]:
        """The stack's outputs; in place of what is secret, a mark."""
        with self._lock:
            return dict(self._outputs)

    @contextmanager
    def failures(self, operation: str) -> Generator[None]:
        """Turn the SDK's error, which repeats all output, into what the engine reported as errors."""
        try:
            yield
        except auto.CommandError as error:
            with self._lock:
                told = list(dict.fromkeys(self._errors)) or _lines_of(error)
                failed = tuple(self._failed)
            # The engine's own closing lines say only that there was an error.
            told = [line for line in told if not line.startswith(_NOTHING_SAID)] or told
            why = self._explain(failed) if self._explain is not None and failed else []
            told += [f"in the cluster: {line}" for line in why]
            raise LabError("\n".join([*told, f"pulumi {operation} stopped; what was done so far is kept"])) from None

    def _begun(self, metadata: events.StepEventMetadata) -> None:
        found = operation(metadata)
        if found is not None:
            self._operations[found] = None

    def _finished(self, metadata: events.StepEventMetadata) -> None:
        name, action = metadata.urn.rsplit("::", 1)[-1], str(metadata.op.value)
        seconds = time.monotonic() - self._started.get(metadata.urn, time.monotonic())
        self._steps[metadata.urn] = Step(name, action, seconds)
        if self._say is not None and action not in NOTHING:
            self._say(f"  {action:14} {name} ({seconds:.1f} s)")

    def _take_outputs(self, metadata: events.StepEventMetadata) -> None:
        if metadata.type == STACK and metadata.new is not None:
            self._outputs = metadata.new.outputs or {}

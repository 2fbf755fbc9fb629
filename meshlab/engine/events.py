"""When each resource of an `up` was begun and done, in a file of JSON lines.

The form is the engine's own (`pulumi up --event-log FILE`), so that either can be read. What meshlab writes has the few
fields that times need and no inputs or outputs, in which secrets may be; its times have milliseconds, the engine's are
whole seconds.
"""

import json
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO, cast

from base.errors import MeshlabError

BEGUN, DONE, FAILED = "resourcePreEvent", "resOutputsEvent", "resOpFailedEvent"
_START, _END = "preludeEvent", "summaryEvent"
# The engine removes what the program no longer has once all else is done; a replacement's old object goes then too.
_REMOVALS = ("delete", "discard")


@dataclass(frozen=True)
class Span:
    """One resource in an `up`. Times are seconds since the start of the `up`."""

    urn: str
    action: str
    """What was done, in the engine's words: create, update, replace, same."""
    began: float
    ended: float
    how: str = ""
    """`failed`, `not finished` where the `up` stopped first, or nothing where all went well."""

    @property
    def seconds(self) -> float:
        """How long it took itself."""
        return self.ended - self.began


@dataclass(frozen=True)
class Run:
    """One `up`, from its log."""

    seconds: float
    """From the start to the last thing in the log."""
    spans: Mapping[str, Span]
    """By URN; what was removed is not among them."""
    removed: int
    """How many resources were removed, after all else."""


class EventLog:
    """Writes the log of one `up`, line by line: whatever ends the run, the file is good as far as it came.

    It never fails: a run does not stop because its log has no room. The log of the run before stays until this one has
    its first line: on a full disk, the room that it takes is none for the engine to begin something in.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        # Not the wall clock itself, which may be set while the run is on.
        self._zero = time.time() - time.monotonic()
        self._sink: TextIO | None = None
        draft = path.with_suffix(".new")
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            draft.touch(mode=0o600)
            self._sink = draft.open("w", encoding="utf-8")
            self._write(_START, {})
        with suppress(OSError):
            if self._sink is not None:
                draft.replace(path)
            else:
                draft.unlink(missing_ok=True)

    def begun(self, urn: str, action: str) -> None:
        """A resource is dealt with from now on. May be called from any thread, as the others."""
        self._write(BEGUN, {"metadata": {"op": action, "urn": urn}})

    def done(self, urn: str, action: str) -> None:
        """It is as it should be."""
        self._write(DONE, {"metadata": {"op": action, "urn": urn}})

    def failed(self, urn: str, action: str) -> None:
        """It is not going to be."""
        self._write(FAILED, {"metadata": {"op": action, "urn": urn}})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._write(_END, {})
        with self._lock, suppress(OSError):
            sink, self._sink = self._sink, None
            if sink is not None:
                sink.close()

    def _write(self, event: str, content: Mapping[str, Any]) -> None:
        with self._lock:
            if self._sink is None:
                return
            try:
                stamp = round(self._zero + time.monotonic(), 3)
                self._sink.write(json.dumps({"timestamp": stamp, event: content}) + "\n")
                self._sink.flush()
            except OSError:
                sink, self._sink = self._sink, None
                with suppress(OSError):
                    sink.close()


def log_file(stack: str, state: Path) -> Path:
    """Where the last `meshlab up` of a stack has its log."""
    return state / "events" / f"{stack}.jsonl"


def read(path: Path) -> Run:
    """The `up` that a log tells of. Raises MeshlabError where the file does not tell of one."""
    try:
        run = _run(list(_events(path.read_text(encoding="utf-8").splitlines())))
    except FileNotFoundError:
        raise MeshlabError(f"{path}: expected the log of an `up`, got no such file") from None
    except OSError as error:
        raise MeshlabError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise MeshlabError(
            f"{path}: expected the engine's events in JSON lines, got something else ({error})"
        ) from None
    except (KeyError, TypeError, AttributeError):
        raise MeshlabError(f"{path}: expected the engine's events, got JSON lines of something else") from None
    if not run.spans:
        raise MeshlabError(
            f"{path}: expected the log of an `up`, got one in which no resource was begun "
            "(a preview, or a run that stopped before the first)"
        )
    return run


def _events(lines: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    """The events of a log. Of a run that was killed, the last line may be half there."""
    listed = [line for line in lines if line.strip()]
    for number, line in enumerate(listed, 1):
        try:
            event: Any = json.loads(line)
        except ValueError:
            if number == len(listed) and number > 1:
                return
            raise ValueError(f"line {number} is not JSON") from None
        yield cast(Mapping[str, Any], event)


def _run(events: list[Mapping[str, Any]]) -> Run:
    zero = min((float(event["timestamp"]) for event in events), default=0.0)
    spans: dict[str, Span] = {}
    removed: set[str] = set()
    now = 0.0
    for event in events:
        # Events of one moment may be written in another order.
        now = max(now, float(event["timestamp"]) - zero)
        for kind in (BEGUN, DONE, FAILED):
            content = cast(Mapping[str, Any], event.get(kind) or {})
            # `pulumi up` previews first.
            if content and not content.get("planning"):
                metadata = cast(Mapping[str, str], content["metadata"])
                action, urn = metadata["op"], metadata["urn"]
                if action.startswith(_REMOVALS):
                    removed.add(urn)
                else:
                    _take_in(spans, kind, Span(urn, action, now, now, "not finished"))
    ended = {urn: replace(span, ended=now) if span.how == "not finished" else span for urn, span in spans.items()}
    return Run(now, ended, len(removed))


def _take_in(spans: dict[str, Span], kind: str, seen: Span) -> None:
    """A resource may have several steps: of a replacement, the first begins it and the last one ends it."""
    before = spans.setdefault(seen.urn, seen)
    how = {BEGUN: "not finished", DONE: "", FAILED: "failed"}[kind]
    spans[seen.urn] = replace(seen, began=before.began, how=how)

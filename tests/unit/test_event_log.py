"""The log of an `up`: what meshlab writes, and reading it or the engine's own, whole or cut off."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from pulumi.automation import CommandError, CommandResult
from pulumi.automation.events import EngineEvent

from base.errors import MeshlabError
from meshlab.engine.driver import EngineDriver, Watch
from meshlab.engine.events import EventLog, Span, log_file, read
from meshlab.recording.dependencies import parts_of
from meshlab.stack import Stack
from meshlab.target import LabError, Target
from tests.support import pretended_pulumi
from tests.support.canary import CANARY, files_below, sightings


def engines(second: int, event: str, urn: str = "", op: str = "create", **more: Any) -> str:
    """A line as the engine writes it: whole seconds, and more fields than anybody reads."""
    metadata = {"op": op, "urn": urn, "type": "x", "old": None, "new": {"inputs": {"a": 1}}, "provider": ""}
    return json.dumps({"sequence": second, "timestamp": 1700000000 + second, event: {"metadata": metadata, **more}})


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "events" / "dev.jsonl"


def write(log: Path, lines: Iterable[str]) -> Path:
    log.parent.mkdir(exist_ok=True)
    log.write_text("\n".join(lines), encoding="utf-8")
    return log


def test_what_is_written_is_read_back(log: Path) -> None:
    with EventLog(log) as events:
        events.begun("a", "create")
        events.done("a", "create")
        events.begun("b", "update")
        events.failed("b", "update")
        events.begun("c", "create")
    run = read(log)
    assert [(span.urn, span.action, span.how) for span in run.spans.values()] == [
        ("a", "create", ""),
        ("b", "update", "failed"),
        ("c", "create", "not finished"),
    ]
    assert all(0 <= span.began <= span.ended <= run.seconds for span in run.spans.values())


def test_only_its_owner_reads_it_and_each_up_has_its_own(log: Path) -> None:
    for urn in ("first", "second"):
        with EventLog(log) as events:
            events.begun(urn, "create")
    assert log.stat().st_mode & 0o777 == 0o600
    assert list(read(log).spans) == ["second"]


def test_it_can_be_read_while_the_run_is_on_and_after_it_was_killed(log: Path) -> None:
    events = EventLog(log)
    events.begun("a", "create")
    events.done("a", "create")
    events.begun("b", "create")
    assert [span.how for span in read(log).spans.values()] == ["", "not finished"]
    log.write_text(log.read_text(encoding="utf-8") + '{"timestamp": 17000', encoding="utf-8")
    assert [span.how for span in read(log).spans.values()] == ["", "not finished"]


def test_events_that_come_after_the_end_are_no_error(log: Path) -> None:
    with EventLog(log) as events:
        events.begun("a", "create")
    events.done("a", "create")
    assert read(log).spans["a"].how == "not finished"


def test_a_run_does_not_stop_because_its_log_has_no_room_or_no_place(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (on_a_full_disk(tmp_path), tmp_path / "file" / "events"):
        with EventLog(place) as events:
            events.begun("a", "create")
            events.done("a", "create")


def test_where_there_is_no_room_the_log_of_the_run_before_stays(tmp_path: Path) -> None:
    place = on_a_full_disk(tmp_path)
    place.write_text("of the run before\n")
    with EventLog(place) as events:
        events.begun("a", "create")
    assert place.read_text() == "of the run before\n"
    assert [file.name for file in tmp_path.iterdir()] == [place.name]


def on_a_full_disk(folder: Path) -> Path:
    """A log's place, at which what is begun for it has no room."""
    (folder / "dev.new").symlink_to("/dev/full")
    return folder / "dev.jsonl"


def test_the_engines_own_log_is_read_and_what_it_previewed_first_is_not(log: Path) -> None:
    lines = [
        json.dumps({"sequence": 0, "timestamp": 1700000000, "preludeEvent": {"config": {}}}),
        engines(1, "resourcePreEvent", "a", planning=True),
        engines(1, "resOutputsEvent", "a", planning=True),
        engines(4, "resourcePreEvent", "a"),
        engines(5, "diagnosticEvent", "a"),
        engines(7, "resOutputsEvent", "a"),
        json.dumps({"sequence": 9, "timestamp": 1700000009, "cancelEvent": {}}),
    ]
    run = read(write(log, lines))
    assert run.spans == {"a": Span("a", "create", 4.0, 7.0)}
    assert (run.seconds, run.removed) == (9.0, 0)


def test_a_replacement_is_one_span_and_what_goes_is_counted_apart(log: Path) -> None:
    lines = [
        engines(0, "resourcePreEvent", "a", "create-replacement"),
        engines(3, "resOutputsEvent", "a", "create-replacement"),
        engines(3, "resourcePreEvent", "a", "replace"),
        engines(4, "resOutputsEvent", "a", "replace"),
        engines(5, "resourcePreEvent", "a", "delete-replaced"),
        engines(8, "resOutputsEvent", "a", "delete-replaced"),
        engines(5, "resourcePreEvent", "gone", "delete"),
        engines(9, "resOutputsEvent", "gone", "delete"),
    ]
    run = read(write(log, lines))
    assert run.spans == {"a": Span("a", "replace", 0.0, 4.0)}
    assert (run.seconds, run.removed) == (9.0, 2)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "got one in which no resource was begun"),
        (engines(1, "resourcePreEvent", "a", planning=True), "got one in which no resource was begun"),
        ("all:\n\tmake\n", "got something else (line 1 is not JSON)"),
        ('{"timestamp": 1, "resourcePreEvent": {"x": 1}}', "got JSON lines of something else"),
        ("[1]\n[2]\n", "got JSON lines of something else"),
    ],
)
def test_another_file_is_refused_in_one_line_that_names_it(log: Path, text: str, said: str) -> None:
    with pytest.raises(MeshlabError) as caught:
        read(write(log, [text]))
    assert str(caught.value).startswith(f"{log}: expected ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_or_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(MeshlabError, match="got no such file"):
        read(tmp_path / "none")
    with pytest.raises(MeshlabError, match="cannot be read: Is a directory"):
        read(tmp_path)


def test_of_the_engines_events_no_input_and_no_output_is_kept(log: Path) -> None:
    values = {"inputs": {"password": CANARY}, "outputs": {"password": CANARY}, "urn": "a", "type": "x", "id": CANARY}
    metadata = {
        "op": "create",
        "urn": "a",
        "type": "x",
        "provider": "",
        "old": values,
        "new": values,
        "diffs": [CANARY],
    }
    with EventLog(log) as events:
        watch = Watch(None, events)
        for kind in ("resourcePreEvent", "resOutputsEvent", "resOpFailedEvent"):
            event = {"sequence": 1, "timestamp": 1, kind: {"metadata": metadata, "status": 0, "steps": 0}}
            watch.see(EngineEvent.from_json(event))
    assert sightings(CANARY, files_below(log.parent)) == []
    assert {key for line in log.read_text(encoding="utf-8").splitlines() for key in json.loads(line)} == {
        *("timestamp", "preludeEvent", "resourcePreEvent", "resOutputsEvent", "resOpFailedEvent", "summaryEvent")
    }
    assert [(span.urn, span.how) for span in read(log).spans.values()] == [("a", "failed")]


class Up:
    """In the place of the engine's own `up`: it does every resource of the program in order, up to one that fails."""

    def __init__(self, driver: EngineDriver, broken: str = "") -> None:
        self._urns = list(parts_of(driver.recording.resources))
        self._broken = broken

    def run(self, on_event: Any, **options: Any) -> None:
        for urn in self._urns:
            fails = urn.endswith(f"::{self._broken}")
            for kind in ("resourcePreEvent", "resOpFailedEvent" if fails else "resOutputsEvent"):
                on_event(EngineEvent.from_json(json.loads(engines(1, kind, urn, status=0, steps=0))))
            if fails:
                raise CommandError(CommandResult("", "error: it broke", 255))


@pytest.fixture
def driver(tmp_path: Path) -> EngineDriver:
    engine = pretended_pulumi.engine(tmp_path / "bin", otherwise="echo '{}'")
    target = Target(tmp_path / "kubeconfig", embedded=True, label="test")
    return EngineDriver(engine, target, Stack.load("dev"), lambda line: None, tmp_path)


def test_every_resource_that_the_engine_tells_of_is_in_the_log(
    driver: EngineDriver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver.stack, "up", Up(driver).run)
    outcome = driver.up()
    spans = read(log_file("dev", tmp_path)).spans
    assert spans.keys() == parts_of(driver.recording.resources).keys()
    assert {span.how for span in spans.values()} == {""}
    assert [step.name for step in outcome.steps] == [urn.rpartition("::")[2] for urn in spans]


def test_a_failure_leaves_a_log_with_what_failed(
    driver: EngineDriver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver.stack, "up", Up(driver, broken="istio-base").run)
    with pytest.raises(LabError, match="it broke"):
        driver.up()
    spans = read(log_file("dev", tmp_path)).spans.values()
    assert [span.urn.rpartition("::")[2] for span in spans if span.how == "failed"] == ["istio-base"]
    assert [span for span in spans if not span.how]


def test_the_log_of_a_stack_is_in_the_state_folder() -> None:
    assert log_file("dev", Path("state")) == Path("state/events/dev.jsonl")

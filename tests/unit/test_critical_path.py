"""The chain that decided an `up`, from times and needs, and how the command tells of it."""

import re
from pathlib import Path

import pytest

from meshlab.cli.commands import graph
from meshlab.cli.main import main
from meshlab.engine.events import EventLog, Run, Span, log_file
from meshlab.graph.critical_path import Chain, chain_of
from meshlab.recording.recorder import Recording

# From when to when each is dealt with.
TIMES = {"namespace": (1.0, 2.0), "crds": (2.5, 6.0), "secret": (2.0, 2.25), "stack": (6.0, 10.0), "apart": (1.0, 9.0)}
NEEDS = {"namespace": [], "crds": ["namespace"], "secret": ["namespace"], "stack": ["crds", "secret"], "apart": []}


def run(times: dict[str, tuple[float, float]], seconds: float = 11.0) -> Run:
    return Run(seconds, {urn: Span(urn, "create", *when) for urn, when in times.items()}, 0)


def names(chain: Chain) -> list[str]:
    return [link.span.urn for link in chain.links]


def test_the_chain_goes_back_over_the_needs_that_end_last() -> None:
    assert names(chain_of(run(TIMES), NEEDS)) == ["namespace", "crds", "stack"]


def test_each_link_has_its_own_seconds_and_the_gap_before_it() -> None:
    chain = chain_of(run(TIMES), NEEDS)
    assert [(link.gap, link.span.seconds) for link in chain.links] == [(1.0, 1.0), (0.5, 3.5), (0.0, 4.0)]
    assert (chain.own, chain.gaps) == (8.5, 1.5)
    assert chain.own + chain.gaps == chain.links[-1].span.ended <= chain.seconds


def test_what_has_no_times_is_passed_over_and_its_needs_stand_in_its_place() -> None:
    times = {urn: when for urn, when in TIMES.items() if urn != "crds"}
    needs = {**NEEDS, "stack": ["crds"]}
    assert names(chain_of(run(times), needs)) == ["namespace", "stack"]


def test_what_the_program_does_not_have_is_in_no_chain() -> None:
    chain = chain_of(run({**TIMES, "component": (0.0, 99.0)}), NEEDS)
    assert names(chain)[-1] == "stack"
    assert chain.among == len(TIMES)


def test_with_whole_seconds_a_need_that_follows_from_another_is_not_preferred() -> None:
    times = {"a": (1.0, 2.0), "b": (2.0, 2.0), "c": (2.0, 3.0)}
    assert names(chain_of(run(times), {"a": [], "b": ["a"], "c": ["a", "b"]})) == ["a", "b", "c"]


def test_of_resources_that_end_at_once_the_chain_has_those_that_the_last_needs() -> None:
    times = {"c": (1.0, 1.0), "b": (1.0, 1.0), "a": (1.0, 1.0)}
    assert names(chain_of(run(times), {"c": [], "b": ["c"], "a": ["b"]})) == ["c", "b", "a"]


def test_a_run_without_any_of_the_resources_has_no_chain() -> None:
    assert chain_of(run({"other": (1.0, 2.0)}), NEEDS).links == ()


# The command


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(graph, "STATE", tmp_path)
    return tmp_path


def test_the_command_lists_the_chain_of_the_last_up(
    state: Path, dev: Recording, capsys: pytest.CaptureFixture[str]
) -> None:
    chain = [dev.named(name).urn for name in ("istio-namespace", "istio-base", "istio-istiod-1-17")]
    with EventLog(log_file("dev", state)) as log:
        for urn in chain:
            log.begun(urn, "create")
            log.done(urn, "create")
        log.begun("gone", "delete")
    assert main(["graph", "--critical"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"dev: up took \d+\.\d s; these decided it, each waiting for the one before", lines[0])
    assert [line.split("  ")[-1] for line in lines[3:6]] == [f"{urn.rpartition('::')[2]} (create)" for urn in chain]
    assert lines[6].endswith("3 of 3 resources")
    assert lines[-1].endswith("in which 1 were removed.")


def test_a_failed_or_unfinished_end_says_so(state: Path, dev: Recording, capsys: pytest.CaptureFixture[str]) -> None:
    with EventLog(state / "log") as log:
        log.begun(dev.named("istio-namespace").urn, "create")
        log.failed(dev.named("istio-namespace").urn, "create")
    assert main(["graph", "--events", str(state / "log")]) == 0
    assert "istio-namespace (create, failed)" in capsys.readouterr().out


def test_where_there_is_no_log_one_line_says_what_to_do(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["graph", "--critical", "--stack", "prod"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("prod: no log of an `up` here (bring it up with: make up STACK=prod; or name a log")


def test_a_log_of_another_stack_is_refused(state: Path, dev: Recording, capsys: pytest.CaptureFixture[str]) -> None:
    with EventLog(state / "log") as log:
        log.begun(dev.named("istio-namespace").urn, "create")
    assert main(["graph", "--stack", "prod", "--events", str(state / "log")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"{state / 'log'}: expected an `up` of stack prod, got one with none of its resources in it"

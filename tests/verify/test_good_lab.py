"""On a cluster where all is well, every check of every stack passes or says why it does not apply."""

import pytest

from meshlab.recording.recorder import record
from meshlab.results.outcome import Result, Status
from meshlab.verify.checks import all_checks
from meshlab.verify.program import Program
from meshlab.verify.runner import run_checks
from settings.models import Settings
from tests.support.stacks import STACKS, overlaid, settings_of
from tests.verify.running_pods import World


def results(world: World) -> list[Result]:
    """What comes of all checks."""
    with world.running() as cluster:
        return run_checks(all_checks(world.settings), world.settings, world.program, cluster, lambda line: None)


def failed(found: list[Result]) -> str:
    """What failed, a line each."""
    return "\n".join(f"{outcome.id}: {outcome.seen}" for outcome in found if outcome.status is Status.FAILED)


def test_every_check_passes_but_those_of_the_scenarios_that_are_not_in_force(world: World) -> None:
    found = results(world)
    assert failed(found) == ""
    assert {outcome.id: outcome.seen for outcome in found if outcome.status is Status.NOT_APPLICABLE} == {
        "lab01.scenario-timeout": "scenario base is in force",
        "lab01.scenario-retry": "scenario base is in force",
    }


@pytest.mark.parametrize("stack", STACKS)
def test_no_check_is_at_odds_with_any_stack(stack: str) -> None:
    config = overlaid(stack, {})
    settings: Settings = settings_of(stack, config)
    found = results(World(Program.of_resources(record(stack, config=config).resources), settings))
    assert failed(found) == ""
    reasons = ("the stack has ", "scenario ")
    assert [
        outcome.seen
        for outcome in found
        if outcome.status is Status.NOT_APPLICABLE and not outcome.seen.startswith(reasons)
    ] == []
    assert sum(outcome.status is Status.PASSED for outcome in found) >= 30


def test_stacks_are_found() -> None:
    assert "dev" in STACKS

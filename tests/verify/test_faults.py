"""Every fault turns the check red that is there for it, and every check has a fault that turns it red."""

import re
from collections.abc import Callable

import pytest

from meshlab.recording.recorder import record
from meshlab.results.outcome import Result, Status
from meshlab.verify.checks import all_checks
from meshlab.verify.program import Program
from settings.models import Settings
from tests.support.stacks import overlaid, settings_of
from tests.verify import faults_lab01, faults_lab02, faults_lab03
from tests.verify.faults import Fault
from tests.verify.running_pods import World

FAULTS = [*faults_lab01.FAULTS, *faults_lab02.FAULTS, *faults_lab03.FAULTS]


@pytest.fixture(scope="session")
def scenarios(program: Program, settings: Settings) -> Callable[[str], tuple[Program, Settings]]:
    """The program and settings of the dev stack with a scenario in force."""
    known = {"base": (program, settings)}

    def of(scenario: str) -> tuple[Program, Settings]:
        if scenario not in known:
            config = overlaid("dev", {"envoyDemo": {"scenario": scenario}})
            recording = record("dev", config=config)
            known[scenario] = (Program.of_resources(recording.resources), settings_of("dev", config))
        return known[scenario]

    return of


@pytest.mark.parametrize("fault", FAULTS, ids=[f"{fault.check}: {fault.name}" for fault in FAULTS])
def test_a_fault_turns_its_check_red_and_the_check_says_what_it_saw(
    fault: Fault,
    scenarios: Callable[[str], tuple[Program, Settings]],
    verify: Callable[[World, str], Result],
) -> None:
    world = World(*scenarios(fault.scenario))
    fault.break_it(world)
    result = verify(world, fault.check)
    assert result.status is Status.FAILED, result.seen
    assert re.search(fault.seen, result.seen), result.seen
    assert "the check itself broke" not in result.seen


@pytest.mark.parametrize("scenario", ["timeout", "retry"])
def test_the_other_scenarios_pass_where_they_are_in_force(
    scenario: str,
    scenarios: Callable[[str], tuple[Program, Settings]],
    verify: Callable[[World, str], Result],
) -> None:
    world = World(*scenarios(scenario))
    for check in ("lab01.envoy-config", f"lab01.scenario-{scenario}"):
        result = verify(world, check)
        assert result.status is Status.PASSED, result.seen
    assert verify(world, "lab01.scenario-base").status is Status.NOT_APPLICABLE


def test_retries_are_measured_again_where_somebody_else_called_meanwhile(
    scenarios: Callable[[str], tuple[Program, Settings]], verify: Callable[[World, str], Result]
) -> None:
    world = World(*scenarios("retry"))
    world.failing_calls_of_others = 2
    assert verify(world, "lab01.scenario-retry").status is Status.PASSED
    assert world.failing_calls == 3
    world.failing_calls_of_others = 99
    result = verify(world, "lab01.scenario-retry")
    assert result.status is Status.FAILED
    assert result.seen.endswith("other callers made 4 requests meanwhile")


def test_a_first_call_is_made_so_that_the_ten_show_as_a_rise(
    world: World, verify: Callable[[World, str], Result]
) -> None:
    world.requests_counted = None
    assert verify(world, "lab03.load").seen == "from 1 to 11"


def test_calls_of_others_do_not_spoil_the_ten(world: World, verify: Callable[[World, str], Result]) -> None:
    world.counted_per_call = 2.0
    assert verify(world, "lab03.load").seen == "from 5 to 25 (others call as well)"


def test_every_check_has_a_fault(settings: Settings) -> None:
    assert {check.id for check in all_checks(settings)} == {fault.check for fault in FAULTS}


def test_ids_and_titles_of_checks_are_told_apart(settings: Settings) -> None:
    checks = all_checks(settings)
    assert len({check.id for check in checks}) == len({check.title for check in checks}) == len(checks)

"""The dev stack's program and settings, and its good lab."""

from collections.abc import Callable

import pytest

from meshlab.recording.recorder import Recording
from meshlab.results.outcome import Result
from meshlab.verify.check import Context, Deadline
from meshlab.verify.checks import all_checks
from meshlab.verify.program import Program
from meshlab.verify.runner import run_check
from settings.models import Settings
from tests.support.stacks import overlaid, settings_of
from tests.verify.running_pods import World


@pytest.fixture(scope="session")
def program(dev: Recording) -> Program:
    return Program.of_resources(dev.resources)


@pytest.fixture(scope="session")
def settings() -> Settings:
    return settings_of("dev", overlaid("dev", {}))


@pytest.fixture
def world(program: Program, settings: Settings) -> World:
    """The good lab, to be broken."""
    return World(program, settings)


Verify = Callable[[World, str], Result]


@pytest.fixture
def verify() -> Verify:
    """Runs one check, by its id, on a world. With a pause that is longer than its time, it looks once and not again."""

    def run(world: World, identity: str) -> Result:
        (check,) = [check for check in all_checks(world.settings) if check.id == identity]
        with world.running() as cluster:
            context = Context(world.settings, world.program, cluster, Deadline(60), lambda line: None, pause=61)
            return run_check(check, context)

    return run

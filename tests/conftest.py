"""What every tier shares: places of its own, the switch that rewrites golden files, and the recorded dev stack."""

import gc

import tests.support.own_places  # noqa: F401, before anything that reads what it sets

# isort: split
import pytest

from meshlab.__main__ import ALLOCATIONS
from meshlab.recording.recorder import Recording, record
from tests.support.side_by_side import (  # noqa: F401
    pytest_collection_modifyitems,
    pytest_xdist_make_scheduler,
)
from tests.support.tier_report import pytest_configure, pytest_itemcollected, pytest_terminal_summary  # noqa: F401


def pytest_collection_finish() -> None:
    """Have Python look for cycles as seldom as in a command, and not among the tests."""
    gc.freeze()
    gc.set_threshold(ALLOCATIONS)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden dumps instead of comparing")


@pytest.fixture(scope="session")
def dev() -> Recording:
    """The dev stack as a preview would register it."""
    return record("dev")

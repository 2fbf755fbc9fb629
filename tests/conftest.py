"""What every tier shares: places of its own, the switch that rewrites golden files, and the recorded dev stack."""

import tests.support.own_places  # noqa: F401, before anything that reads what it sets

# isort: split
import pytest

from meshlab.recorder import Recording, record
from tests.support.tier_report import pytest_configure, pytest_itemcollected, pytest_terminal_summary  # noqa: F401


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden dumps instead of comparing")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep together, on one of several workers, the tests of a file and all that look at the one long run."""
    for item in items:
        shared = "evidence" in getattr(item, "fixturenames", ())
        item.add_marker(pytest.mark.xdist_group("evidence" if shared else item.path.stem))


@pytest.fixture(scope="session")
def dev() -> Recording:
    """The dev stack as a preview would register it."""
    return record("dev")

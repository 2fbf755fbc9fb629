"""What every tier shares: places of its own, the switch that rewrites golden files, and the recorded dev stack."""

import tests.support.own_places  # noqa: F401, before anything that reads what it sets

# isort: split
import pytest

from meshlab.recorder import Recording, record


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden dumps instead of comparing")


@pytest.fixture(scope="session")
def dev() -> Recording:
    """The dev stack as a preview would register it."""
    return record("dev")

"""What tiers share: places of their own, the switch that rewrites golden files, and the dev stack, recorded or up."""

import gc
from collections.abc import Iterator

import tests.support.own_places  # noqa: F401, before anything that reads what it sets

# isort: split
import pytest

from meshlab.__main__ import ALLOCATIONS
from meshlab.recording.recorder import Recording, record
from tests.support.lab import Lab
from tests.support.labs import Labs
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


@pytest.fixture(scope="session")
def dev_labs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Labs]:
    """The lab of all files that take `dev_lab`."""
    found = Labs(lambda: tmp_path_factory.mktemp("dev"), "dev", {}, {})
    yield found
    found.close()


@pytest.fixture(scope="module")
def dev_lab(dev_labs: Labs, request: pytest.FixtureRequest) -> Iterator[Lab]:
    """The stack dev as it is shipped, brought up: for files that put back what they change."""
    failed = request.session.testsfailed
    with dev_labs.one() as lab:
        yield lab
    takers = [item.path for item in request.session.items if request.fixturename in getattr(item, "fixturenames", ())]
    # A file that failed may have left something changed; after the last one, the cluster would only cost time.
    if request.session.testsfailed > failed or request.path == takers[-1]:
        dev_labs.close()

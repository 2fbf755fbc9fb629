"""The lab that files of this tier share."""

from collections.abc import Iterator

import pytest

from tests.support.lab import Lab
from tests.support.labs import Labs


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

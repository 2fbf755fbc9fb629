"""The one real run that several files of this tier judge."""

import pytest

from tests.support.evidence import Evidence, gather


@pytest.fixture(scope="session")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    """All that was seen of the lab on an embedded cluster; nothing of it runs any more."""
    return gather(tmp_path_factory.mktemp("proof"))

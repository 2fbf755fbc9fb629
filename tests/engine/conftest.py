"""The engine keeps its state in a test's own folder, whatever the caller's environment says."""

from collections.abc import Iterator

import pytest

from meshlab.engine_secrets import BACKEND, PASSPHRASE, PASSPHRASE_FILE


@pytest.fixture(scope="session", autouse=True)
def no_backend_of_the_callers() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in (BACKEND, PASSPHRASE, PASSPHRASE_FILE):
            patch.delenv(name, raising=False)
        yield

"""What holds for the whole tier: the engine keeps its state in a test's own folder."""

from collections.abc import Iterator

import pytest

from meshlab.engine_secrets import BACKEND, PASSPHRASE, PASSPHRASE_FILE


@pytest.fixture(scope="session", autouse=True)
def no_backend_of_the_callers() -> Iterator[None]:
    """Whatever backend and passphrase the caller's environment names."""
    with pytest.MonkeyPatch.context() as patch:
        for name in (BACKEND, PASSPHRASE, PASSPHRASE_FILE):
            patch.delenv(name, raising=False)
        yield

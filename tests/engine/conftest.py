"""What holds for the whole tier: it needs a real engine, and that keeps its state in a test's own folder."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshlab.engine_secrets import BACKEND, PASSPHRASE, PASSPHRASE_FILE

HERE = Path(__file__).parent
NEEDED = (
    "pulumi",
    "pulumi-language-python",
    "pulumi-resource-pulumi-python",
    "pulumi-resource-kubernetes",
    "pulumi-resource-random",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing:
        skipped = pytest.mark.skip(reason=f"not on PATH: {', '.join(missing)}")
        # The hook is given every test of the run, other tiers' among them.
        for item in items:
            if HERE in item.path.parents:
                item.add_marker(skipped)


@pytest.fixture(scope="session", autouse=True)
def no_backend_of_the_callers() -> Iterator[None]:
    """Whatever backend and passphrase the caller's environment names."""
    with pytest.MonkeyPatch.context() as patch:
        for name in (BACKEND, PASSPHRASE, PASSPHRASE_FILE):
            patch.delenv(name, raising=False)
        yield

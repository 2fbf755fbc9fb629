"""One cluster with a real node for the tests that only look at it, the image that its pods run, and a whole lab."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded.cluster import CLUSTER_TOOLS, EmbeddedCluster
from embedded.node import NODE_TOOLS, NodeError, check
from embedded.tools import toolchain
from tests.support.charts import REAL_CHARTS
from tests.support.node_commands import Commands
from tests.support.node_images import IMAGE, python_image


@pytest.fixture(scope="session", autouse=True)
def needed() -> None:
    try:
        check()
        toolchain.ensure([*CLUSTER_TOOLS, *NODE_TOOLS])
    except (NodeError, toolchain.ToolsMissingError) as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module", autouse=True)
def stand_ins() -> Iterator[None]:
    """The istiod of the real node is too new for the real charts of the stacks, which other tiers may want."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(REAL_CHARTS, raising=False)
        yield


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of the image IMAGE."""
    return python_image(tmp_path_factory.mktemp("image") / "image.tar", IMAGE)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, image: Path) -> Iterator[EmbeddedCluster]:
    folder = tmp_path_factory.mktemp("state")
    with EmbeddedCluster.up("real", nodes=2, state_dir=folder, real_node=True, images=[image]) as running:
        yield running


@pytest.fixture(scope="session")
def meshlab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    """The commands, on one cluster for all files that take them; the last of them brings it down."""
    commands = Commands(tmp_path_factory.mktemp("state"))
    yield commands
    commands.remove()


@pytest.fixture(scope="session")
def told(meshlab: Commands) -> str:
    """What `up` says."""
    return meshlab.ok("up", "--node", "real")

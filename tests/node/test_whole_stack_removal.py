"""`make down` after `make up NODE=real`: after the other files that take the lab (tests/support/side_by_side.py)."""

import pytest

from embedded.cluster import record
from embedded.node import cgroups
from kube.cluster import Cluster
from tests.support.node_commands import Commands

pytestmark = [pytest.mark.timeout(900), pytest.mark.usefixtures("told")]


def test_down_leaves_nothing_of_the_node(meshlab: Commands) -> None:
    mine = meshlab.record
    assert Cluster(mine.kubeconfig).version()
    meshlab.ok("down")
    assert mine.processes() == []
    assert list(cgroups.existing(mine.identifier)) == []
    assert record.read_all(meshlab.state) == []

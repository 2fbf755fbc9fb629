"""The embedded cluster in another minor of Kubernetes, and what an API server says of what is deprecated or gone."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from base.errors import MeshlabError
from embedded import cluster as clusters
from embedded.cluster import CLUSTER_TOOLS, EmbeddedCluster, record
from embedded.tools import kubernetes, toolchain
from kube.cluster import SERVICES
from kube.cluster import Cluster as Live
from meshlab.doctor.plan import PlannedObject
from meshlab.rehearse.objects import deprecated, requested, served
from meshlab.rehearse.outcome import RehearsalResult

# The newest beside the pin: of those that a user is the most likely to rehearse on.
OTHER = [minor for minor in kubernetes.minors() if minor != kubernetes.pinned()][-1]
ENDPOINTS = PlannedObject(
    "Endpoints default/old",
    {"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "old", "namespace": "default"}},
)
SERVICE = PlannedObject(
    "Service default/new",
    {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "new", "namespace": "default"},
        "spec": {"ports": [{"port": 80}]},
    },
)
GONE = PlannedObject(
    "PodDisruptionBudget default/gone",
    {
        "apiVersion": "policy/v1beta1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "gone", "namespace": "default"},
    },
)


@pytest.fixture(scope="module")
def state_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("minors")


@pytest.fixture(scope="module")
def cluster(state_dir: Path) -> Iterator[EmbeddedCluster]:
    """A cluster of another minor, which stays until it is taken down."""
    try:
        toolchain.ensure(kubernetes.keys(CLUSTER_TOOLS, OTHER).values())
    except toolchain.ToolsMissingError as missing:
        pytest.skip(str(missing))
    yield clusters.up(state_dir, "other", kubernetes=OTHER)
    assert clusters.down(state_dir, "other")


def version(cluster: EmbeddedCluster) -> str:
    """What all parts of the control plane run in; an API server tells its own."""
    return str(json.loads(cluster.kubectl("get", "--raw", "/version").stdout)["gitVersion"])


def test_the_server_is_of_the_minor_that_was_asked_for(cluster: EmbeddedCluster, state_dir: Path) -> None:
    assert version(cluster) == cluster.kubernetes == kubernetes.release(OTHER)
    assert [listed.kubernetes for listed in clusters.status(state_dir)] == [kubernetes.release(OTHER)]


def test_a_cluster_that_is_there_is_right_for_who_asks_for_no_minor(cluster: EmbeddedCluster, state_dir: Path) -> None:
    assert clusters.up(state_dir, "other").server == cluster.server
    assert clusters.up(state_dir, "other", kubernetes=OTHER).server == cluster.server


def test_a_cluster_of_another_minor_is_refused_in_one_line(cluster: EmbeddedCluster, state_dir: Path) -> None:
    with pytest.raises(MeshlabError) as caught:
        clusters.up(state_dir, "other", kubernetes=kubernetes.pinned())
    assert str(caught.value) == (
        f"embedded cluster other runs Kubernetes {kubernetes.release(OTHER)}, expected {kubernetes.pinned()}: end that "
        "one first, with all that is on it (meshlab cluster down --name other)"
    )


def test_a_cluster_starts_again_in_its_own_minor(cluster: EmbeddedCluster, state_dir: Path) -> None:
    cluster.kubectl("create", "namespace", "kept")
    held = record.read(state_dir, "other")
    assert held
    for pid in held.processes():
        os.kill(pid, signal.SIGKILL)
    again = clusters.up(state_dir, "other")
    assert version(again) == kubernetes.release(OTHER)
    assert "kept" in again.kubectl("get", "namespaces").stdout


def test_the_api_servers_own_warnings_name_the_object(cluster: EmbeddedCluster) -> None:
    live = Live(cluster.kubeconfig)
    cell = deprecated(live, live.kinds(), [ENDPOINTS, SERVICE])
    assert cell.result is RehearsalResult.WARNING
    (line,) = cell.details
    assert line.startswith("v1 Endpoints is deprecated in v1.33+")
    assert line.endswith(": Endpoints default/old")
    assert deprecated(live, live.kinds(), [SERVICE]).result is RehearsalResult.OK
    names = [service["metadata"]["name"] for service in live.list(SERVICES, "default")]
    assert "new" not in names, "it was a dry run"


def test_an_api_version_that_is_gone_is_named_with_its_objects(cluster: EmbeddedCluster) -> None:
    kinds = Live(cluster.kubeconfig).kinds()
    assert served(kinds, [SERVICE]).result is RehearsalResult.OK
    cell = served(kinds, [SERVICE, GONE])
    assert (cell.result, cell.text) == (RehearsalResult.FAILED, "1 not served")
    assert cell.details == ("policy/v1beta1 PodDisruptionBudget is not served here: PodDisruptionBudget default/gone",)


def test_the_api_server_counts_requests_of_deprecated_apis(cluster: EmbeddedCluster) -> None:
    live = Live(cluster.kubeconfig)
    before = live.deprecated_requests()
    assert "componentstatuses/v1" not in before
    cluster.kubectl("get", "componentstatuses")
    cell = requested(before, live.deprecated_requests())
    assert (cell.result, cell.details) == (RehearsalResult.WARNING, ("componentstatuses/v1",))

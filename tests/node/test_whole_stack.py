"""`make up NODE=real` and what comes after, by the commands that a person types. One story."""

import pytest

from embedded.cluster import record
from embedded.node import cgroups
from kube.cluster import Cluster
from tests.support.node_commands import Commands, unlike
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(900)
CANNOT_BE_HAD = ("grafana", "dashboard-", "kiali-")
"""Checks, by how their names go on, of programs that no image is built of: Grafana and Kiali."""
NEEDS_ISTIOS_FILTERS = {"lab03.load", "lab03.queries-istio-service", "lab03.queries-istio-workload"}


def test_up_says_what_it_builds_and_what_it_switches_off(told: str) -> None:
    assert "image docker.io/kong/httpbin:0.2.3: built here: " in told
    assert "image docker.io/grafana/grafana:" in told
    assert "sidecars: on the real node they run the published Envoy, without Istio's own filters" in told


@pytest.mark.usefixtures("told")
def test_no_check_of_verify_fails_and_what_can_run_passes(meshlab: Commands) -> None:
    # Prometheus has to have scraped and evaluated once.
    results = eventually(lambda: None if unlike(found := meshlab.verified(), *SETTLED) else found, "none fails", 180)
    assert results
    applicable = {
        name: result
        for name, result in results.items()
        if name not in NEEDS_ISTIOS_FILTERS
        and not name.startswith(tuple(f"lab03.{beginning}" for beginning in CANNOT_BE_HAD))
        and not name.startswith("lab01.scenario-")
    }
    assert unlike(applicable, "passed") == {}
    figures = [sum(result["status"] == status for result in results.values()) for status in SETTLED]
    print(f"verify: {figures[0]} passed, {figures[1]} not applicable here, of {len(results)}")
    assert figures[0] >= 47


SETTLED = ("passed", "not applicable here")


@pytest.mark.usefixtures("told")
def test_another_up_changes_nothing_and_nothing_has_drifted(meshlab: Commands) -> None:
    assert ", 0 changed, in " in meshlab.ok("up")
    assert "dev: no drift among" in meshlab.ok("drift")


@pytest.mark.usefixtures("told")
def test_down_leaves_nothing_of_the_node(meshlab: Commands) -> None:
    mine = meshlab.record
    assert Cluster(mine.kubeconfig).version()
    meshlab.ok("down")
    assert mine.processes() == []
    assert list(cgroups.existing(mine.identifier)) == []
    assert record.read_all(meshlab.state) == []

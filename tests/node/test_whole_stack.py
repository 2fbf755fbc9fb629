"""`make up NODE=real` and what comes after, by the commands that a person types. One story."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from embedded.cluster import record
from embedded.node import cgroups
from kube.cluster import Cluster
from meshlab.target import EMBEDDED
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(900)
PROJECT = Path(__file__).resolve().parents[2]
LIMIT = 600
CANNOT_BE_HAD = ("grafana", "dashboard-", "kiali-")
"""Checks, by how their names go on, of programs that no image is built of: Grafana and Kiali."""
NEEDS_ISTIOS_FILTERS = {"lab03.load", "lab03.queries-istio-service", "lab03.queries-istio-workload"}


class Commands:
    """meshlab with a state folder of its own."""

    def __init__(self, state: Path) -> None:
        self.state = state

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "meshlab", *words, "--stack", "dev"]
        env = {**os.environ, "MESHLAB_STATE": str(self.state)}
        return subprocess.run(command, capture_output=True, text=True, cwd=PROJECT, env=env, timeout=LIMIT, check=False)

    def ok(self, *words: str) -> str:
        done = self.run(*words)
        assert done.returncode == 0, f"{words}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout

    @property
    def record(self) -> record.ClusterRecord:
        found = record.read(self.state, EMBEDDED)
        assert found
        return found


@pytest.fixture(scope="module")
def meshlab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    commands = Commands(tmp_path_factory.mktemp("state"))
    yield commands
    left = record.read(commands.state, EMBEDDED)
    if left:
        left.remove()


@pytest.fixture(scope="module")
def told(meshlab: Commands) -> str:
    """What `up` says."""
    return meshlab.ok("up", "--node", "real")


def verified(meshlab: Commands) -> dict[str, dict[str, Any]]:
    """The results of verify by check."""
    return {check["id"]: check for check in json.loads(meshlab.run("verify", "--json").stdout)["checks"]}


def unlike(results: dict[str, dict[str, Any]], *statuses: str) -> dict[str, str]:
    return {name: f"{one['status']}: {one['seen']}" for name, one in results.items() if one["status"] not in statuses}


def test_up_says_what_it_builds_and_what_it_switches_off(told: str) -> None:
    assert "image docker.io/kong/httpbin:0.2.3: built here: " in told
    assert "image docker.io/grafana/grafana:" in told
    assert "sidecars: on the real node they run the published Envoy, without Istio's own filters" in told


@pytest.mark.usefixtures("told")
def test_no_check_of_verify_fails_and_what_can_run_passes(meshlab: Commands) -> None:
    # Prometheus has to have scraped and evaluated once.
    results = eventually(lambda: None if unlike(found := verified(meshlab), *SETTLED) else found, "none fails", 180)
    assert results
    applicable = {
        name: one
        for name, one in results.items()
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
    assert record.read(meshlab.state, EMBEDDED) is None

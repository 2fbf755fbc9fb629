"""Lab 01 on the real node: every row of its table, and no request lost from scenario to scenario. One story."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from meshlab.engine.outcome import Outcome
from tests.support.inventory import objects
from tests.support.lab import Lab, driver
from tests.support.node_caller import Calls, calling, has_lost
from tests.support.node_lab import not_passed, real_lab, verified
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(900)
ENVOY = "http://envoy.default/get"
SCENARIOS = ("base", "timeout", "retry")
OF_LAB_01 = ("docker.io/kong/httpbin:0.2.3", "docker.io/curlimages/curl:8.16.0", "docker.io/envoyproxy/envoy:v1.40.0")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, image: Path) -> Iterator[Lab]:
    with real_lab(tmp_path_factory.mktemp("lab01"), "lab01", image, OF_LAB_01) as lab:
        yield lab


def scenario(name: str) -> dict[str, dict[str, object]]:
    # Outside the mesh, as the lab's first part has it.
    return {"envoyDemo": {"scenario": name}, "mesh": {"namespaces": {}}}


def up(lab: Lab, name: str) -> Outcome:
    return driver(lab, **scenario(name)).up()


def failures(lab: Lab, name: str) -> dict[str, str]:
    """The rows of `meshlab verify --lab 1` that do not pass, without those of the other scenarios."""
    others = {f"lab01.scenario-{other}" for other in SCENARIOS if other != name}
    results = verified(lab, lab.declared(**scenario(name)), 1)
    return not_passed({check: result for check, result in results.items() if check not in others})


def test_the_pods_of_lab_01_run_on_the_real_node(lab: Lab) -> None:
    up(lab, "base")
    pods = objects(lab.cluster, "pods", "-n", "default")
    assert {pod["metadata"]["labels"]["app"]: pod["spec"]["nodeName"] for pod in pods} == dict.fromkeys(
        ("envoy", "httpbin", "sleep"), "real-node"
    )


def test_every_row_of_the_table_passes_in_base(lab: Lab) -> None:
    assert failures(lab, "base") == {}


@pytest.mark.parametrize("name", ["timeout", "retry", "base"])
def test_a_roll_to_another_scenario_loses_no_request_and_its_rows_pass(lab: Lab, name: str) -> None:
    with calling(lab.cluster, ENVOY) as calls:
        up(lab, name)
        # The old pod goes on with what it has for as long as a request may take.
        eventually(lambda: len(envoys(lab)) == 1, "one pod of Envoy is left", 60)
    told(f"to {name}", calls)
    assert calls.lost == {}
    assert calls.sent > 100
    assert failures(lab, name) == {}


def test_requests_are_counted_as_lost_while_envoy_has_no_pod(lab: Lab) -> None:
    with calling(lab.cluster, ENVOY) as calls:
        scale(lab, 0)
        eventually(lambda: has_lost(lab.cluster), "a request is lost", 60)
        scale(lab, 1)
    told("no pod", calls)
    assert calls.lost


def scale(lab: Lab, replicas: int) -> None:
    lab.cluster.kubectl("-n", "default", "scale", "deployment/envoy", f"--replicas={replicas}")
    lab.cluster.kubectl("-n", "default", "rollout", "status", "deployment/envoy", "--timeout=90s", timeout=100)


def envoys(lab: Lab) -> list[str]:
    """The pods of Envoy, those that end as well."""
    return [object_["metadata"]["name"] for object_ in objects(lab.cluster, "pods", "-n", "default", "-l", "app=envoy")]


def told(what: str, calls: Calls) -> None:
    print(f"{what}: {calls.sent} requests, {sum(calls.lost.values())} lost")

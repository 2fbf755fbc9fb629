"""What the published Envoy leaves out is not applicable; a fault that it does not explain stays a failure."""

from collections.abc import Callable
from typing import Any

import pytest

from kube.objects import PODS, name_of
from meshlab.published_envoy import switched_off
from meshlab.results.outcome import Result, Status
from meshlab.stack import Stack
from meshlab.verify.lab03_prometheus import is_scraped_sidecar
from meshlab.verify.program import Program
from tests.verify.faults_lab03 import no_data
from tests.verify.running_pods import World

NO_HEADER = (200, 0.01, '{"headers": {"Host": "envoy"}}')
Verify = Callable[[World, str], Result]


def world_of(stack: Stack) -> World:
    return World(Program.of_resources(stack.recording.resources), stack.settings)


def of_scenario(name: str) -> World:
    return world_of(Stack.load("dev", overlay={"envoyDemo": {"scenario": name}}))


def take_the_header_away(world: World) -> None:
    for host in ("envoy", "httpbin:8000"):
        world.answers[f"http://{host}/headers"] = NO_HEADER


def test_a_header_that_sidecars_take_away_shows_nothing_of_base(world: World, verify: Verify) -> None:
    take_the_header_away(world)
    result = verify(world, "lab01.scenario-base")
    assert result.status is Status.NOT_APPLICABLE
    assert result.seen == "a sidecar on the way to httpbin takes the header X-Envoy-Expected-Rq-Timeout-Ms away"


@pytest.mark.parametrize("scenario", ["timeout", "retry"])
def test_without_the_header_the_other_signs_of_a_scenario_decide(scenario: str, verify: Verify) -> None:
    world = of_scenario(scenario)
    take_the_header_away(world)
    assert verify(world, f"lab01.scenario-{scenario}").status is Status.PASSED
    wrong: dict[str, Any] = {"http://envoy/delay/5": (200, 5.0, ""), "http://envoy/status/500": (503, 0.2, "")}
    world.answers.update(wrong)
    assert verify(world, f"lab01.scenario-{scenario}").status is Status.FAILED


def test_a_header_that_envoy_alone_leaves_out_is_a_failure(world: World, verify: Verify) -> None:
    world.answers["http://envoy/headers"] = NO_HEADER
    assert verify(world, "lab01.scenario-base").status is Status.FAILED


@pytest.mark.parametrize("check", ["lab03.load", "lab03.kiali-graph"])
def test_what_istio_counts_is_not_applicable_where_telemetry_is_off(check: str, verify: Verify) -> None:
    off = world_of(switched_off(Stack.load("dev")))
    result = verify(off, check)
    assert result.status is Status.NOT_APPLICABLE
    assert "istio.revisions.1-17.values.telemetry.enabled: false" in result.seen


def test_with_telemetry_on_calls_that_are_not_counted_are_a_failure(world: World, verify: Verify) -> None:
    world.counted_per_call = 0.0
    assert verify(world, "lab03.load").status is Status.FAILED


def on_a_simulated_node(world: World, *pods: str) -> None:
    world.cluster.add(
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": "simulated"},
            "status": {"nodeInfo": {"kubeletVersion": "kwok-0.8.0"}},
        }
    )
    for (kind, _, name), manifest in world.cluster.objects.items():
        if kind == "Pod" and name in pods:
            manifest["spec"]["nodeName"] = "simulated"


@pytest.mark.parametrize(("check", "pod"), [("targets-istiod", "istiod-1-17-0"), ("targets-sidecars", "httpbin-0")])
def test_a_target_on_a_simulated_node_beside_a_real_prometheus_shows_nothing(
    world: World, verify: Verify, check: str, pod: str
) -> None:
    on_a_simulated_node(world, pod)
    result = verify(world, f"lab03.{check}")
    assert (result.status, pod in result.seen) == (Status.NOT_APPLICABLE, True)


def test_queries_of_sidecars_show_nothing_where_all_are_simulated(world: World, verify: Verify) -> None:
    meshed = [pod for pod in world.cluster.list(PODS) if is_scraped_sidecar(pod)]
    no_data(world)
    on_a_simulated_node(world, *(name_of(pod) for pod in meshed[1:]))
    assert verify(world, "lab03.queries-istio-performance").status is Status.FAILED
    on_a_simulated_node(world, name_of(meshed[0]))
    assert verify(world, "lab03.queries-istio-control-plane").status is Status.FAILED
    result = verify(world, "lab03.queries-istio-performance")
    assert result.status is Status.NOT_APPLICABLE
    assert result.seen == f"no sidecar really runs: all {len(meshed)} are on nodes simulated by kwok"

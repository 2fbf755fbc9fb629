"""On simulated nodes, and in stacks that leave things out: what cannot be seen is not applicable, never passed."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from meshlab.recording.recorder import record
from meshlab.results.outcome import Result, Status
from meshlab.verify.checks import all_checks
from meshlab.verify.program import Program
from meshlab.verify.runner import run_checks
from settings.models import Settings
from tests.support.stacks import overlaid, settings_of
from tests.verify.answers import Asked, Reply
from tests.verify.good_lab import connect, roll_out
from tests.verify.running_pods import World

NEEDS_A_POD = {
    *(f"lab01.{name}" for name in ("sleep-calls", "scenario-base", "scenario-timeout", "scenario-retry")),
    *(f"lab02.{name}" for name in ("in-sync", "chain", "istiod-1-17-registry")),
    *(f"lab03.{name}" for name in ("targets-istiod", "targets-sidecars", "targets-envoy", "rules-loaded", "load")),
    *(f"lab03.kiali-{name}" for name in ("healthy", "prometheus", "istio", "graph", "installed")),
    *(f"lab03.{name}" for name in ("grafana-access", "grafana-source", "prometheus", "alertmanager")),
}


def stack(**over: Any) -> tuple[Program, Settings]:
    """The program and settings of the dev stack with sections laid over it."""
    config = overlaid("dev", over)
    return Program.of_resources(record("dev", config=config).resources), settings_of("dev", config)


def simulated(world: World) -> World:
    """The embedded cluster as `up` leaves it: simulated nodes, and no operator at work."""
    world.simulate()
    for kind, namespace, name in list(world.cluster.objects):
        if kind == "StatefulSet" or (kind == "Pod" and name.startswith("prometheus-")):
            world.cluster.remove(kind, name, namespace)
    for kind in ("Deployment", "Service"):
        world.cluster.remove(kind, "kiali", "istio-system")
    world.cluster.remove("Pod", "kiali-0", "istio-system")
    world.cluster.of("Kiali", "kiali", "istio-system").pop("status")
    connect(world.cluster)
    return world


def test_what_needs_a_real_pod_is_not_applicable_and_the_rest_passes(world: World) -> None:
    simulated(world)
    world.cluster.commands = None
    checks = all_checks(world.settings)
    results = run_checks(checks, world.settings, world.program, world.cluster, lambda line: None)
    assert [f"{result.id}: {result.seen}" for result in results if result.status is Status.FAILED] == []
    silent = {result.id for result in results if result.status is Status.NOT_APPLICABLE}
    dashboards = {check.id for check in checks if check.id.startswith(("lab03.dashboard-", "lab03.queries-"))}
    assert silent == NEEDS_A_POD | dashboards


def test_an_istiod_beside_the_cluster_is_asked_through_the_api_server(
    world: World, verify: Callable[[World, str], Result]
) -> None:
    simulated(world)
    where = ("istio-system", "istiod-1-17", 15014, "/debug/registryz")
    world.cluster.proxies[where] = json.dumps(world.routes["istiod"]["/debug/registryz"])
    assert verify(world, "lab02.istiod-1-17-registry").status is Status.PASSED
    world.cluster.proxies[where] = "[]"
    assert verify(world, "lab02.istiod-1-17-registry").status is Status.FAILED


def test_a_fault_in_objects_is_red_on_simulated_nodes_too(world: World, verify: Callable[[World, str], Result]) -> None:
    simulated(world)
    world.cluster.remove("Service", "istiod", "istio-system")
    assert verify(world, "lab02.alias").status is Status.FAILED


def test_without_a_ca_on_simulated_nodes_nobody_runs_who_could_write_it(
    world: World, verify: Callable[[World, str], Result]
) -> None:
    simulated(world)
    webhooks = world.cluster.of("MutatingWebhookConfiguration", "istio-sidecar-injector-1-17")
    webhooks["webhooks"][0]["clientConfig"].pop("caBundle")
    result = verify(world, "lab02.webhooks-trusted")
    assert result.status is Status.NOT_APPLICABLE
    assert result.seen.startswith("no istiod really runs that could put it there")


def test_one_real_node_is_enough_for_operators_to_be_held_to_their_work(
    world: World, verify: Callable[[World, str], Result]
) -> None:
    simulated(world)
    world.cluster.add({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "real"}})
    assert verify(world, "lab03.prometheus").status is Status.FAILED
    assert verify(world, "lab03.kiali-installed").status is Status.FAILED


@pytest.mark.parametrize("section", ["envoyDemo", "sampleApps"])
def test_what_a_stack_leaves_out_is_not_applicable_and_named(section: str) -> None:
    world = World(*stack(**{section: {"enabled": False}}))
    with world.running() as cluster:
        results = run_checks(all_checks(world.settings), world.settings, world.program, cluster, lambda line: None)
    assert [f"{result.id}: {result.seen}" for result in results if result.status is Status.FAILED] == []
    left_out = [result.id for result in results if result.seen == f"the stack has {section}.enabled: false"]
    assert len(left_out) >= 5
    assert all(result.status is Status.NOT_APPLICABLE for result in results if result.id in left_out)


def test_without_a_mesh_nothing_of_it_is_expected() -> None:
    world = World(*stack(mesh={"namespaces": {}}))
    with world.running() as cluster:
        results = run_checks(all_checks(world.settings), world.settings, world.program, cluster, lambda line: None)
    by_id = {result.id: result for result in results}
    for check in (
        "lab02.sidecar-httpbin",
        "lab02.in-sync",
        "lab03.targets-sidecars",
        "lab03.load",
        "lab03.kiali-graph",
    ):
        assert by_id[check].status is Status.NOT_APPLICABLE, by_id[check].seen
    assert [result.id for result in results if result.status is Status.FAILED] == []


def test_another_namespace_in_the_mesh_is_held_to_it(verify: Callable[[World, str], Result]) -> None:
    world = World(*stack(mesh={"namespaces": {"default": "1-17", "istioinaction": "1-17"}}))
    assert verify(world, "lab02.sidecars-istioinaction").status is Status.PASSED
    deployment = world.cluster.of("Deployment", "web-api", "istioinaction")
    roll_out(world.cluster, deployment)
    result = verify(world, "lab02.sidecars-istioinaction")
    assert result.status is Status.FAILED
    assert result.seen == "pod web-api-0 has no container istio-proxy: web-api"


def test_kiali_with_tokens_is_asked_with_one_of_its_own_account(verify: Callable[[World, str], Result]) -> None:
    world = World(*stack(kiali={"authStrategy": "token"}))
    status = world.routes["kiali"]["/kiali/api/status"]

    def sign_in(asked: Asked) -> Any:
        if asked.form.get("token") != "token-of-kiali":
            return Reply({"error": "unauthorized"}, 401)
        return Reply({"username": "kiali"}, headers={"Set-Cookie": "kiali-token=secret; Path=/kiali; HttpOnly"})

    def guarded(asked: Asked) -> Any:
        return status if "kiali-token=secret" in asked.headers.get("Cookie", "") else Reply("", 401)

    world.routes["kiali"] |= {"/kiali/api/authenticate": sign_in, "/kiali/api/status": guarded}
    assert verify(world, "lab03.kiali-prometheus").status is Status.PASSED
    assert world.cluster.tokens == [("istio-system", "kiali")]
    world.routes["kiali"]["/kiali/api/authenticate"] = Reply({"error": "unauthorized"}, 401)
    result = verify(world, "lab03.kiali-prometheus")
    assert result.seen == "Kiali refuses the token of its own account: HTTP 401"


def test_kiali_with_interactive_sign_in_is_not_applicable_but_health_is_seen(
    verify: Callable[[World, str], Result],
) -> None:
    world = World(*stack(kiali={"authStrategy": "openid"}))
    result = verify(world, "lab03.kiali-istio")
    assert result.status is Status.NOT_APPLICABLE
    assert "by openid" in result.seen
    assert verify(world, "lab03.kiali-healthy").status is Status.PASSED
    world.routes["kiali"]["/kiali/healthz"] = Reply("", 503)
    assert verify(world, "lab03.kiali-healthy").status is Status.FAILED


def test_grafana_that_lets_anybody_in_against_the_settings_is_red(verify: Callable[[World, str], Result]) -> None:
    world = World(*stack(monitoring={"grafanaAnonymous": False}))
    assert verify(world, "lab03.grafana-access").status is Status.PASSED
    world.routes["grafana"]["/api/search"] = []
    result = verify(world, "lab03.grafana-access")
    assert result.status is Status.FAILED
    assert result.seen == "the administrator (0 dashboards), and anonymous users"

"""Doctor names what still points at the addresses of Istio that are switched off, in the stack, lock and cluster."""

from collections.abc import Mapping
from typing import Any

import pytest

from kube.api_objects import Manifest, Resource
from kube.objects import DEPLOYMENTS, PODS
from meshlab.charts.lock import ChartLock, Locked
from meshlab.doctor.retired import RETIRED, in_cluster, in_stack
from meshlab.preflight.finding import Level
from meshlab.recording.recorder import record, stack_config
from policy.pack.walk import texts
from settings.charts import UPSTREAM
from tests.support.stacks import STACKS

DIGEST = "0" * 64
NO_LOCK = ChartLock({})


class Live:
    """A cluster with one istiod and one pod that has a sidecar."""

    def __init__(self, hub: str) -> None:
        self._hub = hub

    def list(
        self, resource: Resource, namespace: str = "", labels: Mapping[str, str] | str | None = None
    ) -> list[Manifest]:
        if resource == DEPLOYMENTS:
            assert (namespace, labels) == ("istio-system", {"app": "istiod"})
            spec = {"containers": [{"image": f"{self._hub}/pilot:1.30.3"}]}
            return [{"metadata": {"name": "istiod-1-30"}, "spec": {"template": {"spec": spec}}}]
        assert (resource, namespace, labels) == (PODS, "", "security.istio.io/tlsMode")
        spec = {"containers": [{"image": "docker.io/a/b:1"}], "initContainers": [{"image": f"{self._hub}/proxyv2:1"}]}
        return [{"metadata": {"namespace": "shop"}, "spec": spec}]


@pytest.mark.parametrize("stack", STACKS)
def test_the_shipped_stacks_use_no_address_that_is_switched_off(stack: str) -> None:
    declared = dict(texts({resource.name: resource.inputs for resource in record(stack).resources}))
    assert [path for path, text in declared.items() if any(address in text for address in RETIRED)] == []
    repositories = {text for path, text in declared.items() if path.endswith("repositoryOpts.repo")}
    assert "https://blob.istio.io/istio-release/charts" in repositories
    hubs = [text for path, text in declared.items() if path.endswith("values.global.hub")]
    assert set(hubs) == {"docker.io/istio"}
    assert list(in_stack(stack_config(stack), ChartLock.load())) == []


@pytest.mark.parametrize(
    ("config", "expected", "instead"),
    [
        (
            {"meshlab:istio": {"revisions": {"1-30": {"values": {"global": {"hub": hub}}}}}},
            f"meshlab:istio.revisions.1-30.values.global.hub: {hub} is switched off",
            "docker.io/istio",
        )
        for hub in ("registry.istio.io/release", "gcr.io/istio-release")
    ]
    + [
        ({"meshlab:charts": {"source": source}}, f"meshlab:charts.source: {source} is switched off", UPSTREAM["istiod"])
        for source in ("https://istio-release.storage.googleapis.com/charts", "oci://gcr.io/istio-release/charts")
    ],
)
def test_a_setting_that_names_a_retired_address_is_a_warning(
    config: Mapping[str, Any], expected: str, instead: str
) -> None:
    (finding,) = in_stack(config, NO_LOCK)
    assert finding.level is Level.WARNING
    assert finding.text.startswith(expected)
    assert instead in finding.fix


@pytest.mark.parametrize("address", ["docker.io/istio", "mirror.example/registry.istio.io/release", "ghcr.io/istio"])
def test_a_mirror_of_a_retired_registry_is_no_finding(address: str) -> None:
    assert list(in_stack({"meshlab:cluster": {"imageRegistry": address}}, NO_LOCK)) == []


def test_a_locked_chart_from_a_retired_address_is_a_warning() -> None:
    old = Locked(DIGEST, "https://istio-release.storage.googleapis.com/charts")
    new = Locked(DIGEST, UPSTREAM["base"])
    lock = ChartLock({("istiod", "1.30.3"): old, ("base", "1.30.3"): new})
    (finding,) = in_stack({}, lock)
    assert finding.level is Level.WARNING
    assert finding.text.startswith("charts.lock: istiod 1.30.3 was taken from ")


def test_a_live_istiod_and_sidecar_of_a_retired_registry_are_told_apart() -> None:
    istiod, sidecars = in_cluster(Live("registry.istio.io/release"))
    assert {istiod.level, sidecars.level} == {Level.WARNING}
    assert istiod.text.startswith("istiod-1-30 in istio-system: ")
    assert "bring the stack up: istiod rolls to docker.io/istio" in istiod.fix
    assert sidecars.text.startswith("1 pod in shop: ")
    assert "rollout restart" in sidecars.fix


def test_a_live_mesh_of_docker_hub_is_no_finding() -> None:
    assert list(in_cluster(Live("docker.io/istio"))) == []

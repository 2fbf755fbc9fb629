"""What the programs' resources wait for, itself or through others, and what they must not wait for.

From the recorded programs of all stacks alone: a wait too many makes every `up` longer, one too few makes some fail.
"""

from collections.abc import Callable, Iterable

import pytest

from meshlab.recording.dependencies import needs_of, parts_of
from meshlab.recording.recorder import Recorded, record
from meshlab.recording.releases import RELEASE, component_of
from meshlab.recording.waits import all_needs
from tests.support.stacks import STACKS

NAMESPACE = "kubernetes:core/v1:Namespace"
# Of the monitoring component, what others may wait for: the rest is the stack itself and what only that needs.
GROUND = {"monitoring-namespace", "monitoring-crds"}


class Waits:
    """The resources of one stack's program, and what each waits for."""

    def __init__(self, stack: str) -> None:
        resources = record(stack).resources
        by_urn = {resource.urn: resource for resource in resources}
        self.parts = parts_of(resources)
        self.component = {urn: component_of(one, by_urn) for urn, one in self.parts.items()}
        self._needs = all_needs(needs_of(resources))

    def where(self, holds: Callable[[Recorded], bool]) -> list[Recorded]:
        """The resources for which `holds` is true; fails where there are none, of which anything could be said."""
        found = [part for part in self.parts.values() if holds(part)]
        assert found
        return found

    def of(self, *components: str) -> list[Recorded]:
        """The resources of some components."""
        return self.where(lambda one: self.component[one.urn] in components)

    def named(self, name: str) -> Recorded:
        """The one resource of this logical name."""
        (found,) = self.where(lambda one: one.name == name)
        return found

    def names(self, resources: Iterable[Recorded]) -> set[str]:
        """Logical names of all that any of some resources waits for."""
        return {self.parts[urn].name for resource in resources for urn in self._needs[resource.urn]}

    def components(self, resources: Iterable[Recorded]) -> set[str]:
        """Components of all that any of some resources waits for."""
        return {self.component[urn] for resource in resources for urn in self._needs[resource.urn]}


@pytest.fixture(scope="module", params=STACKS)
def waits(request: pytest.FixtureRequest) -> Waits:
    return Waits(request.param)


@pytest.fixture(scope="module")
def dev() -> Waits:
    """The stack in which every component is enabled."""
    return Waits("dev")


def is_monitor(one: Recorded) -> bool:
    return one.type.startswith("kubernetes:monitoring.coreos.com/")


def is_dashboard(one: Recorded) -> bool:
    return one.name.startswith("mesh-monitors-dashboard-")


def is_istiod(one: Recorded) -> bool:
    return one.name.startswith("istio-istiod-") and one.type == RELEASE


def namespace_of(one: Recorded) -> str:
    """The namespace that a release or an object lies in; empty for what lies in none."""
    return one.inputs.get("namespace") or (one.inputs.get("metadata") or {}).get("namespace") or ""


def test_monitors_and_rules_wait_for_their_crds_and_not_for_the_stack(waits: Waits) -> None:
    for monitor in waits.where(is_monitor):
        assert waits.names([monitor]) == GROUND


def test_dashboards_wait_for_the_crds_and_not_for_the_stack(waits: Waits) -> None:
    for dashboard in waits.where(is_dashboard):
        assert waits.names([dashboard]) == GROUND


def test_only_its_webhooks_wait_for_the_monitoring_stack(waits: Waits) -> None:
    waiting = {part.name for part in waits.parts.values() if "monitoring-stack" in waits.names([part])}
    assert waiting == {
        "monitoring-admission-mutatingwebhookconfiguration",
        "monitoring-admission-validatingwebhookconfiguration",
    }


def test_the_monitoring_stack_waits_for_crds_password_and_certificate(waits: Waits) -> None:
    stack = waits.named("monitoring-stack")
    secrets = {"monitoring-grafana-admin", "monitoring-admission-certificate"}
    generated = {"monitoring-grafana-password", "monitoring-admission-secret"}
    assert waits.names([stack]) == {*GROUND, *secrets, *generated}


def test_istio_waits_for_nothing_of_monitoring_and_nothing_of_kiali(waits: Waits) -> None:
    assert waits.components(waits.of("istio")) == {"istio"}


def test_an_istiod_waits_for_base_and_for_no_other_revision(waits: Waits) -> None:
    for istiod in waits.where(is_istiod):
        needed = waits.names([istiod])
        assert "istio-base" in needed
        assert not needed & {resource.name for resource in waits.where(is_istiod)}


def test_base_waits_for_its_namespace_alone(waits: Waits) -> None:
    assert waits.names([waits.named("istio-base")]) == {"istio-namespace"}


def test_a_namespace_joins_the_mesh_once_an_istiod_is_there_to_inject(dev: Waits) -> None:
    for patch in dev.where(lambda one: one.type.endswith(":NamespacePatch")):
        assert any(is_istiod(dev.named(name)) for name in dev.names([patch]))


def test_the_kiali_operator_waits_for_its_crd_only(waits: Waits) -> None:
    assert waits.names([waits.named("kiali-release")]) == {"kiali-namespace", "kiali-crd"}


def test_the_kiali_object_waits_for_operator_and_istiod_not_for_prometheus(waits: Waits) -> None:
    needed = waits.names([waits.named("kiali-kiali")])
    assert "kiali-release" in needed
    assert not {name for name in needed if name.startswith("monitoring-")}
    assert needed & {resource.name for resource in waits.where(is_istiod)}


def test_nothing_waits_for_the_kiali_object(waits: Waits) -> None:
    assert "kiali-kiali" not in waits.names(waits.parts.values())


def test_envoy_and_the_sample_apps_wait_for_neither_monitoring_nor_kiali(dev: Waits) -> None:
    assert dev.components(dev.of("envoy-demo", "sample-apps")) <= {"envoy-demo", "sample-apps", "istio"}


def test_the_standalone_envoy_which_is_outside_the_mesh_does_not_wait_for_istio(dev: Waits) -> None:
    envoy = dev.where(lambda one: one.name.startswith("envoy-demo-envoy-"))
    assert dev.components(envoy) == {"envoy-demo"}


def test_workloads_wait_for_no_workload_of_another_app(dev: Waits) -> None:
    deployments = dev.where(lambda one: one.type.endswith(":Deployment"))
    assert not dev.names(deployments) & {deployment.name for deployment in deployments}


def test_network_policies_wait_for_their_namespace_alone(waits: Waits) -> None:
    namespaces = {resource.name for resource in waits.where(lambda resource: resource.type == NAMESPACE)}
    for policy in waits.where(lambda one: one.type.endswith(":NetworkPolicy")):
        assert len(waits.names([policy])) == 1
        assert waits.names([policy]) <= namespaces


def test_each_chain_of_waits_begins_at_a_namespace_or_needs_none_of_ours(
    waits: Waits,
) -> None:
    ours = {
        resource.inputs["metadata"]["name"] for resource in waits.where(lambda resource: resource.type == NAMESPACE)
    }
    for first in waits.where(lambda one: not waits.names([one])):
        assert first.type == NAMESPACE or namespace_of(first) not in ours, first.name


def test_what_lies_in_a_namespace_of_ours_waits_for_it(waits: Waits) -> None:
    owners = {
        resource.inputs["metadata"]["name"]: resource.name
        for resource in waits.where(lambda resource: resource.type == NAMESPACE)
    }
    for resource in waits.where(lambda resource: namespace_of(resource) in owners):
        assert owners[namespace_of(resource)] in waits.names([resource]), resource.name

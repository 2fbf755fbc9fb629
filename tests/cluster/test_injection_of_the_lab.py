"""The program's own resources on the embedded cluster: who gets a sidecar, when, and of which revision."""

import pytest

from tests.support import claims
from tests.support.evidence import Evidence
from tests.support.shapes import LAB_ORDER, NEW, OLD

INJECTED = {
    ("default", "httpbin"): OLD,
    ("default", "sleep"): OLD,
    ("istioinaction", "web-api"): NEW,
    ("istioinaction", "recommendation"): NEW,
    ("istioinaction", "purchase-history"): NEW,
    ("istioinaction", "sleep"): NEW,
}
"""Namespace and app of the lab's workloads in the mesh, and their revision."""

MOVED = {("default", "httpbin"), ("default", "sleep")}
"""Those that follow when namespace default changes its revision."""

SERVICES_OF_THE_LAB = {
    *("httpbin.default", "sleep.default", "envoy.default"),
    *("web-api.istioinaction", "recommendation.istioinaction"),
    *("purchase-history.istioinaction", "sleep.istioinaction"),
    *("istiod.istio-system", "istiod-1-17.istio-system"),
    *("prom-kube-prometheus-stack-prometheus.prometheus", "prom-grafana.prometheus"),
}
"""By hand from the lab's handbook."""


@pytest.mark.parametrize(("workload", "revision"), INJECTED.items(), ids=map(".".join, INJECTED))
def test_a_workload_of_the_mesh_has_the_sidecar_of_its_namespaces_revision(
    evidence: Evidence, workload: tuple[str, str], revision: str
) -> None:
    namespace, app = workload
    claims.has_its_sidecar(evidence.pods, app, revision, namespace)


@pytest.mark.parametrize("app", ["httpbin", "sleep"])
def test_a_pod_starts_after_label_and_istiod_and_has_its_sidecar(evidence: Evidence, app: str) -> None:
    claims.waited_for_the_mesh(evidence.history, app, OLD)


def test_the_standalone_envoy_stays_out_of_the_mesh(evidence: Evidence) -> None:
    claims.has_no_sidecar(evidence.pods, "envoy")
    claims.has_no_sidecar(evidence.moved, "envoy")


@pytest.mark.parametrize("namespace", ["istio-system", "prometheus", "kiali-operator"])
def test_namespaces_outside_the_mesh_are_left_alone(evidence: Evidence, namespace: str) -> None:
    claims.namespace_has_no_sidecars(evidence.pods, namespace)


@pytest.mark.parametrize("app", sorted(app for _, app in MOVED))
def test_a_change_of_revision_rolls_the_workload_to_the_new_revision(evidence: Evidence, app: str) -> None:
    claims.has_its_sidecar(evidence.moved, app, NEW)


def test_a_change_of_one_namespaces_revision_rolls_nothing_else(evidence: Evidence) -> None:
    def names(pods: list[claims.Object]) -> set[str]:
        return {
            pod["metadata"]["name"]
            for pod in pods
            if (pod["metadata"]["namespace"], pod["metadata"]["labels"].get("app")) not in MOVED
            and pod["metadata"]["namespace"] in ("default", "istioinaction", "istio-system")
        }

    assert names(evidence.moved) == names(evidence.pods)


def test_the_labs_own_order_of_label_without_a_roll_would_not_pass(evidence: Evidence) -> None:
    """The label is effective, as a later pod shows, but what ran before it runs on without a sidecar."""
    claims.has_its_sidecar(evidence.lab_order, "late", OLD, LAB_ORDER)
    with pytest.raises(AssertionError, match=rf"{LAB_ORDER}/httpbin: expected a sidecar, got \['httpbin'\]"):
        claims.has_its_sidecar(evidence.lab_order, "httpbin", OLD, LAB_ORDER)


def test_istiods_registry_lists_every_service_meshed_or_not(evidence: Evidence) -> None:
    claims.the_registry_has_every_service(evidence.registry, evidence.services)
    assert {f"{name}.svc.cluster.local" for name in SERVICES_OF_THE_LAB} <= evidence.registry


def test_a_broken_virtual_service_is_refused_and_a_good_one_is_not(evidence: Evidence) -> None:
    assert "denied the request: configuration is invalid" in evidence.refusal
    assert "virtualservice.networking.istio.io/good created (server dry run)" in evidence.acceptance


def test_each_validator_leads_to_a_living_revision_and_lets_nothing_pass_unseen(evidence: Evidence) -> None:
    names = {validator["metadata"]["name"] for validator in evidence.validators}
    # Charts of old revisions bring none of their own.
    assert {"istiod-default-validator", f"istio-validator-{NEW}-istio-system"} <= names
    for validator in evidence.validators:
        claims.the_validator_is_served(validator, evidence.services)


def test_the_service_istiod_leads_to_the_default_revision_alone(evidence: Evidence) -> None:
    claims.the_alias_leads_to_the_default_revision(evidence.behind["istiod"])


def test_kiali_is_told_of_what_is_there(evidence: Evidence) -> None:
    claims.kiali_names_what_is_there(evidence.kiali["spec"], evidence.there)

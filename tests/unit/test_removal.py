"""What is a stack's and why something stays, without a cluster."""

from typing import Any

import pytest

from base.errors import MeshlabError
from meshlab.cli.main import COMMANDS, parser_for
from meshlab.ownership.leftovers import Left, lines
from meshlab.ownership.owned import Ours
from meshlab.ownership.retained import reason_to_stay
from meshlab.recording.recorder import Recording, record
from meshlab.remove.crds import described, names_deleted_by_helm
from meshlab.remove.removal import refuse_protected


@pytest.fixture
def ours(dev: Recording) -> Ours:
    return Ours.of(dev.resources)


def live(kind: str, name: str, namespace: str = "", **content: Any) -> dict[str, Any]:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {}), **content.pop("metadata", {})}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, **content}


def helm_marks(namespace: str, name: str) -> dict[str, Any]:
    return {"annotations": {"meta.helm.sh/release-name": name, "meta.helm.sh/release-namespace": namespace}}


@pytest.mark.parametrize(
    ("manifest", "mark"),
    [
        (live("ClusterRole", "x", metadata=helm_marks("prometheus", "prom")), "helm release prom"),
        (live("Service", "envoy", "default"), "declared by the program"),
        (live("Secret", "anything", "istio-system"), "in the stack's namespace istio-system"),
        (live("ClusterRole", "x", metadata={"labels": {"app.kubernetes.io/instance": "prom"}}), "label"),
        (live("ClusterRole", "kiali", metadata={"labels": {"app.kubernetes.io/part-of": "kiali"}}), "label of a Kiali"),
        (live("ConfigMap", "x", "shop", metadata={"labels": {"istio.io/config": "true"}}), "written by istiod"),
        (
            live(
                "MutatingWebhookConfiguration",
                "x",
                webhooks=[{"clientConfig": {"service": {"namespace": "istio-system", "name": "istiod"}}}],
            ),
            "calls istio-system/istiod",
        ),
        (
            live("ClusterRoleBinding", "x", subjects=[{"namespace": "prometheus", "name": "prom"}]),
            "gives rights to prometheus/prom",
        ),
        (
            live("PersistentVolume", "x", spec={"claimRef": {"namespace": "prometheus", "name": "db"}}),
            "was claimed by prometheus/db",
        ),
    ],
)
def test_an_object_of_the_stack_is_known_by_a_mark(ours: Ours, manifest: dict[str, Any], mark: str) -> None:
    assert ours.mark(manifest).startswith(mark)


@pytest.mark.parametrize(
    "manifest",
    [
        live("ClusterRole", "x", metadata=helm_marks("elsewhere", "prom")),
        # Another team's release may be called the same.
        live(
            "ClusterRole",
            "x",
            metadata={**helm_marks("elsewhere", "prom"), "labels": {"app.kubernetes.io/instance": "prom"}},
        ),
        live("Namespace", "default"),
        live("Service", "theirs", "default"),
        live("PersistentVolume", "x", spec={"claimRef": {"namespace": "shop", "name": "db"}}),
        live("ClusterRoleBinding", "x", subjects=[{"kind": "Group", "name": "admins"}]),
    ],
)
def test_an_object_of_others_has_no_mark(ours: Ours, manifest: dict[str, Any]) -> None:
    assert ours.mark(manifest) == ""


def test_what_is_kept_on_purpose_has_a_reason_and_a_command() -> None:
    for manifest in (live("CustomResourceDefinition", "x"), live("ConfigMap", "istio-ca-root-cert", "shop")):
        reason = reason_to_stay(manifest)
        assert reason is not None
        assert reason.why
        assert reason.command
    assert reason_to_stay(live("ConfigMap", "x", "shop")) is None


def test_a_volume_is_kept_only_where_its_class_keeps_it() -> None:
    assert reason_to_stay(live("PersistentVolume", "x", spec={"persistentVolumeReclaimPolicy": "Retain"})) is not None
    assert reason_to_stay(live("PersistentVolume", "x", spec={"persistentVolumeReclaimPolicy": "Delete"})) is None


def test_the_report_groups_what_is_kept_and_gives_a_command_per_leftover() -> None:
    manifests = [
        live("CustomResourceDefinition", "probes.monitoring.coreos.com"),
        live("CustomResourceDefinition", "prometheuses.monitoring.coreos.com"),
        live("Secret", "s", "shop"),
    ]
    report = list(lines([Left(manifest, "a mark", reason_to_stay(manifest)) for manifest in manifests]))
    assert report[0].endswith("to remove: meshlab destroy --purge-crds")
    assert report[1:] == [
        "  monitoring.coreos.com: probes, prometheuses",
        "left over: Secret shop/s (a mark); to remove: kubectl delete secret s --namespace shop",
        "2 objects kept on purpose, 1 left over",
    ]


def test_crds_that_helm_would_delete_are_those_without_the_policy() -> None:
    keep = {"annotations": {"helm.sh/resource-policy": "keep"}}
    manifests = [
        live("CustomResourceDefinition", "kept", metadata=keep),
        live("CustomResourceDefinition", "gone"),
        live("Service", "s"),
    ]
    assert names_deleted_by_helm(manifests) == ["gone"]


def test_objects_are_counted_by_kind_and_some_are_named() -> None:
    monitors = [live("ServiceMonitor", f"m{number}", "shop") for number in range(4)]
    assert described(monitors) == "4 ServiceMonitor (shop/m0, shop/m1, shop/m2 and 1 more)"


def test_a_stack_whose_namespaces_are_protected_is_refused_before_anything_goes(dev: Recording) -> None:
    protected = r"istio-system, kiali-operator, prometheus are protected from removal \(set meshlab:cluster"
    with pytest.raises(MeshlabError, match=protected):
        refuse_protected("prod", record("prod").resources)
    refuse_protected("dev", dev.resources)


def test_an_adopted_namespace_is_kept_with_what_is_not_the_stacks_in_it() -> None:
    ours = Ours.of(record("dev", config={"meshlab:cluster": {"adoptNamespaces": ["prometheus"]}}).resources)
    namespace = live("Namespace", "prometheus")
    assert ours.mark(namespace)
    reason = reason_to_stay(namespace, adopted=ours.adopts(namespace))
    assert reason is not None
    assert "before the stack" in reason.why
    assert ours.mark(live("Secret", "pull", "prometheus")) == ""
    assert ours.mark(live("ServiceAccount", "default", "prometheus")) == ""
    made = {"app.kubernetes.io/managed-by": "prometheus-operator", "app.kubernetes.io/instance": "prom-kube-prometheus"}
    claim = live("PersistentVolumeClaim", "db", "prometheus", metadata={"labels": made})
    assert ours.mark(claim)
    assert reason_to_stay(claim, adopted=ours.adopts(claim)) is not None
    record_of = live(
        "Secret",
        "sh.helm.release.v1.prom.v1",
        "prometheus",
        type="helm.sh/release.v1",
        metadata={"labels": {"name": "prom"}},
    )
    assert ours.mark(record_of)
    assert reason_to_stay(record_of, adopted=ours.adopts(record_of)) is None


def test_destroy_and_down_are_the_same() -> None:
    assert {"down", "destroy"} <= set(COMMANDS)
    by_name = {name: vars(parser_for([name]).parse_args([name])) for name in ("down", "destroy")}
    assert {**by_name["down"], "command": ""} == {**by_name["destroy"], "command": ""}

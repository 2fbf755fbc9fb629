"""What counts as drift of one object, and what of it is said, without a cluster."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from kube.changes import DRIFT_MANAGER
from kube.fields import disowned, is_unchanged, managers, removals
from kube.helm_records import RECORD_TYPE, packed, record_name
from meshlab.comparison.finding import Difference, DriftFinding, Ignored, What, short
from meshlab.comparison.ignore_rules import RULES, autoscaled, is_ignored
from meshlab.comparison.live import comparable, differences, hindrances, is_untouched
from meshlab.comparison.platforms import PLATFORMS
from meshlab.drift.ignoring import Ignoring
from meshlab.drift.look import DriftResult
from meshlab.drift.report import document, lines
from meshlab.ownership.copies import find_extras
from meshlab.ownership.records import records_of, release_findings
from meshlab.recording.recorder import ROOT
from meshlab.recording.releases import Release
from meshlab.render.objects import KubernetesObject
from settings.object_rules import DriftRule

LABELS = {"f:metadata": {"f:labels": {"f:app": {}}}}


def manager(name: str, fields: dict[str, Any], operation: str = "Update", subresource: str = "") -> dict[str, Any]:
    entry = {"manager": name, "operation": operation, "fieldsV1": fields, "time": "2026-01-01T00:00:00Z"}
    return {**entry, **({"subresource": subresource} if subresource else {})}


def deployment(*entries: dict[str, Any], **spec: Any) -> dict[str, Any]:
    metadata = {"name": "web", "namespace": "shop", "labels": {"app": "web"}, "managedFields": list(entries)}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def found(live: dict[str, Any], applied: dict[str, Any], *, patch: bool = False) -> dict[str, tuple[Any, Any]]:
    return {
        difference.path: (difference.live, difference.wanted)
        for difference in differences(live, applied, set(), patch=patch)
    }


def test_an_object_that_is_as_declared_has_no_differences() -> None:
    live = deployment(manager("helm", {"f:spec": {"f:replicas": {}}}), replicas=1)
    assert found(live, live) == {}


def test_what_the_server_keeps_itself_is_no_difference() -> None:
    live, applied = deployment(replicas=1), deployment(replicas=1)
    live["metadata"] |= {"resourceVersion": "7", "generation": 3}
    live["status"] = {"replicas": 1}
    assert found(live, applied) == {}


def test_a_changed_field_says_who_changed_it_and_when() -> None:
    fields = {"f:spec": {"f:replicas": {}}}
    live = deployment(manager("kubectl-edit", fields), replicas=3)
    (one,) = differences(live, deployment(manager(DRIFT_MANAGER, fields, "Apply"), replicas=1), set(), patch=False)
    assert one.line == "spec.replicas: 3, expected 1 (by kubectl-edit at 2026-01-01T00:00:00Z)"


def test_items_of_a_list_are_told_by_name_and_their_order_by_itself() -> None:
    first, second = {"name": "a", "image": "a:1"}, {"name": "b", "image": "b:1"}
    live = deployment(containers=[{**second, "image": "b:2"}, first])
    names = ["spec.containers[name=b]", "spec.containers[name=a]"]
    assert found(live, deployment(containers=[first, second])) == {
        "spec.containers[name=b].image": ("b:2", "b:1"),
        "spec.containers": (names, names[::-1]),
    }


def test_of_lists_without_names_only_what_one_of_them_has_is_said() -> None:
    one, other = {"verbs": ["get"]}, {"verbs": ["*"]}
    assert found(deployment(rules=[one, other]), deployment(rules=[one])) == {"spec.rules": ([other], [])}


def test_a_field_that_a_stranger_adds_is_a_difference_despite_the_dry_run() -> None:
    live = deployment(manager("kubectl-label", {"f:metadata": {"f:labels": {"f:owner": {}}}}))
    live["metadata"]["labels"]["owner"] = "me"
    (one,) = differences(live, live, set(), patch=False)
    assert (one.path, one.live, one.wanted, one.declared) == ("metadata.labels.owner", "me", None, False)
    assert one.pointer == "/metadata/labels/owner"


def test_an_added_item_is_one_difference_however_many_fields_it_has() -> None:
    item = {".": {}, "f:name": {}, "f:image": {}}
    fields = {"f:spec": {"f:containers": {'k:{"name":"debug"}': item}}}
    live = deployment(manager("kubectl-patch", fields), containers=[{"name": "debug", "image": "x"}])
    assert list(found(live, live)) == ["spec.containers[name=debug]"]


@pytest.mark.parametrize("name", ["kube-controller-manager", "pilot-discovery", "helm", "pulumi-kubernetes-ab12"])
def test_what_tools_and_controllers_add_is_theirs(name: str) -> None:
    live = deployment(manager(name, {"f:spec": {"f:paused": {}}}), paused=True)
    assert found(live, live) == {}


def test_a_field_that_the_stack_declares_is_no_addition_whoever_wrote_it() -> None:
    fields = {"f:spec": {"f:replicas": {}}}
    live = deployment(manager("kubectl-scale", fields), replicas=1)
    applied = deployment(manager("kubectl-scale", fields), manager(DRIFT_MANAGER, fields, "Apply"), replicas=1)
    assert found(live, applied) == {}


def test_of_a_patched_object_only_the_patch_is_the_stacks() -> None:
    live = deployment(manager("kubectl-label", LABELS))
    assert found(live, live, patch=True) == {}
    assert found(live, live) != {}


@pytest.mark.parametrize(("said", "default"), [("disabled", "1-30"), ("enabled", "1-17")])
def test_a_label_that_undoes_a_patched_namespaces_is_a_difference(said: str, default: str) -> None:
    revision, leads_to = {"istio.io/rev": "stable"}, {"stable": "1-30", "1-30": "1-30", "1-17": "1-17"}
    wanted = {"kind": "Namespace", "metadata": {"name": "shop", "labels": revision}}
    added = manager("kubectl-label", {"f:metadata": {"f:labels": {"f:istio-injection": {}}}})
    metadata = {"name": "shop", "labels": {**revision, "istio-injection": said}, "managedFields": [added]}
    live = {"kind": "Namespace", "metadata": metadata}
    (one,) = hindrances(live, wanted, {**leads_to, "default": default})
    assert one.line == (
        f"metadata.labels.istio-injection: {said}, expected nothing (by kubectl-label at 2026-01-01T00:00:00Z)"
    )
    assert (one.declared, one.pointer) == (False, "/metadata/labels/istio-injection")


def test_a_label_that_leads_to_the_same_revision_is_no_difference() -> None:
    wanted = {"kind": "Namespace", "metadata": {"name": "shop", "labels": {"istio.io/rev": "stable"}}}
    live = {"kind": "Namespace", "metadata": {"name": "shop", "labels": {"istio-injection": "enabled"}}}
    assert list(hindrances(live, wanted, {"stable": "1-30", "default": "1-30"})) == []


AKS: list[dict[str, Any]] = [dict(term) for term in PLATFORMS[0].terms]
OWN = {"key": "istio.io/rev", "operator": "In", "values": ["stable"]}


def webhook(*terms: dict[str, Any], by: str = "admissionsenforcer") -> dict[str, Any]:
    field = {"f:webhooks": {'k:{"name":"a.example"}': {"f:namespaceSelector": {}}}}
    one: dict[str, Any] = {"name": "a.example", "namespaceSelector": {"matchExpressions": list(terms)} if terms else {}}
    metadata = {"name": "tag", "managedFields": [manager(by, field)]}
    return {"kind": "MutatingWebhookConfiguration", "metadata": metadata, "webhooks": [one]}


@pytest.mark.parametrize("own", [[OWN], []], ids=["with terms of ours", "without any"])
def test_terms_that_a_platform_adds_to_every_webhook_are_no_difference(own: list[dict[str, Any]]) -> None:
    assert found(webhook(*own, *AKS), webhook(*own)) == {}
    assert found(webhook(*AKS, *own), webhook(*own)) == {}


def test_another_term_beside_a_platforms_is_the_difference() -> None:
    by_hand = {"key": "by-hand", "operator": "Exists"}
    path = "webhooks[name=a.example].namespaceSelector.matchExpressions"
    live = webhook(OWN, *AKS, by_hand, by="kubectl-edit")
    assert found(live, webhook(OWN, by=DRIFT_MANAGER)) == {path: ([by_hand], [])}
    assert found(webhook(*AKS), webhook(OWN))


def test_a_term_of_a_platform_that_the_stack_has_itself_must_be_there() -> None:
    assert found(webhook(OWN), webhook(OWN, AKS[0]))
    assert found(webhook(OWN, AKS[0]), webhook(OWN, AKS[0])) == {}


def test_every_platforms_terms_are_in_the_documentation_with_a_source() -> None:
    text = (ROOT / "docs" / "drift.md").read_text(encoding="utf-8")
    for platform in PLATFORMS:
        assert platform.sources
        for said in (platform.manager, *(term["key"] for term in platform.terms), *platform.sources):
            assert said in text


def split(
    live: dict[str, Any], applied: dict[str, Any], *rules: dict[str, Any]
) -> tuple[DriftFinding | None, dict[int, list[str]]]:
    """What is left of the object's finding by these rules, and the paths that each ignores."""
    ignoring = Ignoring([DriftRule.model_validate({"reason": "theirs", **rule}) for rule in rules])
    all_of_it = tuple(differences(live, applied, set(), patch=False))
    metadata = live["metadata"]
    finding = DriftFinding(What.EDITED, "v1", live["kind"], metadata.get("namespace", ""), metadata["name"], "shop",
                      differences=all_of_it, live=live)  # fmt: skip
    left, ignored = ignoring.split(finding, applied, set())
    return left, {skipped.rule: [each.path for each in skipped.finding.differences] for skipped in ignored}


def paths(left: DriftFinding | None) -> list[str]:
    return [difference.path for difference in left.differences] if left else []


REPLICAS = {"kinds": ["Deployment"], "fields": ["spec.replicas"]}


def test_a_field_that_a_rule_names_is_ignored_and_the_rest_is_not() -> None:
    live, applied = deployment(replicas=3, paused=True), deployment(replicas=1, paused=False)
    left, ignored = split(live, applied, REPLICAS)
    assert (paths(left), ignored) == (["spec.paused"], {0: ["spec.replicas"]})
    assert left is not None
    assert left.target["spec"] == {"replicas": 3, "paused": False}


def test_where_all_that_differs_is_ignored_there_is_no_finding() -> None:
    assert split(deployment(replicas=3), deployment(replicas=1), REPLICAS) == (None, {0: ["spec.replicas"]})


def test_a_rule_about_other_objects_changes_nothing() -> None:
    for rule in ({**REPLICAS, "names": ["other"]}, {**REPLICAS, "kinds": ["StatefulSet"]}):
        left, ignored = split(deployment(replicas=3), deployment(replicas=1), rule)
        assert (paths(left), ignored) == (["spec.replicas"], {})
        assert left is not None
        assert left.target is None


def test_of_a_larger_difference_only_what_a_rule_names_is_ignored() -> None:
    live, applied = deployment(limits={"cpu": 1, "memory": 2}), deployment()
    left, ignored = split(live, applied, {"fields": ["spec.limits.cpu"]})
    assert (paths(left), ignored) == (["spec.limits.memory"], {0: ["spec.limits"]})
    assert left is not None
    assert left.target["spec"] == {"limits": {"cpu": 1}}


def test_each_rule_is_told_what_it_alone_ignores() -> None:
    live, applied = deployment(replicas=3, paused=True), deployment(replicas=1, paused=False)
    assert split(live, applied, REPLICAS, {"fields": ["spec"]}) == (None, {0: ["spec.replicas"], 1: ["spec.paused"]})


def test_a_rule_about_managers_ignores_what_they_wrote_last() -> None:
    theirs = manager("tuner", {"f:spec": {"f:replicas": {}}, "f:metadata": {"f:labels": {"f:tuned": {}}}})
    live = deployment(theirs, manager("kubectl-edit", {"f:spec": {"f:paused": {}}}), replicas=3, paused=True)
    live["metadata"]["labels"]["tuned"] = "yes"
    ours = manager(DRIFT_MANAGER, {"f:spec": {"f:replicas": {}, "f:paused": {}}}, "Apply")
    applied = deployment(*live["metadata"]["managedFields"], ours, replicas=1, paused=False)
    applied["metadata"]["labels"]["tuned"] = "yes"
    left, ignored = split(live, applied, {"managers": ["tun*"]})
    assert (paths(left), ignored) == (["spec.paused"], {0: ["spec.replicas", "metadata.labels.tuned"]})
    assert left is not None
    assert left.target["metadata"]["labels"] == {"app": "web", "tuned": "yes"}
    assert paths(split(live, applied, {"managers": ["tun*"], "fields": ["metadata"]})[0]) == [
        "spec.replicas",
        "spec.paused",
    ]


def test_what_others_add_and_no_rule_names_is_not_in_what_should_be() -> None:
    added = {"f:metadata": {"f:labels": {"f:owner": {}}}}
    live = deployment(manager("kubectl-label", added), replicas=3)
    live["metadata"]["labels"]["owner"] = "me"
    applied = deployment(manager("kubectl-label", added), replicas=1)
    applied["metadata"]["labels"]["owner"] = "me"
    left, _ = split(live, applied, REPLICAS)
    assert paths(left) == ["metadata.labels.owner"]
    assert left is not None
    assert left.target["metadata"]["labels"] == {"app": "web"}


def test_values_of_a_secret_are_not_in_what_is_ignored() -> None:
    live = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"password": "aHVudGVy"}}
    rule = DriftRule.model_validate({"fields": ["data"], "reason": "rotated"})
    finding = DriftFinding(
        What.EDITED, "v1", "Secret", "", "s", "shop", differences=(Difference("data", 1, 2),), live=live
    )
    _, (one,) = Ignoring([rule]).split(finding, {**live, "data": {"password": "b3RoZXI="}}, set())
    assert [(each.live, each.wanted) for each in one.finding.differences] == [("<secret>", "<secret>")]


def test_an_object_that_is_going_or_gone_is_ignored_only_where_a_rule_says_so() -> None:
    live = deployment(replicas=3)
    live["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    whole: dict[str, Any] = {"names": ["web"], "reason": "theirs"}
    assert paths(split(live, deployment(replicas=1), whole)[0]) == ["metadata.deletionTimestamp"]
    assert split(live, deployment(replicas=1), {**whole, "deleted": True})[0] is None
    gone = DriftFinding(What.DELETED, "v1", "Deployment", "shop", "web", "shop")
    going = replace(gone, what=What.EDITED, live=live)
    assert Ignoring([DriftRule.model_validate(whole)]).whole(going) is None
    assert Ignoring([DriftRule.model_validate(whole)]).whole(replace(going, live=deployment())) is not None
    assert Ignoring([DriftRule.model_validate(whole)]).whole(gone) is None
    assert Ignoring([DriftRule.model_validate({**whole, "deleted": True})]).whole(gone) is not None
    extra = replace(gone, what=What.EXTRA)
    assert Ignoring([DriftRule.model_validate(whole)]).whole(extra) is not None
    assert Ignoring([DriftRule.model_validate({**REPLICAS, "reason": "x"})]).whole(extra) is None


def remarks(*rules: dict[str, Any]) -> list[str]:
    manifests = [deployment(replicas=1), {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}}]
    objects = [KubernetesObject("shop", "web", "", manifest) for manifest in manifests]
    ignoring = Ignoring([DriftRule.model_validate({"reason": "theirs", **rule}) for rule in rules])
    return list(ignoring.remarks(objects, [("Release", "shop", "prom")]))


def test_a_rule_that_covers_what_the_stack_sets_is_said_to_do_so() -> None:
    assert remarks(REPLICAS, {"fields": ["spec.paused"]}, {"kinds": ["Release"]}, {"names": ["web"]}) == [
        "drift.ignore[0] covers what the stack itself sets: spec.replicas of Deployment shop/web",
        "drift.ignore[2] covers all that the stack itself sets of Release shop/prom",
        "drift.ignore[3] covers all that the stack itself sets of Deployment shop/web and 1 more",
    ]


def test_a_rule_that_is_about_nothing_of_the_stack_is_said_to_be() -> None:
    assert remarks({"kinds": ["Deployments"]}) == [
        "drift.ignore[0] is about no object of the stack (correct its patterns, or take it away)"
    ]


def test_what_is_ignored_is_counted_by_rule_and_listed_where_asked_for() -> None:
    one = DriftFinding(What.EDITED, "v1", "Service", "shop", "a", "shop", differences=(Difference("spec.x", 1, 2),))
    gone = DriftFinding(What.DELETED, "v1", "Service", "shop", "b", "shop")
    seen = DriftResult(
        (), 3, {}, ignored=(Ignored(0, "a platform's", one), Ignored(2, "theirs", gone)), remarks=("so",)
    )
    assert list(lines(seen, "dev", 0, 1.0)) == [
        "ignored: 1 field of 1 object by drift.ignore[0]: a platform's (which: --show-ignored)",
        "ignored: 1 object by drift.ignore[2]: theirs (which: --show-ignored)",
        "so",
        "dev: no drift among 3 objects, 0 hooks of charts left out (1.0 s)",
    ]
    assert list(lines(seen, "dev", 0, 1.0, show_ignored=True))[:4] == [
        "ignored: 1 field of 1 object by drift.ignore[0]: a platform's",
        "  edited   Service shop/a (program)",
        "             spec.x: 1, expected 2",
        "ignored: 1 object by drift.ignore[2]: theirs",
    ]
    (first, _) = json.loads(document(seen, "dev", 1.0, []))["ignored"]
    assert (first["name"], first["rule"], first["reason"]) == ("a", "drift.ignore[0]", "a platform's")


def test_an_object_that_is_going_is_a_difference() -> None:
    live = deployment()
    live["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert list(found(live, live)) == ["metadata.deletionTimestamp"]


def test_values_of_a_secret_are_never_in_a_difference() -> None:
    live = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"password": "aHVudGVy"}}
    wanted = {**live, "data": {"password": "b3RoZXI="}}
    (one,) = differences(live, wanted, set(), patch=False)
    assert (one.path, one.live, one.wanted) == ("data.password", "<secret>", "<secret>")


def test_a_manifest_is_compared_as_the_api_server_keeps_it() -> None:
    secret = {
        "kind": "Secret",
        "metadata": {"name": "s", "creationTimestamp": None, "annotations": {"pulumi.com/skipAwait": "true"}},
        "stringData": {"user": "admin"},
        "status": {},
    }
    assert comparable(secret) == {
        "kind": "Secret",
        "metadata": {"name": "s", "annotations": {}},
        "data": {"user": base64.b64encode(b"admin").decode()},
    }


def test_a_crd_is_untouched_only_if_complete_and_no_stranger_wrote() -> None:
    manifest = deployment(replicas=1)
    del manifest["metadata"]["managedFields"]
    assert is_untouched(deployment(manager("helm", LABELS), replicas=1, paused=False), manifest)
    assert not is_untouched(deployment(manager("helm", LABELS), replicas=2), manifest)
    assert not is_untouched(deployment(manager("kubectl-edit", LABELS), replicas=1), manifest)


def test_replicas_are_an_autoscalers_only_where_it_scales_that_very_object() -> None:
    scaler = {
        "metadata": {"namespace": "shop"},
        "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web"}},
    }
    live = deployment(replicas=3)
    assert is_ignored(live, "spec.replicas", autoscaled([scaler]))
    assert not is_ignored(live, "spec.replicas", set())


def test_every_rule_of_what_is_no_drift_is_in_the_documentation() -> None:
    text = (ROOT / "docs" / "drift.md").read_text(encoding="utf-8")
    for rule in RULES:
        assert rule.why in text


def test_letting_go_of_fields_keeps_every_other_of_theirs() -> None:
    theirs = {"f:metadata": {"f:labels": {"f:app": {}, "f:owner": {}}}}
    live = deployment(manager("helm", LABELS), manager("kubectl-edit", theirs), manager("kubectl-label", LABELS))
    left = disowned(live, {("f:metadata", "f:labels", "f:app")}, lambda one: one.name == "helm")
    assert [entry["manager"] for entry in left] == ["helm", "kubectl-edit"]
    (_, edited) = managers({"metadata": {"managedFields": left}})
    assert edited.fields == {("f:metadata", "f:labels", "f:owner")}


def test_of_one_list_later_items_are_removed_first() -> None:
    pointers = ["/spec/items/2", "/spec/items/10", "/spec/items/10/name"]
    assert [operation["path"] for operation in removals(pointers)] == [
        "/spec/items/10/name",
        "/spec/items/10",
        "/spec/items/2",
    ]


@pytest.mark.parametrize(
    ("live", "pointer", "same"),
    [
        ({"a/b": "<1>", "c": 2}, "/spec/a~1b", True),
        ({"a/b": "other"}, "/spec/a~1b", False),
        ({}, "/spec/a~1b", False),
        ({"a/b": "<1>"}, "/spec/none", True),
        ({"a/b": "<1>", "none": 1}, "/spec/none", False),
        ({"items": [{"name": "x", "tty": True}]}, "/spec/items/0/tty", True),
        ({"items": [{"name": "y", "tty": True}]}, "/spec/items/0/tty", False),
        ({"items": [{"name": "x", "tty": True}, {"name": "y"}]}, "/spec/items/0/tty", False),
    ],
)
def test_a_path_of_an_object_is_unchanged_where_it_leads_to_the_same(
    live: dict[str, Any], pointer: str, same: bool
) -> None:
    seen = {"a/b": "<1>", "items": [{"name": "x", "tty": True}]}
    assert is_unchanged({"spec": seen}, {"spec": live}, pointer) is same


MONITOR = {
    "apiVersion": "monitoring.coreos.com/v1",
    "kind": "ServiceMonitor",
    "metadata": {"name": "istiod", "namespace": "prometheus", "labels": {"release": "prom"}},
    "spec": {"selector": {"matchLabels": {"app": "istiod"}}},
}


def copies(*others: dict[str, Any]) -> list[str]:
    known = [KubernetesObject("mesh-monitors", "monitor", "", MONITOR)]
    components = {("prometheus", "prom"): "monitoring"}
    return [
        f"{extra.name}: {extra.note}" for extra in find_extras(known, [MONITOR, *others], components, {"prometheus"})
    ]


def other(name: str, **changes: Any) -> dict[str, Any]:
    metadata = {**MONITOR["metadata"], "name": name, **changes.pop("metadata", {})}  # type: ignore[dict-item]
    return {**MONITOR, **changes, "metadata": metadata}


def test_an_object_with_the_labels_and_content_of_ours_is_a_copy() -> None:
    assert copies(other("second")) == ["second: a copy of ServiceMonitor prometheus/istiod"]


def test_an_object_of_another_content_or_other_labels_is_somebody_elses() -> None:
    assert copies(other("second", spec={"selector": {}})) == []
    assert copies(other("second", metadata={"labels": {"release": "other"}})) == []


def test_an_object_of_our_release_is_extra_unless_a_controller_or_hook_made_it() -> None:
    marks = {"meta.helm.sh/release-name": "prom", "meta.helm.sh/release-namespace": "prometheus"}
    assert copies(other("x", spec={}, metadata={"annotations": marks})) == [
        "x: says it belongs to the release prom, which brings no such object"
    ]
    assert copies(other("x", metadata={"annotations": {**marks, "helm.sh/hook": "pre-install"}})) == []
    assert copies(other("x", metadata={"ownerReferences": [{"name": "owner"}]})) == []


def helm_secret(version: int, values: dict[str, Any], status: str = "deployed") -> dict[str, Any]:
    content = {
        "info": {"status": status},
        "chart": {"metadata": {"name": "kube-prometheus-stack", "version": "1.0.0"}},
        "config": values,
    }
    labels = {"name": "prom", "version": str(version), "owner": "helm"}
    metadata = {"name": record_name("prom", version), "namespace": "prometheus", "labels": labels}
    return {"type": RECORD_TYPE, "metadata": metadata, "data": packed(content)}


RELEASE = Release(
    component="monitoring",
    resource="monitoring-stack",
    name="prom",
    namespace="prometheus",
    chart="kube-prometheus-stack",
    version="1.0.0",
    reference="kube-prometheus-stack",
    repository="",
    values={"grafana": {"enabled": True}},
    skip_crds=True,
)


def of_release(*secrets: dict[str, Any]) -> list[tuple[str, list[str]]]:
    findings = release_findings([RELEASE], records_of(secrets))
    return [(str(finding.what), [each.line for each in finding.differences]) for finding in findings]


def test_a_release_of_the_same_chart_and_values_is_as_it_should_be() -> None:
    assert of_release(helm_secret(1, {}), helm_secret(2, {"grafana": {"enabled": True}})) == []


def test_a_release_is_judged_by_its_newest_revision() -> None:
    told = of_release(helm_secret(10, {"grafana": {"enabled": False}}), helm_secret(9, {"grafana": {"enabled": True}}))
    assert told == [("edited", ["values.grafana.enabled: False, expected True"])]


def test_a_release_that_did_not_end_well_or_is_gone_is_a_finding() -> None:
    assert of_release(helm_secret(1, {"grafana": {"enabled": True}}, "failed")) == [
        ("edited", ["status: failed, expected deployed"])
    ]
    assert of_release() == [("deleted", [])]


def test_json_has_who_owns_each_object_and_leaves_out_what_says_nothing() -> None:
    one = DriftFinding(
        What.EDITED, "v1", "Service", "default", "envoy", "envoy-demo", differences=(Difference("a", 1, 2),)
    )
    assert one.json() == {
        "what": "edited",
        "apiVersion": "v1",
        "kind": "Service",
        "namespace": "default",
        "name": "envoy",
        "component": "envoy-demo",
        "owner": "program",
        "differences": [{"path": "a", "live": 1, "wanted": 2, "by": ""}],
    }


def test_a_long_value_is_cut_and_nothing_is_called_nothing() -> None:
    assert short(None) == "nothing"
    assert len(short("x" * 500)) == 80

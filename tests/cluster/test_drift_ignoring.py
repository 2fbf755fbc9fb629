"""A stack's own rules against a real API server and a real helm: what is ignored is not reported and not put back."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

import kube.cluster
from base import process
from embedded.cluster import EmbeddedCluster
from embedded.tools import toolchain
from kube import changes
from kube.api_objects import RefusedError
from kube.helm_marks import HELM_NAME, HELM_NAMESPACE
from meshlab.drift.expected import MANAGED_BY, Expected
from meshlab.drift.helm import ReleaseReader
from meshlab.drift.look import DriftResult, look
from meshlab.drift.remediation import Remediator
from meshlab.engine.driver import EngineDriver
from meshlab.recording.releases import Release
from meshlab.render.objects import KubernetesObject
from settings.object_rules import DriftRule
from tests.support.enforcer import enforce

PULUMI = "pulumi-kubernetes-0123abcd"
RELEASE = Release(
    component="shop", resource="shop-app", name="app", namespace="default", chart="app", version="0.1.0",
    reference="app", repository="", values={}, skip_crds=True,
)  # fmt: skip
REPLICAS = {"kinds": ["Deployment"], "fields": ["spec.replicas"]}


def deployment(name: str) -> dict[str, Any]:
    labels = {"app": name}
    pods = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": "example.invalid/web:1"}]}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": pods}
    metadata = {"name": name, "namespace": "default", "labels": labels}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def config(name: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "default", "labels": {"app": name}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": "1"}}


PROGRAM = [deployment("web"), config("settings")]
CHART = [deployment("chart-web"), config("chart-settings")]


@dataclass
class Stack:
    """Objects of a program and of a release in a cluster, as their tools have put them there."""

    cluster: EmbeddedCluster
    program: list[dict[str, Any]] = field(default_factory=lambda: list(PROGRAM))
    """The objects that the program declares itself."""
    restored: list[str] = field(default_factory=list[str])
    """What Pulumi was told to put back."""
    said: list[str] = field(default_factory=list[str])

    def expected(self, *rules: dict[str, Any]) -> Expected:
        """What the stack stands for, with these rules."""
        own = [
            KubernetesObject("shop", f"shop-{manifest['metadata']['name']}", "", manifest) for manifest in self.program
        ]
        charts = [KubernetesObject("shop", RELEASE.resource, RELEASE.name, with_marks(manifest)) for manifest in CHART]
        ignore = tuple(DriftRule.model_validate({"reason": "theirs", **rule}) for rule in rules)
        return Expected((*own, *charts), (RELEASE,), (), (), {}, ignore)

    def look(self, *rules: dict[str, Any]) -> DriftResult:
        live = kube.cluster.Cluster(self.cluster.kubeconfig)
        return look(live, live.kinds(), self.expected(*rules))

    def remediate(self, *rules: dict[str, Any]) -> DriftResult:
        """Look and put back; Pulumi is only told."""
        live, program = kube.cluster.Cluster(self.cluster.kubeconfig), toolchain.ensure(["helm"])["helm"]
        kinds, expected = live.kinds(), self.expected(*rules)
        helm = ReleaseReader(program, self.cluster.kubeconfig)
        remediator = Remediator(live, kinds, expected, cast(EngineDriver, Told(self)), helm)
        return remediator.remediate(look(live, kinds, expected), self.said.append, lambda copies: True)

    def get(self, kind: str, name: str) -> dict[str, Any]:
        return json.loads(self.cluster.kubectl("get", kind, name, "--show-managed-fields", "-o", "json").stdout)

    def revisions(self) -> int:
        """How many revisions of the release there have been."""
        return len(self.cluster.kubectl("get", "secrets", "-l", "owner=helm", "-o", "name").stdout.split())


class Told:
    """Stands for Pulumi, and does nothing."""

    def __init__(self, stack: Stack) -> None:
        self.restore = stack.restored.extend


def with_marks(manifest: dict[str, Any]) -> dict[str, Any]:
    metadata = {**manifest["metadata"], "annotations": {HELM_NAME: "app", HELM_NAMESPACE: "default"}}
    return {**manifest, "metadata": {**metadata, "labels": {**metadata["labels"], MANAGED_BY: "Helm"}}}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedCluster]:
    try:
        toolchain.ensure(["helm"])
        made = EmbeddedCluster.up("ignoring", state_dir=tmp_path_factory.mktemp("ignoring"))
    except toolchain.ToolsMissingError as missing:
        pytest.skip(str(missing))
    with made:
        yield made


@pytest.fixture
def stack(cluster: EmbeddedCluster, tmp_path: Path) -> Iterator[Stack]:
    chart = tmp_path / "app"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: app\nversion: 0.1.0\n")
    (chart / "templates" / "all.yaml").write_text(yaml.safe_dump_all(CHART))
    cluster.kubectl("apply", "--server-side", f"--field-manager={PULUMI}", "-f", "-", stdin=yaml.safe_dump_all(PROGRAM))
    helm(cluster, "install", "app", str(chart))
    yield Stack(cluster)
    helm(cluster, "uninstall", "app", "--wait")
    cluster.kubectl(
        "delete", "deployments,configmaps,validatingwebhookconfigurations", "-l", "app", "--ignore-not-found"
    )


def helm(cluster: EmbeddedCluster, *words: str) -> None:
    program = toolchain.ensure(["helm"])["helm"]
    process.run([program, *words], timeout=60, env={"KUBECONFIG": str(cluster.kubeconfig)})


def scale(stack: Stack, name: str) -> None:
    stack.cluster.kubectl("scale", f"deployment/{name}", "--replicas=3")


def new_image(stack: Stack, name: str) -> None:
    stack.cluster.kubectl("set", "image", f"deployment/{name}", "web=example.invalid/web:2")


def image(stack: Stack, name: str) -> str:
    return stack.get("deployment", name)["spec"]["template"]["spec"]["containers"][0]["image"]


def told(seen: DriftResult) -> dict[str, list[str]]:
    return {finding.label: [each.path for each in finding.differences] for finding in seen.findings}


def ignored(seen: DriftResult) -> dict[str, list[str]]:
    return {skipped.finding.label: [each.path for each in skipped.finding.differences] for skipped in seen.ignored}


IMAGE = "spec.template.spec.containers[name=web].image"


def test_a_stack_that_nobody_touched_has_nothing_to_ignore(stack: Stack) -> None:
    seen = stack.look(REPLICAS)
    assert (told(seen), ignored(seen)) == ({}, {})
    assert seen.remarks == (
        "drift.ignore[0] covers what the stack itself sets: spec.replicas of Deployment default/web and 1 more",
    )


def test_the_fields_that_a_rule_names_are_ignored_and_the_rest_reported(stack: Stack) -> None:
    scale(stack, "web")
    scale(stack, "chart-web")
    new_image(stack, "web")
    assert told(stack.look()) == {
        "Deployment default/chart-web": ["spec.replicas"],
        "Deployment default/web": ["spec.replicas", IMAGE],
    }
    seen = stack.look(REPLICAS)
    assert told(seen) == {"Deployment default/web": [IMAGE]}
    assert ignored(seen) == {f"Deployment default/{name}": ["spec.replicas"] for name in ("chart-web", "web")}


def test_an_object_of_the_program_is_put_back_but_for_what_is_ignored(stack: Stack) -> None:
    scale(stack, "web")
    new_image(stack, "web")
    stack.cluster.kubectl("label", "deployment/web", "owner=me")
    assert told(stack.remediate(REPLICAS)) == {}
    live = stack.get("deployment", "web")
    assert (live["spec"]["replicas"], image(stack, "web")) == (3, "example.invalid/web:1")
    assert live["metadata"]["labels"] == {"app": "web"}
    assert stack.restored == []
    assert "meshlab-drift" not in {entry["manager"] for entry in live["metadata"]["managedFields"]}


CHANGE_CAUSE = "kubernetes.io/change-cause"
ESCAPED = "a < b & c > ü"
"""What Go and Python write in JSON in different ways."""


def annotate(stack: Stack, annotation: str, *options: str) -> None:
    stack.cluster.kubectl("annotate", "--overwrite", "deployment/web", annotation, *options)


def before_each_patch(monkeypatch: pytest.MonkeyPatch, write: Callable[[], object]) -> None:
    """Have somebody write to the object each time after it was seen and before it is patched."""
    patch = kube.cluster.Cluster.json_patch

    def behind_another(self: kube.cluster.Cluster, *args: Any, **more: Any) -> Any:
        write()
        return patch(self, *args, **more)

    monkeypatch.setattr(kube.cluster.Cluster, "json_patch", behind_another)


@pytest.mark.parametrize("by_pulumi", [True, False])
def test_an_object_that_a_controller_writes_to_meanwhile_is_put_back(
    stack: Stack, by_pulumi: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Half of the attempts: the controllers of the cluster write to it, too.
    writes = iter(range(changes.TRIES // 2))

    def write() -> None:
        if (number := next(writes, None)) is not None:
            controller = "--field-manager=kube-controller-manager"
            annotate(stack, f"deployment.kubernetes.io/revision={number + 10}", controller)

    before_each_patch(monkeypatch, write)
    scale(stack, "web")
    new_image(stack, "web")
    annotate(stack, f"note={ESCAPED}")
    seen = stack.remediate(*(() if by_pulumi else (REPLICAS,)))
    assert next(writes, None) is None
    live = stack.get("deployment", "web")
    assert "note" not in live["metadata"]["annotations"]
    if by_pulumi:
        assert stack.restored == ["shop-web"]
    else:
        assert (told(seen), live["spec"]["replicas"], image(stack, "web")) == ({}, 3, "example.invalid/web:1")
        assert stack.restored == []


def test_an_object_that_others_write_to_all_the_time_is_one_line(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "TRIES", 2)
    annotate(stack, f"note={ESCAPED}")
    before_each_patch(monkeypatch, lambda: annotate(stack, f"{CHANGE_CAUSE}={time.monotonic_ns()}"))
    with pytest.raises(
        RefusedError, match=r"HTTP 409: others wrote to it at each of 2 attempts; run the command again$"
    ):
        stack.remediate()


def test_what_another_hand_changes_again_meanwhile_is_refused(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    annotate(stack, f"note={ESCAPED}")
    before_each_patch(monkeypatch, lambda: annotate(stack, "note=again"))
    with pytest.raises(RefusedError, match=r"HTTP 409: /metadata/annotations/note has changed meanwhile$"):
        stack.remediate()
    assert stack.get("deployment", "web")["metadata"]["annotations"]["note"] == "again"


def test_what_was_put_back_can_be_applied_again_without_a_conflict(stack: Stack) -> None:
    new_image(stack, "web")
    scale(stack, "web")
    stack.remediate(REPLICAS)
    changed = deployment("web")
    changed["spec"]["template"]["spec"]["containers"][0]["image"] = "example.invalid/web:3"
    del changed["spec"]["replicas"]
    stack.cluster.kubectl("apply", "--server-side", f"--field-manager={PULUMI}", "-f", "-", stdin=json.dumps(changed))
    assert image(stack, "web") == "example.invalid/web:3"


def test_an_object_of_which_nothing_is_ignored_is_pulumis_to_put_back(stack: Stack) -> None:
    scale(stack, "web")
    stack.cluster.kubectl("patch", "configmap", "settings", "-p", '{"data": {"a": "2"}}')
    stack.remediate(REPLICAS)
    assert stack.restored == ["shop-settings"]


def test_a_release_with_something_ignored_is_put_back_object_by_object(stack: Stack) -> None:
    scale(stack, "chart-web")
    new_image(stack, "chart-web")
    stack.cluster.kubectl("patch", "configmap", "chart-settings", "-p", '{"data": {"a": "2"}}')
    assert told(stack.remediate(REPLICAS)) == {}
    live = stack.get("deployment", "chart-web")
    assert (live["spec"]["replicas"], image(stack, "chart-web")) == (3, "example.invalid/web:1")
    assert stack.get("configmap", "chart-settings")["data"] == {"a": "1"}
    assert stack.revisions() == 1
    assert not any("rolls" in line for line in stack.said)


def test_a_deleted_object_of_such_a_release_comes_back(stack: Stack) -> None:
    scale(stack, "chart-web")
    stack.cluster.kubectl("delete", "configmap", "chart-settings")
    assert told(stack.remediate(REPLICAS)) == {}
    assert stack.get("configmap", "chart-settings")["metadata"]["labels"][MANAGED_BY] == "Helm"
    assert stack.get("deployment", "chart-web")["spec"]["replicas"] == 3


def test_a_release_without_anything_ignored_is_rolled_back_as_ever(stack: Stack) -> None:
    scale(stack, "chart-web")
    assert told(stack.remediate({**REPLICAS, "names": ["web"]})) == {}
    assert stack.get("deployment", "chart-web")["spec"]["replicas"] == 1
    assert stack.revisions() == 2


def test_a_release_upgraded_by_hand_is_left_where_helm_would_undo_too_much(stack: Stack, tmp_path: Path) -> None:
    helm(stack.cluster, "upgrade", "app", str(tmp_path / "app"), "--set", "by=hand")
    scale(stack, "chart-web")
    assert told(stack.remediate(REPLICAS)) == {"Release default/app": ["values.by"]}
    assert "leaves Release default/app: helm would revert what drift.ignore[0] ignores of Deployment " \
        "default/chart-web" in stack.said  # fmt: skip
    assert stack.get("deployment", "chart-web")["spec"]["replicas"] == 3


def test_an_object_that_is_gone_is_reported_unless_a_rule_says_that_it_may_be(stack: Stack) -> None:
    stack.cluster.kubectl("delete", "configmap", "settings")
    rule: dict[str, Any] = {"kinds": ["ConfigMap"], "names": ["settings"]}
    assert [f"{finding.what} {finding.label}" for finding in stack.look(rule).findings] == [
        "deleted ConfigMap default/settings"
    ]
    seen = stack.look({**rule, "deleted": True})
    assert (told(seen), ignored(seen)) == ({}, {"ConfigMap default/settings": []})
    stack.remediate({**rule, "deleted": True})
    assert stack.restored == []


def test_an_object_that_is_going_is_reported_unless_a_rule_says_that_it_may_be(stack: Stack) -> None:
    stack.cluster.kubectl("patch", "configmap", "settings", "-p", '{"metadata": {"finalizers": ["example.org/stay"]}}')
    stack.cluster.kubectl("delete", "configmap", "settings", "--wait=false")
    rule: dict[str, Any] = {"kinds": ["ConfigMap"], "names": ["settings"]}
    try:
        assert told(stack.look(rule)) == {"ConfigMap default/settings": ["metadata.deletionTimestamp"]}
        assert told(stack.look({**rule, "deleted": True})) == {}
    finally:
        stack.cluster.kubectl("patch", "configmap", "settings", "-p", '{"metadata": {"finalizers": null}}')


def test_what_some_managers_add_is_ignored_and_what_others_add_is_not(stack: Stack) -> None:
    stack.cluster.kubectl("label", "--field-manager=cost-labeller", "configmap/settings", "cost=1")
    stack.cluster.kubectl("label", "configmap/settings", "owner=me")
    rule = {"managers": ["cost-*"], "fields": ["metadata.labels"]}
    seen = stack.look(rule)
    assert told(seen) == {"ConfigMap default/settings": ["metadata.labels.owner"]}
    assert ignored(seen) == {"ConfigMap default/settings": ["metadata.labels.cost"]}
    assert told(stack.remediate(rule)) == {}
    assert stack.get("configmap", "settings")["metadata"]["labels"] == {"app": "settings", "cost": "1"}


def written(live: dict[str, Any]) -> list[dict[str, Any]]:
    """Who wrote which fields and when, but for the controllers, which go on writing the status as pods start."""
    return [entry for entry in live["metadata"]["managedFields"] if entry["manager"] != "kube-controller-manager"]


def test_looking_with_rules_changes_nothing(stack: Stack) -> None:
    scale(stack, "web")
    before = written(stack.get("deployment", "web"))
    stack.look(REPLICAS, {"kinds": ["ConfigMap"]})
    assert written(stack.get("deployment", "web")) == before


def test_a_webhook_that_a_platform_writes_into_is_put_back_field_by_field(stack: Stack) -> None:
    webhook: dict[str, Any] = {
        "name": "a.example.org",
        "clientConfig": {"url": "https://127.0.0.1:1/nothing"},
        "rules": [{"apiGroups": ["example.org"], "apiVersions": ["*"], "operations": ["CREATE"], "resources": ["*"]}],
        "namespaceSelector": {"matchExpressions": [{"key": "a/b", "operator": "Exists"}]},
        "timeoutSeconds": 5,
        "matchPolicy": "Exact",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
    manifest = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "web", "labels": {"app": "web"}},
        "webhooks": [webhook],
    }
    stack.program.append(manifest)
    stack.cluster.kubectl("apply", "--server-side", f"--field-manager={PULUMI}", "-f", "-", stdin=json.dumps(manifest))
    enforce(stack.cluster)
    by_hand = [
        {"op": "replace", "path": "/webhooks/0/timeoutSeconds", "value": 9},
        {"op": "replace", "path": "/webhooks/0/matchPolicy", "value": "Equivalent"},
        {"op": "add", "path": "/webhooks/0/namespaceSelector/matchExpressions/-",
         "value": {"key": "by-hand", "operator": "Exists"}},
    ]  # fmt: skip
    where = ("validatingwebhookconfiguration", "web")
    stack.cluster.kubectl("patch", *where, "--type=json", "-p", json.dumps(by_hand))
    rule = {"kinds": ["*Webhook*"], "fields": ["webhooks[*].timeoutSeconds"]}
    assert told(stack.remediate(rule)) == {}
    (live,) = stack.get(*where)["webhooks"]
    assert (live["timeoutSeconds"], live["matchPolicy"]) == (9, "Exact")
    assert "by-hand" not in json.dumps(live)

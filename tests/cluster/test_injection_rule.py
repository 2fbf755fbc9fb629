"""The program's rule for who injects says what the charts' webhooks and a real istiod do, in every combination."""

import itertools
import json
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client, config

import kube.cluster
from base import process
from components.revision_tags import revision_tag
from embedded.cluster import CLUSTER_TOOLS, EmbeddedCluster
from embedded.cluster.istiod import PROGRAM
from embedded.tools import toolchain
from kube.sidecars import injected_by
from settings.injection import NEVER_MESHED, NO_POLICIES, injected_by_rule
from settings.injection_policy import CHART_LABELS, CONFIG_MAPS, Policy, policies
from tests.support.charts import chart_folder
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(900)

OLD, NEW = "1-17", "1-30"
VERSIONS = {OLD: "1.17.6", NEW: "1.30.3"}
TAGS = {"stable": NEW, "default": OLD}
REVISIONS = {revision: revision for revision in VERSIONS}
STACK = {
    "istio": {"revisions": {name: {"version": one} for name, one in VERSIONS.items()}, "defaultRevision": OLD},
}

ABSENT = None
Labels = dict[str, str]


def combinations(**values: list[str | None]) -> list[Labels]:
    """Every combination of labels; a value that is absent leaves its label out."""
    keys = {"rev": "istio.io/rev", "namespace": "istio-injection", "pod": "sidecar.istio.io/inject"}
    return [
        {keys[key]: value for key, value in zip(values, chosen, strict=True) if value is not ABSENT}
        for chosen in itertools.product(*values.values())
    ]


NAMESPACES = combinations(
    rev=[ABSENT, OLD, NEW, "stable", "default", "unknown"], namespace=[ABSENT, "enabled", "disabled", "other"]
)
LABELS = combinations(
    rev=[ABSENT, OLD, NEW, "stable", "default", "unknown"], pod=[ABSENT, "true", "false", "other", ""]
)
ANNOTATIONS = combinations(pod=[ABSENT, "true", "false"])


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedCluster]:
    """Two revisions of the charts, with a real istiod each, and a namespace for each combination of its labels."""
    try:
        toolchain.ensure([*CLUSTER_TOOLS, "helm", PROGRAM])
    except toolchain.ToolsMissingError as missing:
        pytest.skip(str(missing))
    charts = chart_folder("dev", STACK)
    with EmbeddedCluster.up("rule", state_dir=tmp_path_factory.mktemp("rule"), injection=True) as running:
        running.kubectl("create", "namespace", "istio-system")
        helm(running, charts / f"base-{VERSIONS[NEW]}.tgz", "base", "base.enableCRDTemplates=true")
        for revision, version in VERSIONS.items():
            helm(running, charts / f"istiod-{version}.tgz", f"istiod-{revision}", f"revision={revision}")
        namespaces = [namespace(index) for index in range(len(NAMESPACES))]
        running.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": namespaces}))
        yield running


def helm(
    cluster: EmbeddedCluster, chart: Path, release: str, value: str, values: Mapping[str, Any] | None = None
) -> None:
    command = ["upgrade", "--install", release, chart, "-n", "istio-system", "--wait", "--set", value]
    for key, content in (values or {}).items():
        command += ["--set-json", f"{key}={json.dumps(content)}"]
    env = {"KUBECONFIG": str(cluster.kubeconfig)}
    process.run([toolchain.ensure(["helm"])["helm"], *command], timeout=300, env=env)


def namespace(index: int) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"ns-{index}", "labels": NAMESPACES[index]}}


def pod(labels: Labels, annotations: Labels, *, host_network: bool = False) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "asked", "labels": labels, "annotations": annotations},
        "spec": {"hostNetwork": host_network, "containers": [{"name": "app", "image": "registry.example/app:1"}]},
    }


class Server:
    """The API server, asked for what a pod would become."""

    def __init__(self, cluster: EmbeddedCluster) -> None:
        self._api = client.CoreV1Api(config.new_client_from_config(str(cluster.kubeconfig)))

    def injects(self, space: str, asked: Mapping[str, Any]) -> str:
        """The revision whose sidecar the pod has; empty text for none."""
        answer = self._api.create_namespaced_pod(space, asked, dry_run="All", _preload_content=False)
        return injected_by(json.loads(answer.data))


def disagreements(
    server: Server,
    leads_to: Mapping[str, str],
    asked: list[tuple[dict[str, Any], dict[str, Any]]],
    rules: Mapping[str, Policy] = NO_POLICIES,
) -> list[tuple[object, ...]]:
    """Each namespace and pod of which the rule says something else than the cluster does, and what both say."""

    def compare(one: tuple[dict[str, Any], dict[str, Any]]) -> tuple[object, ...] | None:
        space, each = one
        seen, said = server.injects(space["metadata"]["name"], each), injected_by_rule(space, each, leads_to, rules)
        return None if seen == said else (space["metadata"], each["metadata"], f"seen {seen!r}, said {said!r}")

    with ThreadPoolExecutor(8) as pool:
        return [mismatch for mismatch in pool.map(compare, asked) if mismatch is not None]


def ready(cluster: EmbeddedCluster, leads_to: Mapping[str, str]) -> Server:
    """The server, once each istiod answers for all that leads to it."""
    server = Server(cluster)
    for label, revision in leads_to.items():
        index = NAMESPACES.index({"istio.io/rev": label})

        def answers(index: int = index, revision: str = revision) -> bool:
            try:
                return server.injects(f"ns-{index}", pod({}, {})) == revision
            except client.ApiException:
                return False

        eventually(answers, f"pods of a namespace with istio.io/rev={label} get a sidecar of {revision}")
    return server


def every_pod() -> list[tuple[dict[str, Any], dict[str, Any]]]:
    return [
        (namespace(index), pod(labels, annotations))
        for index in range(len(NAMESPACES))
        for labels in LABELS
        for annotations in ANNOTATIONS
    ]


def test_with_no_default_revision_the_rule_says_what_the_cluster_does(cluster: EmbeddedCluster) -> None:
    server = ready(cluster, REVISIONS)
    asked = [asked_pod for asked_pod in every_pod() if not asked_pod[1]["metadata"]["annotations"]]
    assert disagreements(server, REVISIONS, asked) == []
    print(f"{len(asked)} combinations")


def test_with_tags_the_rule_says_what_the_cluster_does_in_every_combination(cluster: EmbeddedCluster) -> None:
    for tag, revision in TAGS.items():
        cluster.kubectl("apply", "-f", "-", stdin=json.dumps(revision_tag(tag, revision)))
    leads_to = {**REVISIONS, **TAGS}
    server, asked = ready(cluster, leads_to), every_pod()
    assert disagreements(server, leads_to, asked) == []
    said = [injected_by_rule(space, each, leads_to) for space, each in asked]
    assert set(said) == {"", OLD, NEW}
    print(
        f"{len(asked)} combinations: {said.count(OLD)} of {OLD}, {said.count(NEW)} of {NEW}, {said.count('')} of none"
    )


def test_pods_on_the_nodes_network_get_no_sidecar(cluster: EmbeddedCluster) -> None:
    leads_to = {**REVISIONS, **TAGS}
    asked = [(namespace(index), pod({}, {}, host_network=True)) for index in range(len(NAMESPACES))]
    assert disagreements(ready(cluster, leads_to), leads_to, asked) == []


def test_namespaces_of_kubernetes_itself_get_no_sidecar(cluster: EmbeddedCluster) -> None:
    server = ready(cluster, REVISIONS)
    cluster.kubectl("create", "namespace", "local-path-storage")
    for name in sorted(NEVER_MESHED):
        labels = {"istio.io/rev": NEW}
        cluster.kubectl("label", "namespace", name, f"istio.io/rev={NEW}")
        space = {"metadata": {"name": name, "labels": labels}}
        assert disagreements(server, REVISIONS, [(space, pod({}, {}))]) == []
        assert injected_by_rule(space, pod({}, {}), REVISIONS) == ""


def test_the_injectors_own_selectors_and_policy_are_part_of_the_rule(cluster: EmbeddedCluster) -> None:
    expressions = [{"key": "job-name", "operator": "Exists"}, {"key": "kind", "operator": "NotIn", "values": ["app"]}]
    injector = {
        "neverInjectSelector": [{"matchLabels": {"never": "yes"}}, {"matchExpressions": expressions}, {}],
        "alwaysInjectSelector": [{"matchExpressions": [{"key": "always", "operator": "In", "values": ["yes", "y"]}]}],
    }
    for revision, policy in ((OLD, "disabled"), (NEW, "enabled")):
        values = {"global": {"proxy": {"autoInject": policy}}, "sidecarInjectorWebhook": injector}
        chart = chart_folder("dev", STACK) / f"istiod-{VERSIONS[revision]}.tgz"
        helm(cluster, chart, f"istiod-{revision}", f"revision={revision}", values)
    server = Server(cluster)
    eventually(lambda: server.injects(asks(OLD), pod({}, {})) == "", "an injector has read that it is disabled")
    eventually(lambda: server.injects(asks(NEW), pod({"never": "yes"}, {})) == "", "the other has read its selectors")
    api = kube.cluster.Cluster(cluster.kubeconfig)
    rules = policies(api.list(CONFIG_MAPS, "istio-system", CHART_LABELS))
    assert {revision: rule.enabled for revision, rule in rules.items()} == {OLD: False, NEW: True}
    choices = itertools.product(
        *([ABSENT, value, "other"] for value in ("yes", "y", "job", "app")), [ABSENT, "true", "false", "other"]
    )
    keys = ("never", "always", "job-name", "kind", "sidecar.istio.io/inject")
    labels = [
        {key: value for key, value in zip(keys, chosen, strict=True) if value is not ABSENT} for chosen in choices
    ]
    spaces = [namespace(NAMESPACES.index({"istio.io/rev": revision})) for revision in VERSIONS]
    asked = [(space, pod(each, {})) for space in spaces for each in labels]
    assert disagreements(server, REVISIONS, asked, rules) == []
    print(f"{len(asked)} combinations")


def asks(label: str) -> str:
    """The namespace that asks for a revision or tag and says nothing else."""
    return f"ns-{NAMESPACES.index({'istio.io/rev': label})}"


@pytest.mark.parametrize("version", VERSIONS.values())
@pytest.mark.parametrize("tag", TAGS)
def test_a_tags_webhooks_select_what_the_charts_own_do(tag: str, version: str) -> None:
    try:
        program = toolchain.ensure(["helm"])["helm"]
    except toolchain.ToolsMissingError as missing:
        pytest.skip(str(missing))
    chart = chart_folder("dev", STACK) / f"istiod-{version}.tgz"
    values = ["--set", f"revision={OLD},revisionTags={{{tag}}}", "-n", "istio-system"]
    rendered = subprocess.run([program, "template", "x", chart, *values], capture_output=True, text=True, check=True)
    (theirs,) = (
        manifest
        for manifest in yaml.safe_load_all(rendered.stdout)
        if manifest
        and manifest["kind"] == "MutatingWebhookConfiguration"
        and manifest["metadata"]["name"] == f"istio-revision-tag-{tag}"
    )
    assert selectors(revision_tag(tag, OLD)) == selectors(theirs)


def selectors(webhooks: Mapping[str, Any]) -> dict[str, list[str]]:
    """Terms of both selectors by webhook, in no order."""
    return {
        webhook["name"]: sorted(
            json.dumps([selector, term["key"], term["operator"], term.get("values", [])])
            for selector in ("namespaceSelector", "objectSelector")
            for term in webhook[selector]["matchExpressions"]
        )
        for webhook in webhooks["webhooks"]
    }

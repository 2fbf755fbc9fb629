"""Doctor before a real API server: whom it lets do what, whose CRDs there are, and how long it takes."""

import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from base.process import run
from embedded.cluster import EmbeddedCluster
from embedded.tools import toolchain
from embedded.tools.toolchain import ToolsMissingError
from kube.cluster import Cluster
from kube.objects import NAMESPACES
from meshlab.doctor.admission import admission
from meshlab.doctor.examination import Question, examine
from meshlab.doctor.namespaces import namespaces
from meshlab.doctor.plan import plan_of
from meshlab.ownership.strangers import NONE
from meshlab.preflight.finding import Finding, Level
from meshlab.render.stack import default_kubernetes
from meshlab.stack import Stack
from meshlab.target import Target
from tests.support.broken import lose_a_conversion
from tests.support.charts import chart_folder
from tests.support.inventory import inventory, objects
from tests.support.waiting import eventually

MOST_CALLS = 20
"""What a second look may take, in calls of kubectl that list the cluster's kinds; it takes two or three."""


@dataclass
class Place:
    """A cluster, charts, and a folder for what doctor keeps."""

    cluster: EmbeddedCluster
    folder: Path
    charts: str

    def examine(self, kubeconfig: Path | None = None) -> list[Finding]:
        target = Target(kubeconfig or self.cluster.kubeconfig, embedded=False, label="test")
        return examine(Question(Stack.load("dev", charts=self.charts), target, self.folder), print)

    def would_have(self, **cluster: Any) -> list[Finding]:
        """The findings of namespaces and admission for the stack with these settings of the cluster."""
        stack = Stack.load("dev", charts=self.charts, overlay={"cluster": cluster})
        plan = plan_of(stack, default_kubernetes())
        live = Cluster(self.cluster.kubeconfig)
        mine = namespaces(live.list(NAMESPACES), plan.owned, NONE, "meshlab/dev")
        return [*mine, *admission(live, plan)]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("doctor")
    try:
        toolchain.ensure(["helm"])
        cluster = EmbeddedCluster.up("doctor", state_dir=folder)
    except ToolsMissingError as missing:
        pytest.skip(str(missing))
    with cluster, pytest.MonkeyPatch.context() as own:
        own.delenv("PULUMI_BACKEND_URL", raising=False)
        yield Place(cluster, folder / "state", str(chart_folder("dev")))


def problems(findings: list[Finding], subject: str) -> list[Finding]:
    return [finding for finding in findings if finding.subject == subject and finding.level is Level.PROBLEM]


def test_an_empty_cluster_has_no_problem_and_nothing_is_changed(place: Place) -> None:
    before = inventory(place.cluster)
    findings = place.examine()
    assert [finding for finding in findings if finding.level is Level.PROBLEM] == []
    by_subject = {finding.subject: finding for finding in findings}
    (system,) = objects(place.cluster, "namespace", "kube-system")
    assert system["metadata"]["uid"] in by_subject["cluster"].text
    assert by_subject["rights"].text.startswith("everything (")
    assert inventory(place.cluster) == before


def quickest(act: Callable[[], object]) -> float:
    """The least of three durations, in seconds: what else the machine does at the time is not its own."""
    taken: list[float] = []
    for _ in range(3):
        started = time.monotonic()
        act()
        taken.append(time.monotonic() - started)
    return min(taken)


def test_a_second_look_takes_no_longer_than_some_calls_of_kubectl(place: Place) -> None:
    place.examine()
    doctor, kubectl = quickest(place.examine), quickest(lambda: place.cluster.kubectl("api-resources"))
    print(f"doctor, warm: {doctor:.2f} s; kubectl api-resources: {kubectl:.2f} s")
    assert doctor < MOST_CALLS * kubectl


TEAM_POLICY = {
    "apiVersion": "admissionregistration.k8s.io/v1",
    "kind": "ValidatingAdmissionPolicy",
    "metadata": {"name": "team"},
    "spec": {
        "failurePolicy": "Fail",
        "matchConstraints": {
            "resourceRules": [
                {
                    "apiGroups": [""],
                    "apiVersions": ["v1"],
                    "resources": ["namespaces"],
                    "operations": ["CREATE", "UPDATE"],
                }
            ]
        },
        "validations": [
            {
                "expression": "has(object.metadata.labels) && 'team' in object.metadata.labels "
                "|| object.metadata.name in ['default', 'kube-system']",
                "message": "every namespace needs a label team",
            }
        ],
    },
}
TEAM_BINDING = {
    "apiVersion": "admissionregistration.k8s.io/v1",
    "kind": "ValidatingAdmissionPolicyBinding",
    "metadata": {"name": "team"},
    "spec": {"policyName": "team", "validationActions": ["Deny"]},
}


def told(look: Callable[[], list[Finding]], *texts: str) -> list[Finding]:
    """What `look` finds once it tells all of that, or after 60 s: an API server learns of a policy by and by, so the
    first objects may still pass."""
    end = time.monotonic() + 60
    while not all(text in joined(found := look()) for text in texts) and time.monotonic() < end:
        time.sleep(0.5)
    return found


def joined(findings: list[Finding]) -> str:
    return "\n".join(finding.text for finding in findings)


def test_an_admission_policy_that_wants_a_label_is_told_before(place: Place) -> None:
    for manifest in (TEAM_POLICY, TEAM_BINDING):
        place.cluster.kubectl("create", "-f", "-", stdin=json.dumps(manifest))
    names = [f"Namespace {name}" for name in ("istio-system", "istioinaction", "kiali-operator", "prometheus")]
    try:
        (finding,) = told(lambda: problems(place.examine(), "admission"), *names)
        for name in names:
            assert name in finding.text
        assert "denied request: every namespace needs a label team" in finding.text
        assert "cluster.namespaceLabels" in finding.fix
        assert problems(place.would_have(namespaceLabels={"team": "mesh"}), "admission") == []
    finally:
        place.cluster.kubectl("delete", "validatingadmissionpolicybinding,validatingadmissionpolicy", "team")


def test_a_quota_that_no_object_or_pod_fits_in_is_told_before(place: Place) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "tight", "namespace": "default"},
        "spec": {"hard": {"count/services": "0", "requests.cpu": "1m"}},
    }
    refused = ("Service default/httpbin", "a pod of Deployment default/httpbin")
    place.cluster.kubectl("create", "-f", "-", stdin=json.dumps(quota))
    try:
        text = joined(told(lambda: problems(place.examine(), "admission"), *refused))
        for workload in refused:
            assert workload in text
        assert text.count("exceeded quota: tight") >= 2
        assert inventory(place.cluster).get("Service default/httpbin") is None
    finally:
        place.cluster.kubectl("delete", "resourcequota/tight", "-n", "default")


def test_a_namespace_of_somebody_else_is_a_problem_until_it_is_adopted(place: Place) -> None:
    (missing,) = problems(place.would_have(adoptNamespaces=["prometheus"]), "namespaces")
    assert missing.text == "namespace prometheus: cluster.adoptNamespaces names it, and it is not there"
    place.cluster.kubectl("create", "namespace", "prometheus")
    place.cluster.kubectl("label", "namespace", "prometheus", "pod-security.kubernetes.io/enforce=restricted")
    try:
        (there,) = problems(place.examine(), "namespaces")
        assert there.text.startswith("namespace prometheus: is there already and belongs to someone else")
        assert "cluster.adoptNamespaces" in there.fix
        findings = place.would_have(adoptNamespaces=["prometheus"])
        assert problems(findings, "namespaces") == []
        # What its owner lets in there is said as well: node-exporter reads the node.
        refused = "\n".join(problem.text for problem in problems(findings, "admission"))
        assert "a pod of DaemonSet prometheus/prom-prometheus-node-exporter" in refused
        assert 'violates PodSecurity "restricted' in refused
    finally:
        place.cluster.kubectl("delete", "namespace", "prometheus")


def test_missing_rights_are_named_by_verb_kind_and_place(place: Place, tmp_path: Path) -> None:
    kubectl = place.cluster.kubectl
    kubectl("create", "serviceaccount", "guest", "-n", "default")
    kubectl("create", "clusterrolebinding", "guest", "--clusterrole", "view", "--serviceaccount", "default:guest")
    kubectl(
        "create", "rolebinding", "guest", "-n", "default", "--clusterrole", "edit", "--serviceaccount", "default:guest"
    )
    # Who works on the cluster may read which one it is and what helm has there.
    rules = ("--verb=get,list", "--resource=secrets,customresourcedefinitions.apiextensions.k8s.io,namespaces")
    kubectl("create", "clusterrole", "guest-looks", *rules)
    kubectl(
        "create", "clusterrolebinding", "looks", "--clusterrole", "guest-looks", "--serviceaccount", "default:guest"
    )
    token = kubectl("create", "token", "guest", "-n", "default").stdout.strip()
    config = yaml.safe_load(place.cluster.kubeconfig.read_text(encoding="utf-8"))
    config["users"][0]["user"] = {"token": token}
    kubeconfig = tmp_path / "guest"
    kubeconfig.write_text(yaml.safe_dump(config), encoding="utf-8")
    (finding,) = problems(place.examine(kubeconfig), "rights")
    first, *lines = finding.text.splitlines()
    assert first == "system:serviceaccount:default:guest may not"
    assert "create, patch, delete clusterroles.rbac.authorization.k8s.io in the whole cluster" in finding.text
    # In default it may edit, and so it is not among the places.
    assert not [line for line in lines if "deployments.apps" in line and "default" in line.split()]


def test_a_cluster_that_does_not_answer_is_told(place: Place, tmp_path: Path) -> None:
    config = yaml.safe_load(place.cluster.kubeconfig.read_text(encoding="utf-8"))
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    kubeconfig = tmp_path / "gone"
    kubeconfig.write_text(yaml.safe_dump(config), encoding="utf-8")
    (finding,) = problems(place.examine(kubeconfig), "cluster")
    assert "does not answer" in finding.text


def test_a_pending_release_leads_to_recover_only_if_it_is_the_stacks(place: Place) -> None:
    kubectl = place.cluster.kubectl
    kubectl("create", "namespace", "prometheus")
    kubectl("create", "secret", "generic", "sh.helm.release.v1.prom.v1", "-n", "prometheus")
    labels = ("owner=helm", "name=prom", "version=1", "status=pending-install")
    kubectl("label", "secret", "sh.helm.release.v1.prom.v1", "-n", "prometheus", *labels)
    (finding,) = problems(place.examine(), "releases")
    assert "is there (pending-install) and not of this stack" in finding.text
    inputs = {"name": "prom", "namespace": "prometheus"}
    known = place.folder / "pulumi" / ".pulumi" / "stacks" / "meshlab" / "dev.json"
    known.parent.mkdir(parents=True)
    release = {"urn": "u::prom", "type": "kubernetes:helm.sh/v3:Release", "inputs": inputs}
    known.write_text(json.dumps({"checkpoint": {"latest": {"resources": [release]}}}), encoding="utf-8")
    (finding,) = problems(place.examine(), "releases")
    assert finding.fix == "meshlab recover --stack dev"
    known.unlink()
    kubectl("delete", "namespace", "prometheus")


def test_printed_commands_hand_over_crds_and_create_none_again(
    place: Place,
) -> None:
    chart = f"{place.charts}/prometheus-operator-crds-0.1.0.tgz"
    tools = toolchain.ensure(["helm", "kubectl"])
    # As from a chart's folder crds/: helm creates them and keeps no record of it.
    rendered = run([tools["helm"], "template", "any", chart, "--include-crds"], timeout=60).stdout
    place.cluster.kubectl("create", "-f", "-", stdin=rendered)
    crds = objects(place.cluster, "crds")
    before = {crd["metadata"]["name"]: crd["metadata"]["uid"] for crd in crds}
    place.cluster.kubectl("label", "crds", "--all", "app.kubernetes.io/managed-by-", check=False)
    (finding,) = problems(place.examine(), "crds")
    assert "belong to no helm release, so prometheus/prom-crds may not have them" in finding.text
    env = {**os.environ, "KUBECONFIG": str(place.cluster.kubeconfig)}
    env["PATH"] = f"{tools['kubectl'].parent}{os.pathsep}{env['PATH']}"
    for line in finding.fix.splitlines()[1:]:
        subprocess.run(line, shell=True, check=True, env=env, capture_output=True)
    assert problems(place.examine(), "crds") == []
    place.cluster.kubectl("create", "namespace", "prometheus")
    install = [tools["helm"], "install", "prom-crds", chart, "--namespace", "prometheus", "--wait"]
    run(install, timeout=120, env={"KUBECONFIG": str(place.cluster.kubeconfig)})
    after = {crd["metadata"]["name"]: crd["metadata"]["uid"] for crd in objects(place.cluster, "crds")}
    assert {name: after.get(name) for name in before} == before


def create(place: Place, manifest: dict[str, Any]) -> None:
    place.cluster.kubectl("create", "-f", "-", stdin=json.dumps(manifest))


def test_a_quota_without_room_for_the_plan_is_a_problem(place: Place) -> None:
    place.cluster.kubectl("create", "namespace", "istioinaction")
    place.cluster.kubectl("create", "quota", "team", "-n", "istioinaction", "--hard=pods=2")
    try:
        eventually(
            lambda: objects(place.cluster, "quota", "team", "-n", "istioinaction")[0].get("status", {}).get("used"),
            "the quota is counted",
        )
        (finding,) = problems(place.examine(), "quota")
    finally:
        place.cluster.kubectl("delete", "namespace", "istioinaction")
    assert re.match(r"ResourceQuota istioinaction/team: pods: 0 of 2 used, and the plan has [3-9] more", finding.text)


def test_a_port_of_the_nodes_that_others_take_is_a_problem(place: Place) -> None:
    ports = [{"containerPort": 9100, "hostPort": 9100}]
    template = {
        "metadata": {"labels": {"app": "theirs"}},
        "spec": {"containers": [{"name": "exporter", "image": "example.invalid/exporter:1", "ports": ports}]},
    }
    spec = {"selector": {"matchLabels": {"app": "theirs"}}, "template": template}
    metadata = {"name": "theirs", "namespace": "kube-public"}
    create(place, {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": metadata, "spec": spec})
    try:
        eventually(lambda: objects(place.cluster, "pods", "-n", "kube-public"), "its pods are there")
        (finding,) = problems(place.examine(), "node ports")
    finally:
        place.cluster.kubectl("delete", "daemonset", "theirs", "-n", "kube-public")
    assert finding.text == (
        "port 9100 of the nodes is taken by kube-public/theirs; prometheus/prom-prometheus-node-exporter wants it"
    )


def test_a_label_that_another_manager_owns_is_a_problem(place: Place) -> None:
    label = ("label", "namespace", "default", "--overwrite", "--field-manager=other-team")
    place.cluster.kubectl(*label, "istio.io/rev=theirs")
    try:
        (finding,) = problems(place.examine(), "field managers")
    finally:
        place.cluster.kubectl(*label, "istio.io/rev-")
    assert finding.text.startswith("Namespace default: ")
    assert 'conflict with "other-team"' in finding.text
    assert ".metadata.labels.istio.io/rev" in finding.text


def test_a_namespace_that_cannot_go_is_a_problem_with_what_holds_it(place: Place) -> None:
    place.cluster.kubectl("create", "namespace", "istio-system")
    lose_a_conversion(place.cluster, "istio-system")
    place.cluster.kubectl("delete", "namespace", "istio-system", "--wait=false")

    def told() -> list[Finding]:
        return [problem for problem in problems(place.examine(), "namespaces") if "ContentFailure" in problem.text]

    (finding,) = eventually(told, "Kubernetes says what holds the namespace")
    assert finding.text.startswith("Namespace istio-system is being deleted")
    assert "conversion webhook for example.com/v1, Kind=Widget failed" in finding.text

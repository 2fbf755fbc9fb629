"""Each subject that doctor looks at: what is a problem, what only a warning, and what remediates it."""

import argparse
import json
import os
import platform
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from kube.api_objects import AccessError, Manifest, Resource
from kube.objects import CRDS, NAMESPACES, SECRETS, plural
from meshlab.charts import repositories
from meshlab.charts.choice import Charts
from meshlab.cli.commands import doctor as command
from meshlab.cli.commands import up as up_command
from meshlab.doctor import examination, images, programs
from meshlab.doctor.crds import crds
from meshlab.doctor.examination import Question, examine, stop_at_problems
from meshlab.doctor.known import Known, known_of
from meshlab.doctor.permissions import permissions
from meshlab.doctor.plan import GLOBS, Demands, PlannedCrd, PlannedKind, reduced
from meshlab.doctor.releases import releases
from meshlab.doctor.repositories import repositories as chart_repositories
from meshlab.doctor.state import state
from meshlab.engine.backends import backend_for
from meshlab.engine.locks import Lock
from meshlab.engine.outcome import Outcome
from meshlab.engine.programs import Part
from meshlab.engine.state import ReleaseKey
from meshlab.engine.state_backend import StackBackend
from meshlab.preflight import identity
from meshlab.preflight.cluster import Reached, cluster, kubernetes
from meshlab.preflight.finding import Finding, Level, table, worst
from meshlab.preflight.identity import refuse_another
from meshlab.recording.recorder import ROOT, ProgramError
from meshlab.render.objects import KubernetesObject
from meshlab.session import Session
from meshlab.stack import Stack
from meshlab.target import LabError, Target
from settings.models import Settings
from settings.versions import ISTIO_KUBERNETES, istios_for, supports
from tests.support.stacks import STACKS

UID, OTHER = "4b576dc5-f983-4873-9afd-36562ba06b92", "00000000-0000-0000-0000-000000000000"
PROM = ReleaseKey("prometheus", "prom")


def settings(**over: Any) -> Settings:
    return Stack.load("dev", overlay=over).settings


def reached(version: str = "v1.34.4") -> Reached:
    return Reached("https://127.0.0.1:1", UID, version)


class FakeCluster:
    """A cluster that answers from what the test gives it."""

    server = "https://127.0.0.1:1"

    def __init__(
        self,
        allowed: Sequence[Mapping[str, str]] | None = None,
        records: Sequence[tuple[ReleaseKey, str]] = (),
        crds: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        """`allowed` are the attributes of requests, `records` helm's revisions of each release with their status."""
        self._allowed, self._crds = allowed, crds or {}
        self._records = [
            {
                "metadata": {
                    "namespace": key.namespace,
                    "uid": f"record {n}",
                    "labels": {"name": key.name, "status": status, "version": f"{n}"},
                }
            }
            for n, (key, status) in enumerate(records, 9)
        ]

    def create(self, resource: Resource, manifest: Manifest) -> Manifest:
        assert (manifest["apiVersion"], manifest["kind"]) == (resource.api, resource.kind)
        if resource.kind == "SelfSubjectReview":
            return {"status": {"userInfo": {"username": "jo"}}}
        return {"status": {"allowed": self._allowed is None or manifest["spec"]["resourceAttributes"] in self._allowed}}

    def metadata(self, resource: Resource, labels: str = "") -> list[Manifest]:
        if resource == CRDS:
            return [{"metadata": {"name": name, **metadata}} for name, metadata in self._crds.items()]
        assert (resource, labels) == (SECRETS, "owner=helm,status!=superseded")
        # As the API server lists them: by name, so that version 10 comes before version 9.
        return sorted(self._records, key=lambda record: record["metadata"]["labels"]["version"])

    def get(self, resource: Resource, name: str) -> Manifest:
        assert (resource, name) == (NAMESPACES, "kube-system")
        return {"metadata": {"uid": UID}}

    def version(self) -> str:
        return "v1.34.4"


def only(findings: Iterator[Finding]) -> Finding:
    (one,) = findings
    return one


# Versions


@pytest.mark.parametrize(
    ("istio", "version", "answer"),
    [
        ("1.17.6", "v1.26.15", True),
        ("1.17.6", "1.27", False),
        ("1.30.3", "v1.34.4", True),
        ("1.30.3", "v1.31.9", False),
        ("1.30.3", "v1.34.4-eks-1234567", True),
        ("1.99.0", "1.34", False),
    ],
)
def test_which_kubernetes_an_istio_supports_stands_in_the_table(istio: str, version: str, answer: bool) -> None:
    assert supports(istio, version) is answer


def test_the_table_has_every_istio_of_the_stacks_and_no_gap() -> None:
    minors = [int(istio.split(".")[1]) for istio in ISTIO_KUBERNETES]
    assert minors == list(range(minors[0], minors[-1] + 1))
    for stack in STACKS:
        config = Stack.load(stack).settings
        for revision in config.istio.revisions.values():
            assert revision.version.rpartition(".")[0] in ISTIO_KUBERNETES
    assert istios_for("1.34") == ["1.28", "1.29", "1.30", "1.31"]


def test_an_unsupported_istio_is_a_settings_error_with_the_supported_ones() -> None:
    with pytest.raises(ProgramError) as caught:
        settings(cluster={"kubernetes": "1.34"})
    assert str(caught.value).startswith(
        "Pulumi.dev.yaml: meshlab:istio.revisions.1-17.version: expected Istio 1.28, 1.29, 1.30, 1.31 for "
        'Kubernetes 1.34 (Istio 1.17 supports 1.23 to 1.26), got "1.17.6"'
    )
    assert settings(cluster={"kubernetes": "1.26"}).cluster.kubernetes == "1.26"


@pytest.mark.parametrize(
    ("over", "expected"),
    [
        ({"kubernetes": "v1.34.4"}, "cluster.kubernetes: expected a minor version such as 1.34"),
        ({"clusterUid": "x"}, "cluster.clusterUid: expected a UID such as "),
    ],
)
def test_what_says_which_cluster_it_is_has_to_be_well_formed(over: dict[str, Any], expected: str) -> None:
    with pytest.raises(ProgramError, match=expected):
        settings(cluster=over)


# Cluster


def test_a_stack_for_another_cluster_is_a_problem() -> None:
    finding = only(cluster(settings(cluster={"clusterUid": OTHER}), "context x", reached()))
    assert finding.level is Level.PROBLEM
    assert f"UID {UID}; the stack is for the cluster with the UID {OTHER} only" in finding.text
    assert only(cluster(settings(cluster={"clusterUid": UID}), "context x", reached())).level is Level.OK


def test_every_command_refuses_another_cluster_than_the_stacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "Cluster", lambda kubeconfig: FakeCluster())
    target = Target(Path("kubeconfig"), embedded=False, label="context x")
    refuse_another(settings(), target, print)
    with pytest.raises(LabError, match=r"the stack is for the cluster with the UID .*; nothing was changed"):
        refuse_another(settings(cluster={"clusterUid": OTHER}), target, print)


def test_unsupported_kubernetes_is_a_problem_where_rules_are_mandatory() -> None:
    warning = only(kubernetes(settings(), reached()))
    assert warning.level is Level.WARNING
    assert warning.text == "v1.34.4; Istio 1.17.6 (revision 1-17) supports 1.23 to 1.26"
    assert warning.fix == "for Kubernetes 1.34: Istio 1.28, 1.29, 1.30, 1.31"
    mandatory = settings(policy={"enforcement": "mandatory"})
    assert only(kubernetes(mandatory, reached())).level is Level.PROBLEM
    assert only(kubernetes(settings(), reached("v1.26.15"))).level is Level.OK


def test_another_kubernetes_than_the_stack_expects_is_a_problem() -> None:
    findings = list(kubernetes(settings(cluster={"kubernetes": "1.26"}), reached()))
    assert findings[0].level is Level.PROBLEM
    assert "the stack expects 1.26 (cluster.kubernetes)" in findings[0].text


# Rights


PLAN = Demands(
    kinds=(
        PlannedKind("", "namespaces", "", patched=True),
        PlannedKind("apps", "deployments", "default"),
        PlannedKind("apps", "deployments", "prometheus"),
        PlannedKind("rbac.authorization.k8s.io", "clusterroles", ""),
    ),
    crds=(
        PlannedCrd("prometheuses.monitoring.coreos.com", "prom-crds", "prometheus", "0.60.1"),
        PlannedCrd("gateways.networking.istio.io", "istio-base", "istio-system"),
    ),
    images=(),
    releases=(("prometheus", "prom"),),
)


def test_whoever_may_do_everything_is_asked_once() -> None:
    assert only(permissions(FakeCluster(), PLAN)).text == "everything (4 kinds and places in the plan)"


def test_what_is_refused_is_one_line_a_kind_with_its_verbs_and_places() -> None:
    allowed = [
        *({"resource": "namespaces", "verb": verb} for verb in ("get", "patch")),
        *(
            {"group": "rbac.authorization.k8s.io", "resource": "clusterroles", "verb": verb}
            for verb in ("get", "create", "patch", "delete", "escalate")
        ),
        {"group": "apps", "resource": "deployments", "verb": "get", "namespace": "default"},
        {"group": "apps", "resource": "deployments", "verb": "get", "namespace": "prometheus"},
    ]
    finding = only(permissions(FakeCluster(allowed), PLAN))
    assert finding.level is Level.PROBLEM
    assert finding.text.splitlines() == ["jo may not", "create, patch, delete deployments.apps in default, prometheus"]
    assert "clusterrolebinding meshlab" in finding.fix


def test_no_right_to_escalate_is_a_warning_beside_all_other_rights() -> None:
    asked = [
        *({"resource": "namespaces", "verb": verb} for verb in ("get", "patch")),
        *(
            {"group": group, "resource": resource, "verb": verb, **({"namespace": place} if place else {})}
            for group, resource, place in [
                ("apps", "deployments", "default"),
                ("apps", "deployments", "prometheus"),
                ("rbac.authorization.k8s.io", "clusterroles", ""),
            ]
            for verb in ("get", "create", "patch", "delete")
        ),
    ]
    findings = list(permissions(FakeCluster(asked), PLAN))
    assert [finding.level for finding in findings] == [Level.OK, Level.WARNING]


@pytest.mark.parametrize(
    ("kind", "resource"),
    [
        ("NetworkPolicy", "networkpolicies"),
        ("Ingress", "ingresses"),
        ("Endpoints", "endpoints"),
        ("Gateway", "gateways"),
        ("Prometheus", "prometheuses"),
        ("Deployment", "deployments"),
    ],
)
def test_resources_are_called_as_the_api_calls_them(kind: str, resource: str) -> None:
    assert plural(kind) == resource


def test_a_kept_plan_follows_from_every_module_that_the_program_imports() -> None:
    imports = (
        "import sys; from meshlab.recording.recorder import record; record('dev')\n"
        "print(*(file for module in sys.modules.values() if (file := getattr(module, '__file__', None))))"
    )
    done = subprocess.run([sys.executable, "-c", imports], cwd=ROOT, capture_output=True, text=True, check=True)
    files = {Path(file) for file in done.stdout.split()}
    modules = {file.relative_to(ROOT) for file in files if file.is_relative_to(ROOT)}
    of_the_program = {module for module in modules if module.parts[0] not in (".venv", "meshlab")}
    assert {module.parts[0] for module in of_the_program} == {"base", "components", "kube", "settings"}
    followed = {file.relative_to(ROOT) for glob in GLOBS for file in ROOT.glob(glob)}
    assert of_the_program - followed == set()


def test_a_plan_has_each_kind_once_a_place_and_the_crds_with_their_release() -> None:
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "kialis.kiali.io", "annotations": {"operator.prometheus.io/version": "0.93.1"}},
        "spec": {"group": "kiali.io", "names": {"kind": "Kiali", "plural": "kialis"}, "scope": "Namespaced"},
    }
    pod = {"containers": [{"image": "docker.io/library/a:1"}]}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "a", "namespace": "default"},
        "spec": {"template": {"spec": pod}},
    }
    kiali = {"apiVersion": "kiali.io/v1alpha1", "kind": "Kiali", "metadata": {"name": "k", "namespace": "istio-system"}}
    objects = [
        KubernetesObject("c", "release", "crds", crd),
        KubernetesObject("c", "deployment", "", deployment),
        KubernetesObject("c", "kiali", "", kiali),
    ]
    plan = reduced(objects, {"release": ("kiali-operator", "crds")})
    assert plan.crds == (PlannedCrd("kialis.kiali.io", "crds", "kiali-operator", "0.93.1"),)
    assert PlannedKind("kiali.io", "kialis", "istio-system") in plan.kinds
    assert PlannedKind("", "secrets", "kiali-operator") in plan.kinds
    assert plan.images == ("docker.io/library/a:1",)
    assert Demands.from_json(plan.to_json()) == plan
    rolling = reduced(objects, {"release": ("kiali-operator", "crds")}, rolls=True)
    assert {kind for kind in rolling.kinds if kind not in plan.kinds} == {
        PlannedKind("apps", plural, "", patched=True) for plural in ("daemonsets", "deployments", "statefulsets")
    }


# Releases and CRDs


def test_a_failed_upgrade_is_a_problem_and_recover_mends_it() -> None:
    known = Known(exists=True, readable=True, releases=frozenset({PROM}))
    finding = only(releases(FakeCluster(records=[(PROM, "deployed"), (PROM, "failed")]), "dev", {PROM}, known))
    assert finding.level is Level.PROBLEM
    assert finding.text == (
        "release prometheus/prom failed to upgrade; what that added stays through every later upgrade, until it is "
        "rolled back"
    )
    assert finding.fix == "meshlab recover --stack dev"


def test_a_fix_names_the_cluster_that_was_asked_about(own: Path) -> None:
    shop = Question(
        Stack.load("dev"), Target(own / "kubeconfig", embedded=False, label="context a b", context="a b"), own
    )
    known = Known(exists=True, readable=True, releases=frozenset({PROM}))
    finding = only(releases(FakeCluster(records=[(PROM, "deployed"), (PROM, "failed")]), "dev", {PROM}, known, shop.on))
    assert finding.fix == "meshlab recover --stack dev --cluster 'a b'"
    assert Question(Stack.load("dev"), None, own).on == ""


def test_a_failed_first_install_stands_in_nobodys_way() -> None:
    known = Known(exists=True, readable=True, releases=frozenset({PROM}))
    assert only(releases(FakeCluster(records=[(PROM, "failed")]), "dev", {PROM}, known)).level is Level.OK


def test_an_unfinished_release_of_the_stack_leads_to_recover() -> None:
    known = Known(exists=True, readable=True, releases=frozenset({PROM}))
    finding = only(releases(FakeCluster(records=[(PROM, "pending-upgrade")]), "dev", {PROM}, known))
    assert finding.level is Level.PROBLEM
    assert finding.fix == "meshlab recover --stack dev"


def test_somebody_elses_unfinished_release_is_only_a_note() -> None:
    theirs = [(ReleaseKey("team", "app"), "pending-install")]
    findings = list(releases(FakeCluster(records=theirs), "dev", {PROM}, Known(exists=False, readable=True)))
    assert [finding.level for finding in findings] == [Level.NOTE, Level.OK]


def test_a_release_unknown_to_a_readable_state_is_a_problem() -> None:
    api = FakeCluster(records=[(PROM, "deployed")])
    finding = only(releases(api, "dev", {PROM}, Known(exists=False, readable=True)))
    assert finding.level is Level.PROBLEM
    assert "release prometheus/prom is there (deployed) and not of this stack" in finding.text
    assert only(releases(api, "dev", {PROM}, Known(exists=True, readable=False))).level is Level.OK


def test_a_release_of_an_unfinished_down_is_no_strangers() -> None:
    known = Known(exists=True, readable=True, leaving=frozenset({"record 9"}))
    note, last = releases(FakeCluster(records=[(PROM, "deployed")]), "dev", {PROM}, known)
    assert note.level is Level.NOTE
    assert note.text == (
        "release prometheus/prom is left of a down that did not come to its end; the next up or down goes on from there"
    )
    assert last.level is Level.OK


@pytest.mark.parametrize("status", ["deployed", "pending-install"])
def test_a_release_that_was_installed_after_an_unfinished_down_is_a_strangers(status: str) -> None:
    known = Known(exists=True, readable=True, leaving=frozenset({"an older record"}))
    assert only(releases(FakeCluster(records=[(PROM, status)]), "dev", {PROM}, known)).level is Level.PROBLEM


def crd_of(name: str, namespace: str, operator: str = "") -> dict[str, Any]:
    version = {"operator.prometheus.io/version": operator} if operator else {}
    return {
        "labels": {"app.kubernetes.io/managed-by": "Helm"},
        "annotations": {"meta.helm.sh/release-name": name, "meta.helm.sh/release-namespace": namespace, **version},
    }


def test_crds_unknown_to_helm_are_handed_over_by_the_commands_of_doctor() -> None:
    api = FakeCluster(crds={"prometheuses.monitoring.coreos.com": {"annotations": {"a": "b"}}})
    finding = only(crds(api, PLAN))
    assert finding.level is Level.PROBLEM
    assert finding.fix.splitlines()[1:] == [
        "kubectl label crd prometheuses.monitoring.coreos.com app.kubernetes.io/managed-by=Helm --overwrite",
        "kubectl annotate crd prometheuses.monitoring.coreos.com meta.helm.sh/release-name=prom-crds "
        "meta.helm.sh/release-namespace=prometheus --overwrite",
    ]


def test_crds_of_another_release_name_that_release() -> None:
    finding = only(crds(FakeCluster(crds={"gateways.networking.istio.io": crd_of("base", "other")}), PLAN))
    assert finding.level is Level.PROBLEM
    assert "belong to release other/base, so istio-system/istio-base may not have them" in finding.text


def test_a_crd_newer_than_the_plans_is_a_problem() -> None:
    live = {"prometheuses.monitoring.coreos.com": crd_of("prom-crds", "prometheus", "0.93.1")}
    finding = only(crds(FakeCluster(crds=live), PLAN))
    assert finding.level is Level.PROBLEM
    assert "newer operator" in finding.text
    assert only(crds(FakeCluster(crds=live), PLAN, downgrade_allowed=True)).level is Level.WARNING
    live = {"prometheuses.monitoring.coreos.com": crd_of("prom-crds", "prometheus", "0.60.1")}
    assert only(crds(FakeCluster(crds=live), PLAN)).level is Level.OK


# State


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def kept_in(folder: Path, *, embedded: bool = True, locks: list[Lock] | None = None) -> StackBackend:
    class Locked(StackBackend):
        def locks(self) -> list[Lock]:
            return locks or []

    return Locked("", "dev", folder, folder, backend_for(folder, embedded=embedded))


def test_a_stack_that_was_never_brought_up_is_as_it_should_be(own: Path) -> None:
    finding = only(state("dev", own, kept_in(own), known_of("dev", kept_in(own))))
    assert finding.level is Level.OK
    assert "has nothing of this stack yet" in finding.text


def test_a_state_whose_passphrase_is_gone_is_a_problem(own: Path) -> None:
    known = Known(exists=True, readable=True, locked_by="passphrase")
    finding = only(state("dev", own, kept_in(own), known))
    assert (finding.subject, finding.level) == ("passphrase", Level.PROBLEM)
    (own / "passphrase").write_text("x", encoding="utf-8")
    assert only(state("dev", own, kept_in(own), known)).level is Level.OK


def test_a_state_elsewhere_without_a_passphrase_is_a_problem(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://bucket")
    finding = only(state("dev", own, kept_in(own, embedded=False), Known(exists=False, readable=False)))
    assert (finding.subject, finding.level) == ("passphrase", Level.PROBLEM)


def test_a_file_where_the_state_is_to_lie_is_a_problem(own: Path) -> None:
    (own / "taken").write_text("x", encoding="utf-8")
    inside = own / "taken" / "state"
    finding = only(state("dev", inside, kept_in(own), Known(exists=False, readable=True)))
    assert finding.level is Level.PROBLEM
    assert finding.text == f"the state's folder {inside}: expected a folder, got a file at {own / 'taken'}"
    assert "MESHLAB_STATE" in finding.fix


def test_too_little_room_is_a_problem(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meshlab.doctor.state.ROOM_MEGABYTES", 10**9)
    finding = only(state("dev", own, kept_in(own), Known(exists=False, readable=True)))
    assert finding.level is Level.PROBLEM
    assert "MB of room" in finding.text


def test_a_lock_is_told_with_who_holds_it_and_what_to_do(own: Path) -> None:
    now = datetime.now(UTC)
    nobody = Known(exists=True, readable=True)
    living = only(state("dev", own, kept_in(own, locks=[Lock(own, os.getpid(), "me", platform.node(), now)]), nobody))
    assert (living.level, living.fix) == (Level.PROBLEM, "wait for it")
    dead = only(state("dev", own, kept_in(own, locks=[Lock(own, 0, "", "", None)]), nobody))
    assert (dead.level, dead.fix) == (Level.PROBLEM, "meshlab recover --stack dev")
    elsewhere = only(state("dev", own, kept_in(own, locks=[Lock(own, 1, "me", "elsewhere", now)]), nobody))
    assert "--holder-is-gone" in elsewhere.fix


def test_operations_that_never_ended_lead_to_recover(own: Path) -> None:
    known = Known(exists=True, readable=True, pending=("a", "b", "c", "d"))
    finding = only(state("dev", own, kept_in(own), known))
    assert finding.text == "4 operations never ended: a, b, c and others"
    assert finding.fix == "meshlab recover --stack dev"


def test_what_the_state_knows_is_read_without_the_engine(own: Path) -> None:
    def release(name: str) -> dict[str, Any]:
        inputs = {"name": name, "namespace": "prometheus"}
        return {"urn": f"u::{name}", "type": "kubernetes:helm.sh/v3:Release", "inputs": inputs}

    latest = {
        "resources": [release("prom")],
        "pending_operations": [{"type": "creating", "resource": release("prom-crds")}],
        "secrets_providers": {"type": "passphrase"},
    }
    file = own / "pulumi" / ".pulumi" / "stacks" / "meshlab" / "dev.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"checkpoint": {"latest": latest}}), encoding="utf-8")
    known = known_of("dev", kept_in(own))
    assert known.releases == {PROM, ReleaseKey("prometheus", "prom-crds")}
    assert known.pending == ("prom-crds",)
    assert known.locked_by == "passphrase"


def test_a_state_that_is_in_no_file_is_read_only_where_the_cli_may_be_asked(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert known_of("dev", kept_in(own)) == Known(exists=False, readable=True)
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://bucket")
    bucket = kept_in(own, embedded=False)
    assert known_of("dev", bucket) == Known(exists=False, readable=False)
    monkeypatch.setattr(bucket, "export", lambda: {"deployment": {"secrets_providers": {"type": "service"}}})
    assert known_of("dev", bucket, ask=True) == Known(exists=True, readable=True, locked_by="service")
    monkeypatch.setattr(bucket, "export", dict[str, Any])
    assert known_of("dev", bucket, ask=True) == Known(exists=False, readable=True)


def test_the_legacy_layout_is_told_with_the_command_that_upgrades_it(own: Path) -> None:
    folder = own / "pulumi" / ".pulumi"
    (folder / "stacks").mkdir(parents=True)
    for name in ("dev.json", "dev.json.bak", "dev.json.attrs", "shop.json.gz"):
        (folder / "stacks" / name).touch()
    finding = only(state("dev", own, kept_in(own), known_of("dev", kept_in(own))))
    assert (finding.subject, finding.level) == ("state", Level.PROBLEM)
    assert finding.text.endswith(
        " has the legacy layout, states not sorted by project (dev, shop), which Pulumi refuses"
    )
    assert "pulumi state upgrade" in finding.fix
    (folder / "meta.yaml").write_text("version: 1\n", encoding="utf-8")
    warning, _ = state("dev", own, kept_in(own), known_of("dev", kept_in(own)))
    assert warning.level is Level.WARNING
    assert warning.text.endswith(" has a state of dev not sorted by project, which Pulumi does not look at")
    assert only(state("prod", own, kept_in(own), known_of("prod", kept_in(own)))).level is Level.OK


# Charts and images


def test_silent_upstreams_are_a_warning_and_a_silent_mirror_is_a_problem(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    silent = repositories.RepositoryStatus("https://charts.test/index.yaml", ok=False, reason="no route")
    monkeypatch.setattr(repositories, "probe", lambda source: [silent])
    monkeypatch.setattr("meshlab.doctor.repositories.probe", lambda source: [silent])
    charts = Charts(None, print)
    assert only(chart_repositories(charts.choose(None))).level is Level.WARNING
    assert only(chart_repositories(charts.choose("https://mirror.test"))).level is Level.PROBLEM
    assert only(chart_repositories(charts.choose("/charts"))).level is Level.OK


@contextmanager
def registry() -> Iterator[str]:
    """A registry on loopback that gives everybody a token, and has one image."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            if self.headers.get("Authorization") != "Bearer for-all":
                self.send_response(401)
                realm = f"http://{self.headers['Host']}/token"
                self.send_header("WWW-Authenticate", f'Bearer realm="{realm}",service="here",scope="pull"')
            else:
                self.send_response(200 if self.path == "/v2/library/alpine/manifests/3.22" else 404)
            self.end_headers()

        def do_GET(self) -> None:
            assert self.path == "/token?service=here&scope=pull"
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"token": "for-all"}')

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def test_an_anonymous_token_finds_an_image_that_its_registry_has() -> None:
    with registry() as host:
        there, missing = f"{host}/library/alpine:3.22", f"{host}/library/alpine:3.99"
        assert only(images.images((there,))).level is Level.OK
        finding = only(images.images((there, missing)))
    assert finding.level is Level.PROBLEM
    assert finding.text == f"{missing}: not there"


def test_a_registry_that_does_not_answer_is_a_problem() -> None:
    with registry() as host:
        gone = f"{host}/library/alpine:3.22"
    assert "no answer" in only(images.images((gone,))).text


@pytest.mark.parametrize(
    ("image", "url"),
    [
        ("docker.io/istio/pilot:1.30.3", "https://registry-1.docker.io/v2/istio/pilot/manifests/1.30.3"),
        ("alpine", "https://registry-1.docker.io/v2/library/alpine/manifests/latest"),
        ("quay.io/a/b:1@sha256:ab", "https://quay.io/v2/a/b/manifests/sha256:ab"),
        ("registry.test:5000/m/a/b:1", "https://registry.test:5000/v2/m/a/b/manifests/1"),
    ],
)
def test_an_images_manifest_is_where_container_engines_look_for_it(image: str, url: str) -> None:
    assert images.Reference.of(image).manifest_url == url


# Tools


def test_an_unobtainable_tool_is_a_problem_and_a_buildable_one_a_note(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("embedded.tools.toolchain.find", lambda name: None)
    monkeypatch.setattr(programs, "find_installed", lambda: ENGINE)
    monkeypatch.setattr(programs.shutil, "which", lambda name: None)
    monkeypatch.setenv("MESHLAB_DOWNLOADS", "off")
    found = list(programs.programs())
    assert [finding.level for finding in found if "no helm" in finding.text] == [Level.PROBLEM]
    monkeypatch.setattr(programs.shutil, "which", lambda name: "/usr/bin/go" if name == "go" else None)
    found = list(programs.programs())
    assert [finding.level for finding in found if finding.text.startswith("helm")] == [Level.NOTE]


def test_a_tool_that_can_be_downloaded_is_a_note_without_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("embedded.tools.toolchain.find", lambda name: None)
    monkeypatch.setattr(programs, "find_installed", lambda: ENGINE)
    monkeypatch.setattr(programs.shutil, "which", lambda name: None)
    monkeypatch.setattr(programs.download, "why_not", lambda tool: "" if tool.name == "helm" else "no digest")
    levels = {
        program.text.split()[0]: program.level for program in programs.programs() if program.level is not Level.OK
    }
    assert levels == {"helm": Level.NOTE, "no": Level.PROBLEM}


CLI = Part("pulumi", "3.276.0", "on PATH", Path("bin"))
ENGINE = [
    CLI,
    Part("kubernetes", "4.25.0", "built here", Path("cache"), "4.34.2"),
    Part("random", "4.21.4", "downloaded", Path("cache"), "4.21.4"),
]


def test_the_engine_is_told_with_where_it_is_from_and_what_is_older(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "find_installed", lambda: ENGINE)
    found = list(programs.programs())
    assert [finding.level for finding in found if "pulumi" in finding.text] == [Level.OK]
    assert found[-1].text.endswith(
        "pulumi 3.276.0 (on PATH), kubernetes 4.25.0 (built here; its SDK is 4.34.2, and the program asks for nothing "
        "newer), random 4.21.4 (downloaded)"
    )


def test_an_engine_that_is_not_here_yet_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "find_installed", lambda: [None, None, None])
    (one,) = [program for program in programs.programs() if "pulumi" in program.text]
    assert (one.level, one.text) == (Level.WARNING, "no pulumi here yet")
    assert one.fix == "`up` downloads it, or builds it with Go 1.26 or newer"


def test_providers_that_are_not_here_yet_are_a_warning_that_names_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "find_installed", lambda: [CLI, None, ENGINE[2]])
    found = list(programs.programs())
    (one,) = [finding for finding in found if "providers" in finding.text]
    assert (one.level, one.text) == (Level.WARNING, "providers not here yet: kubernetes")
    assert found[-1].text.endswith("pulumi 3.276.0 (on PATH), random 4.21.4 (downloaded)")


def test_looking_for_the_engine_fetches_and_builds_nothing(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(own / "cache"))
    monkeypatch.setenv("PATH", str(own))
    monkeypatch.setattr("embedded.tools.toolchain.ensure", lambda *given: pytest.fail("fetched or built"))
    assert [program.text for program in programs.programs() if program.level is Level.WARNING] == ["no pulumi here yet"]
    assert not (own / "cache").exists()


# The whole


@pytest.fixture
def no_charts_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = repositories.RepositoryStatus("https://charts.test/index.yaml", ok=True)
    monkeypatch.setattr(repositories, "probe", lambda source: [answer])


@pytest.mark.usefixtures("no_charts_asked_for")
def test_an_unreachable_cluster_is_one_problem_and_the_rest_is_examined(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(kubeconfig: Path) -> FakeCluster:
        raise AccessError("https://127.0.0.1:1 does not answer: connection refused")

    monkeypatch.setattr(examination, "Cluster", silent)
    findings = examine(Question(Stack.load("dev"), Target(own / "k", embedded=False, label="context x"), own), print)
    assert [finding.text for finding in findings if finding.level is Level.PROBLEM] == [
        "context x: https://127.0.0.1:1 does not answer: connection refused"
    ]
    assert {"tools", "charts", "state", "cluster"} <= {finding.subject for finding in findings}


@pytest.mark.usefixtures("no_charts_asked_for")
def test_an_error_of_one_subject_does_not_hide_the_others(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Iterator[Finding]:
        raise LabError("broken")

    monkeypatch.setattr(examination, "programs", broken)
    findings = examine(Question(Stack.load("dev"), None, own), print)
    assert [finding.subject for finding in findings if finding.level is Level.PROBLEM] == ["tools"]
    assert "cluster" in {finding.subject for finding in findings}


def test_up_stops_at_a_problem_and_goes_on_with_a_warning(monkeypatch: pytest.MonkeyPatch, own: Path) -> None:
    warning = Finding("kubernetes", Level.WARNING, "old", "upgrade")
    monkeypatch.setattr(examination, "examine", lambda question, say: [warning])
    said: list[str] = []
    stop_at_problems(Question(Stack.load("dev"), None, own), said.append)
    assert said == ["warning  kubernetes  old", "                     fix: upgrade"]
    problem = Finding("lock", Level.PROBLEM, "held", "meshlab recover --stack dev")
    monkeypatch.setattr(examination, "examine", lambda question, say: [warning, problem])
    with pytest.raises(LabError) as caught:
        stop_at_problems(Question(Stack.load("dev"), None, own), said.append)
    assert "fix: meshlab recover --stack dev" in str(caught.value)
    assert "nothing was changed" in str(caught.value)


class Untouched:
    """A driver that nobody may use."""

    def up(self) -> Outcome:
        raise AssertionError("up began")

    preview = down = up

    def settle(self) -> None:
        """What an unfinished `down` has left is no problem of the doctor's."""
        self.settled = True


def test_up_does_not_begin_where_doctor_has_a_problem(monkeypatch: pytest.MonkeyPatch, own: Path) -> None:
    target = Target(own / "kubeconfig", embedded=True, label="embedded")
    driver = Untouched()
    session = Session(target, driver, Stack.load("dev"))
    monkeypatch.setattr(up_command, "open_session", lambda args, say: session)
    asked: list[Question] = []

    def examined(question: Question, say: Any) -> list[Finding]:
        assert driver.settled
        asked.append(question)
        return [Finding("lock", Level.PROBLEM, "held", "wait")]

    monkeypatch.setattr(examination, "examine", examined)
    with pytest.raises(LabError, match="nothing was changed"):
        up_command.run(argparse.Namespace(stack="dev", charts=None, plan=None))
    (question,) = asked
    assert question.quick


def test_the_table_has_one_row_per_finding_with_its_fix_below() -> None:
    rows = [Finding("a", Level.OK, "fine"), Finding("longer", Level.PROBLEM, "bad\nreally", "do this\nand that")]
    assert table(rows) == [
        "ok       a       fine",
        "problem  longer  bad",
        "                 really",
        "                 fix: do this",
        "                      and that",
    ]
    assert worst(rows) is Level.PROBLEM
    assert worst([]) is Level.OK


@pytest.mark.parametrize(("level", "code"), [(Level.PROBLEM, 1), (Level.WARNING, 0)])
def test_the_exit_code_says_whether_up_would_go_through(
    level: Level, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "examine", lambda question, say: [Finding("a", level, "text", "fix")])
    monkeypatch.setattr(command, "_embedded", lambda: None)
    parser = argparse.ArgumentParser()
    command.configure(parser)
    args = parser.parse_args(["--json"])
    assert args.run(args) == code
    document = json.loads(capsys.readouterr().out)
    assert document["findings"] == [{"subject": "a", "level": level.name.lower(), "text": "text", "fix": "fix"}]
    assert document["worst"] == level.name.lower()

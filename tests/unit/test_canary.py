"""What is said of a control plane's canary: who is where, who must roll, and what may not go yet."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from kube.api_objects import Manifest, Resource
from meshlab.cli.main import main
from meshlab.doctor.injection import injection
from meshlab.doctor.revisions import revisions
from meshlab.mesh import report
from meshlab.mesh.leaving import orphaned, refuse_stranding, warn_of_use
from meshlab.mesh.plan import roll_plan
from meshlab.mesh.status import look
from meshlab.preflight.finding import Level
from meshlab.target import LabError
from settings.models import Settings
from tests.support.rolling_cluster import Rolling, RollingCluster, pod
from tests.support.stacks import overlaid, settings_of

OLD, NEW = "1-17", "1-30"


class MeshCluster(RollingCluster):
    """The same, with control planes."""

    istiods: Mapping[str, str] = {OLD: "1.17.6", NEW: "1.30.3"}
    default = OLD

    def list(
        self, resource: Resource, namespace: str = "", labels: Mapping[str, str] | None = None
    ) -> Sequence[Manifest]:
        if labels == {"app": "istiod"}:
            return [_istiod(revision, version) for revision, version in self.istiods.items()]
        if resource.kind == "MutatingWebhookConfiguration":
            tag = {"istio.io/tag": "stable", "istio.io/rev": self.injects["stable"]}
            return [{"metadata": {"name": "tag", "labels": tag}}, {"metadata": {"name": "somebody-elses"}}]
        if resource.kind == "Service":
            selector = {"app": "istiod", "istio.io/rev": self.default}
            return [{"metadata": {"name": "istiod"}, "spec": {"selector": selector}}]
        return super().list(resource, namespace, labels)


def _istiod(revision: str, version: str) -> Manifest:
    containers = [{"image": f"registry.example/istio/pilot:{version}"}]
    return {
        "metadata": {"name": f"istiod-{revision}", "labels": {"app": "istiod", "istio.io/rev": revision}},
        "spec": {"replicas": 2, "template": {"spec": {"containers": containers}}},
        "status": {"readyReplicas": 1},
    }


def cluster(*deployments: Rolling) -> MeshCluster:
    return MeshCluster({"a": "stable", "b": OLD}, {"stable": NEW, OLD: OLD, NEW: NEW}, *deployments)


def settings(*installed: str, at_once: int | None = 3) -> Settings:
    versions = {OLD: "1.17.6", NEW: "1.30.3"}
    istio: dict[str, Any] = {
        "revisions": {revision: {"version": versions[revision]} for revision in installed},
        "tags": {"stable": installed[-1]},
        "defaultRevision": installed[0],
    }
    mesh: dict[str, Any] = {"namespaces": {"default": "stable"}, **({"rollAtOnce": at_once} if at_once else {})}
    return settings_of("dev", overlaid("dev", {"istio": istio, "mesh": mesh}))


def test_the_status_tells_who_is_where_and_who_still_must_roll() -> None:
    here = cluster(Rolling("a", "api", [OLD, OLD]), Rolling("a", "web", [NEW]), Rolling("b", "api", [OLD]))
    assert report.lines(look(here)) == [
        "REVISION  ISTIO   ISTIODS  TAGS    DEFAULT  PROXIES",
        "1-17      1.17.6  1/2      -       yes      3 of unknown",
        "1-30      1.30.3  1/2      stable  -        1 of unknown",
        "still to roll: 1 workload of 1 namespace",
        "  a/api: 1-17 -> 1-30, by stable",
    ]


def test_the_status_says_when_all_are_where_they_belong() -> None:
    assert report.lines(look(cluster(Rolling("a", "web", [NEW]))))[-1] == (
        "every workload of the mesh is on the revision that its namespace leads to"
    )


def test_the_status_counts_proxies_by_their_version() -> None:
    here = cluster()
    for index, version in enumerate(["1.30.3", "1.30.3", "1.30.1"]):
        one = pod("a", f"app-{index}", NEW)
        one["spec"]["containers"] = [{"name": "istio-proxy", "image": f"istio/proxyv2:{version}"}]
        here.bare.append(one)
    assert dict(look(here).control_planes[1].proxies) == {"1.30.1": 1, "1.30.3": 2}


def test_proxies_whose_istiod_is_gone_are_told() -> None:
    here = cluster()
    here.istiods = {NEW: "1.30.3"}
    here.bare = [pod("elsewhere", "app", OLD)]
    (orphan,) = look(here).orphans
    assert orphan.revision == OLD
    assert "revision 1-17: 1 proxies and no istiod" in "\n".join(report.lines(look(here)))


def test_the_status_as_json_has_every_workload() -> None:
    here = cluster(*[Rolling("a", f"app-{index}", [OLD]) for index in range(30)])
    document = json.loads(report.document(look(here)))
    assert len(document["behind"]) == 30
    assert document["behind"][0] == {
        "kind": "Deployment",
        "namespace": "a",
        "name": "app-0",
        "found": [OLD],
        "wanted": NEW,
    }
    assert report.lines(look(here))[-1] == "  and 10 more"


def test_a_revision_goes_only_without_proxies() -> None:
    here = cluster(Rolling("b", "api", [OLD]))
    assert warn_of_use(here, settings(OLD, NEW)) == []
    assert list(revisions(settings(OLD, NEW), here)) == []
    (problem,) = revisions(settings(NEW), here)
    assert problem.level is Level.PROBLEM
    assert "1 proxies still use it: b/api-abc-0" in problem.text
    with pytest.raises(LabError, match=r"revision 1-17 is no more in the stack, and 1 proxies"):
        refuse_stranding(here, settings(NEW))
    here.deployments.clear()
    refuse_stranding(here, settings(NEW))


@pytest.mark.parametrize(("at_once", "level"), [(3, Level.PROBLEM), (None, Level.WARNING)])
def test_a_label_that_keeps_the_injector_away_is_told_before(at_once: int | None, level: Level) -> None:
    here = MeshCluster({"default": "stable"}, {"stable": NEW}, Rolling("default", "web", [OLD]))
    stack = settings(OLD, NEW, at_once=at_once)
    assert list(injection(stack, here)) == []
    here.more_labels = {"default": {"istio-injection": "disabled"}}
    (one,) = injection(stack, here)
    told = (
        "namespace default: label istio-injection=disabled goes before istio.io/rev=stable: its pods get no sidecar "
        "of this stack, expected revision 1-30"
    )
    assert (one.level, one.text) == (level, told)
    assert one.fix.startswith("kubectl label namespace default istio-injection-;")
    (line, *rest) = roll_plan(here, stack)
    assert line == f"{told}; not where they belong, and not rolled: default/web ({one.fix})"
    assert rest == (["no workload of the mesh would roll"] if at_once else [])


def test_what_a_removed_stack_leaves_in_the_pods_of_others_is_told() -> None:
    here = cluster()
    here.bare = [pod("b", "api", OLD), pod("c", "app", "somebody-elses")]
    (line,) = orphaned(here, settings(OLD, NEW))
    assert line.startswith(
        "1 pod of other owners with a sidecar of revision 1-17, whose istiod is gone: b/api; to remove it"
    )
    assert orphaned(cluster(), settings(OLD)) == []


def test_a_preview_says_what_would_roll_by_the_labels_and_tags_that_are_to_be() -> None:
    here = cluster(Rolling("a", "api", [OLD]), Rolling("b", "api", [OLD]))
    assert roll_plan(here, settings(OLD, NEW)) == [
        "1 workload of 1 namespace would roll, 3 at a time:",
        "  a/api: 1-17 -> 1-30, by stable",
    ]
    assert roll_plan(here, settings(NEW, OLD)) == ["no workload of the mesh would roll"]
    assert roll_plan(here, settings(OLD, NEW, at_once=None)) == []


def test_a_context_that_is_not_there_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["canary", "--status", "--cluster", "nowhere"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("kubeconfig: expected") and "a context named nowhere" in line

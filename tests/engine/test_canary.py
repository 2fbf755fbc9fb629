"""A control plane's canary on the real engine, from 1.17 to 1.30 and once back. One story, in file order."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from base.wording import counted
from kube.cluster import Cluster
from meshlab.engine.outcome import Outcome
from meshlab.mesh import report
from meshlab.mesh.plan import roll_plan
from meshlab.target import LabError
from tests.support import meshed
from tests.support.inventory import objects
from tests.support.lab import Lab, changed, driver, running_lab
from tests.support.rolling_record import RollingRecord
from tests.support.stacks import settings_of

OLD, NEW = "1-17", "1-30"
LIMIT = 2
OURS = {"default": {"httpbin", "sleep"}, "istioinaction": {"web-api", "recommendation", "purchase-history", "sleep"}}
TEAMS = {"team-a": {"api", "worker", "web"}, "team-b": {"api", "worker"}, "team-c": {"api"}}
ALL = {**OURS, **TEAMS}
STRAY = "stray"
"""A namespace that no stack file has, whose owner labels it."""
WATCHED = {*ALL, STRAY}


def istio(*revisions: str, tag: str, default: str) -> dict[str, Any]:
    versions = {OLD: "1.17.6", NEW: "1.30.3"}
    return {
        "revisions": {revision: {"version": versions[revision]} for revision in revisions},
        "tags": {"stable": tag},
        "defaultRevision": default,
    }


def mesh(*by_revision: str) -> dict[str, Any]:
    """The namespaces, all on the tag but those that are still on the old revision itself."""
    return {"namespaces": {name: OLD if name in by_revision else "stable" for name in ALL}, "rollAtOnce": LIMIT}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    over = {"istio": istio(OLD, NEW, tag=OLD, default=OLD)}
    with running_lab(tmp_path_factory.mktemp("canary"), "canary", over=over) as lab:
        teams = [meshed.namespace(name) for name in TEAMS]
        workloads = [meshed.deployment(team, name) for team, names in TEAMS.items() for name in sorted(names)]
        manifests = json.dumps({"apiVersion": "v1", "kind": "List", "items": [*teams, *workloads]})
        lab.cluster.kubectl("apply", "-f", "-", stdin=manifests)
        yield lab


def of(*namespaces: str) -> set[str]:
    """`namespace/app` of every workload of these namespaces that is in the mesh."""
    return {f"{namespace}/{app}" for namespace in namespaces for app in ALL[namespace]}


def step(lab: Lab, rolls: set[str], default: str, **over: Any) -> Outcome:
    """One `up`: rolls exactly `rolls`, within the limit, and leaves a mesh in which everything fits."""
    planned = roll_plan(Cluster(lab.cluster.kubeconfig), settings_of(lab.stack, lab.config(**over)))
    before = meshed.pods_by_workload(lab.cluster, WATCHED)
    started = time.monotonic()
    with RollingRecord(lab.cluster, WATCHED) as record:
        outcome = driver(lab, **over).up()
    seconds = time.monotonic() - started
    after = meshed.pods_by_workload(lab.cluster, WATCHED)
    rolled = {name for name, pods in after.items() if pods != before.get(name)}
    print(f"{len(rolled)} rolled, {record.most_at_once} at a time, {seconds:.1f} s; planned: {planned[0]}")

    assert rolled == rolls
    assert record.most_at_once <= LIMIT
    assert planned[0].startswith(f"{counted(len(rolls), 'workload')} of " if rolls else "no workload")
    seen = meshed.status(lab.cluster)
    assert (seen.behind, seen.orphans) == ((), ())
    meshed.every_namespace_has_its_injector(lab.cluster, WATCHED)
    meshed.each_istiod_is_seen_once(lab.cluster)
    meshed.the_default_revision_is(lab.cluster, default)
    driver(lab, **over).stack.preview(expect_no_changes=True)
    return outcome


def test_the_old_revision_alone_has_every_workload_rolled_into_the_mesh(lab: Lab) -> None:
    driver(lab, istio=istio(OLD, tag=OLD, default=OLD), mesh=mesh("team-b", "team-c")).up()
    seen = meshed.status(lab.cluster)
    assert seen.behind == ()
    (only,) = seen.control_planes
    assert (only.revision, sum(only.proxies.values())) == (OLD, len(of(*ALL)))
    meshed.every_namespace_has_its_injector(lab.cluster, set(ALL))
    meshed.the_default_revision_is(lab.cluster, OLD)


def test_a_second_revision_beside_it_moves_nobody(lab: Lab) -> None:
    outcome = step(lab, set(), OLD, istio=istio(OLD, NEW, tag=OLD, default=OLD), mesh=mesh("team-b", "team-c"))
    assert "istio-istiod-1-30" in changed(outcome)


def test_moving_the_tag_rolls_whoever_follows_it(lab: Lab) -> None:
    over = {"istio": istio(OLD, NEW, tag=NEW, default=OLD), "mesh": mesh("team-b", "team-c")}
    outcome = step(lab, of("default", "istioinaction", "team-a"), OLD, **over)
    assert "istio-tag-stable" in changed(outcome)
    # The default revision waits for its own turn.
    assert not changed(outcome) & {"mesh-rollout-istiod", "mesh-rollout-default-validator"}


def test_namespaces_follow_one_by_one(lab: Lab) -> None:
    moved = istio(OLD, NEW, tag=NEW, default=OLD)
    step(lab, of("team-b"), OLD, istio=moved, mesh=mesh("team-c"))
    step(lab, of("team-c"), OLD, istio=moved, mesh=mesh())


def test_going_back_is_the_same_command(lab: Lab) -> None:
    step(lab, of(*ALL), OLD, istio=istio(OLD, NEW, tag=OLD, default=OLD), mesh=mesh())
    assert {
        control_plane.revision: bool(control_plane.proxies)
        for control_plane in meshed.status(lab.cluster).control_planes
    } == {
        OLD: True,
        NEW: False,
    }


def test_forth_again_and_the_default_revision_follows_last(lab: Lab) -> None:
    outcome = step(lab, of(*ALL), NEW, istio=istio(OLD, NEW, tag=NEW, default=NEW), mesh=mesh())
    order = [step.name for step in outcome.steps]
    last = ["mesh-rollout-istiod", "mesh-rollout-default-validator"]
    rolled = ["mesh-rollout-workloads", "envoy-demo-httpbin-deployment", "sample-apps-web-api-deployment"]
    assert max(map(order.index, rolled)) < min(map(order.index, last))


def test_a_revision_with_a_live_proxy_is_not_removed(lab: Lab) -> None:
    stray = [meshed.namespace(STRAY, OLD), meshed.deployment(STRAY, "app")]
    lab.cluster.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": stray}))
    lab.cluster.kubectl("rollout", "status", "deployment/app", "-n", STRAY)
    with pytest.raises(LabError) as refused:
        driver(lab, istio=istio(NEW, tag=NEW, default=NEW), mesh=mesh()).up()
    assert "revision 1-17 is no more in the stack, and 1 proxies still use it: stray/app-" in str(refused.value)
    assert "Traceback" not in str(refused.value)
    assert "istiod-1-17" in [
        object_["metadata"]["name"] for object_ in objects(lab.cluster, "deployments", "-n", "istio-system")
    ]


def test_once_that_proxy_has_moved_the_revision_goes(lab: Lab) -> None:
    lab.cluster.kubectl("label", "namespace", STRAY, "istio.io/rev=stable", "--overwrite")
    outcome = step(lab, {"stray/app"}, NEW, istio=istio(NEW, tag=NEW, default=NEW), mesh=mesh())
    assert "istio-istiod-1-17" in changed(outcome)
    (only,) = meshed.status(lab.cluster).control_planes
    assert (only.revision, sum(only.proxies.values())) == (NEW, len(of(*ALL)) + 1)
    assert report.lines(meshed.status(lab.cluster))[-1].startswith("every workload of the mesh")


def test_destroy_leaves_the_teams_namespaces_as_they_were(lab: Lab) -> None:
    driver(lab, istio=istio(NEW, tag=NEW, default=NEW), mesh=mesh()).down()
    labels = {
        object_["metadata"]["name"]: object_["metadata"]["labels"] for object_ in objects(lab.cluster, "namespaces")
    }
    assert all("istio.io/rev" not in labels[name] for name in TEAMS)
    assert len(objects(lab.cluster, "deployments", "-n", "team-a")) == len(TEAMS["team-a"])

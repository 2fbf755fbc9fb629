"""Rolling the workloads of meshed namespaces: which, in what order, how many at a time, and what stops it."""

import json
from typing import Any

import pytest

from base.errors import MeshlabError
from components.rollout_provider import Rollout, RolloutProvider
from kube.api_objects import Manifest
from kube.sidecars import injected_by, proxy_version
from rollout.mesh_workloads import ROLLOUT, find_behind, find_held_back, find_stranded
from rollout.roll import RollPlan, follow, roll
from rollout.workload_status import can_restart, failure, is_done
from tests.support.rolling_cluster import Rolling, RollingCluster, pod

OLD, NEW = "1-17", "1-30"
MOVED = {OLD: OLD, NEW: NEW, "stable": NEW}


def plan(at_once: int = 2, leads_to: dict[str, str] | None = None, limit: float = 60) -> RollPlan:
    return RollPlan(leads_to or MOVED, at_once, limit)


def cluster(*deployments: Rolling, **labels: str) -> RollingCluster:
    return RollingCluster(labels or {"a": "stable", "b": "stable", "c": OLD}, MOVED, *deployments)


def many(namespace: str, count: int, revision: str = OLD) -> list[Rolling]:
    return [Rolling(namespace, f"app-{index}", [revision, revision]) for index in range(count)]


def test_a_moved_tag_rolls_exactly_the_workloads_of_namespaces_on_it() -> None:
    here = cluster(*many("a", 2), *many("b", 1), *many("c", 2), *many("elsewhere", 1))
    assert roll(here, plan(), here.tick).count == 3
    assert sorted(here.order) == ["a/app-0", "a/app-1", "b/app-0"]
    assert [deployment.revisions[0] for deployment in here.deployments] == [NEW, NEW, NEW, OLD, OLD, OLD]


def test_they_roll_by_namespace_and_name() -> None:
    here = cluster(*reversed(many("b", 2)), *reversed(many("a", 3)))
    roll(here, plan(at_once=1), here.tick)
    assert here.order == ["a/app-0", "a/app-1", "a/app-2", "b/app-0", "b/app-1"]


@pytest.mark.parametrize("limit", [1, 3, 20])
def test_no_more_than_the_limit_roll_at_a_time_and_as_many_do(limit: int) -> None:
    here = cluster(*many("a", 7), *many("b", 6))
    assert roll(here, plan(at_once=limit), here.tick).count == 13
    assert here.most_at_once == min(limit, 13)


def test_what_is_where_it_belongs_is_left_alone() -> None:
    here = cluster(*many("a", 3, NEW), Rolling("a", "scaled-to-none", []))
    assert roll(here, plan(), here.tick).count == 0
    assert here.order == []


def test_going_back_is_the_same() -> None:
    here = cluster(*many("a", 3))
    roll(here, plan(), here.tick)
    here.injects = back = {**MOVED, "stable": OLD}
    assert roll(here, plan(leads_to=back), here.tick).count == 3
    assert {deployment.revisions[0] for deployment in here.deployments} == {OLD}


def test_a_namespace_that_is_about_to_get_another_label_counts_by_that_one() -> None:
    here = cluster(*many("c", 2))
    assert find_behind(here, MOVED) == []
    assert [str(workload) for workload in find_behind(here, MOVED, {"c": "stable"})] == ["c/app-0", "c/app-1"]


def test_workloads_without_a_sidecar_roll_into_the_mesh_unless_they_want_none() -> None:
    out: dict[str, Any] = {"metadata": {"labels": {"sidecar.istio.io/inject": "false"}}}
    annotated: dict[str, Any] = {"metadata": {"annotations": {"sidecar.istio.io/inject": "false"}}}
    here = cluster(
        Rolling("a", "joins", [""]),
        Rolling("a", "opted-out", [""], out),
        Rolling("a", "opted-out-as-of-old", [""], annotated),
        Rolling("a", "on-the-nodes-network", [""], {"spec": {"hostNetwork": True}}),
    )
    assert [workload.name for workload in find_behind(here, MOVED)] == ["joins"]


def test_a_run_that_was_cut_off_goes_on_where_it_stopped() -> None:
    here = cluster(*many("a", 6))

    def killed(seconds: float) -> None:
        here.tick(seconds)
        if sum(deployment.revisions[0] == NEW for deployment in here.deployments) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        roll(here, plan(), killed)
    begun = [deployment.name for deployment in here.deployments if deployment.rolling]
    assert len(begun) == 1
    roll(here, plan(), here.tick)
    assert {deployment.revisions[0] for deployment in here.deployments} == {NEW}
    assert [deployment.restarts for deployment in here.deployments if deployment.name not in begun] == [1] * 5


def test_what_a_cut_off_run_has_begun_is_awaited_and_not_begun_again() -> None:
    begun = Rolling("b", "half-way", [OLD, NEW], rolling=True)
    here = cluster(*many("a", 2), begun)
    roll(here, plan(at_once=1), here.tick)
    assert begun.restarts == 0
    assert here.order == ["a/app-0", "a/app-1"]
    assert begun.revisions == [NEW, NEW]


def test_a_workload_its_owner_rolls_is_rolled_again_only_if_it_did_not_move() -> None:
    moved, stayed = Rolling("a", "moved", [OLD], rolling=True), Rolling("a", "stayed", [OLD], rolling=True)
    here = cluster(moved, stayed)

    def owner(seconds: float) -> None:
        if stayed.rolling and not stayed.restarts:
            # Its pods came up before the tag was moved.
            stayed.rolling = False
        else:
            here.tick(seconds)

    roll(here, plan(at_once=2), owner)
    assert (moved.restarts, stayed.restarts) == (0, 1)
    assert (moved.revisions, stayed.revisions) == ([NEW], [NEW])


def test_a_workload_that_does_not_come_up_stops_the_rest_and_counts_it() -> None:
    here = cluster(Rolling("a", "bad", [OLD], stuck="image not found"), *many("b", 5))
    with pytest.raises(MeshlabError) as refused:
        roll(here, plan(at_once=1), here.tick)
    text = str(refused.value)
    assert text.startswith(
        "a/bad: not ready with revision 1-30: image not found; 5 of 6 workloads were left as they were"
    )
    assert "\n" not in text
    assert all(deployment.restarts == 0 for deployment in here.deployments[1:])


def test_what_was_stuck_before_is_left_to_its_owner_and_holds_nobody_up() -> None:
    stuck = Rolling("a", "stuck", [OLD], rolling=True, stuck="image not found")
    here = cluster(stuck, *many("b", 2))
    rolled = roll(here, plan(), here.tick)
    assert (rolled.count, rolled.left) == (2, ("a/stuck: image not found",))
    assert stuck.restarts == 0


def test_a_workload_that_its_owner_removes_meanwhile_is_no_error() -> None:
    here = cluster(*many("a", 3))

    def owner(seconds: float) -> None:
        if len(here.deployments) == 3:
            here.deployments = [
                deployment for deployment in here.deployments if deployment.name not in ("app-0", "app-2")
            ]
        here.tick(seconds)

    roll(here, plan(at_once=1), owner)
    assert here.order == ["a/app-0", "a/app-1"]


def test_a_workload_that_takes_too_long_says_how_long_it_had() -> None:
    here = cluster(Rolling("a", "slow", [OLD]))
    with pytest.raises(MeshlabError, match=r"a/slow: .* still rolling after 0.01 s"):
        roll(here, plan(limit=0.01), lambda _: None)


def test_a_workload_that_another_webhook_injects_is_told() -> None:
    here = cluster(Rolling("a", "app", [OLD]))
    here.injects = {"stable": "elsewhere"}
    expected = r"a/app: rolled, and not with revision 1-30 of label istio.io/rev=stable \(found: elsewhere\)"
    with pytest.raises(MeshlabError, match=expected):
        roll(here, plan(), here.tick)


@pytest.mark.parametrize("instead", ["", "elsewhere"])
def test_what_a_roll_did_not_bring_is_told_again_and_not_rolled_again(instead: str) -> None:
    app = Rolling("a", "app", [""])
    here = cluster(app)
    here.injects = {"stable": instead}
    for _ in range(3):
        with pytest.raises(MeshlabError, match=rf"a/app: rolled, .*found: {instead or 'no sidecar'}"):
            roll(here, plan(), here.tick)
    assert app.restarts == 1


def test_a_changed_template_or_another_revision_makes_another_roll_worth_it() -> None:
    app = Rolling("a", "app", [""])
    here = cluster(app)
    here.injects = {}
    with pytest.raises(MeshlabError, match=r"a/app: rolled, .*found: no sidecar"):
        roll(here, plan(), here.tick)
    app.template["metadata"]["labels"] = {"mended": "true"}
    with pytest.raises(MeshlabError, match=r"a/app: rolled, .*found: no sidecar"):
        roll(here, plan(), here.tick)
    assert app.restarts == 2
    here.injects = {"stable": OLD}
    assert roll(here, plan(leads_to={"stable": OLD}), here.tick).count == 1
    assert (app.restarts, app.revisions) == (3, [OLD])


@pytest.mark.parametrize("said", ["enabled", "disabled"])
def test_a_label_that_goes_before_the_revisions_is_told_and_nothing_is_rolled(said: str) -> None:
    app, elsewhere = Rolling("a", "app", [""]), Rolling("b", "app", [""])
    here = cluster(app, elsewhere)
    here.more_labels = {"a": {"istio-injection": said}}
    for _ in range(2):
        with pytest.raises(MeshlabError) as refused:
            roll(here, RollPlan(MOVED, 2, 60, {"a": "stable", "b": "stable"}), here.tick)
        assert str(refused.value) == (
            "a/app: not rolled, since that would not bring revision 1-30: namespace a: label istio-injection="
            f"{said} goes before istio.io/rev=stable: its pods get no sidecar of this stack, expected revision 1-30 "
            "(kubectl label namespace a istio-injection-; or take the namespace out of mesh.namespaces)"
        )
    assert (app.restarts, elsewhere.restarts, elsewhere.revisions) == (0, 1, [NEW])
    here.more_labels = {}
    assert roll(here, plan(), here.tick).count == 1


def test_what_the_injectors_own_settings_keep_out_is_left_alone() -> None:
    here = cluster(
        Rolling("a", "job", [""], {"metadata": {"labels": {"kind": "job"}}}),
        Rolling("a", "asks", [""], {"metadata": {"labels": {"sidecar.istio.io/inject": "true"}}}),
        Rolling("a", "plain", [""]),
    )
    never = {"neverInjectSelector": [{"matchLabels": {"kind": "job"}}]}

    def left(config: dict[str, Any]) -> list[str]:
        metadata = {"name": f"istio-sidecar-injector-{NEW}", "labels": {"istio.io/rev": NEW}}
        here.config_maps = [{"metadata": metadata, "data": {"config": json.dumps(config)}}]
        return [workload.name for workload in find_behind(here, MOVED)]

    assert left({"policy": "enabled", **never}) == ["asks", "plain"]
    assert left({"policy": "disabled", **never}) == ["asks"]
    assert left({"policy": "disabled", "alwaysInjectSelector": never["neverInjectSelector"]}) == ["asks", "job"]


def test_what_follows_the_default_revision_rolls_when_that_moves() -> None:
    asks: dict[str, Any] = {"metadata": {"labels": {"sidecar.istio.io/inject": "true"}}}
    names: dict[str, Any] = {"metadata": {"labels": {"istio.io/rev": "stable"}}}
    here = RollingCluster(
        {"plain": "", "legacy": ""},
        {},
        Rolling("legacy", "app", [OLD]),
        Rolling("plain", "asks", [OLD], asks),
        Rolling("plain", "names", [OLD], names),
        Rolling("plain", "outside", [OLD]),
    )
    here.more_labels = {"legacy": {"istio-injection": "enabled"}}
    found = find_behind(here, {**MOVED, "default": NEW})
    assert [(str(workload), workload.label) for workload in found] == [
        ("legacy/app", "default"),
        ("plain/asks", "default"),
        ("plain/names", "stable"),
    ]


def test_a_hindrance_is_none_where_the_default_revision_is_the_same() -> None:
    here = cluster(Rolling("a", "app", [""]))
    here.more_labels = {"a": {"istio-injection": "enabled"}}
    assert find_held_back(here, {**MOVED, "default": NEW}, {"a": "stable"}) == []
    (other,) = find_held_back(here, {**MOVED, "default": OLD}, {"a": "stable"})
    assert (other.hindrance.instead, other.workloads) == (OLD, ("a/app",))


def test_a_revision_does_not_go_while_proxies_use_it() -> None:
    here = cluster(*many("a", 1, NEW), outside="none")
    here.bare = [pod("outside", f"job-{index}", OLD) for index in range(7)]
    both: dict[str, Any] = {
        "leadsTo": MOVED,
        "installed": [OLD, NEW],
        "atOnce": 2.0,
        "timeoutSeconds": 60.0,
        "namespaces": {},
    }
    assert follow(here, {}, both).count == 0
    one = {**both, "leadsTo": {NEW: NEW, "stable": NEW}, "installed": [NEW]}
    with pytest.raises(MeshlabError) as refused:
        follow(here, both, one)
    assert "revision 1-17 is no more in the stack, and 7 proxies still use it: outside/job-0" in str(refused.value)
    assert "and 2 more" in str(refused.value)
    here.bare = []
    assert follow(here, both, one).count == 0


def test_proxies_of_control_planes_that_are_not_ours_do_not_matter() -> None:
    here = cluster(outside="none")
    here.bare = [pod("outside", "app", "somebody-elses")]
    assert find_stranded(here, [OLD]) == {}


def test_pods_that_have_ended_or_are_going_count_for_nothing() -> None:
    here = cluster(outside="none")
    ended, going = pod("outside", "job", OLD), pod("outside", "app", OLD)
    ended["status"]["phase"] = "Succeeded"
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    here.bare = [ended, going]
    assert find_stranded(here, [OLD]) == {}


def test_the_resource_has_the_type_that_others_know_it_by() -> None:
    assert Rollout._resource_type_name == ROLLOUT.removeprefix("pulumi-python:")


def test_the_resource_changes_with_its_inputs_and_not_with_what_it_reports() -> None:
    inputs: dict[str, Any] = {"leadsTo": MOVED, "installed": [OLD], "atOnce": 2, "timeoutSeconds": 60, "namespaces": {}}
    provider = RolloutProvider()
    assert provider.diff("", {**inputs, "rolled": 4, "__provider": "x"}, {**inputs, "__provider": "y"}).changes is False
    for key in inputs:
        assert provider.diff("", inputs, {**inputs, key: "other"}).changes is True


STATUS = {"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3}


@pytest.mark.parametrize(
    ("kind", "changed", "expected"),
    [
        ("Deployment", {}, True),
        ("Deployment", {"observedGeneration": 1}, False),
        ("Deployment", {"replicas": 4}, False),
        ("Deployment", {"availableReplicas": 2}, False),
        ("StatefulSet", {"updatedReplicas": 2}, False),
        ("StatefulSet", {}, True),
        ("DaemonSet", {"desiredNumberScheduled": 5, "updatedNumberScheduled": 5, "numberAvailable": 5}, True),
        ("DaemonSet", {"desiredNumberScheduled": 5, "updatedNumberScheduled": 4, "numberAvailable": 5}, False),
    ],
)
def test_a_workload_is_done_when_all_its_pods_are_new_available_and_alone(
    kind: str, changed: dict[str, int], expected: bool
) -> None:
    workload: Manifest = {"metadata": {"generation": 2}, "spec": {"replicas": 3}, "status": {**STATUS, **changed}}
    assert is_done(kind, workload) is expected


def test_only_a_passed_deadline_ends_the_waiting() -> None:
    going = {"type": "Progressing", "reason": "ReplicaSetUpdated", "message": "going"}
    late = {"type": "Progressing", "reason": "ProgressDeadlineExceeded", "message": "timed out"}
    assert failure({"status": {"conditions": [going]}}) == ""
    assert failure({"status": {"conditions": [late]}}) == "timed out"
    assert failure({}) == ""


@pytest.mark.parametrize(
    ("spec", "expected"),
    [({}, True), ({"paused": True}, False), ({"updateStrategy": {"type": "OnDelete"}}, False)],
)
def test_what_only_rolls_when_its_pods_are_deleted_is_left_to_its_owner(spec: dict[str, Any], expected: bool) -> None:
    assert can_restart({"spec": spec}) is expected


def test_a_pod_says_whose_sidecar_it_has_and_of_which_version() -> None:
    one = pod("a", "app", NEW)
    one["spec"] = {
        "containers": [{"name": "app", "image": "registry.example:5000/app:7"}],
        "initContainers": [{"name": "istio-proxy", "image": "registry.example:5000/istio/proxyv2:1.30.3@sha256:abc"}],
    }
    assert (injected_by(one), proxy_version(one)) == (NEW, "1.30.3")
    one["metadata"]["annotations"] = {"sidecar.istio.io/status": "not JSON"}
    one["spec"] = {"containers": []}
    assert (injected_by(one), proxy_version(one)) == ("", "")

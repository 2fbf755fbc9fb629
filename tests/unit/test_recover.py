"""What a killed run left is judged one piece at a time; the engine tier shows that the pieces do come like this."""

import copy
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pulumi.automation import CommandError, CommandResult

from base.errors import MeshlabError
from base.pulumi_values import SECRET, SIGNATURE_KEY
from kube.api_objects import Manifest, MissingError, Resource
from kube.discovery import Kind
from meshlab.cli.commands import recover as command
from meshlab.cli.commands.recover import RecoverOptions, _ask
from meshlab.engine.backends import backend_for
from meshlab.engine.locks import Holder, began, locks_of, started_at
from meshlab.engine.state import PendingOperation, ReleaseKey, State
from meshlab.engine.state_backend import StackBackend
from meshlab.engine.watch import BY_HAND, Watch
from meshlab.recover import helm as helm_module
from meshlab.recover.adoption import UNSEEN
from meshlab.recover.carry_out import carry_out
from meshlab.recover.helm import HelmRelease, HelmRepair, WayBack, rollback_path
from meshlab.recover.live import look_up
from meshlab.recover.orphans import orphans_of
from meshlab.recover.plan import RecoveryFacts, foreign, steps_for
from meshlab.recover.recovery import look
from meshlab.recover.steps import Adopt, Drop, Forget, KeepFailed, RollBack, Step, Uninstall, Unlock
from meshlab.target import LabError, Target

BEGAN = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
URN = "urn:pulumi:dev::meshlab::"
PROM = ReleaseKey("prometheus", "prom")
VALUES = {"a": 1}
NEVER_STOOD = WayBack()
STORED = WayBack(2, newer={"b.example.com": ["v2"], "a.example.com": ["v1"]})


def release_resource(name: str = "prom") -> dict[str, Any]:
    inputs = {"name": name, "namespace": "prometheus", "version": "42.2.1", "values": VALUES}
    return {
        "urn": f"{URN}kubernetes:helm.sh/v3:Release::stack-{name}",
        "type": "kubernetes:helm.sh/v3:Release",
        "inputs": inputs,
    }


def config_map(name: str = "web") -> dict[str, Any]:
    inputs = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "default"},
        "data": {"k": "v"},
    }
    return {
        "urn": f"{URN}kubernetes:core/v1:ConfigMap::{name}",
        "type": "kubernetes:core/v1:ConfigMap",
        "inputs": inputs,
    }


def patch() -> dict[str, Any]:
    inputs = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "default", "labels": {"istio.io/rev": "1-17"}},
    }
    kind = "kubernetes:core/v1:NamespacePatch"
    return {"urn": f"{URN}{kind}::label", "type": kind, "inputs": inputs}


def state(*pending: tuple[str, dict[str, Any]], resources: list[dict[str, Any]] | None = None) -> State:
    operations = [{"type": kind, "resource": resource} for kind, resource in pending]
    return State({"version": 3, "deployment": {"resources": resources or [], "pending_operations": operations}})


def helm_release(status: str, revision: int = 1, updated: datetime = BEGAN, key: ReleaseKey = PROM) -> HelmRelease:
    return HelmRelease(key, status, revision, "kube-prometheus-stack-42.2.1", updated)


def live(manager: str = "pulumi-kubernetes", made: datetime = BEGAN, **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "web",
            "namespace": "default",
            "uid": "74825f05-292d-4822-aca3-da46fb635f91",
            "creationTimestamp": made.isoformat().replace("+00:00", "Z"),
            "managedFields": [{"manager": manager, "operation": "Update"}],
            **metadata,
        },
        "data": {"k": "v", "server": "side"},
    }


def found(
    known: State,
    *releases: HelmRelease,
    look: Callable[[PendingOperation], Mapping[str, Any] | None] = lambda _: None,
    way: WayBack = NEVER_STOOD,
    since: datetime | None = BEGAN,
    values: Mapping[str, Any] = VALUES,
) -> RecoveryFacts:
    by_key = {release.key: release for release in releases}
    return RecoveryFacts(known, by_key, since, look, lambda _: values, lambda _: way)


def kinds(steps: list[Step]) -> list[type]:
    return [type(step) for step in steps]


def test_nothing_pending_and_nothing_unfinished_needs_no_step() -> None:
    known = state(resources=[release_resource()])
    assert steps_for(found(known, helm_release("deployed"))) == []


def test_an_install_that_helm_had_not_begun_is_only_forgotten() -> None:
    (step,) = steps_for(found(state(("creating", release_resource()))))
    assert isinstance(step, Forget)
    assert "helm had not begun it" in step.told()


@pytest.mark.parametrize(
    ("status", "what"), [("pending-install", "install"), ("failed", "install"), ("uninstalling", "deletion")]
)
def test_an_install_that_never_finished_is_uninstalled(status: str, what: str) -> None:
    steps = steps_for(found(state(("creating", release_resource())), helm_release(status)))
    assert kinds(steps) == [Uninstall, Forget]
    assert steps[0].told() == f"uninstall release prometheus/prom ({status}: its {what} never finished); CRDs stay"


def test_an_install_that_finished_unseen_enters_the_state_with_secret_inputs() -> None:
    (step,) = steps_for(found(state(("creating", release_resource())), helm_release("deployed")))
    assert isinstance(step, Adopt)
    assert step.resource["id"] == "prometheus/prom"
    secret = step.resource["outputs"]["__inputs"]
    assert json.loads(secret["plaintext"]) == release_resource()["inputs"]
    assert secret[SIGNATURE_KEY] == SECRET


@pytest.mark.parametrize(
    ("release", "values"),
    [
        (helm_release("pending-install", updated=BEGAN - timedelta(hours=1)), VALUES),
        (helm_release("pending-install", revision=2), VALUES),
        (helm_release("deployed"), {"a": 2}),
    ],
    ids=["older than the run", "not its first revision", "other values"],
)
def test_a_release_of_somebody_else_under_our_name_is_left_alone(release: HelmRelease, values: dict[str, Any]) -> None:
    (step,) = steps_for(found(state(("creating", release_resource())), release, values=values))
    assert isinstance(step, Forget)
    assert "release prometheus/prom belongs to someone else, and stays" in step.told()


@pytest.mark.parametrize("status", ["pending-upgrade", "pending-rollback"])
def test_a_half_done_upgrade_is_rolled_back_to_the_revision_that_stood(status: str) -> None:
    known = state(("updating", release_resource()), resources=[release_resource()])
    steps = steps_for(found(known, helm_release(status, revision=3), way=WayBack(2)))
    assert kinds(steps) == [RollBack, Forget]
    assert steps[0] == RollBack(PROM, status, 2)


def test_an_upgrade_of_what_never_stood_is_uninstalled_and_leaves_the_state() -> None:
    known = state(("updating", release_resource()), resources=[release_resource()])
    steps = steps_for(found(known, helm_release("pending-upgrade", revision=2), way=NEVER_STOOD))
    assert kinds(steps) == [Uninstall, Drop, Forget]


def test_a_failed_upgrade_is_rolled_back_by_way_of_those_that_failed_before() -> None:
    known = state(resources=[release_resource()])
    (step,) = steps_for(found(known, helm_release("failed", revision=4), way=WayBack(2, (3,))))
    assert step == RollBack(PROM, "failed", 2, (3,))
    assert step.told() == "roll release prometheus/prom (failed) back to its revision 2, by way of 3"


def test_a_release_that_cannot_go_back_is_marked_for_the_next_upgrade() -> None:
    known = state(("updating", release_resource()), resources=[release_resource()])
    steps = steps_for(found(known, helm_release("pending-upgrade", revision=3), way=STORED))
    assert steps[0] == KeepFailed(PROM, "pending-upgrade", STORED)
    assert kinds(steps) == [KeepFailed, Forget]
    assert steps[0].told() == (
        "mark release prometheus/prom (pending-upgrade) as failed, for up to upgrade it: it cannot go back to its "
        "revision 2, whose a.example.com lacks the stored version v1 (and 1 more CRDs)"
    )


@pytest.mark.parametrize(("noted", "steps"), [(True, []), (False, [KeepFailed])])
def test_a_failed_one_that_cannot_go_back_only_has_its_objects_noted(noted: bool, steps: list[type]) -> None:
    known = state(resources=[release_resource()])
    way = replace(STORED, noted=noted)
    assert kinds(steps_for(found(known, helm_release("failed", revision=3), way=way))) == steps


def test_a_failed_first_install_is_left_to_the_next_up() -> None:
    known = state(resources=[release_resource()])
    assert steps_for(found(known, helm_release("failed"), way=NEVER_STOOD)) == []


@pytest.mark.parametrize(
    ("history", "way"),
    [
        ({1: "deployed", 2: "failed"}, (1,)),
        ({1: "deployed", 2: "failed", 3: "failed"}, (2, 1)),
        ({1: "superseded", 2: "deployed", 3: "failed", 4: "failed", 5: "pending-upgrade"}, (4, 3, 2)),
        ({1: "failed", 2: "failed"}, ()),
        ({1: "deployed", 2: "pending-upgrade"}, (1,)),
    ],
)
def test_the_way_back_goes_through_each_failed_revision(history: dict[int, str], way: tuple[int, ...]) -> None:
    assert rollback_path(history) == way


def test_an_upgrade_that_finished_unseen_is_compared_anew() -> None:
    known = state(("updating", release_resource()), resources=[release_resource()])
    assert kinds(steps_for(found(known, helm_release("deployed", revision=2), way=WayBack(2)))) == [Forget]


def test_a_deleted_release_leaves_the_state_since_the_provider_would_fail_on_it() -> None:
    known = state(("deleting", release_resource()), resources=[release_resource()])
    assert kinds(steps_for(found(known))) == [Forget, Drop]
    assert kinds(steps_for(found(known, helm_release("deployed")))) == [Forget]


def test_a_deletion_that_helm_had_begun_is_brought_to_its_end() -> None:
    known = state(("deleting", release_resource()), resources=[release_resource()])
    steps = steps_for(found(known, helm_release("uninstalling")))
    assert kinds(steps) == [Uninstall, Forget, Drop]
    assert steps[0].told().endswith("(uninstalling: its deletion never finished); CRDs stay")


def test_an_unfinished_release_is_found_without_a_pending_operation() -> None:
    known = state(resources=[release_resource()])
    assert kinds(steps_for(found(known, helm_release("pending-upgrade", revision=2), way=WayBack(1)))) == [RollBack]


def test_an_unfinished_deletion_is_found_without_a_pending_operation() -> None:
    known = state(resources=[release_resource()])
    assert kinds(steps_for(found(known, helm_release("uninstalling")))) == [Uninstall, Drop]


def test_an_unfinished_release_unknown_to_the_state_is_told_and_not_touched() -> None:
    other = helm_release("pending-install", key=ReleaseKey("prometheus", "theirs"))
    what = found(state(), other)
    assert steps_for(what) == []
    assert foreign(what) == [other]


def test_an_object_that_exists_is_entered_and_applied_once_more() -> None:
    (step,) = steps_for(found(state(("creating", config_map())), look=lambda _: live()))
    assert isinstance(step, Adopt)
    assert step.resource["id"] == "default/web"
    assert step.resource["initErrors"] == [UNSEEN]
    outputs = step.resource["outputs"]
    assert outputs["metadata"]["uid"] == "74825f05-292d-4822-aca3-da46fb635f91"
    assert outputs["__inputs"] == config_map()["inputs"]
    # What only the server has may be secret, and does not go into the state.
    assert outputs["data"] == {"k": "v"}


@pytest.mark.parametrize(
    "other",
    [live(manager="kubectl-create"), live(made=BEGAN - timedelta(hours=1))],
    ids=["another writer", "older than the run"],
)
def test_an_object_of_somebody_else_under_our_name_is_not_entered(other: dict[str, Any]) -> None:
    (step,) = steps_for(found(state(("creating", config_map())), look=lambda _: other))
    assert isinstance(step, Forget)
    assert "not this stack's" in step.told()


def test_a_patch_keeps_the_name_under_which_it_owns_its_fields() -> None:
    patched = {**live(manager="pulumi-kubernetes-0c112348", made=BEGAN - timedelta(days=90)), "kind": "Namespace"}
    (step,) = steps_for(found(state(("creating", patch())), look=lambda _: patched))
    assert isinstance(step, Adopt)
    assert step.resource["outputs"]["__fieldManager"] == "pulumi-kubernetes-0c112348"
    (step,) = steps_for(found(state(("creating", patch())), look=lambda _: live(manager="kubectl")))
    assert isinstance(step, Forget)
    assert "not patched yet" in step.told()


def test_what_the_provider_had_answered_is_entered_as_it_answered() -> None:
    answered = {**config_map(), "id": "default/web", "outputs": {"data": {"k": "v"}}}
    (step,) = steps_for(found(state(("creating", answered))))
    assert isinstance(step, Adopt)
    assert step.resource == answered


def test_entering_what_replaces_another_leaves_the_other_to_be_deleted() -> None:
    old = {**config_map(), "id": "default/old"}
    dependent = {"urn": f"{URN}x::y", "type": "x", "dependencies": [old["urn"]]}
    known = state(("creating", config_map()), resources=[old, dependent])
    known.adopt({**config_map(), "id": "default/web"})
    assert [resource.get("id") for resource in known.resources] == ["default/web", "default/old", None]
    assert known.resources[1]["delete"] is True
    assert "delete" not in known.resources[0]


def test_dropping_a_resource_takes_it_out_of_what_depended_on_it() -> None:
    gone = release_resource()
    dependent = {
        "urn": f"{URN}x::y",
        "type": "x",
        "dependencies": [gone["urn"], "other"],
        "propertyDependencies": {"a": [gone["urn"]]},
    }
    known = state(resources=[gone, dependent])
    known.drop(gone["urn"])
    (left,) = known.resources
    assert left["dependencies"] == ["other"]
    assert left["propertyDependencies"] == {"a": []}


def test_a_state_is_edited_in_a_copy() -> None:
    document = {"deployment": {"resources": [config_map()], "pending_operations": []}}
    before = copy.deepcopy(document)
    State(document).drop(config_map()["urn"])
    assert document == before


def lock_file(backend: Path, **over: Any) -> Path:
    started = started_at(os.getpid())
    assert started is not None
    since = datetime.fromtimestamp(started + 60, UTC)
    content = {
        "pid": os.getpid(),
        "username": "me",
        "hostname": platform.node(),
        "timestamp": since.isoformat(),
        **over,
    }
    file = backend / ".pulumi" / "locks" / "organization" / "meshlab" / "dev" / "1.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content), encoding="utf-8")
    return file


def test_a_lock_of_a_process_that_runs_is_of_a_living_one_and_is_told(tmp_path: Path) -> None:
    lock_file(tmp_path)
    (lock,) = locks_of(tmp_path, "dev")
    assert lock.holder() is Holder.LIVING
    assert f"process {os.getpid()} of me@{platform.node()}" in lock.told()


def test_a_process_younger_than_the_lock_is_another_with_its_number(tmp_path: Path) -> None:
    lock_file(tmp_path, timestamp="2020-01-01T00:00:00.591799453Z")
    (lock,) = locks_of(tmp_path, "dev")
    assert lock.holder() is Holder.DEAD
    assert began([lock]) == datetime(2020, 1, 1, 0, 0, 0, 591799, UTC)


def test_a_lock_from_another_machine_cannot_be_judged_from_here(tmp_path: Path) -> None:
    lock_file(tmp_path, hostname="elsewhere", pid=1)
    (lock,) = locks_of(tmp_path, "dev")
    assert lock.holder() is Holder.ELSEWHERE


def test_a_lock_that_was_only_half_written_is_of_a_dead_process(tmp_path: Path) -> None:
    lock_file(tmp_path).write_text('{"pid":', encoding="utf-8")
    (lock,) = locks_of(tmp_path, "dev")
    assert lock.holder() is Holder.DEAD
    lock.remove()
    assert locks_of(tmp_path, "dev") == []


def test_an_empty_draft_of_a_lock_on_a_full_disk_counts_as_a_lock(tmp_path: Path) -> None:
    file = lock_file(tmp_path)
    file.rename(file.with_name("1.json.18eaea30b6e354ac.tmp")).write_text("", encoding="utf-8")
    (lock,) = locks_of(tmp_path, "dev")
    assert lock.holder() is Holder.DEAD


def test_locks_of_other_stacks_do_not_count(tmp_path: Path) -> None:
    lock_file(tmp_path)
    assert locks_of(tmp_path, "prod") == []


class NoCluster(HelmRepair):
    """helm on a cluster that has nothing, and keeps what it was asked to do."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def releases(self) -> dict[ReleaseKey, HelmRelease]:
        return {}

    def uninstall(self, key: ReleaseKey) -> None:
        self.done.append(f"uninstall {key}")


class OneKind:
    """A cluster that serves one namespaced kind and has objects of it, by namespace and name."""

    namespace = "of-the-context"

    def __init__(self, *there: tuple[str, str]) -> None:
        self.there = there

    def kind(self, api: str, kind: str) -> Kind | None:
        served = Kind(Resource("v1", "configmaps", "ConfigMap"), namespaced=True, listable=True)
        return served if (api, kind) == ("v1", "ConfigMap") else None

    def get(self, resource: Resource, name: str, namespace: str = "") -> Manifest:
        if (namespace, name) not in self.there:
            raise MissingError(resource.path(namespace, name))
        return {"metadata": {"name": name, "namespace": namespace}}


NOTHING_LIVE = OneKind()


@pytest.mark.parametrize(
    ("inputs", "found"),
    [
        ({"kind": "ConfigMap", "metadata": {"name": "a", "namespace": "n"}}, "n"),
        ({"kind": "ConfigMap", "metadata": {"name": "b"}}, "of-the-context"),
        ({"kind": "ConfigMap", "metadata": {"name": "gone", "namespace": "n"}}, None),
        ({"kind": "Unknown", "metadata": {"name": "a", "namespace": "n"}}, None),
    ],
    ids=["there", "without a namespace", "missing", "of a kind that the cluster does not serve"],
)
def test_the_object_of_an_operation_is_looked_up_by_its_kind(inputs: dict[str, Any], found: str | None) -> None:
    (operation,) = state(("creating", {**config_map(), "inputs": {"apiVersion": "v1", **inputs}})).operations
    live = look_up(OneKind(("n", "a"), ("of-the-context", "b")), operation)
    assert (live["metadata"]["namespace"] if live else None) == found


class Kept(StackBackend):
    """A backend on files whose state is at hand."""

    def __init__(self, folder: Path, document: dict[str, Any]) -> None:
        super().__init__("", "dev", folder, folder, backend_for(folder, embedded=True))
        self.document, self.imported = document, list[dict[str, Any]]()

    def export(self) -> dict[str, Any]:
        return self.document

    def import_(self, document: dict[str, Any]) -> None:
        assert not self.locks(), "an import takes the lock itself"
        self.imported.append(document)


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kept:
    monkeypatch.delenv("PULUMI_BACKEND_URL", raising=False)
    return Kept(tmp_path, state(("updating", config_map())).document)


def test_a_run_that_goes_on_is_refused_with_who_it_is(kept: Kept, tmp_path: Path) -> None:
    lock_file(tmp_path / "pulumi")
    with pytest.raises(LabError, match=rf"a run is going on: the lock of process {os.getpid()} .*nothing was changed"):
        look(kept, NoCluster(), NOTHING_LIVE, gone=True)


def test_a_lock_from_elsewhere_is_removed_only_with_holder_is_gone(kept: Kept, tmp_path: Path) -> None:
    lock_file(tmp_path / "pulumi", hostname="elsewhere")
    with pytest.raises(LabError, match=r"on another machine or in another container.*--holder-is-gone"):
        look(kept, NoCluster(), NOTHING_LIVE, gone=False)
    plan = look(kept, NoCluster(), NOTHING_LIVE, gone=True)
    assert kinds(list(plan.steps)) == [Forget, Unlock]


def test_the_dead_runs_lock_stays_until_the_cluster_is_put_right(kept: Kept, tmp_path: Path) -> None:
    file = lock_file(tmp_path / "pulumi", timestamp="2020-01-01T00:00:00Z")
    plan = look(kept, NoCluster(), NOTHING_LIVE, gone=False)

    class Watching(NoCluster):
        def uninstall(self, key: ReleaseKey) -> None:
            assert file.exists()
            super().uninstall(key)

    helm = Watching()
    carry_out([Uninstall(PROM, "pending-install"), *plan.steps], helm, kept, plan.state, lambda _: None)
    assert helm.done == ["uninstall prometheus/prom"]
    assert not file.exists()
    (document,) = kept.imported
    assert document["deployment"]["pending_operations"] == []


def test_a_half_written_side_file_is_told_first(kept: Kept, tmp_path: Path) -> None:
    side = tmp_path / "pulumi" / ".pulumi" / "stacks" / "meshlab" / "dev.json.attrs"
    side.parent.mkdir(parents=True)
    side.write_text("", encoding="utf-8")
    plan = look(kept, NoCluster(), NOTHING_LIVE, gone=False)
    assert not plan.complete
    assert [step.told() for step in plan.steps] == ["remove dev.json.attrs, which was only half written"]
    carry_out(plan.steps, NoCluster(), kept, plan.state, lambda _: None)
    assert not side.exists()


def test_a_run_that_was_killed_before_it_wrote_any_state_leaves_a_lock_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PULUMI_BACKEND_URL", raising=False)
    (tmp_path / "stacks" / "dev").mkdir(parents=True)
    (tmp_path / "stacks" / "dev" / "Pulumi.yaml").touch()
    backend = StackBackend("", "dev", tmp_path, tmp_path, backend_for(tmp_path, embedded=True))
    assert not backend.exists()
    lock_file(tmp_path / "pulumi", timestamp="2020-01-01T00:00:00Z")
    assert backend.exists()
    plan = look(backend, NoCluster(), NOTHING_LIVE, gone=False)
    assert kinds(list(plan.steps)) == [Unlock]


def test_a_stack_that_was_never_up_needs_no_recovery_and_no_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PULUMI_BACKEND_URL", raising=False)
    monkeypatch.setattr(command, "find_cli", lambda say: pytest.fail("looked for the CLI"))
    monkeypatch.setattr("embedded.tools.toolchain.ensure", lambda names, say: pytest.fail("looked for helm"))
    target, said = Target(tmp_path / "kubeconfig", embedded=True, label="test"), list[str]()
    assert command.recover(RecoverOptions("dev", target, tmp_path), lambda: pytest.fail("asked"), said.append)
    assert said == ["nothing to recover: stack dev was never brought up from here"]


CRD = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  name: a.example.com\n"
KEPT_CRD = f"{CRD}  annotations:\n    helm.sh/resource-policy: keep\n"
SERVICE = "apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n"


@pytest.mark.parametrize(
    ("manifest", "expected"),
    [
        (f"---\n{SERVICE}", ["helm uninstall prom"]),
        (f"---\n{KEPT_CRD}---\n{SERVICE}", ["helm uninstall prom"]),
        (f"---\n{CRD}---\n{SERVICE}", ["kubectl delete -", "kubectl delete secrets"]),
        (f"---\n{CRD}", ["kubectl delete secrets"]),
    ],
    ids=["no CRD", "CRD that helm keeps", "CRD that helm would delete", "nothing but CRDs"],
)
def test_uninstalling_never_deletes_a_crd(manifest: str, expected: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []
    deleted: list[str] = []

    def run(args: list[Any], *, stdin: str = "", **_: Any) -> Any:
        words = [str(word) for word in args]
        if words[1:3] == ["get", "manifest"]:
            return helm_module.process.Completed(tuple(words), 0, manifest, "", 0)
        if words[1] != "get":
            ran.append(" ".join([*words[:2], "-" if stdin else words[2]]))
            deleted.append(stdin)
        return helm_module.process.Completed(tuple(words), 0, "", "", 0)

    monkeypatch.setattr(helm_module.process, "run", run)
    HelmRepair(Path("helm"), Path("kubectl"), Path("kubeconfig")).uninstall(PROM)
    assert ran == expected
    assert not any("CustomResourceDefinition" in text for text in deleted)


def test_a_run_that_found_a_lock_says_so_and_names_recover() -> None:
    said = (
        f"error: the stack is currently locked. Either wait or {BY_HAND}.\n  file:///x.json: created by me@here (pid 7)"
    )
    with pytest.raises(LabError) as caught, Watch(None).failures("up"):
        raise CommandError(CommandResult("", said, 255))
    assert str(caught.value).splitlines() == [
        "the stack is currently locked. Either wait or run meshlab recover, which removes the lock of a dead process.",
        "file:///x.json: created by me@here (pid 7)",
        "pulumi up stopped; what was done so far is kept",
    ]


def test_nobody_is_asked_where_nobody_can_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    with Path(os.devnull).open() as nobody:
        monkeypatch.setattr("sys.stdin", nobody)
        with pytest.raises(MeshlabError, match="to continue without confirmation, add --yes"):
            _ask()


@pytest.fixture
def helper(tmp_path: Path) -> Iterator[Callable[[str], int]]:
    """Starts a provider without an engine, on a backend; returns its process."""
    script, started = tmp_path / "pulumi-resource-test", ExitStack()
    script.write_text("import time\nprint(flush=True)\ntime.sleep(600)\n")

    def start(url: str) -> int:
        env = {**os.environ, "PULUMI_BACKEND_URL": url} if url else {**os.environ}
        running = subprocess.Popen([sys.executable, script], env=env, stdout=subprocess.PIPE)
        started.callback(running.wait)
        started.callback(running.kill)
        assert running.stdout and running.stdout.readline() == b"\n"
        return running.pid

    with started:
        yield start


def test_helpers_without_an_engine_are_orphans_of_their_backend(
    helper: Callable[[str], int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PULUMI_BACKEND_URL", raising=False)
    ours = (tmp_path / "ours").as_uri()
    mine = {helper(ours), helper(f"{ours}?metadata=skip")}
    theirs = {helper((tmp_path / "theirs").as_uri() + "?metadata=skip")}
    helper("s3://states")
    helper("")
    for address in (ours, f"{ours}?metadata=skip"):
        assert {orphan.process.pid for orphan in orphans_of(address)} == mine
    assert {orphan.process.pid for orphan in orphans_of((tmp_path / "theirs").as_uri())} == theirs
    assert orphans_of((tmp_path / "nobody").as_uri()) == []


def test_a_backend_without_an_address_has_no_orphans(
    helper: Callable[[str], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PULUMI_BACKEND_URL", raising=False)
    helper("")
    assert orphans_of("") == []

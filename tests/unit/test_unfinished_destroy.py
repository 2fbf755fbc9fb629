"""What follows from a destroy that did not come to its end, by the note that is kept of it."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pulumi.automation._cmd import CommandResult
from pulumi.automation.errors import create_command_error

from kube.api_objects import AccessError, Manifest, MissingError, Resource
from kube.cluster import Cluster
from meshlab.engine import unfinished_destroy
from meshlab.engine.state import RELEASE, ReleaseKey
from meshlab.engine.unfinished_destroy import UnfinishedDestroy, last_is_destroy, noted_records, owed, owed_records

CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
Entry = dict[str, Any]


def entry(name: str, type_: str = CONFIG_MAP, *, kind: str = "ConfigMap", **more: Any) -> Entry:
    metadata = {"name": name, "uid": f"uid of {name}", "labels": {"app": name}}
    return {
        "urn": f"urn::{name}",
        "type": type_,
        "outputs": {"kind": kind, "apiVersion": "v1", "metadata": metadata},
    } | more


def inside(name: str, **more: Any) -> Entry:
    one = entry(name, deletedWith="urn::demo", **more)
    one["outputs"]["metadata"]["namespace"] = "demo"
    return one


def release(name: str, **more: Any) -> Entry:
    return {"urn": f"urn::{name}", "type": RELEASE, "outputs": {"namespace": "demo", "name": name}} | more


NAMESPACE = entry("demo", "kubernetes:core/v1:Namespace", kind="Namespace")
ADOPTED = entry("demo", "kubernetes:core/v1:NamespacePatch", kind="Namespace")
STATE = [NAMESPACE, inside("a"), inside("b"), entry("alone"), {"urn": "urn::component", "type": "meshlab:Component"}]


class Objects:
    """A cluster with objects of the namespace demo by name; what is being deleted is gone after some answers."""

    def __init__(self, records: Sequence[str] = (), **answers: int | None) -> None:
        self.answers, self.records = answers, records
        self.deleted: list[str] = []

    def kind(self, api: str, kind: str) -> Any:
        return SimpleNamespace(resource=Resource(api, "configmaps", kind)) if kind == "ConfigMap" else None

    def get(self, resource: Resource, name: str, namespace: str) -> Manifest:
        left = self.answers.get(name, 0)
        if left == 0:
            raise MissingError(name)
        live = {"metadata": {"name": name, "uid": f"uid of {name}"}}
        if left is not None:
            self.answers[name] = left - 1
            live["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        return live

    def metadata(self, resource: Resource, namespace: str, labels: str) -> Sequence[Manifest]:
        assert (resource.kind, labels) == ("Secret", "owner=helm,name=kept")
        if not self.records:
            raise AccessError("no answer")
        return [{"metadata": {"name": f"record {uid} in {namespace}", "uid": uid}} for uid in self.records]

    def delete(self, resource: Resource, manifest: Manifest) -> None:
        self.deleted.append(manifest["metadata"]["name"])


Note = Callable[..., UnfinishedDestroy]


@pytest.fixture
def note(tmp_path: Path) -> Note:
    """A note of a stack on a cluster, with the state that there is now."""

    def made(cluster: Objects | None = None, now: Sequence[Entry] = ()) -> UnfinishedDestroy:
        here = cast(Cluster, cluster or Objects())
        return UnfinishedDestroy(tmp_path / "stacks" / "dev" / "note.json", lambda: here, lambda: now)

    return made


@pytest.mark.parametrize(
    ("after", "names"),
    [
        (STATE, []),
        ([NAMESPACE, inside("a")], ["b"]),
        ([NAMESPACE], ["a", "b"]),
        ([NAMESPACE, inside("a"), inside("b", urn="urn::another name")], []),
        ([], []),
    ],
    ids=["nothing-removed", "one-removed", "all-removed", "one-renamed", "namespace-removed"],
)
def test_what_left_the_state_before_its_namespace_is_owed(after: list[Entry], names: list[str]) -> None:
    assert [manifest["metadata"]["name"] for manifest in owed(STATE, after)] == names


@pytest.mark.parametrize(
    ("after", "names"),
    [
        ([NAMESPACE, release("kept", retainOnDelete=True)], []),
        ([NAMESPACE], ["kept"]),
        ([ADOPTED], ["kept"]),
        ([NAMESPACE, release("kept", urn="urn::another name")], []),
        ([], []),
    ],
    ids=["not-removed", "removed", "removed-from-an-adopted-one", "renamed", "namespace-removed"],
)
def test_the_record_of_a_release_whose_objects_stay_is_owed(after: list[Entry], names: list[str]) -> None:
    before = [NAMESPACE, release("kept", retainOnDelete=True, records=["1"]), release("deleted")]
    assert list(owed_records(before, after)) == [(ReleaseKey("demo", name), ["1"]) for name in names]


def test_a_destroy_that_comes_to_its_end_leaves_no_note(note: Note) -> None:
    with note().of(STATE):
        assert note().noted
    assert not note().noted


def test_a_destroy_that_stops_deletes_what_it_owes_and_leaves_a_note(note: Note) -> None:
    cluster = Objects(["1", "2"], a=None, b=None)
    before = [*STATE, release("kept", retainOnDelete=True)]
    with pytest.raises(KeyboardInterrupt), note(cluster, now=[NAMESPACE, inside("a")]).of(before):
        raise KeyboardInterrupt
    assert cluster.deleted == ["b", "record 1 in demo", "record 2 in demo"]
    assert note().noted


def test_a_later_record_of_the_same_release_is_not_owed(note: Note) -> None:
    note(Objects(["1"])).begin([NAMESPACE, release("kept", retainOnDelete=True)])
    cluster = Objects(["1", "of a new install"])
    note(cluster, now=[NAMESPACE]).pay()
    assert cluster.deleted == ["record 1 in demo"]


def test_a_cluster_that_does_not_answer_is_no_obstacle_to_the_note(note: Note) -> None:
    note(Objects()).begin([NAMESPACE, release("kept", retainOnDelete=True)])
    cluster = Objects(["1"])
    note(cluster, now=[NAMESPACE]).pay()
    assert cluster.deleted == []


@pytest.mark.parametrize("text", ["", "null", "[1]", '[{"urn": "x"}]'])
def test_a_note_that_cannot_be_read_says_that_a_destroy_has_begun(note: Note, tmp_path: Path, text: str) -> None:
    note().begin(STATE)
    (file,) = tmp_path.rglob("note.json")
    file.write_text(text, encoding="utf-8")
    assert noted_records(file) == frozenset()
    cluster = Objects(a=None, b=None)
    assert note().noted
    note(cluster, now=[NAMESPACE]).pay()
    assert cluster.deleted == []
    with note().of(STATE):
        pass
    assert not note().noted


def test_the_next_process_pays_for_one_that_was_killed(note: Note) -> None:
    note().begin(STATE)
    cluster = Objects(a=None)
    note(cluster, now=[NAMESPACE]).pay()
    assert cluster.deleted == ["a"]


def test_a_new_object_of_the_same_name_is_not_owed(note: Note) -> None:
    note().begin([NAMESPACE, inside("a", outputs={**inside("a")["outputs"], "metadata": {"name": "a", "uid": "old"}})])
    cluster = Objects(a=None)
    note(cluster, now=[NAMESPACE]).pay()
    assert cluster.deleted == []


def test_a_second_destroy_keeps_what_the_first_has_noted(note: Note) -> None:
    note().begin([NAMESPACE, inside("a"), inside("b")])
    cluster = Objects(a=None, b=None)
    with pytest.raises(KeyboardInterrupt), note(cluster, now=[NAMESPACE]).of([NAMESPACE, inside("b")]):
        raise KeyboardInterrupt
    assert cluster.deleted == ["a", "b"]


def test_the_note_has_nothing_that_may_be_secret(note: Note, tmp_path: Path) -> None:
    secret = inside("password", kind="Secret")
    secret["outputs"]["data"] = {"password": "told"}
    note().begin([secret, release("one")])
    (file,) = tmp_path.rglob("note.json")
    assert file.stat().st_mode & 0o077 == 0
    metadata = {"name": "password", "namespace": "demo", "uid": "uid of password"}
    outputs = [{"apiVersion": "v1", "kind": "Secret", "metadata": metadata}, {"name": "one", "namespace": "demo"}]
    assert [one["outputs"] for one in json.loads(file.read_text(encoding="utf-8"))] == outputs


def test_an_object_that_is_being_deleted_is_waited_for(note: Note, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unfinished_destroy, "POLL_SECONDS", 0.0)
    cluster, told = Objects(a=3, b=None), list[str]()
    assert note(cluster, now=STATE).await_deletions(told.append)
    assert cluster.answers == {"a": 0, "b": None}
    assert told == []


def test_a_deletion_that_does_not_end_is_told_and_not_waited_for(note: Note, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unfinished_destroy, "POLL_SECONDS", 0.0)
    told = list[str]()
    assert not note(Objects(a=10**9), now=STATE).await_deletions(told.append, limit=0.05)
    assert told == ["ConfigMap a: still being deleted after 0.05 s"]


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        ([], False),
        ([("update", "failed")], False),
        ([("destroy", "failed"), ("update", "succeeded")], False),
        ([("update", "succeeded"), ("destroy", "failed")], True),
        ([("update", "succeeded"), ("destroy", "succeeded")], True),
    ],
    ids=["new", "failed-up", "up-after-it", "failed-down", "interrupted-down"],
)
def test_another_machine_is_told_by_the_backend(operations: list[tuple[str, str]], expected: bool) -> None:
    def history(page_size: int, show_secrets: bool) -> list[Any]:
        assert not show_secrets
        return [SimpleNamespace(kind=kind, result=result) for kind, result in reversed(operations)][:page_size]

    assert last_is_destroy(cast(Any, SimpleNamespace(history=history))) is expected


def test_a_backend_that_does_not_answer_is_left_to_what_follows() -> None:
    def history(page_size: int, show_secrets: bool) -> list[Any]:
        raise create_command_error(CommandResult("", "no answer", 1))

    assert last_is_destroy(cast(Any, SimpleNamespace(history=history))) is False

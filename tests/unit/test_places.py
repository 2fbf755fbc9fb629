"""Which folder has the state of a stack on a cluster."""

import json
from pathlib import Path
from typing import Any

import pytest

from base.errors import MeshlabError
from meshlab.engine import places
from meshlab.engine.backends import Source, backend_for
from meshlab.engine.places import find_place, forget, is_of, refuse_elsewhere
from meshlab.target import Target

HERE = {"kube-system": "uid-here", "default": "default-here", "istio-system": "istio-here"}
EMBEDDED, NAMED = (Target(Path("kubeconfig"), embedded=embedded, label="context x") for embedded in (True, False))


def namespaces(uids: dict[str, str]) -> list[dict[str, Any]]:
    return [{"metadata": {"name": name, "uid": uid}} for name, uid in uids.items()]


class Cluster:
    """What is asked of a cluster."""

    def __init__(self, kubeconfig: Path) -> None:
        pass

    def get(self, resource: object, name: str) -> dict[str, Any]:
        return namespaces({name: HERE[name]})[0]

    def list(self, resource: object) -> list[dict[str, Any]]:
        return namespaces(HERE)


@pytest.fixture(autouse=True)
def _cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "Cluster", Cluster)


def resource(uid: str, kind: str = "Namespace") -> dict[str, Any]:
    return {"type": f"kubernetes:core/v1:{kind}", "outputs": {"metadata": {"name": "any", "uid": uid}}}


def state(folder: Path, *uids: str, record: str = "") -> Path:
    file = folder / "pulumi" / ".pulumi" / "stacks" / "meshlab" / "dev.json"
    file.parent.mkdir(parents=True)
    resources = [{"type": "pulumi:pulumi:Stack"}, *(resource(uid) for uid in uids)]
    file.write_text(json.dumps({"checkpoint": {"latest": {"resources": resources}}}))
    if record:
        (folder / "stacks" / "dev").mkdir(parents=True)
        (folder / "stacks" / "dev" / "cluster").write_text(record)
    return folder


def test_at_first_the_embedded_cluster_has_the_folder_and_others_have_one_each(tmp_path: Path) -> None:
    assert find_place(EMBEDDED, "dev", tmp_path)[0] == tmp_path
    assert find_place(NAMED, "dev", tmp_path)[0] == tmp_path / "on" / "uid-here"


@pytest.mark.parametrize("target", [EMBEDDED, NAMED], ids=["embedded", "named"])
@pytest.mark.parametrize(
    ("uids", "record", "own"),
    [
        ((), "uid-here", False),
        ((), "uid-elsewhere", True),
        (("istio-here",), "uid-elsewhere", True),
        # From before records: the namespaces tell, as far as there are any.
        (("istio-here", "gone"), "", False),
        (("istio-elsewhere",), "", True),
        ((), "", False),
    ],
)
def test_a_state_that_is_there_is_of_the_cluster_that_it_knows(
    target: Target, uids: tuple[str, ...], record: str, own: bool, tmp_path: Path
) -> None:
    state(tmp_path, *uids, record=record)
    assert find_place(target, "dev", tmp_path)[0] == (tmp_path / "on" / "uid-here" if own else tmp_path)


def test_a_state_of_this_very_cluster_goes_first(tmp_path: Path) -> None:
    state(tmp_path, record="uid-here")
    own = state(tmp_path / "on" / "uid-here")
    assert find_place(EMBEDDED, "dev", tmp_path)[0] == own


def test_what_asks_no_cluster_takes_the_state_that_was_changed_last(tmp_path: Path) -> None:
    assert places.list_places("dev", tmp_path) == [tmp_path]
    first, second = state(tmp_path), state(tmp_path / "on" / "uid-here")
    (first / "pulumi" / ".pulumi" / "stacks" / "meshlab" / "dev.json").touch()
    assert places.list_places("dev", tmp_path) == [first, second]


def test_a_folder_goes_with_its_last_state(tmp_path: Path) -> None:
    own = state(tmp_path / "on" / "uid-here")
    forget(own, tmp_path)
    assert own.is_dir()
    next(own.glob("pulumi/.pulumi/stacks/*/dev.json")).unlink()
    forget(own, tmp_path)
    assert not own.exists()
    forget(tmp_path, tmp_path)
    assert tmp_path.is_dir()


def test_a_patch_of_a_namespace_that_was_there_tells_as_well() -> None:
    assert is_of([resource("default-here", "NamespacePatch"), resource("gone")], namespaces(HERE))
    assert not is_of([resource("default-elsewhere", "NamespacePatch")], namespaces(HERE))
    assert is_of([], namespaces(HERE))


def test_a_backend_of_the_callers_is_one_place_and_not_for_another_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = {"resources": [resource("istio-elsewhere")]}
    refuse_elsewhere(lambda: elsewhere, backend_for(tmp_path, embedded=False), NAMED, "dev")
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://states")
    bucket = backend_for(tmp_path, embedded=False)
    assert find_place(NAMED, "dev", tmp_path)[0].parent == tmp_path / "backends"
    refuse_elsewhere(lambda: None, bucket, NAMED, "dev")
    refuse_elsewhere(lambda: {"resources": [resource("istio-here")]}, bucket, NAMED, "dev")
    line = r"^stack dev: its state in s3://states \(PULUMI_BACKEND_URL\) is of another cluster than the context x,"
    with pytest.raises(MeshlabError, match=line):
        refuse_elsewhere(lambda: elsewhere, bucket, NAMED, "dev")


def test_the_embedded_cluster_has_its_folder_whatever_backend_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://states")
    assert find_place(EMBEDDED, "dev", tmp_path)[0] == tmp_path


def test_a_state_of_ours_is_never_left_behind_for_an_empty_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = state(tmp_path / "on" / "uid-here")
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://states")
    with pytest.raises(MeshlabError) as caught:
        find_place(NAMED, "dev", tmp_path)
    ours = (own / "pulumi").as_uri()
    assert str(caught.value) == (
        f"stack dev: its state on the context x is in {own / 'pulumi'}, and not in s3://states (PULUMI_BACKEND_URL); "
        "nothing was changed (move it there: pulumi stack export, then import, as docs/backends.md has it; or stay "
        f"with it: PULUMI_BACKEND_URL={ours})"
    )
    monkeypatch.setenv("PULUMI_BACKEND_URL", ours)
    assert find_place(NAMED, "dev", tmp_path)[0] == own
    assert backend_for(own, embedded=False).own


def test_an_empty_state_of_ours_keeps_nobody_from_a_backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A preview makes one; moved as the message says, it would replace the state that is there."""
    file = state(tmp_path / "on" / "uid-here") / "pulumi" / ".pulumi" / "stacks" / "meshlab" / "dev.json"
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://states")
    file.write_text(json.dumps({"checkpoint": {"latest": {"manifest": {}}}}))
    assert find_place(NAMED, "dev", tmp_path)[0].parent == tmp_path / "backends"
    file.write_text(json.dumps({"checkpoint": {"latest": {"pending_operations": [{"type": "creating"}]}}}))
    with pytest.raises(MeshlabError, match=r"^stack dev: its state on the .* is in .*, and not in "):
        find_place(NAMED, "dev", tmp_path)


def test_the_callers_backend_is_looked_into_first_where_no_cluster_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = state(tmp_path / "on" / "uid-here")
    assert places.find_home("dev", tmp_path, embedded=False)[0] == own
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://states")
    assert [backend.source for _, backend in places.list_homes("dev", tmp_path)] == [
        Source.ENVIRONMENT,
        Source.EMBEDDED,
    ]
    assert places.find_home("dev", tmp_path, embedded=True)[0] == own
    assert places.find_home("dev", tmp_path, embedded=False)[1].url == "s3://states"

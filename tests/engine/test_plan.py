"""What was reviewed is what runs, on the real engine: a saved preview, applied or refused. In file order."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from base.errors import MeshlabError
from meshlab.plan import saved
from meshlab.plan.review import apply, save
from meshlab.plan.saved import SavedPlan
from meshlab.results.report import Commit
from meshlab.session import Session
from meshlab.target import LabError
from tests.support.inventory import objects
from tests.support.lab import Lab, changed, driver, running_lab

RETRY = {"envoyDemo": {"scenario": "retry"}}
BASE = {"envoyDemo": {"scenario": "base"}}
REVIEWED, LATER = "a" * 40, "b" * 40


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with running_lab(tmp_path_factory.mktemp("plan"), "plan") as lab:
        yield lab


@pytest.fixture(autouse=True)
def committed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tree that is tested may have changes beside its commit, for which there is no plan."""
    check_out(monkeypatch, REVIEWED)


def check_out(monkeypatch: pytest.MonkeyPatch, commit: str) -> None:
    monkeypatch.setattr(saved, "commit_of", lambda root: Commit(commit, dirty=False))


def session(lab: Lab, **over: Any) -> Session:
    return Session(lab.target, driver(lab, **over), lab.declared(**over), (), lab.folder)


def plan_of(lab: Lab, **over: Any) -> SavedPlan:
    """A preview, saved to a file and read from it again."""
    path = lab.folder / "plan.json"
    save(session(lab, **over), path)
    return SavedPlan.read(path)


def everything(lab: Lab) -> tuple[str, list[Any]]:
    """The stack's state, and every object that a refused plan would have touched first."""
    return json.dumps(session(lab).driver.stack.export_stack().deployment, sort_keys=True), [
        (item["metadata"]["name"], item["metadata"]["uid"], item["metadata"].get("generation"))
        for kind in ("configmaps", "services", "deployments")
        for item in objects(lab.cluster, kind, "-n", "default")
    ]


def refused(lab: Lab, plan: SavedPlan, **over: Any) -> str:
    """The one line that says why a plan is not applied; nothing has changed."""
    before = everything(lab)
    with pytest.raises(MeshlabError) as caught:
        apply(session(lab, **over), plan)
    assert everything(lab) == before
    (line,) = str(caught.value).splitlines()
    return line


def test_a_whole_stack_is_brought_up_as_it_was_reviewed(lab: Lab) -> None:
    plan = plan_of(lab)
    assert {operation.action for operation in plan.operations} == {"create"}
    outcome = apply(session(lab), plan)
    assert {step.name for step in outcome.changed} >= {operation.name for operation in plan.operations}
    assert not changed(session(lab).driver.preview(expect_no_changes=True))


def test_a_reviewed_change_is_applied_and_is_all_that_happens(lab: Lab) -> None:
    plan = plan_of(lab, **RETRY)
    assert {operation.name for operation in plan.operations} == {
        "envoy-demo-envoy-config",
        "envoy-demo-envoy-deployment",
    }
    apply(session(lab, **RETRY), plan)
    assert not changed(session(lab, **RETRY).driver.preview(expect_no_changes=True))


def test_a_saved_preview_has_no_secret_in_clear(lab: Lab) -> None:
    plan_of(lab, **BASE)
    text = (lab.folder / "plan.json").read_text(encoding="utf-8")
    passwords = session(lab).driver.passwords()
    assert passwords
    assert [name for name, password in passwords.items() if password in text] == []


def test_another_stack_file_is_refused_with_nothing_changed(lab: Lab) -> None:
    line = refused(lab, plan_of(lab, **BASE), **RETRY)
    assert line.startswith("plan: expected the reviewed settings, ")


def test_another_commit_is_refused_with_nothing_changed(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_of(lab, **BASE)
    check_out(monkeypatch, LATER)
    assert refused(lab, plan, **BASE).startswith(f"plan: expected the reviewed commit, {REVIEWED[:12]}, got b")


def test_an_update_meanwhile_is_refused_with_nothing_changed(lab: Lab) -> None:
    plan = plan_of(lab, **BASE)
    session(lab, **BASE).driver.up()
    line = refused(lab, plan, **BASE)
    assert "no longer: create-replacement envoy-demo-envoy-config" in line
    session(lab, **RETRY).driver.up()


def test_a_live_object_deleted_meanwhile_is_refused_with_nothing_changed(lab: Lab) -> None:
    plan = plan_of(lab, **BASE)
    lab.cluster.kubectl("delete", "service", "sleep", "-n", "default")
    assert "not reviewed: create envoy-demo-sleep-service" in refused(lab, plan, **BASE)


def test_what_other_hands_did_is_put_back_once_that_was_reviewed(lab: Lab) -> None:
    plan = plan_of(lab, **RETRY)
    assert [operation.told() for operation in plan.operations] == ["create envoy-demo-sleep-service"]
    apply(session(lab, **RETRY), plan)
    assert objects(lab.cluster, "service", "sleep", "-n", "default")


def test_the_engine_itself_holds_to_the_plan_what_changes_after_our_look(lab: Lab) -> None:
    plan, file = plan_of(lab, **BASE), lab.folder / "engine.json"
    file.write_text(json.dumps(plan.engine), encoding="utf-8")
    before = {item["metadata"]["uid"] for item in objects(lab.cluster, "configmaps", "-n", "default")}
    # Which of its two lines about the resource comes first is up to the engine.
    with pytest.raises(LabError, match="violates plan"):
        session(lab, envoyDemo={"scenario": "timeout"}).driver.up(file)
    assert {item["metadata"]["uid"] for item in objects(lab.cluster, "configmaps", "-n", "default")} == before


@pytest.mark.parametrize(
    ("text", "said"), [(None, "No such file or directory"), ("{}", "something else"), ('{"schema": 9}', "form 9")]
)
def test_a_file_that_is_no_saved_preview_is_one_line(tmp_path: Path, text: str | None, said: str) -> None:
    file = tmp_path / "plan.json"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    with pytest.raises(MeshlabError) as caught:
        SavedPlan.read(file)
    assert str(caught.value).startswith(f"--plan {file}: expected what `meshlab preview --save-plan` wrote")
    assert str(caught.value).endswith(said)
    assert "\n" not in str(caught.value)

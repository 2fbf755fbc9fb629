"""What a saved preview is made from, and what makes two of them differ; the engine: tests/engine/test_plan.py."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from base.errors import MeshlabError
from meshlab.engine.operations import EngineStep, differences
from meshlab.plan import saved
from meshlab.plan.saved import Origin, SavedPlan, check_writable, origin
from meshlab.results.report import Commit
from meshlab.stack import Stack
from settings.charts import Chart

URN = "urn:pulumi:dev::meshlab::kubernetes:core/v1:Service::sleep"
CREATE = EngineStep(URN, "create")
UPDATE = EngineStep(URN, "update", ("spec.ports", "spec.type"))


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved, "commit_of", lambda root: Commit("c" * 40, dirty=False))


def of(stack: str = "dev", **over: Any) -> Origin:
    return origin(Stack.load(stack, overlay=over))


def packed(folder: Path, content: str) -> dict[str, str]:
    """A folder that has every chart of the stack dev."""
    folder.mkdir()
    for chart in Stack.load("dev").wanted:
        (folder / Chart(*chart).file).write_text(content, encoding="utf-8")
    return {"source": str(folder)}


@pytest.mark.parametrize(
    ("tree", "said"),
    [(Commit("c" * 40, dirty=True), "changes beside one"), (Commit(None, None), "no repository")],
)
def test_a_tree_that_no_commit_stands_for_has_no_plan(monkeypatch: pytest.MonkeyPatch, tree: Commit, said: str) -> None:
    monkeypatch.setattr(saved, "commit_of", lambda root: tree)
    with pytest.raises(MeshlabError, match=f"^plan: expected the tree of a commit, got {said} "):
        of()


def test_where_a_folder_of_charts_lies_makes_no_other_plan(tmp_path: Path) -> None:
    assert of(charts=packed(tmp_path / "a", "x")) == of(charts=packed(tmp_path / "b", "x"))


def test_another_chart_of_the_same_version_makes_another_plan(tmp_path: Path) -> None:
    one, other = of(charts=packed(tmp_path / "a", "x")), of(charts=packed(tmp_path / "b", "y"))
    assert (one.settings == other.settings, one.charts == other.charts) == (True, False)


def test_a_digest_of_the_lock_stands_for_a_chart_of_a_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    before = of()
    lock = saved.ChartLock.load()
    chart = next(chart for chart in Stack.load("dev").wanted if chart in lock.charts)
    moved = {**lock.charts, chart: replace(lock.charts[chart], sha256="0" * 64)}
    monkeypatch.setattr(saved.ChartLock, "load", lambda: saved.ChartLock(moved))
    assert of().charts != before.charts


@pytest.mark.parametrize("field", ["stack", "commit", "settings", "charts"])
def test_a_plan_of_anything_else_is_one_line_that_says_of_what(field: str) -> None:
    here = of()
    plan = SavedPlan(replace(here, **{field: "another"}), (), {})
    with pytest.raises(MeshlabError, match=f"^plan: expected the reviewed {field}, another, got ") as caught:
        plan.check_origin(here)
    assert "nothing was changed" in str(caught.value)
    assert "\n" not in str(caught.value)
    SavedPlan(here, (), {}).check_origin(here)


def test_operations_differ_by_resource_action_and_properties() -> None:
    assert list(differences([CREATE, UPDATE], [UPDATE, CREATE])) == []
    assert list(differences([CREATE], [UPDATE])) == [
        "no longer: create sleep",
        "not reviewed: update sleep (spec.ports, spec.type)",
    ]
    assert len(list(differences([UPDATE], [replace(UPDATE, paths=("spec.ports",))]))) == 2


def test_many_differences_are_still_one_line() -> None:
    plan = SavedPlan(of(), (), {})
    with pytest.raises(MeshlabError) as caught:
        plan.check_operations([f"not reviewed: create {number}" for number in range(9)])
    assert "; and 4 more; nothing was changed" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_kept_is_what_is_read_and_only_its_owner_can(tmp_path: Path) -> None:
    plan, file = SavedPlan(of(), (CREATE, UPDATE), {"resourcePlans": {}}), tmp_path / "plan.json"
    plan.write(file)
    assert SavedPlan.read(file) == plan
    assert file.stat().st_mode & 0o077 == 0


def test_a_file_that_no_plan_can_be_kept_in_is_refused_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    plan = SavedPlan(of(), (), {})
    for path in (tmp_path, tmp_path / "file" / "plan.json"):
        for keep in (check_writable, plan.write):
            with pytest.raises(
                MeshlabError, match=f"^--save-plan {path}: expected a file that can be written, got: .*"
            ):
                keep(path)


def test_looking_whether_a_plan_can_be_kept_leaves_no_file(tmp_path: Path) -> None:
    check_writable(tmp_path / "new" / "plan.json")
    assert list((tmp_path / "new").iterdir()) == []

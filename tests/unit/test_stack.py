"""From the file of a stack to what it stands for: each once, and charts from one place."""

from pathlib import Path

import pytest

from meshlab import stack as module
from meshlab.charts import choice, repositories
from meshlab.charts.choice import ChartOrigin, Charts, versions
from meshlab.recording.recorder import ProgramError
from meshlab.render.stack import Renderer
from meshlab.stack import Stack


def test_an_overlay_changes_its_keys_and_leaves_the_rest_of_the_section() -> None:
    config = Stack.load("dev", overlay={"kiali": {"awaitReady": False}}).config
    assert config["meshlab:kiali"] == {"version": "1.59.1", "authStrategy": "anonymous", "awaitReady": False}
    assert config["meshlab:istio"] == Stack.load("dev").config["meshlab:istio"]


def test_a_stack_without_a_file_is_refused_with_the_files_there_are() -> None:
    with pytest.raises(
        ProgramError, match=r"^Pulumi\.nope\.yaml: expected a stack file, got none \(there are: Pulumi\."
    ):
        Stack.load("nope")


def test_the_charts_that_a_stack_needs_are_those_of_its_versions() -> None:
    assert versions(Stack.load("dev").wanted) == {
        "base": ["1.17.6"],
        "istiod": ["1.17.6"],
        "kiali-operator": ["1.59.1"],
        "kube-prometheus-stack": ["42.2.1"],
        "prometheus-operator-crds": ["0.1.0"],
    }


def test_upstream_is_used_where_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        repositories, "probe", lambda source: [repositories.RepositoryStatus("https://charts.test", ok=True)]
    )
    stack = Stack.load("dev")
    assert stack.charts.origin is ChartOrigin.UPSTREAM
    assert stack.installable() == (stack, ())


def test_stand_ins_are_used_and_announced_where_upstream_is_silent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    silent = repositories.RepositoryStatus("https://charts.test/index.yaml", ok=False, reason="no route")
    monkeypatch.setattr(repositories, "probe", lambda source: [silent])
    monkeypatch.setattr(choice, "pack_stand_ins", lambda sources, wanted, say: tmp_path)
    monkeypatch.setattr(choice, "announce", lambda folder, wanted: [f"{len(wanted)} stand-ins"])
    stack, told = Stack.load("dev").installable()
    assert stack.source == str(tmp_path)
    assert stack.charts.origin is ChartOrigin.FOLDER
    assert told == (
        "not every chart repository answers (https://charts.test/index.yaml: no route); using stand-ins:",
        "5 stand-ins",
    )


def test_a_folder_that_was_asked_for_must_have_every_chart(tmp_path: Path) -> None:
    with pytest.raises(ProgramError, match=r"expected a folder with base-1\.17\.6\.tgz, istiod-1\.17\.6\.tgz, "):
        _ = Stack.load("dev", charts=str(tmp_path)).settings


def test_file_and_program_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = dict.fromkeys(("stack_file", "run_program", "read_project", "parse_settings"), 0)

    def counted(name: str) -> None:
        real = getattr(module, name)

        def call(*args: object, **how: object) -> object:
            calls[name] += 1
            return real(*args, **how)

        monkeypatch.setattr(module, name, call)

    for name in calls:
        counted(name)
    stack = Stack.load("dev")
    assert calls == {"stack_file": 1, "run_program": 0, "read_project": 0, "parse_settings": 0}
    for _ in range(2):
        assert stack.recording.resources
        assert stack.settings.istio
        assert stack.wanted
    assert set(calls.values()) == {1}


def test_a_folder_that_was_asked_for_goes_before_what_a_stack_says(tmp_path: Path) -> None:
    stack = Stack.load("dev", charts=str(tmp_path), overlay={"charts": {"source": "https://mirror.test"}})
    assert (stack.charts.origin, stack.charts.source.folder) == (ChartOrigin.FOLDER, tmp_path)
    assert stack.variant({}).source == str(tmp_path)


def test_stacks_of_one_run_ask_upstream_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(repositories, "probe", lambda source: asked.append(source) or [])
    renderer = Renderer(Charts(None, print))
    assert {Stack.load(name, renderer=renderer).charts.origin for name in ("dev", "next")} == {ChartOrigin.UPSTREAM}
    assert len(asked) == 1


def test_a_variant_has_another_config_and_the_same_file() -> None:
    stack = Stack.load("dev")
    other = stack.overlaid({"envoyDemo": {"scenario": "timeout"}})
    assert other.file is stack.file
    assert (stack.settings.envoy_demo.scenario, other.settings.envoy_demo.scenario) == ("base", "timeout")
    assert other.recording.resources != stack.recording.resources

"""The lab's own stacks before the pack: as the program declares them, and with what their charts bring."""

from pathlib import Path
from typing import Any

import pytest

from meshlab.consistency.verdict import RULE as CONSISTENT
from meshlab.consistency.verdict import verdict
from meshlab.policy.judgement import judged, policy_settings, whole_stack
from meshlab.recording.recorder import record, stack_config
from meshlab.render.stack import Renderer
from meshlab.stack import Stack
from policy.pack import allowed, secret_texts
from policy.pack.rules import violations as violations_of
from policy.pack.settings import PackSettings
from policy.pack.subjects import subject_of
from settings.charts import Chart, ChartSource
from settings.models import PolicySettings as Section
from tests.policy.bench import violations
from tests.support.rendering import TARGET, renderer_of
from tests.support.stacks import STACKS


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return renderer_of(STACKS)


def declared(stack: str) -> list[tuple[str, dict[str, Any]]]:
    return [(resource.type, dict(resource.inputs)) for resource in record(stack).resources]


@pytest.mark.parametrize("stack", STACKS)
def test_the_program_keeps_to_every_rule(stack: str) -> None:
    resources = declared(stack)
    assert len(resources) > 30
    assert violations(resources, stack_config(stack).get("meshlab:policy")) == []


@pytest.mark.parametrize("stack", STACKS)
def test_to_judge_the_program_no_detector_is_loaded(stack: str) -> None:
    """Loading them takes longer than all of the rules, and runs before each `up`."""
    secret_texts.detectors.cache_clear()
    violations(declared(stack))
    assert secret_texts.detectors.cache_info().currsize == 0


def test_dev_is_told_and_the_others_are_stopped() -> None:
    levels = {stack: policy_settings(Stack.load(stack)) for stack in STACKS}
    assert levels.pop("dev") == PackSettings("advisory", allow_anonymous=True, allow_unlimited=True)
    assert set(levels.values()) == {PackSettings("mandatory")}


def test_dev_would_not_pass_for_another_stack() -> None:
    assert {rule for rule, _ in violations(declared("dev"))} == {"no-anonymous-access", "requests-and-limits"}


def test_the_pack_and_the_program_have_the_same_settings_and_defaults() -> None:
    section = Section()
    assert PackSettings(**section.model_dump()) == PackSettings()
    assert set(Section.model_fields) == set(PackSettings.__dataclass_fields__)


@pytest.mark.parametrize("stack", STACKS)
def test_what_the_charts_bring_keeps_to_every_rule(stack: str, renderer: Renderer) -> None:
    rendered, broken = judged(Stack.load(stack, renderer=renderer), TARGET)
    assert len([object_ for object_ in rendered.objects if object_.release]) > 80
    assert broken == []


def test_every_exception_is_one_that_some_stack_needs(renderer: Renderer, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = [Stack.load(stack, renderer=renderer) for stack in STACKS]
    wholes = [(*whole_stack(stack, TARGET), policy_settings(stack)) for stack in loaded]
    stacks = [(subjects, settings) for _, subjects, settings in wholes]
    for file in sorted(allowed.FOLDER.glob("*.yaml")):
        listed = allowed.exemptions(file.stem)
        for violation in listed:
            others = tuple(other for other in listed if other is not violation)
            with monkeypatch.context() as without:
                without.setattr(allowed, "exemptions", lambda rule, left=others: left)
                broken = {found.rule for subjects, settings in stacks for found in violations_of(subjects, settings)}
                if any(verdict(whole.objects, {}, lambda config: None).broken for whole, _, _ in wholes):
                    broken.add(CONSISTENT)
            assert file.stem in broken, f"{file.name}: nothing needs {violation.who}"


@pytest.mark.parametrize("source", [None, "https://mirror.test", "oci://registry.test/charts", "folder"])
def test_the_pack_and_the_program_name_a_chart_alike(source: str | None, tmp_path: Path) -> None:
    chart = Chart("kube-prometheus-stack", "88.5.3-rc.1")
    (tmp_path / chart.file).write_bytes(b"")
    ref = ChartSource(str(tmp_path) if source == "folder" else source).ref(*chart)
    inputs = {**ref, "name": "prom", "namespace": "prometheus", "values": {}}
    subject = subject_of("kubernetes:helm.sh/v3:Release", inputs)
    assert (subject.chart, Chart.of_reference(ref["chart"], chart.version)) == (chart.name, chart)

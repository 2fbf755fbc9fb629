"""The lab's own stacks before the pack: as the program declares them, and with what their charts bring."""

from typing import Any

import pytest

from meshlab.consistency.verdict import RULE as CONSISTENT
from meshlab.consistency.verdict import verdict
from meshlab.policy.judgement import judged, policy_settings, whole_stack
from meshlab.recording.recorder import record, stack_config
from meshlab.render.stack import Renderer
from policy.pack import allowed, secret_texts
from policy.pack.rules import violations as violations_of
from policy.pack.settings import PackSettings
from settings.models import PolicySettings as Section
from tests.policy.bench import violations
from tests.support.rendering import renderer_of
from tests.support.stacks import STACKS


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return renderer_of(STACKS)


def declared(stack: str) -> list[tuple[str, dict[str, Any]]]:
    return [(one.type, dict(one.inputs)) for one in record(stack).resources]


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
    levels = {stack: policy_settings(stack) for stack in STACKS}
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
    rendered, broken = judged(stack, renderer)
    assert len([one for one in rendered.objects if one.release]) > 80
    assert broken == []


def test_every_exception_is_one_that_some_stack_needs(renderer: Renderer, monkeypatch: pytest.MonkeyPatch) -> None:
    wholes = [(*whole_stack(stack, renderer), policy_settings(stack)) for stack in STACKS]
    stacks = [(subjects, settings) for _, subjects, settings in wholes]
    for file in sorted(allowed.FOLDER.glob("*.yaml")):
        listed = allowed.exemptions(file.stem)
        for one in listed:
            others = tuple(other for other in listed if other is not one)
            with monkeypatch.context() as without:
                without.setattr(allowed, "exemptions", lambda rule, left=others: left)
                broken = {found.rule for subjects, settings in stacks for found in violations_of(subjects, settings)}
                if any(verdict(whole.objects, {}, lambda config: None).broken for whole, _, _ in wholes):
                    broken.add(CONSISTENT)
            assert file.stem in broken, f"{file.name}: nothing needs {one.who}"

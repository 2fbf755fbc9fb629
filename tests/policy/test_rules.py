"""Every rule, as the engine asks it: what keeps to it passes, what breaks it is named with what to do."""

from typing import Any

import pytest
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from policy.pack.allowed import FOLDER, ListError, exemptions
from policy.pack.rules import RULES, STACK_RULES
from tests.policy.bench import violations
from tests.policy.cases import CASES, Case, pods, release, values


def resources(case: Any) -> list[Any]:
    return case if isinstance(case, list) else [case]


@pytest.mark.parametrize("case", CASES, ids=[f"{case.rule}: {case.name}" for case in CASES])
def test_what_keeps_to_a_rule_passes_and_what_breaks_it_is_told(case: Case) -> None:
    assert violations(resources(case.good), case.settings) == []
    (told,) = violations(resources(case.bad), case.settings)
    assert told[0] == case.rule
    assert case.said in told[1]
    assert "hunter2" not in told[1]


def test_each_rule_has_cases() -> None:
    rules = [rule.name for rule in (*RULES, *STACK_RULES)]
    assert len(set(rules)) == len(rules)
    assert set(rules) == {case.rule for case in CASES}


def test_anonymous_access_is_the_stacks_to_allow() -> None:
    let_in = [values(grafana={"grafana.ini": {"auth.anonymous": {"enabled": True, "org_role": "Viewer"}}})]
    assert violations(let_in, {"allowAnonymous": True}) == []
    assert [rule for rule, _ in violations(let_in, {"allowAnonymous": False})] == ["no-anonymous-access"]


def test_unlimited_containers_are_the_stacks_to_allow() -> None:
    unlimited = [pods(resources={}), pods(resources=UNKNOWN_STRING_VALUE)]
    assert violations(unlimited, {"allowUnlimited": True}) == []
    assert [rule for rule, _ in violations(unlimited, {"allowUnlimited": False})] == ["requests-and-limits"]


def test_what_only_up_knows_hides_nothing_beside_it() -> None:
    unknown = pods(image=UNKNOWN_STRING_VALUE, env=[{"name": "TOKEN", "value": "hunter2"}])
    assert [rule for rule, _ in violations([unknown])] == ["no-plain-secrets"]
    assert violations([release(version=UNKNOWN_STRING_VALUE)]) == []


def test_components_and_providers_are_not_judged() -> None:
    others = [("meshlab:index:KialiOperator", {"password": "x"}), ("pulumi:providers:kubernetes", {"token": "x"})]
    assert violations(others) == []


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.yaml")), ids=lambda file: file.stem)
def test_every_exception_belongs_to_a_rule_and_says_why(file: Any) -> None:
    assert file.stem in {rule.name for rule in (*RULES, *STACK_RULES)}
    listed = exemptions(file.stem)
    assert listed
    for one in listed:
        assert one.may
        assert len(one.why) > 20
        assert one.who.count(" ") == 1, "kind and name, or kind and namespace/name"


def test_an_exception_without_a_reason_is_refused(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "some-rule.yaml").write_text("- {who: Role x, may: [a]}\n", encoding="utf-8")
    monkeypatch.setattr("policy.pack.allowed.FOLDER", tmp_path)
    with pytest.raises(ListError, match=r"^some-rule\.yaml: expected entries with exactly the keys who, may and why"):
        exemptions("some-rule")

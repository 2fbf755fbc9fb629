"""Every rule, as the engine asks it: what keeps to it passes, what breaks it is named with what to do."""

import base64
import random
import time
from typing import Any

import pytest
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from meshlab.consistency.verdict import RULE as CONSISTENT
from policy.pack.allowed import FOLDER, ListError, exemptions
from policy.pack.rules import RULES, STACK_RULES
from policy.pack.secret_texts import secret_in
from tests.policy.bench import violations
from tests.policy.cases import CASES, RANDOM, Case, pods, release, thing, values


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
    assert file.stem in {CONSISTENT, *(rule.name for rule in (*RULES, *STACK_RULES))}
    listed = exemptions(file.stem)
    assert listed
    for violation in listed:
        assert violation.may
        assert len(violation.why) > 20
        assert violation.who.count(" ") == 1, "kind and name, or kind and namespace/name"


def test_a_secret_that_is_listed_with_its_place_is_none(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    received = [{"name": "team", "pagerduty_configs": [{"routing_key": "hunter2"}, {"routing_key": "hunter2"}]}]
    listed = [values(alertmanager={"config": {"receivers": received}})]
    first, second = (f"values.alertmanager.config.receivers[team].pagerduty_configs[{n}].routing_key" for n in (0, 1))
    assert [message.partition(": expected")[0] for _, message in violations(listed)] == [
        f"Release prometheus/prom: {path}" for path in (first, second)
    ]
    content = (
        f"- {{who: Release prometheus/prom, may: ['{first}'], why: a key that is public anyway and names no account}}\n"
    )
    (tmp_path / "no-plain-secrets.yaml").write_text(content, encoding="utf-8")
    monkeypatch.setattr("policy.pack.allowed.FOLDER", tmp_path)
    exemptions.cache_clear()
    try:
        ((_, message),) = violations(listed)
    finally:
        exemptions.cache_clear()
    assert second in message
    assert "(exceptions: allowed/no-plain-secrets.yaml)" in message


TOKENS = {
    "AWS Access Key": f"AKIA{RANDOM[:16].upper()}",
    "GitLab Token": f"glpat-{RANDOM[:20]}",
    "NPM tokens": f"//registry.test/:_authToken=npm_{RANDOM}1234",
    "SendGrid API Key": f"SG.{RANDOM[:22]}.{RANDOM}{RANDOM[:11]}",
    "Slack Token": f"xoxb-123456789012-{RANDOM[:24]}",
    "Stripe Access Key": f"sk_live_{RANDOM[:24]}",
    "Telegram Bot Token": f"123456789:{RANDOM}abc",
    "Twilio API Key": f"SK{'0a1b2c3d' * 4}",
}


@pytest.mark.parametrize("kind", TOKENS)
def test_tokens_are_known_by_their_shape_in_the_midst_of_text(kind: str) -> None:
    note = thing("core/v1:ConfigMap", data={"note.txt": f"first line\nset it to {TOKENS[kind]} there\n"})
    ((rule, message),) = violations([note])
    assert (rule, f"got what looks like: {kind};" in message) == ("no-plain-secrets", True)
    assert TOKENS[kind] not in message


def test_no_detector_asks_the_issuer_of_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a detector wanted the network")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("socket.getaddrinfo", refuse)
    secret_in.cache_clear()
    assert violations([values(note=token) for token in TOKENS.values()])


def test_the_time_for_a_text_of_random_characters_grows_with_its_length() -> None:
    def cpu_seconds(length: int) -> float:
        text = base64.b64encode(random.Random(1).randbytes(length)).decode()
        begun = time.process_time()
        assert violations([thing("core/v1:ConfigMap", data={"model.b64": text})]) == []
        return time.process_time() - begun

    # With the square of its length, it would be sixteen times as much.
    assert cpu_seconds(400_000) < 10 * cpu_seconds(100_000)


def test_an_exception_without_a_reason_is_refused(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "some-rule.yaml").write_text("- {who: Role x, may: [a]}\n", encoding="utf-8")
    monkeypatch.setattr("policy.pack.allowed.FOLDER", tmp_path)
    with pytest.raises(ListError, match=r"^some-rule\.yaml: expected entries with exactly the keys who, may and why"):
        exemptions("some-rule")

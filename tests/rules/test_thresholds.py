"""Thresholds are settings: what a stack says is what the alerts compare with."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from base.errors import MeshlabError
from settings import alert_rules as rules
from settings.alert_rules import DEFAULT_REVISION, THRESHOLD, AlertThresholds, load_rules


def loaded(thresholds: AlertThresholds | None = None, **changes: str) -> list[dict[str, Any]]:
    arguments = {"release": "prom", "namespace": "prometheus", "default_revision": "1-17"} | changes
    return load_rules(thresholds or AlertThresholds(), **arguments)


def entries(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    found = [rule for entry in objects for group in entry["spec"]["groups"] for rule in group["rules"]]
    return {rule.get("alert") or rule["record"]: rule for rule in found}


def test_the_files_as_they_stand_carry_the_defaults() -> None:
    folder = rules.MANIFESTS / "mesh_monitors" / "rules"
    files = [yaml.safe_load(path.read_text()) for path in sorted(folder.glob("*.yaml"))]
    assert loaded() == files


def test_every_field_has_a_recording_rule_or_is_a_hold() -> None:
    recorded = {name.removeprefix(THRESHOLD) for name in entries(loaded()) if name.startswith(THRESHOLD)}
    assert recorded == set(AlertThresholds.model_fields) - {"hold_critical", "hold_warning"}


def test_a_threshold_of_the_stack_takes_the_place_of_the_default() -> None:
    found = entries(loaded(AlertThresholds(error_budget_ratio=0.001, latency_target_milliseconds=250)))
    assert found["meshlab:threshold:error_budget_ratio"]["expr"] == "vector(0.001)"
    assert found["meshlab:threshold:latency_target_milliseconds"]["expr"] == "vector(250)"


def test_stack_files_may_spell_a_threshold_as_every_other_setting() -> None:
    assert (
        AlertThresholds.model_validate({"errorBudgetRatio": 0.001, "convergenceP99Seconds": 3}).error_budget_ratio
        == 0.001
    )


def test_holds_follow_the_severity() -> None:
    found = entries(loaded(AlertThresholds(hold_critical="1m", hold_warning="1h")))
    alerts = [rule for rule in found.values() if "alert" in rule]
    assert {rule["for"] for rule in alerts if rule["labels"]["severity"] == "critical"} == {"1m"}
    assert {rule["for"] for rule in alerts if rule["labels"]["severity"] == "warning"} == {"1h"}


def test_release_namespace_and_default_revision_are_the_stack_s() -> None:
    objects = loaded(release="monitoring", namespace="observability", default_revision="1-30")
    assert {entry["metadata"]["labels"]["release"] for entry in objects} == {"monitoring"}
    assert {entry["metadata"]["namespace"] for entry in objects} == {"observability"}
    assert '"1-30"' in entries(objects)[DEFAULT_REVISION]["expr"]


def test_runbooks_get_the_address_where_they_are_served() -> None:
    found = entries(loaded(runbooks="https://wiki.example/lab/"))
    assert found["IstiodDown"]["annotations"]["runbook_url"] == "https://wiki.example/lab/docs/runbooks/istiod-down.md"


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("error_budget_ratio", 0, "expected a share of all requests"),
        ("error_budget_ratio", 1, "expected a share of all requests"),
        ("latency_budget_ratio", -0.1, "expected a share of all requests"),
        ("latency_budget_ratio", float("nan"), "expected a share of all requests"),
        ("latency_target_milliseconds", 300, "Input should be 1, 5, 10, 25, 50"),
        ("burn_rate_fast", 1, "expected a number above 1"),
        ("convergence_p99_seconds", 0, "expected a number above 0"),
        ("ca_certificate_warning_days", float("inf"), "expected a number above 0"),
        ("rejects_per_hour", -1, "expected 0 or more"),
        ("hold_critical", "five minutes", "expected a Prometheus duration"),
        ("hold_warning", "", "expected a Prometheus duration"),
        ("error_budget_ratio", "0.01", "valid number"),
    ],
)
def test_a_value_that_no_alert_can_mean_is_refused(field: str, value: object, expected: str) -> None:
    with pytest.raises(ValidationError, match=expected):
        AlertThresholds(**{field: value})


def test_an_unknown_threshold_is_refused() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        AlertThresholds.model_validate({"errorBudget": 0.1})


def test_a_burn_rate_that_no_service_can_reach_is_refused() -> None:
    with pytest.raises(ValidationError, match="its alert could never fire"):
        AlertThresholds(error_budget_ratio=0.1)


def test_a_rule_for_a_threshold_that_does_not_exist_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _rules_folder(tmp_path, monkeypatch, "meshlab:threshold:no_such_field")
    with pytest.raises(MeshlabError, match="no_such_field: expected a field of AlertThresholds"):
        loaded()


def test_a_threshold_without_a_rule_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _rules_folder(tmp_path, monkeypatch, "meshlab:threshold:error_budget_ratio")
    with pytest.raises(MeshlabError, match=r"got none for .*burn_rate_fast"):
        loaded()


def test_a_missing_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MANIFESTS", tmp_path)
    with pytest.raises(MeshlabError, match="expected rule files"):
        loaded()


def _rules_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record: str) -> None:
    """A folder of manifests with one rule file that records `record`."""
    folder = tmp_path / "mesh_monitors" / "rules"
    folder.mkdir(parents=True)
    rule = {"record": record, "expr": "vector(1)"}
    content = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "x"},
        "spec": {"groups": [{"name": "x", "rules": [rule]}]},
    }
    (folder / "thresholds.yaml").write_text(yaml.safe_dump(content))
    monkeypatch.setattr(rules, "MANIFESTS", tmp_path)
    monkeypatch.setattr("base.assets.MANIFESTS", tmp_path)

"""The rule files as promtool judges them, and whether every rule has its cases."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from settings.alert_rules import AlertThresholds, load_rules
from tests.dashboards.catalogue import catalogue
from tests.dashboards.grafana import NAMES, Dashboard
from tests.dashboards.prometheus import promtool, tools
from tests.dashboards.promql import asked
from tests.dashboards.recorded import RECORDED, labels_of

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "manifests" / "mesh_monitors" / "rules"
CASES = sorted(Path(__file__).parent.glob("*.yaml"))


def groups(only_alerts: bool = False) -> list[dict[str, Any]]:
    """The rule groups as the program would load them for the lab."""
    objects = load_rules(AlertThresholds(), "prom", "prometheus", "1-17")
    found = [group for entry in objects for group in entry["spec"]["groups"]]
    return [group for group in found if "alert" in group["rules"][0]] if only_alerts else found


ALERTS = [rule for group in groups() for rule in group["rules"] if "alert" in rule]
RECORDS = [rule for group in groups() for rule in group["rules"] if "record" in rule]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the rule files that the cases name, as Prometheus itself reads them."""
    tools()
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": groups()}))
    (tmp_path / "alerts-only.yml").write_text(yaml.safe_dump({"groups": groups(only_alerts=True)}))
    return tmp_path


def test_promtool_accepts_the_rules_with_every_lint(folder: Path) -> None:
    promtool("check", "rules", "--lint=all", "--lint-fatal", folder / "rules.yml")


@pytest.mark.parametrize("path", sorted(RULES.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_rule_file_is_valid_as_it_stands(path: Path, tmp_path: Path) -> None:
    tools()
    (entry,) = yaml.safe_load_all(path.read_text())
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": entry["spec"]["groups"]}))
    promtool("check", "rules", tmp_path / "rules.yml")


@pytest.mark.parametrize("path", sorted(RULES.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_rule_file_holds_what_belongs_together_and_no_more(path: Path) -> None:
    """The operator leaves out a whole object with one wrong rule in it."""
    (entry,) = yaml.safe_load_all(path.read_text())
    assert entry["metadata"]["name"] == f"mesh-{path.stem}"
    (group,) = entry["spec"]["groups"]
    alerts = [rule for rule in group["rules"] if "alert" in rule]
    assert len(alerts) in (0, len(group["rules"]))
    assert len(alerts) <= 4


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_alerts_and_records_do_what_their_cases_say(case: Path, folder: Path) -> None:
    shutil.copy(case, folder / case.name)
    promtool("test", "rules", folder / case.name, cwd=folder)


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_has_a_case_that_fires_and_one_that_stays_silent(rule: dict[str, Any]) -> None:
    cases = [
        case for test in _tests() for case in test.get("alert_rule_test", ()) if case["alertname"] == rule["alert"]
    ]
    assert [case for case in cases if case["exp_alerts"]], "none fires"
    assert [case for case in cases if not case["exp_alerts"]], "none stays silent"
    for alert in (alert for case in cases for alert in case["exp_alerts"]):
        assert alert["exp_annotations"].keys() == {"summary", "description", "runbook_url"}


@pytest.mark.parametrize("rule", RECORDS, ids=lambda rule: rule["record"])
def test_a_recording_rule_has_a_case_with_data_and_one_without(rule: dict[str, Any]) -> None:
    cases = [
        case
        for test in _tests()
        for case in test.get("promql_expr_test", ())
        if re.search(rf"(?<![\w:]){re.escape(rule['record'])}(?![\w:])", case["expr"])
    ]
    assert [case for case in cases if case["exp_samples"]]
    if not _is_constant(rule["record"]):
        assert [case for case in cases if not case["exp_samples"]]


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_says_how_bad_what_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    page = ROOT / rule["annotations"]["runbook_url"]
    assert page.is_file()
    text = page.read_text()
    assert f"`{rule['alert']}`" in text, "the page does not name the alert"
    for heading in ("## What it means", "## Look first", "## Fix it"):
        assert heading in text


NAMED = re.compile(r'([Pp]anel|[Tt]able|[Rr]ow|[Dd]ashboard) "([^"]+)"')


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "runbooks").glob("*.md")), ids=lambda page: page.stem)
def test_a_runbook_names_dashboards_rows_and_panels_that_exist(page: Path) -> None:
    boards = [Dashboard.of(name) for name in NAMES]
    panels = {panel.title for board in boards for panel in board.panels}
    there = {
        "panel": panels,
        "table": panels,
        "row": {panel.row for board in boards for panel in board.panels},
        "dashboard": {board.model["title"] for board in boards},
    }
    for kind, title in NAMED.findall(page.read_text()):
        assert title in there[kind.lower()], f"{kind} {title!r}"


def test_every_runbook_belongs_to_an_alert() -> None:
    named = {Path(rule["annotations"]["runbook_url"]).name for rule in ALERTS}
    assert {path.name for path in (ROOT / "docs" / "runbooks").glob("*.md")} - {"README.md"} == named


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_asks_for_known_metrics_and_labels(rule: dict[str, Any]) -> None:
    found = asked(rule["expr"])
    available = set(found.made)
    for metric, matchers in found.selectors:
        assert metric in catalogue() or metric in RECORDED, metric
        assert set(matchers) <= labels_of(metric), metric
        available |= labels_of(metric)
    assert found.grouped_by <= available
    texts = " ".join(rule["annotations"].values())
    assert set(re.findall(r"\$labels\.(\w+)", texts)) <= available


@pytest.mark.parametrize("rule", [*ALERTS, *RECORDS], ids=lambda rule: rule.get("alert") or rule["record"])
def test_no_matcher_of_a_rule_has_a_negated_class(rule: dict[str, Any]) -> None:
    """Prometheus takes milliseconds to read one, at each evaluation (findings/promql_negated_class.sh)."""
    assert "[^" not in rule["expr"]


@pytest.mark.parametrize("path", sorted(RULES.glob("*.yaml")), ids=lambda path: path.stem)
def test_prometheus_would_select_the_object(path: Path) -> None:
    (entry,) = yaml.safe_load_all(path.read_text())
    assert (entry["apiVersion"], entry["kind"]) == ("monitoring.coreos.com/v1", "PrometheusRule")
    assert entry["metadata"]["labels"]["release"] == "prom"
    assert entry["metadata"]["namespace"] == "prometheus"
    assert entry["metadata"]["annotations"]["pulumi.com/skipAwait"] == "true"


def _tests() -> list[dict[str, Any]]:
    return [test for case in CASES for test in yaml.safe_load(case.read_text())["tests"]]


def _is_constant(record: str) -> bool:
    """Whether a recording rule depends on no sample at all, as the thresholds do: it cannot stay silent."""
    metrics = RECORDED[record].metrics
    return all(metric in RECORDED and _is_constant(metric) for metric in metrics)

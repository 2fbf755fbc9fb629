"""Rules of one's own: a file of a folder becomes an object, and what Prometheus could not load is named."""

from pathlib import Path
from typing import Any

import pytest

from base.errors import MeshlabError
from meshlab.recording.recorder import ProgramError, record
from settings import own_rules
from settings.own_rules import load_own_rules
from tests.support.stacks import overlaid

SHOP = """
groups:
  - name: shop
    interval: 1m
    rules:
      - {record: "shop:orders:rate5m", expr: "sum(rate(orders_total[5m]))"}
      - {alert: ShopQuiet, expr: "shop:orders:rate5m == 0", for: 10m, labels: {severity: warning}}
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's folder with one folder of rules."""
    monkeypatch.setattr(own_rules, "ROOT", tmp_path)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "shop.yaml").write_text(SHOP)
    (tmp_path / "rules" / "README.md").write_text("no rules")
    return tmp_path


def loaded() -> list[dict[str, Any]]:
    return load_own_rules("rules", "prom", "prometheus")


def test_each_file_becomes_an_object_that_prometheus_selects(root: Path) -> None:
    (root / "rules" / "bank.yml").write_text(SHOP.replace("shop", "bank"))
    bank, shop = loaded()
    assert [rule["metadata"]["name"] for rule in (bank, shop)] == ["own-bank", "own-shop"]
    assert shop["metadata"]["labels"] == {"release": "prom"}
    assert shop["metadata"]["namespace"] == "prometheus"
    (group,) = shop["spec"]["groups"]
    assert (group["interval"], [rule.get("alert") for rule in group["rules"]]) == ("1m", [None, "ShopQuiet"])


def test_without_the_setting_there_are_none() -> None:
    assert load_own_rules("", "prom", "prometheus") == []


def test_a_stack_names_its_folder(root: Path) -> None:
    recording = record("dev", config=overlaid("dev", {"meshMonitors": {"ownRules": "rules"}}))
    rule = recording.named("mesh-monitors-rules-own-shop")
    assert rule.inputs["metadata"]["labels"] == {"release": "prom"}
    assert rule.inputs["spec"]["groups"][0]["name"] == "shop"


def test_a_wrong_file_stops_the_program_with_one_line(root: Path) -> None:
    (root / "rules" / "shop.yaml").write_text("groups: []")
    with pytest.raises((MeshlabError, ProgramError)) as caught:
        record("dev", config=overlaid("dev", {"meshMonitors": {"ownRules": "rules"}}))
    assert "shop.yaml: expected one document with `groups`" in str(caught.value)


WRONG = {
    "expected YAML": "groups: [",
    "expected one document with `groups`": "kind: PrometheusRule",
    "expected one document with `groups`, as Prometheus": f"{SHOP}---{SHOP}",
    "group 1: expected a name, and none that begins with meshlab., got meshlab.thresholds": SHOP.replace(
        "name: shop", "name: meshlab.thresholds"
    ),
    "group shop: expected it once, got it twice": SHOP + SHOP.partition("groups:\n")[2],
    "group shop: expected a list of rules": "groups: [{name: shop}]",
    "group shop: rule 1: expected either alert or record": "groups: [{name: shop, rules: [{expr: up}]}]",
    "group shop: rule 1: expected either alert or record, and expr": "groups: [{name: shop, rules: [{alert: A}]}]",
}


@pytest.mark.parametrize("said", WRONG)
def test_a_file_that_prometheus_would_not_load_is_named_with_what_is_wrong(said: str, root: Path) -> None:
    (root / "rules" / "shop.yaml").write_text(WRONG[said])
    with pytest.raises(MeshlabError) as caught:
        loaded()
    assert said in str(caught.value)
    assert str(root / "rules" / "shop.yaml") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_group_is_in_one_file_only(root: Path) -> None:
    (root / "rules" / "z.yaml").write_text(SHOP)
    with pytest.raises(
        MeshlabError, match=r"z\.yaml: group shop: expected a name of its own, got that of .* shop\.yaml"
    ):
        loaded()


def test_a_file_name_that_is_no_object_name_is_refused(root: Path) -> None:
    (root / "rules" / "shop.yaml").rename(root / "rules" / "My shop.yaml")
    with pytest.raises(MeshlabError, match=r"My shop\.yaml: the file's name: expected a DNS label"):
        loaded()


def test_a_folder_without_rules_is_named(root: Path) -> None:
    with pytest.raises(MeshlabError, match=r"meshMonitors\.ownRules: expected a folder with rule files \(\*\.yaml\)"):
        load_own_rules("nowhere", "prom", "prometheus")

"""Whether all groups are loaded, as the real Prometheus tells it of itself and the alert MeshRulesMissing counts it."""

import re
from pathlib import Path

import yaml

from settings.alert_rules import AlertThresholds, load_rules
from tests.support.prometheus import NO_PROXY, prometheus

METRIC = "prometheus_rule_group_rules"


def test_the_alert_counts_what_prometheus_tells_of_each_group(tmp_path: Path) -> None:
    objects = load_rules(AlertThresholds(), "prom", "prometheus", "1-17")
    rules = [rule for entry in objects for group in entry["spec"]["groups"] for rule in group["rules"]]
    (alert,) = [rule for rule in rules if rule.get("alert") == "MeshRulesMissing"]
    pattern = re.search(rf'{METRIC}{{rule_group=~"([^"]+)"}}\) < (\d+)$', alert["expr"])
    assert pattern
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "own-shop.yaml").write_text("groups: [{name: shop, rules: [{record: a, expr: vector(1)}]}]")
    for entry in objects:
        # As the operator calls its files: namespace, object and UID.
        file = folder / f"prometheus-{entry['metadata']['name']}-0000.yaml"
        file.write_text(yaml.safe_dump({"groups": entry["spec"]["groups"]}))
    configuration = {"rule_files": [f"{folder}/*.yaml"]}
    with (
        prometheus(configuration, tmp_path / "running") as running,
        NO_PROXY.open(f"{running.url}/metrics", timeout=30) as answer,
    ):
        told = re.findall(rf'^{METRIC}{{rule_group="([^"]+)"}} ', answer.read().decode(), re.MULTILINE)
    assert len(told) == len(objects) + 1
    assert len([group for group in told if re.fullmatch(pattern[1], group)]) == int(pattern[2]) == len(objects)

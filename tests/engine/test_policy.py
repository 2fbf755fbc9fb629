"""The policies before an operation of the driver, and the same rules as a policy pack of the engine."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pulumi import automation as auto

from embedded.cluster import EmbeddedCluster
from embedded.tools.toolchain import ToolsMissingError
from meshlab.engine.driver import EngineDriver
from meshlab.engine.outcome import Outcome
from meshlab.recording.recorder import ROOT, record
from meshlab.target import LabError
from tests.support.inventory import inventory
from tests.support.lab import Lab
from tests.support.lab import driver as engine_driver

PASSWORD = "hunter2hunter2"
BAD: dict[str, Any] = {
    "timeoutSeconds": 300,
    "grafanaAnonymous": True,
    "values": {"grafana": {"adminPassword": PASSWORD}},
}
BROKEN = ["no-anonymous-access", "no-plain-secrets", "stack-timeout"]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Prod on a cluster that nothing is installed on: the pack is asked before anything is."""
    folder = tmp_path_factory.mktemp("policy")
    try:
        cluster = EmbeddedCluster.up("policy", state_dir=folder)
    except ToolsMissingError as missing:
        pytest.skip(str(missing))
    with cluster:
        yield Lab(cluster, folder, "prod")


def driver(lab: Lab, monitoring: dict[str, Any], **policy: Any) -> EngineDriver:
    return engine_driver(lab, monitoring=monitoring, policy=policy)


def told(lines: str) -> list[str]:
    """The rules that a text names, sorted."""
    return sorted(rule for rule in BROKEN if f"{rule}: Release prometheus/prom: " in lines)


def names(outcome: Outcome) -> set[str]:
    return {step.name for step in outcome.steps}


def test_a_stack_that_keeps_to_the_rules_passes(lab: Lab) -> None:
    outcome = driver(lab, {}).preview()
    assert {resource.name for resource in record("prod").resources} <= names(outcome)
    assert not [line for line in lab.lines if "policy (" in line]


def test_where_the_rules_are_mandatory_a_broken_one_stops_preview_and_is_named(lab: Lab) -> None:
    with pytest.raises(LabError) as caught:
        driver(lab, BAD).preview()
    assert told(str(caught.value)) == BROKEN
    assert "values.grafana.adminPassword: expected no secret in plain sight" in str(caught.value)
    assert PASSWORD not in str(caught.value)
    assert "Traceback" not in str(caught.value)


def test_it_also_stops_up_before_anything_is_changed(lab: Lab) -> None:
    before = inventory(lab.cluster)
    with pytest.raises(LabError) as caught:
        driver(lab, BAD).up()
    assert told(str(caught.value)) == BROKEN
    assert inventory(lab.cluster) == before


def test_where_the_rules_are_advisory_the_same_stack_is_only_told(lab: Lab) -> None:
    lab.lines.clear()
    outcome = driver(lab, BAD, enforcement="advisory").preview()
    assert {resource.name for resource in record("prod").resources} <= names(outcome)
    advice = [line for line in lab.lines if line.startswith("  policy (advisory) ")]
    assert told("\n".join(advice)) == BROKEN
    assert len(advice) == len(BROKEN)


def test_what_a_stack_allows_is_no_violation(lab: Lab) -> None:
    outcome = driver(lab, {"grafanaAnonymous": True}, allowAnonymous=True).preview()
    assert "monitoring-stack" in names(outcome)


def test_as_a_pack_of_the_engine_the_rules_stop_the_same_stack(lab: Lab, tmp_path: Path) -> None:
    with pytest.raises(auto.CommandError) as caught:
        driver(lab, BAD).stack.preview(policy_packs=[pack(tmp_path)], color="never")
    output = str(caught.value)
    assert "meshlab" in output
    assert output.count("[mandatory]") == len(BROKEN)
    assert all(f"[mandatory]  {rule}" in output for rule in BROKEN)
    assert PASSWORD not in output


def test_as_a_pack_of_the_engine_the_rules_pass_a_good_stack(lab: Lab, tmp_path: Path) -> None:
    output = driver(lab, {}).stack.preview(policy_packs=[pack(tmp_path)], color="never").stdout
    assert "meshlab" in output
    assert "[mandatory]" not in output
    assert "[advisory]" not in output


def pack(folder: Path) -> str:
    """The pack of policy/ as a program that the engine starts: a folder would need a language host."""
    program = folder / "pulumi-analyzer-meshlab"
    program.write_text(f'#!/bin/sh\ncd "{ROOT / "policy"}" && exec "{sys.executable}" -u __main__.py "$@"\n')
    program.chmod(0o755)
    return str(program)

"""Each correction of the lab, undone by itself, is noticed: by an assertion that holds for the program as it is.

Three kinds: monitors that a real operator and a real Prometheus have read, other objects that real parts have dealt
with, and the recorded program. The first two are judged by the assertions of the tests of scraping and injection.
"""

import copy
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from embedded.tools import toolchain
from meshlab.recording.recorder import Recording, record
from tests.support import claims, monitor_mutants, program_mutants
from tests.support.charts import chart_folder
from tests.support.evidence import MONITORS, Evidence, templated
from tests.support.monitor_mutants import CLAIMS
from tests.support.pod_servers import demo_configuration, envoy_program
from tests.support.program_claims import complaints
from tests.support.shapes import LAB_ORDER, MESHED, OLD
from tests.support.stacks import overlaid
from tests.unit import test_components as unit_tests

ALONE = 3
"""Corrections that have a test of their own below, beside those of the three tables."""


# --- monitors


@pytest.mark.parametrize("monitor", MONITORS)
def test_the_monitors_as_they_are_pass_beside_the_mutated_ones(evidence: Evidence, monitor: str) -> None:
    CLAIMS[monitor](evidence.mutated_pools[monitor], evidence.pods)


@pytest.mark.parametrize("mutant", monitor_mutants.MUTANTS, ids=lambda mutant: mutant.name)
def test_a_monitor_with_a_correction_undone_has_the_wrong_targets(
    evidence: Evidence, mutant: monitor_mutants.Mutant
) -> None:
    with pytest.raises(AssertionError) as noticed:
        CLAIMS[mutant.monitor](evidence.mutated_pools.get(mutant.called, []), evidence.pods)
    assert mutant.shows in str(noticed.value)


# --- other objects

Judge = Callable[[Evidence], None]


def _kiali(change: Callable[[dict[str, Any]], object]) -> Judge:
    def judge(evidence: Evidence) -> None:
        spec = copy.deepcopy(evidence.kiali["spec"])
        change(spec["external_services"])
        claims.kiali_names_what_is_there(spec, evidence.there)

    return judge


def _no_sidecar_where_envoy_is_not_kept_out(evidence: Evidence) -> None:
    claims.has_no_sidecar(evidence.with_sidecars_of_its_own, "envoy", MESHED)


def _a_label_without_a_roll(evidence: Evidence) -> None:
    claims.has_its_sidecar(evidence.lab_order, "httpbin", OLD, LAB_ORDER)


def _a_validator_without_a_revision(evidence: Evidence) -> None:
    claims.the_validator_is_served(evidence.rendered_validators["mutant-validator"], evidence.services)


def _an_alias_without_a_revision(evidence: Evidence) -> None:
    claims.the_alias_leads_to_the_default_revision(evidence.behind["mutant-alias"])


OBJECTS: dict[str, tuple[Judge, str]] = {
    "an alias over all revisions": (_an_alias_without_a_revision, "leads to ['1-17', '1-30']"),
    "a validator of no revision": (_a_validator_without_a_revision, "nobody has given it a certificate"),
    "the standalone Envoy not kept out": (_no_sidecar_where_envoy_is_not_kept_out, "expected no sidecar"),
    "a label without a roll": (_a_label_without_a_roll, "expected a sidecar"),
    "Kiali's mesh configuration without its revision": (
        _kiali(lambda services: services["istio"].pop("config_map_name")),
        "ConfigMap istio-system/istio'",
    ),
    "Kiali's istiod without its revision": (
        _kiali(lambda services: services["istio"].pop("istiod_deployment_name")),
        "Deployment istio-system/istiod'",
    ),
    "Kiali's injector without its revision": (
        _kiali(lambda services: services["istio"].pop("istio_sidecar_injector_config_map_name")),
        "ConfigMap istio-system/istio-sidecar-injector'",
    ),
    "Kiali's Prometheus without its release": (
        _kiali(lambda services: services["prometheus"].update(url="http://prometheus.prometheus:9090")),
        "Service prometheus/prometheus'",
    ),
}
"""What real parts made of an object with a correction undone, and what the assertion must complain of."""


@pytest.mark.parametrize("name", OBJECTS)
def test_an_object_with_a_correction_undone_is_noticed(evidence: Evidence, name: str) -> None:
    judge, shows = OBJECTS[name]
    with pytest.raises(AssertionError) as noticed:
        judge(evidence)
    assert shows in str(noticed.value)


def test_the_validator_with_its_revision_is_served_beside_the_mutated_one(evidence: Evidence) -> None:
    claims.the_validator_is_served(evidence.rendered_validators["copied-validator"], evidence.services)


def test_the_kiali_chart_that_creates_its_own_object_is_noticed() -> None:
    try:
        toolchain.ensure(["helm"])
    except toolchain.ToolsMissingError as missing:
        pytest.skip(str(missing))
    source = {"charts": {"source": str(chart_folder("dev"))}}
    release = record("dev", config=overlaid("dev", source)).named("kiali-release").inputs
    claims.the_kiali_object_has_one_owner(templated(release, release["values"], "Kiali"))
    # The chart's own value is false, so that undoing the program's alone would show nothing; the lab sets it.
    lab = {**release["values"], "cr": {"create": True}}
    with pytest.raises(AssertionError, match="brings a Kiali object of its own"):
        claims.the_kiali_object_has_one_owner(templated(release, lab, "Kiali"))


def test_the_labs_own_envoy_file_is_refused_by_a_current_envoy(tmp_path: Path) -> None:
    configuration = demo_configuration()
    assert _validates(configuration, tmp_path / "as-it-is.yaml")
    # The lab's file has the listener for clients alone; the one for the kubelet keeps its router's type.
    clients, _ = configuration["staticResources"]["listeners"]
    (router,) = clients["filterChains"][0]["filters"][0]["typedConfig"]["httpFilters"]
    del router["typedConfig"]
    assert not _validates(configuration, tmp_path / "as-in-the-lab.yaml")


def _validates(configuration: dict[str, Any], file: Path) -> bool:
    file.write_text(yaml.safe_dump(configuration))
    command = [str(envoy_program()), "--mode", "validate", "-c", str(file), "--disable-hot-restart"]
    return subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 0


# --- the recorded program


def test_nothing_complains_of_the_program_as_it_is(dev: Recording) -> None:
    assert list(complaints(dev, unit_tests)) == []


@pytest.mark.parametrize("mutant", program_mutants.MUTANTS, ids=lambda mutant: mutant.name)
def test_a_program_with_a_correction_undone_is_noticed(dev: Recording, mutant: program_mutants.Mutant) -> None:
    if not mutant.config:
        assert any(complaints(mutant.applied_to(dev), unit_tests))
        return
    # The unit tests go by the settings of dev, so that they have something to say whenever others are in force.
    program = record("dev", config=mutant.config)
    assert not any(complaints(program))
    assert any(complaints(mutant.applied_to(program)))


def test_dashboards_in_one_config_map_are_noticed(dev: Recording) -> None:
    assert "dashboards_are_small_enough" in complaints(program_mutants.dashboards_in_one(dev), unit_tests)

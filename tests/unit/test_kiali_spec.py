"""Kiali's spec has only fields that the operator of its version reads: any other is dropped without a word."""

from typing import Any

import pytest

from meshlab.recording.recorder import record
from tests.support.kiali_fields import fields_of, unread
from tests.support.stacks import STACKS

NAMES_OF_ONE_CONTROL_PLANE = {
    "spec.istio_namespace",
    "spec.external_services.istio.config_map_name",
    "spec.external_services.istio.istiod_deployment_name",
    "spec.external_services.istio.istio_sidecar_injector_config_map_name",
}
WIDE: dict[str, Any] = {
    "meshlab:cluster": {"imageRegistry": "mirror.example"},
    "meshlab:kiali": {"resources": {"requests": {"cpu": "10m"}}},
}


def spec_of(stack: str, over: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
    recording = record(stack, config=over)
    version = str(recording.named("kiali-release").inputs["version"])
    return version, dict(recording.named("kiali-kiali").inputs["spec"])


@pytest.mark.parametrize("stack", STACKS)
def test_the_pinned_operator_reads_every_field_of_the_spec(stack: str) -> None:
    version, spec = spec_of(stack)
    assert list(unread(spec, fields_of(version))) == []


@pytest.mark.parametrize("version", ["1.59.1", "2.29.0"])
@pytest.mark.parametrize("anonymous", [True, False])
def test_every_field_is_read_with_all_settings_in_use(version: str, anonymous: bool) -> None:
    monitoring = {"version": "88.5.3", "grafanaAnonymous": anonymous}
    kiali = {**WIDE["meshlab:kiali"], "version": version}
    _, spec = spec_of("dev", {**WIDE, "meshlab:kiali": kiali, "meshlab:monitoring": monitoring})
    assert spec["deployment"]["image_name"] == "mirror.example/kiali/kiali"
    assert list(unread(spec, fields_of(version))) == []


def test_a_kiali_that_finds_control_planes_is_given_no_names() -> None:
    _, old = spec_of("dev", {"meshlab:kiali": {"version": "1.59.1"}})
    assert set(unread(old, fields_of("2.29.0"))) == NAMES_OF_ONE_CONTROL_PLANE


@pytest.mark.parametrize(("version", "named"), [("2.13.0", True), ("2.14.0", False)])
def test_the_names_of_a_control_plane_end_with_kiali_2_14(version: str, named: bool) -> None:
    _, spec = spec_of("dev", {"meshlab:kiali": {"version": version}})
    assert ("istio_namespace" in spec) is named
    assert ("istio" in spec["external_services"]) is named

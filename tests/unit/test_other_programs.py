"""Components in programs other than the lab's: what they register there is what they register in the lab's own."""

import pytest

from meshlab.recording.recorder import ROOT, Recording, record

EXAMPLE = ROOT / "examples" / "two_components"
PACKAGED = """\
from plugin.packaged import EnvoyDemo, IstioControlPlane, KubePrometheusStack, SampleApps

IstioControlPlane("istio", {"istio": {"revisions": {"1-30": {"version": "1.30.3"}}}})
KubePrometheusStack("monitoring", {"monitoring": {"version": "42.2.1", "replicas": 2.0}})
EnvoyDemo("envoy-demo", {"envoy_demo": {"scenario": "retry"}})
SampleApps("sample-apps", {})
"""
"""Every component of the package; a number as the engine sends it."""


@pytest.fixture(scope="module")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    folder = tmp_path_factory.mktemp("packaged")
    (folder / "Pulumi.yaml").write_text("name: other\nruntime: python\n", encoding="utf-8")
    (folder / "Pulumi.dev.yaml").write_text("config: {}\n", encoding="utf-8")
    (folder / "__main__.py").write_text(PACKAGED, encoding="utf-8")
    return record("dev", project_dir=folder)


def names(recording: Recording, component: str) -> set[str]:
    """Names and types of what a component of the lab registers, at any depth."""
    return {
        f"{resource.type} {resource.name}"
        for resource in recording.resources
        if resource.custom and (resource.name == component or resource.name.startswith(f"{component}-"))
    }


def test_the_example_has_its_applications_wait_for_the_injector() -> None:
    example = record("dev", project_dir=EXAMPLE)
    by_urn = {resource.urn: resource.name for resource in example.resources}
    deployments = example.of_type("kubernetes:apps/v1:Deployment")
    assert len(deployments) == 4
    assert all("istio-istiod-1-30" in {by_urn[urn] for urn in deployment.depends_on} for deployment in deployments)
    assert example.outputs == {"revision": "1-30"}


@pytest.mark.parametrize("component", ["monitoring", "envoy-demo", "sample-apps"])
def test_a_packaged_component_registers_what_the_lab_does(component: str, packaged: Recording, dev: Recording) -> None:
    assert names(packaged, component) == names(dev, component)


def test_a_packaged_control_plane_has_its_revision(packaged: Recording) -> None:
    assert {resource.name for resource in packaged.of_type("kubernetes:helm.sh/v3:Release")} >= {
        "istio-base",
        "istio-istiod-1-30",
    }


def test_packaged_applications_are_outside_the_mesh(packaged: Recording) -> None:
    for resource in packaged.of_type("kubernetes:apps/v1:Deployment"):
        assert resource.inputs["spec"]["template"]["metadata"]["labels"]["sidecar.istio.io/inject"] == "false"

"""Components of the lab in other programs: imported, as examples/two_components does, and by the package in plugin/."""

import json
from collections.abc import Iterator

import pulumi
import pulumi_kubernetes as k8s
import pytest
from pulumi.automation import CommandError

from base import process
from tests.support.charts import chart_folder
from tests.support.inventory import objects
from tests.support.lab import Lab, documented, running_lab
from tests.support.other_programs import EXAMPLE, PACKAGE, OtherProgram

ISTIO = {"revisions": {"1-30": {"version": "1.30.3"}}}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    over = {"istio": ISTIO, "mesh": {"namespaces": {}}}
    with running_lab(tmp_path_factory.mktemp("others"), "other-programs", over=over) as lab:
        yield lab


def containers(lab: Lab, namespace: str) -> dict[str, set[str]]:
    """Names of the containers of a namespace's pods, init containers included, by pod."""
    return {
        pod["metadata"]["name"]: {
            container["name"] for container in (*pod["spec"]["containers"], *pod["spec"].get("initContainers", []))
        }
        for pod in objects(lab.cluster, "pods", "-n", namespace)
    }


def test_the_example_brings_two_components_up_and_takes_them_away(lab: Lab) -> None:
    example = OtherProgram(lab, "two-components", EXAMPLE)
    example.configure("charts", {"source": str(chart_folder("dev", {"istio": ISTIO, "mesh": {"namespaces": {}}}))})
    outputs = example.up()
    assert outputs["revision"].value == "1-30"
    pods = containers(lab, "istioinaction")
    assert len(pods) == 4
    # They waited for the injector.
    assert all("istio-proxy" in names for names in pods.values())
    example.preview_without_changes()
    example.destroy()
    assert [name for name in lab.left() if not documented(name)] == []


def test_the_examples_settings_are_checked_as_the_labs_are(lab: Lab) -> None:
    example = OtherProgram(lab, "wrong-settings", EXAMPLE)
    example.configure("mesh", {"namespaces": {"istioinaction": "1-31"}})
    with pytest.raises(
        CommandError, match=r'mesh.namespaces.istioinaction: expected one of the revisions 1-30, got "1-31"'
    ):
        example.up()


def test_the_cli_reads_a_schema_from_the_package(lab: Lab) -> None:
    other = OtherProgram(lab, "schema")
    done = process.run(
        [other.engine.program, "package", "get-schema", PACKAGE], timeout=120, cwd=other.folder, env=other.env
    )
    schema = json.loads(done.stdout)
    assert schema["resources"].keys() == {
        f"meshlab:index:{name}" for name in ("EnvoyDemo", "IstioControlPlane", "KubePrometheusStack", "SampleApps")
    }
    described = schema["types"]["meshlab:index:MonitoringSettings"]
    assert described["required"] == ["version"]
    assert described["properties"]["retention"]["description"].startswith("Time that Prometheus keeps samples")


class Remote(pulumi.ComponentResource):
    """A component of the package, as a generated SDK registers it."""

    def __init__(self, kind: str, name: str, inputs: dict[str, object], outputs: tuple[str, ...] = ()) -> None:
        opts = pulumi.ResourceOptions(providers=[k8s.Provider(f"cluster-{name}", kubeconfig="")])
        unknown = dict.fromkeys(outputs)
        super().__init__(f"meshlab:index:{kind}", name, {**inputs, **unknown}, opts, remote=True)


def test_the_engine_makes_components_of_the_package(lab: Lab) -> None:
    other = OtherProgram(lab, "packaged")

    def run() -> None:
        Remote("EnvoyDemo", "demo", {"envoyDemo": {"scenario": "retry"}})
        monitoring = Remote(
            "KubePrometheusStack",
            "monitoring",
            {"monitoring": {"version": "42.2.1", "replicas": 2}, "charts": {"source": lab.charts}},
            ("prometheusUrl", "grafanaPassword"),
        )
        pulumi.export("prometheus", monitoring.prometheusUrl)  # type: ignore[attr-defined]
        pulumi.export("password", monitoring.grafanaPassword)  # type: ignore[attr-defined]

    outputs = other.up(run)
    assert outputs["prometheus"].value == "http://prom-kube-prometheus-stack-prometheus.prometheus:9090"
    assert outputs["password"].secret
    assert len(lab.envoy_configs()) == 1
    assert lab.unavailable_deployments() == []
    (prometheus,) = objects(lab.cluster, "prometheuses.monitoring.coreos.com", "-n", "prometheus")
    assert prometheus["spec"]["replicas"] == 2
    other.destroy()
    assert [name for name in lab.left() if not documented(name)] == []


def test_wrong_inputs_of_a_packaged_component_are_one_line_each(lab: Lab) -> None:
    other = OtherProgram(lab, "wrong-inputs")
    with pytest.raises(CommandError) as failed:
        other.up(lambda: Remote("EnvoyDemo", "demo", {"envoyDemo": {"scenario": "patience"}}) and None)
    said = str(failed.value)
    assert "envoyDemo.scenario: expected 'base', 'timeout' or 'retry', got \"patience\"" in said
    assert "packaged.py" not in said, "no traceback"

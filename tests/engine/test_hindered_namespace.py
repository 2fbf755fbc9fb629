"""A namespace of the mesh whose own label goes before the stack's, on the real engine. One story, in file order."""

import json
from collections.abc import Iterator

import pytest

from kube.cluster import Cluster
from meshlab.cli.commands.drift import Inspection
from meshlab.doctor.injection import injection
from meshlab.mesh.plan import roll_plan
from meshlab.preflight.finding import Level
from meshlab.target import LabError
from tests.support import meshed
from tests.support.inventory import objects
from tests.support.lab import Lab, driver, running_lab
from tests.support.stacks import settings_of

pytestmark = pytest.mark.timeout(900)

MESH = {"mesh": {"namespaces": {"default": "1-17", "istioinaction": "1-17"}, "rollAtOnce": 2}}
OWNERS = "default/web"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with running_lab(tmp_path_factory.mktemp("hindered"), "hindered") as lab:
        lab.cluster.kubectl("apply", "-f", "-", stdin=json.dumps(meshed.deployment("default", "web")))
        yield lab


def generation(lab: Lab) -> int:
    """How often the owner's workload has changed."""
    (one,) = objects(lab.cluster, "deployment", "web", "-n", "default")
    return one["metadata"]["generation"]


@pytest.mark.parametrize("said", ["disabled", "enabled"])
def test_a_roll_that_cannot_bring_sidecars_is_told_before_and_is_an_error(lab: Lab, said: str) -> None:
    lab.cluster.kubectl("label", "namespace", "default", f"istio-injection={said}", "--overwrite")
    api, settings = Cluster(lab.cluster.kubeconfig), settings_of("dev", lab.config(**MESH))
    told = f"namespace default: label istio-injection={said} goes before istio.io/rev=1-17"
    assert [(finding.level, finding.text.startswith(told)) for finding in injection(settings, api)] == [
        (Level.PROBLEM, True)
    ]
    assert roll_plan(api, settings)[0].startswith(told)
    for _ in range(2):
        with pytest.raises(LabError) as failed:
            driver(lab, **MESH).up()
        assert OWNERS in str(failed.value)
        assert told in str(failed.value)
        assert generation(lab) == 1
    assert lab.containers_in_default()["httpbin"] == {"httpbin"}


def test_drift_tells_the_label(lab: Lab) -> None:
    inspection = Inspection(driver(lab, **MESH), lab.declared(**MESH), lab.cluster.kubeconfig, lab.say)
    (label,) = (
        line.line
        for finding in inspection.look().findings
        for line in finding.differences
        if finding.label == "Namespace default"
    )
    assert label.startswith("metadata.labels.istio-injection: enabled, expected nothing (by kubectl-label")


def test_without_the_label_all_come_into_the_mesh_and_roll_once(lab: Lab) -> None:
    lab.cluster.kubectl("label", "namespace", "default", "istio-injection-")
    driver(lab, **MESH).up()
    assert generation(lab) == 2
    found = lab.containers_in_default()
    assert {app: "istio-proxy" in names for app, names in found.items()} == {
        "web": True,
        "httpbin": True,
        "sleep": True,
        "envoy": False,
    }


def test_a_workload_without_a_sidecar_after_its_roll_is_an_error_once(lab: Lab) -> None:
    """What keeps the injector away here is a webhook's selector, as a platform may write it."""
    term = {"op": "add", "path": "/webhooks/0/namespaceSelector/matchExpressions/-"}
    term["value"] = {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["default"]}
    injector = ("mutatingwebhookconfiguration", "istio-sidecar-injector-1-17")
    lab.cluster.kubectl("patch", *injector, "--type=json", "-p", json.dumps([term]))
    lab.cluster.kubectl("delete", "pods", "-n", "default", "-l", "app=web")
    lab.cluster.kubectl("rollout", "restart", "deployment/web", "-n", "default")
    lab.cluster.kubectl("rollout", "status", "deployment/web", "-n", "default", "--timeout=60s")
    before = generation(lab)
    changed = {"mesh": {**MESH["mesh"], "rollAtOnce": 3}}
    for _ in range(2):
        with pytest.raises(LabError, match=r"default/web: rolled, and not with revision 1-17 .*found: no sidecar"):
            driver(lab, **changed).up()
        assert generation(lab) == before + 1

"""Staging and prod on the real engine and a real API server: what each promises beyond dev, and how each goes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from meshlab.recording.recorder import record
from meshlab.target import LabError
from tests.support.inventory import inventory, objects
from tests.support.lab import Lab, changed, documented, driver, running_lab
from tests.support.waiting import eventually

LEVEL = "pod-security.kubernetes.io/enforce"
LEVELS = ("privileged", "baseline", "restricted")


@pytest.fixture(scope="module", params=["staging", "prod"])
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder: Path = tmp_path_factory.mktemp(request.param)
    with running_lab(folder, request.param, request.param) as lab:
        yield lab


def revision(lab: Lab) -> str:
    """The one control plane of the lab's stack."""
    (name,) = lab.config()["meshlab:istio"]["revisions"]
    return name


def only(stack: str) -> pytest.MarkDecorator:
    """For a test of one stack; it runs among the others of that stack, in file order."""
    return pytest.mark.parametrize("lab", [stack], indirect=True)


def test_up_creates_every_resource_and_every_workload_becomes_available(lab: Lab) -> None:
    done = {step.name for step in driver(lab).up().steps}
    assert {resource.name for resource in record(lab.stack).resources} <= done
    assert lab.unavailable_deployments() == []


def test_a_second_run_changes_nothing(lab: Lab) -> None:
    driver(lab).stack.preview(expect_no_changes=True)
    assert not changed(driver(lab).up())


def test_each_namespace_has_the_strictest_level_that_its_pods_allow(lab: Lab) -> None:
    # That they allow it is seen above: a pod over its namespace's level is not created.
    namespaces = objects(lab.cluster, "namespaces", "-l", LEVEL)
    assert len(namespaces) >= 3
    for namespace in namespaces:
        name, level = namespace["metadata"]["name"], namespace["metadata"]["labels"][LEVEL]
        for stricter in LEVELS[LEVELS.index(level) + 1 :]:
            assert violations(lab, name, stricter), f"{name} could be {stricter}"


def violations(lab: Lab, namespace: str, level: str) -> list[str]:
    """The pods that the API server would not admit at a level, as it warns itself."""
    asked = lab.cluster.kubectl("label", "--dry-run=server", "--overwrite", "namespace", namespace, f"{LEVEL}={level}")
    return [line for line in asked.stderr.splitlines() if "violate" in line or "allowPrivilege" in line]


@only("staging")
def test_stagings_workloads_are_in_the_mesh_by_the_tag(lab: Lab) -> None:
    for namespace, workloads in {
        "default": {"httpbin", "sleep"},
        "istioinaction": {"web-api", "recommendation"},
    }.items():
        pods = {pod["metadata"]["labels"]["app"]: pod for pod in objects(lab.cluster, "pods", "-n", namespace)}
        for app in workloads:
            assert f'"revision":"{revision(lab)}"' in pods[app]["metadata"]["annotations"]["sidecar.istio.io/status"]
    (tag,) = objects(lab.cluster, "mutatingwebhookconfigurations", "-l", "istio.io/tag")
    assert tag["metadata"]["name"] == "istio-revision-tag-stable"
    # istiod fills the certificate in, and no preview calls that a difference.
    assert all(webhook["clientConfig"].get("caBundle") for webhook in tag["webhooks"])


@only("prod")
def test_prods_istiods_are_on_different_nodes_and_kept_by_a_budget(lab: Lab) -> None:
    # The chart leaves the number to its autoscaler, which may come to it after the `up`.
    where = ("pods", "-n", "istio-system", "-l", "app=istiod")
    eventually(lambda: len(objects(lab.cluster, *where)) > 1, "a second istiod")
    pods = objects(lab.cluster, *where)
    assert len({pod["spec"]["nodeName"] for pod in pods}) == len(pods) == 2
    budgets = {
        object_["metadata"]["name"]: object_["spec"] for object_ in objects(lab.cluster, "poddisruptionbudgets", "-A")
    }
    assert budgets[f"istiod-{revision(lab)}"]["minAvailable"] == 1
    assert {name.rpartition("-")[2] for name in budgets} >= {"prometheus", "alertmanager"}


@only("prod")
def test_prod_is_not_destroyed_before_somebody_unprotects_its_namespaces(lab: Lab) -> None:
    before = inventory(lab.cluster)
    with pytest.raises(LabError, match=r"protected: .*istio-namespace.*nothing was removed"):
        driver(lab).down()
    assert inventory(lab.cluster) == before
    driver(lab, cluster={"protectNamespaces": False}).up()


def test_destroy_leaves_only_what_is_documented_as_kept(lab: Lab) -> None:
    driver(lab, **({"cluster": {"protectNamespaces": False}} if lab.stack == "prod" else {})).down()
    assert [name for name in lab.left() if not documented(name)] == []
    assert lab.labels_of_default() == lab.default_labels

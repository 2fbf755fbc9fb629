"""Releases whose upgrade was killed: one that can go back to the revision that stood, and one that cannot."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from base import process
from embedded.cluster import EmbeddedCluster
from embedded.tools import toolchain
from kube.helm_records import packed, record_name, unpacked
from meshlab.engine.state import ReleaseKey
from meshlab.recover.helm import HelmRepair

ACCOUNT = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: leaving}\n"
STAYS, COMES, COMES_TOO = (
    f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n" for name in ("staying", "coming", "coming-too")
)
WIDGET = "{apiVersion: example.com/v1, kind: Widget, metadata: {name: theirs, namespace: default}}"


def crd(kind: str, *versions: str) -> str:
    """A CRD that serves these versions and stores the last."""
    served = [
        f"{{name: {version}, served: true, storage: {str(version == versions[-1]).lower()}, "
        "schema: {openAPIV3Schema: {type: object}}}"
        for version in versions
    ]
    singular = kind.lower()
    return (
        f"apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"
        f"metadata: {{name: {singular}s.example.com}}\nspec:\n  group: example.com\n  scope: Namespaced\n"
        f"  names: {{plural: {singular}s, singular: {singular}, kind: {kind}}}\n  versions: [{', '.join(served)}]\n"
    )


CRD, ALPHA, BOTH = crd("Widget", "v1"), crd("Gadget", "v1alpha1"), crd("Gadget", "v1alpha1", "v1")


def half_upgraded(secret: dict[str, Any], name: str, objects: str) -> dict[str, Any]:
    """helm's record of a second revision with these objects, begun and never ended, made from that of the first."""
    release = unpacked(secret)
    release["version"], release["info"]["status"] = 2, "pending-upgrade"
    release["manifest"] = objects
    labels = {**secret["metadata"]["labels"], "version": "2", "status": "pending-upgrade"}
    return {
        **secret,
        "metadata": {"name": record_name(name, 2), "namespace": "default", "labels": labels},
        "data": packed(release),
    }


@dataclass(frozen=True)
class Field:
    """One cluster, and one chart whose objects each test changes."""

    cluster: EmbeddedCluster
    helm: Path
    repair: HelmRepair
    chart: Path

    def release(self, name: str, objects: str) -> ReleaseKey:
        """Install the chart with these objects, or upgrade it."""
        (self.chart / "templates" / "all.yaml").write_text(objects)
        kubeconfig = {"KUBECONFIG": str(self.cluster.kubeconfig)}
        process.run([self.helm, "upgrade", "--install", name, str(self.chart)], timeout=60, env=kubeconfig)
        return ReleaseKey("default", name)

    def begin_upgrade(self, name: str, objects: str) -> None:
        """Have helm's records tell of a second revision with these objects, begun and never ended."""
        first = json.loads(self.cluster.kubectl("get", "secret", record_name(name, 1), "-o", "json").stdout)
        self.cluster.kubectl("create", "-f", "-", stdin=json.dumps(half_upgraded(first, name, objects)))

    def names(self, kinds: str) -> set[str]:
        return set(self.cluster.kubectl("get", kinds, "-n", "default", "-o", "name").stdout.split())


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    folder = tmp_path_factory.mktemp("unfinished")
    try:
        tools = toolchain.ensure(["helm", "kubectl"])
        cluster = EmbeddedCluster.up("unfinished", state_dir=folder)
    except toolchain.ToolsMissingError as missing:
        pytest.skip(str(missing))
    chart = folder / "chart"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: app\nversion: 0.1.0\n")
    with cluster:
        yield Field(cluster, tools["helm"], HelmRepair(tools["helm"], tools["kubectl"], cluster.kubeconfig), chart)


def test_what_an_upgrade_had_not_come_to_take_away_is_rolled_back_over(field: Field) -> None:
    key = field.release("app", f"{ACCOUNT}---\n{STAYS}")
    field.begin_upgrade("app", f"{STAYS}---\n{COMES}")

    field.repair.rollback(key, 1)
    assert (field.repair.releases()[key].revision, field.repair.releases()[key].status) == (3, "deployed")
    assert "serviceaccount/leaving" in field.names("serviceaccounts")

    field.release("app", f"{STAYS}---\n{COMES}")
    names = field.names("serviceaccounts,configmaps")
    assert {"configmap/staying", "configmap/coming"} <= names
    assert "serviceaccount/leaving" not in names

    for used in (True, False):
        field.release("app", f"{STAYS}---\n{CRD}")
        field.cluster.kubectl("wait", "--for=condition=Established", "crd/widgets.example.com", "--timeout=60s")
        if used:
            field.cluster.kubectl("create", "-f", "-", stdin=WIDGET)
        field.repair.rollback(key, 3)
        there = field.cluster.kubectl("get", "crd", "widgets.example.com", "-o", "json", check=False)
        assert (there.code == 0) is used
        if used:
            # No mark of ours stays on it, and the next upgrade takes it over with the object.
            assert "helm.sh/resource-policy" not in there.stdout
            field.cluster.kubectl("delete", "widgets", "--all")


def test_a_release_that_cannot_go_back_is_upgraded_from_where_it_is(field: Field) -> None:
    key = field.release("stored", ALPHA)
    assert field.repair.way_back(key).newer == {}
    field.begin_upgrade("stored", f"{BOTH}---\n{COMES_TOO}")
    # What the killed upgrade had come to: objects are stored in a version that the first revision lacks.
    owner = {"app.kubernetes.io/managed-by": "Helm"}
    marks = {"meta.helm.sh/release-name": "stored", "meta.helm.sh/release-namespace": "default"}
    for text in (BOTH, COMES_TOO):
        half = yaml.safe_load(text)
        half["metadata"] |= {"labels": owner, "annotations": marks}
        field.cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(half))

    way = field.repair.way_back(key)
    assert (way.good, way.newer, way.noted) == (1, {"gadgets.example.com": ["v1"]}, False)
    with pytest.raises(process.CommandFailedError, match="missing from spec"):
        field.repair.rollback(key, 1)
    field.repair.keep_failed(key, 1)
    assert field.repair.releases()[key].status == "failed"
    assert field.repair.way_back(key).noted

    # Another upgrade than the killed one: what only that one brought goes.
    field.release("stored", BOTH)
    assert field.repair.releases()[key].status == "deployed"
    assert "configmap/coming-too" not in field.names("configmaps")

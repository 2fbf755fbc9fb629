"""A release whose upgrade was killed before it had taken away what the new version no longer has."""

import json
from pathlib import Path
from typing import Any

import pytest

from base import process
from embedded.cluster import EmbeddedCluster
from embedded.tools import toolchain
from kube.helm_records import packed, unpacked
from meshlab.engine.state import ReleaseKey
from meshlab.recover.helm import HelmRepair

ACCOUNT = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: leaving}\n"
STAYS, COMES = (f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n" for name in ("staying", "coming"))
CRD = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget}
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
"""
WIDGET = "{apiVersion: example.com/v1, kind: Widget, metadata: {name: theirs, namespace: default}}"


def half_upgraded(secret: dict[str, Any]) -> dict[str, Any]:
    """helm's record of a second revision without the account, begun and never ended, made from that of the first."""
    release = unpacked(secret)
    release["version"], release["info"]["status"] = 2, "pending-upgrade"
    release["manifest"] = f"{STAYS}---\n{COMES}"
    labels = {**secret["metadata"]["labels"], "version": "2", "status": "pending-upgrade"}
    return {
        **secret,
        "metadata": {"name": "sh.helm.release.v1.app.v2", "namespace": "default", "labels": labels},
        "data": packed(release),
    }


def test_what_an_upgrade_had_not_come_to_take_away_is_rolled_back_over(tmp_path: Path) -> None:
    try:
        tools = toolchain.ensure(["helm", "kubectl"])
        cluster = EmbeddedCluster.up("unfinished", state_dir=tmp_path)
    except toolchain.ToolsMissingError as missing:
        pytest.skip(str(missing))
    chart = tmp_path / "chart"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: app\nversion: 0.1.0\n")
    template = chart / "templates" / "all.yaml"
    template.write_text(f"{ACCOUNT}---\n{STAYS}")
    with cluster:

        def helm(*words: str) -> process.Completed:
            return process.run([tools["helm"], *words], timeout=60, env={"KUBECONFIG": str(cluster.kubeconfig)})

        helm("install", "app", str(chart))
        first = json.loads(cluster.kubectl("get", "secret", "sh.helm.release.v1.app.v1", "-o", "json").stdout)
        cluster.kubectl("create", "-f", "-", stdin=json.dumps(half_upgraded(first)))

        ours, key = HelmRepair(tools["helm"], tools["kubectl"], cluster.kubeconfig), ReleaseKey("default", "app")
        ours.rollback(key, 1)
        assert (ours.releases()[key].revision, ours.releases()[key].status) == (3, "deployed")
        assert cluster.kubectl("get", "serviceaccount", "leaving", "-o", "name").stdout.strip()

        template.write_text(f"{STAYS}---\n{COMES}")
        helm("upgrade", "app", str(chart))
        names = cluster.kubectl("get", "serviceaccounts,configmaps", "-n", "default", "-o", "name").stdout.split()
        assert {"configmap/staying", "configmap/coming"} <= set(names)
        assert "serviceaccount/leaving" not in names

        template.write_text(f"{STAYS}---\n{CRD}")
        for used in (True, False):
            helm("upgrade", "app", str(chart))
            cluster.kubectl("wait", "--for=condition=Established", "crd/widgets.example.com", "--timeout=60s")
            if used:
                cluster.kubectl("create", "-f", "-", stdin=WIDGET)
            ours.rollback(key, 3)
            there = cluster.kubectl("get", "crd", "widgets.example.com", "-o", "json", check=False)
            assert (there.code == 0) is used
            if used:
                # No mark of ours stays on it, and the next upgrade takes it over with the object.
                assert "helm.sh/resource-policy" not in there.stdout
                cluster.kubectl("delete", "widgets", "--all")

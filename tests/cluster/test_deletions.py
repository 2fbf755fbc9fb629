"""What recover has deleted of a release is gone, or it says what is not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from base import process
from base.errors import MeshlabError
from embedded.cluster import EmbeddedCluster
from embedded.tools import pins, toolchain
from meshlab.engine.state import ReleaseKey
from meshlab.recover.helm import HelmRepair

KEY = ReleaseKey("default", "app")
KUBERC = """apiVersion: kubectl.config.k8s.io/v1beta1
kind: Preference
defaults: [{command: delete, options: [{name: interactive, default: "true"}]}]
"""
MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {}\n  annotations:\n    {}\n"
CRD = """apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.shop.example}
spec:
  group: shop.example
  scope: Namespaced
  names: {kind: Thing, plural: things}
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
"""
OBJECTS = {"mine": MAP.format("mine", "a: b"), "hook": MAP.format("hook", "helm.sh/hook: pre-install")}
OBJECTS["kept"] = MAP.format("kept", "helm.sh/resource-policy: keep")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedCluster]:
    try:
        toolchain.ensure(["helm"])
        made = EmbeddedCluster.up("deletions", state_dir=tmp_path_factory.mktemp("deletions"))
    except toolchain.ToolsMissingError as missing:
        pytest.skip(str(missing))
    with made:
        yield made


@pytest.fixture(params=["with a CRD", "without one"])
def installed(request: pytest.FixtureRequest, cluster: EmbeddedCluster, tmp_path: Path) -> Iterator[EmbeddedCluster]:
    """A release with an object, a hook and one that helm keeps: with a CRD in it, kubectl deletes it, else helm."""
    templates = tmp_path / "chart" / "templates"
    templates.mkdir(parents=True)
    (templates.parent / "Chart.yaml").write_text("apiVersion: v2\nname: app\nversion: 0.1.0\n")
    for name, text in {**OBJECTS, **({"crd": CRD} if request.param == "with a CRD" else {})}.items():
        (templates / f"{name}.yaml").write_text(text)
    run_helm(cluster, "install", "app", str(templates.parent))
    yield cluster
    run_helm(cluster, "uninstall", "app", "--ignore-not-found")
    cluster.kubectl("delete", "configmaps", "mine", "hook", "kept", "--ignore-not-found")
    cluster.kubectl("delete", "crd", "things.shop.example", "--ignore-not-found")


def run_helm(cluster: EmbeddedCluster, *words: str) -> None:
    program = toolchain.ensure(["helm"])["helm"]
    process.run([program, *words], timeout=60, env={"KUBECONFIG": str(cluster.kubeconfig)})


def there(cluster: EmbeddedCluster) -> set[str]:
    names = cluster.kubectl("get", "configmaps,secrets", "-o", "name").stdout.split()
    return {name for name in names if not name.endswith("kube-root-ca.crt")}


def recovering(cluster: EmbeddedCluster, kubectl: Path | None = None) -> HelmRepair:
    tools = toolchain.ensure(["helm", "kubectl"])
    return HelmRepair(tools["helm"], kubectl or tools["kubectl"], cluster.kubeconfig)


def test_a_kubectl_that_would_ask_deletes_all_the_same(
    installed: EmbeddedCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(pins.cache_folder().parent.parent))
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube" / "kuberc").write_text(KUBERC)
    recovering(installed).uninstall(KEY)
    assert there(installed) == {"configmap/kept"}


def test_what_is_told_as_deleted_and_is_not_is_an_error_that_names_it(
    installed: EmbeddedCluster, tmp_path: Path
) -> None:
    idle = tmp_path / "kubectl"
    real = toolchain.ensure(["kubectl"])["kubectl"]
    idle.write_text(f'#!/bin/sh\n[ "$1" = delete ] && exit 0\nexec "{real}" "$@"\n')
    idle.chmod(0o755)
    with pytest.raises(MeshlabError, match=r"^release default/app: told as deleted and still there: [^\n]+$") as caught:
        recovering(installed, idle).uninstall(KEY)
    named = {"configmap/hook", "configmap/mine", "secret/sh.helm.release.v1.app.v1"}
    told = {name for name in named if name in str(caught.value)}
    assert told
    assert told <= there(installed)
    assert "kept" not in str(caught.value)

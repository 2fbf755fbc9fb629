"""What the built Kubernetes provider does with the parts of it that are ours (tools/pulumi-kubernetes/sdk and ssa).

The objects of a manifest and of a chart are registered, and fields that were applied by hand are taken over.
"""

import base64
import json
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import pytest

from bench.loopback import QuietFiles, serving_files
from meshlab.engine.programs import find_engine
from tests.support.inventory import objects
from tests.support.lab import Lab, running_lab
from tests.support.other_programs import OtherProgram

MANIFESTS = """
apiVersion: v1
kind: ConfigMap
metadata: {name: plain, namespace: default}
data: {a: one}
---
apiVersion: v1
kind: Secret
metadata: {name: hidden, namespace: default}
stringData: {password: very-secret}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader, namespace: default}
rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
---
apiVersion: example.com/v1
kind: Widget
metadata: {name: custom, namespace: default}
spec: {size: 1}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  names: {kind: Widget, plural: widgets}
  scope: Namespaced
  versions:
    - name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"""
SECRET = "4dabf18193072939515e22adb298388d"
"""The key that marks a secret value in the state."""
USER, PASSWORD = "team", "of-the-repository"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with running_lab(tmp_path_factory.mktemp("built"), "built-provider") as lab:
        kubernetes = next(part for part in find_engine(lab.say).providers if part.name == "kubernetes")
        if kubernetes.origin != "built here":
            pytest.skip(f"the Kubernetes provider was not built here: {kubernetes.origin}")
        yield lab


def data_of(lab: Lab, name: str) -> dict[str, str]:
    (found,) = objects(lab.cluster, "configmap", name, "-n", "default")
    return found["data"]


def resources(program: OtherProgram) -> dict[str, dict[str, Any]]:
    """The state's resources by type; the test's programs have one of each."""
    deployment = dict(program.stack.export_stack().deployment or {})
    return {resource["type"]: resource for resource in deployment["resources"]}


def test_each_object_of_a_manifest_is_a_resource_of_its_kind(lab: Lab) -> None:
    program = OtherProgram(lab, "manifests")

    def manifests() -> None:
        group = k8s.yaml.v2.ConfigGroup("all", yaml=MANIFESTS)
        pulumi.export("registered", group.resources.apply(len))

    assert program.up(manifests)["registered"].value == 5
    found = resources(program)
    assert {
        "kubernetes:core/v1:ConfigMap",
        "kubernetes:core/v1:Secret",
        "kubernetes:rbac.authorization.k8s.io/v1:Role",
        "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition",
        "kubernetes:example.com/v1:Widget",
    } <= set(found)
    assert data_of(lab, "plain") == {"a": "one"}
    assert SECRET in json.dumps(found["kubernetes:core/v1:Secret"]["inputs"]["data"])
    program.destroy()
    assert objects(lab.cluster, "configmap", "-n", "default", "--field-selector=metadata.name=plain") == []


def test_a_chart_comes_from_a_repository_with_a_password_and_through_a_renderer(lab: Lab, tmp_path: Path) -> None:
    with repository(lab, tmp_path) as address:
        program = OtherProgram(lab, "chart")

        def chart() -> None:
            k8s.helm.v4.Chart(
                "small",
                chart="small",
                namespace="default",
                values={"text": "from-the-values"},
                repository_opts=k8s.helm.v4.RepositoryOptsArgs(
                    repo=address, username=USER, password=pulumi.Output.secret(PASSWORD)
                ),
                post_renderer=k8s.helm.v4.PostRendererArgs(command="sed", args=["s/from-the-chart/rendered/"]),
            )

        program.up(chart)
        assert data_of(lab, "of-the-chart") == {"chart": "rendered", "value": "from-the-values"}
        program.destroy()


@contextmanager
def repository(lab: Lab, folder: Path) -> Generator[str]:
    """A chart repository on loopback with one chart, which asks for USER and PASSWORD."""
    chart, served = folder / "small", folder / "served"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: small\nversion: 1.0.0\n")
    (chart / "templates" / "map.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: of-the-chart, namespace: default}\n"
        "data: {chart: from-the-chart, value: {{ .Values.text }}}\n"
    )
    served.mkdir()
    lab.helm("package", str(chart), "--destination", str(served))
    lab.helm("repo", "index", str(served))
    with serving_files(served, _Guarded) as address:
        yield address


class _Guarded(QuietFiles):
    def do_GET(self) -> None:  # noqa: N802 - the name that the server looks for
        wanted = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {wanted}":
            self.send_error(401)
            return
        super().do_GET()


def test_fields_that_kubectl_applied_are_taken_over_without_a_conflict(lab: Lab) -> None:
    program = OtherProgram(lab, "taken-over")
    program.up(account("one"))
    (before,) = objects(lab.cluster, "serviceaccount", "shared", "-n", "default")
    manifest = (
        "apiVersion: v1\nkind: ServiceAccount\n"
        "metadata: {name: shared, namespace: default, annotations: {a: by-hand}}\nautomountServiceAccountToken: true\n"
    )
    lab.cluster.kubectl("apply", "-f", "-", stdin=manifest)
    label = ("label", "serviceaccount", "shared", "-n", "default", "owner=somebody", "--field-manager=somebody")
    lab.cluster.kubectl(*label)
    program.up(account("two"))
    (after,) = objects(lab.cluster, "serviceaccount", "shared", "-n", "default", "--show-managed-fields")
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["metadata"]["annotations"]["a"] == "two"
    assert "automountServiceAccountToken" not in after, "what was taken over and is not in the program goes"
    owners = {managed_field["manager"]: managed_field for managed_field in after["metadata"]["managedFields"]}
    (ours,) = (name for name in owners if name.startswith("pulumi-kubernetes"))
    assert owners[ours]["operation"] == "Apply"
    assert "f:a" in owners[ours]["fieldsV1"]["f:metadata"]["f:annotations"]
    assert not [name for name in owners if name.startswith("kubectl")]
    assert after["metadata"]["labels"] == {"owner": "somebody"}, "who is no kubectl keeps what is theirs"
    assert "somebody" in owners
    program.destroy()


def account(value: str) -> Callable[[], None]:
    def run() -> None:
        metadata = k8s.meta.v1.ObjectMetaArgs(name="shared", namespace="default", annotations={"a": value})
        k8s.core.v1.ServiceAccount("shared", metadata=metadata)

    return run

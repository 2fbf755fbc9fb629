"""What is put back by helm itself, and the object that a recorded resource stands for."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from base.process import CommandFailedError
from meshlab.drift.helm import ReleaseReader
from meshlab.drift.look import DriftResult
from meshlab.drift.remediation import Remediator
from meshlab.ownership.records import ReleaseRecord
from meshlab.recording.manifests import manifest_of
from meshlab.recording.recorder import SECRET, Recorded, Recording
from meshlab.recording.releases import Release
from meshlab.target import LabError
from tests.support.pretended_pulumi import program

# Keeps its command line, its standard input and which cluster it is for.
HELM = """#!/bin/sh
cd "$(dirname "$0")"
echo "$KUBECONFIG $*" >> calls
cat > stdin
[ ! -e failing ] || { cat failing >&2; exit 1; }
"""
KUBECONFIG = Path("/clusters/test")


@pytest.fixture
def helm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ReleaseReader:
    monkeypatch.setenv("KUBECONFIG", "/clusters/current")
    return ReleaseReader(program(tmp_path, "helm", HELM), KUBECONFIG)


def calls(folder: Path) -> list[str]:
    return (folder / "calls").read_text(encoding="utf-8").splitlines()


def resource(token: str, inputs: dict[str, Any]) -> Recorded:
    return Recorded("urn", f"kubernetes:{token}", "one", "", True, inputs, (), "", {})


def release(**over: Any) -> Recorded:
    inputs = {"name": "prom", "namespace": "prometheus", "chart": "stack", "version": "1.2.3", "timeout": 90}
    return resource("helm.sh/v3:Release", {**inputs, **over})


UPGRADE = (
    f"{KUBECONFIG} upgrade --install prom stack --namespace prometheus --version 1.2.3 --skip-crds{{repository}}"
    " --values - --wait --timeout 90s"
)


def test_a_release_is_brought_to_its_charts_version_and_waited_for(helm: ReleaseReader, tmp_path: Path) -> None:
    helm.install(release())
    assert calls(tmp_path) == [UPGRADE.format(repository="")]
    assert json.loads((tmp_path / "stdin").read_text(encoding="utf-8")) == {}


def test_its_values_go_in_where_no_list_of_processes_shows_them(helm: ReleaseReader, tmp_path: Path) -> None:
    values = {"grafana": {"adminPassword": "hunter2"}}
    helm.install(release(values=values, repositoryOpts={"repo": "https://charts.test"}))
    assert calls(tmp_path) == [UPGRADE.format(repository=" --repo https://charts.test")]
    assert json.loads((tmp_path / "stdin").read_text(encoding="utf-8")) == values


def test_every_release_of_the_program_can_be_brought_back(helm: ReleaseReader, tmp_path: Path, dev: Recording) -> None:
    releases = [release for release in dev.resources if release.type == "kubernetes:helm.sh/v3:Release"]
    for release in releases:
        helm.install(release)
    assert len(calls(tmp_path)) == len(releases) > 3
    assert SECRET not in "\n".join(calls(tmp_path))


def test_a_rollback_names_its_revision_and_runs_no_hooks(helm: ReleaseReader, tmp_path: Path) -> None:
    helm.roll_back("prom", "prometheus", 3)
    assert calls(tmp_path) == [f"{KUBECONFIG} rollback prom 3 --namespace prometheus --no-hooks --wait --timeout 300s"]


def test_what_helm_cannot_do_is_its_own_last_line(helm: ReleaseReader, tmp_path: Path) -> None:
    (tmp_path / "failing").write_text("Error: release: not found\n", encoding="utf-8")
    with pytest.raises(CommandFailedError, match=r"^helm rollback failed with exit code 1: Error: release: not found$"):
        helm.roll_back("prom", "prometheus", 3)


# The object of a resource


@pytest.mark.parametrize(
    ("token", "version", "kind"),
    [
        ("core/v1:ConfigMap", "v1", "ConfigMap"),
        ("apps/v1:Deployment", "apps/v1", "Deployment"),
        ("monitoring.coreos.com/v1:ServiceMonitor", "monitoring.coreos.com/v1", "ServiceMonitor"),
        ("core/v1:NamespacePatch", "v1", "Namespace"),
        (
            "apiextensions.k8s.io/v1:CustomResourceDefinitionPatch",
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
        ),
    ],
)
def test_an_object_has_the_version_and_kind_that_the_api_server_knows(token: str, version: str, kind: str) -> None:
    manifest = manifest_of(resource(token, {"metadata": {"name": "one"}, "data": {"a": "b"}}))
    assert manifest == {"apiVersion": version, "kind": kind, "metadata": {"name": "one"}, "data": {"a": "b"}}


def test_what_the_program_says_of_version_and_kind_goes_first() -> None:
    inputs = {"apiVersion": "kiali.io/v1alpha1", "kind": "Kiali", "metadata": {"name": "kiali"}}
    assert manifest_of(resource("apiextensions.k8s.io:CustomResource", inputs)) == inputs


@pytest.mark.parametrize(("annotations", "there"), [({}, False), ({"a": "b"}, True)])
def test_annotations_are_left_out_only_where_there_are_none(annotations: dict[str, str], there: bool) -> None:
    inputs = {"metadata": {"name": "one", "annotations": annotations}}
    manifest = manifest_of(resource("core/v1:ConfigMap", inputs))
    assert ("annotations" in manifest["metadata"]) is there
    assert inputs["metadata"]["annotations"] == annotations, "the recording stays as it is"


def test_a_pending_release_is_refused_in_one_line_with_the_command_to_run() -> None:
    release = Release("monitoring", "stack", "prom", "prometheus", "c", "1", "c", "", {}, skip_crds=True)
    record = ReleaseRecord("prometheus", "prom", 2, "pending-upgrade", "c", "1", {}, "")
    expected = SimpleNamespace(releases=(release,))
    driver = SimpleNamespace(options="--stack dev --cluster east")
    remediator = Remediator(cast(Any, None), cast(Any, None), cast(Any, expected), cast(Any, driver), cast(Any, None))
    seen = DriftResult((), 0, {("prometheus", "prom"): record})
    with pytest.raises(LabError) as caught:
        remediator.remediate(seen, print, lambda copies: True)
    assert str(caught.value) == (
        "release prometheus/prom was left pending-upgrade, which helm refuses to touch; nothing was changed "
        "(meshlab recover --stack dev --cluster east, then again)"
    )

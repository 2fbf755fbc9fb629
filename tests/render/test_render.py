"""The dev stack rendered by the command: complete, the same each time, and without secrets."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from base.goyaml.text import from_yaml
from meshlab.charts import repositories
from meshlab.recording.chartless import chartless
from meshlab.recording.recorder import ROOT, record, stack_config
from meshlab.recording.releases import RELEASE
from meshlab.render.helm import RenderTarget
from meshlab.render.others import is_object
from meshlab.render.stack import default_kubernetes
from meshlab.stack import Stack
from tests.charts.rendering import Loader, template


def command(*words: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "meshlab", "render", *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def files(folder: Path) -> dict[str, bytes]:
    found = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


@pytest.fixture(scope="session")
def out(charts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("render") / "dev"
    done = command("--stack", "dev", "--out", str(folder), "--charts", str(charts))
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def index(out: Path) -> dict[str, Any]:
    (content,) = from_yaml((out / "index.yaml").read_text())
    return content


@pytest.fixture(scope="session")
def resources() -> dict[str, Any]:
    """What the program registers, by name; where its charts come from left out, as render does."""
    over, _ = chartless(stack_config("dev"))
    return {resource.name: resource for resource in record("dev", config=over).resources}


def test_two_runs_write_the_same_bytes(out: Path, charts: Path, tmp_path: Path) -> None:
    done = command("--out", str(tmp_path / "again"), "--charts", str(charts))
    assert done.returncode == 0, done.stderr
    assert files(tmp_path / "again") == files(out)


def test_the_index_names_every_file_and_no_other(out: Path, index: dict[str, Any]) -> None:
    listed = [entry["file"] for entry in index["objects"]]
    assert sorted([*listed, "index.yaml"]) == sorted(files(out))
    assert listed == sorted(set(listed))


def test_every_file_is_the_one_object_that_the_index_says(out: Path, index: dict[str, Any]) -> None:
    for entry in index["objects"]:
        (manifest,) = from_yaml((out / entry["file"]).read_text())
        metadata = manifest["metadata"]
        said = (manifest["apiVersion"], manifest["kind"], metadata["name"], metadata.get("namespace"))
        assert said == (entry["apiVersion"], entry["kind"], entry["name"], entry.get("namespace")), entry["file"]


def test_every_object_of_the_program_is_there_under_its_component(
    index: dict[str, Any], resources: dict[str, Any]
) -> None:
    own = {entry["resource"]: entry["component"] for entry in index["objects"] if "release" not in entry}
    by_urn = {resource.urn: resource for resource in resources.values()}
    expected = {name: by_urn[one.parent].name for name, one in resources.items() if is_object(one)}
    assert len(expected) > 30
    assert own == expected


def test_every_release_is_listed_with_its_chart_and_brings_objects(
    index: dict[str, Any], resources: dict[str, Any]
) -> None:
    releases = {name: one.inputs for name, one in resources.items() if one.type == RELEASE}
    listed = {
        release["resource"]: (release["name"], release["namespace"], release["chart"], release["version"])
        for release in index["releases"]
    }
    assert listed == {
        name: (inputs["name"], inputs["namespace"], inputs["chart"], inputs["version"])
        for name, inputs in releases.items()
    }
    assert {entry["resource"] for entry in index["objects"] if "release" in entry} == set(releases)


def test_every_object_that_helm_renders_for_a_release_is_named(
    charts: Path, index: dict[str, Any], resources: dict[str, Any]
) -> None:
    for name in (name for name, one in resources.items() if one.type == RELEASE):
        inputs = resources[name].inputs
        chart = charts / f"{inputs['chart']}-{inputs['version']}.tgz"
        where = {"release": inputs["name"], "namespace": inputs["namespace"]}
        done = template(chart, inputs["values"], **where, crds=not inputs["skipCrds"])
        assert done.returncode == 0, done.stderr
        documents = [document for document in yaml.load_all(done.stdout, Loader) if document]
        named = sorted((e["kind"], e["name"]) for e in index["objects"] if e["resource"] == name)
        assert named == sorted((document["kind"], document["metadata"]["name"]) for document in documents)


def test_the_stack_is_rendered_for_the_embedded_cluster_and_its_own_kinds(index: dict[str, Any]) -> None:
    assert index["kubernetes"] == default_kubernetes()
    assert {"monitoring.coreos.com/v1/ServiceMonitor", "kiali.io/v1alpha1/Kiali"} <= set(index["apiVersions"])


def test_the_generated_password_is_a_placeholder_and_other_secrets_are_masked(out: Path, index: dict[str, Any]) -> None:
    secrets = [entry for entry in index["objects"] if entry["kind"] == "Secret"]
    assert len(secrets) >= 2
    shown: dict[str, set[str]] = {}
    for entry in secrets:
        (manifest,) = from_yaml((out / entry["file"]).read_text())
        shown[entry["name"]] = {*manifest.get("data", {}).values(), *manifest.get("stringData", {}).values()}
    assert shown.pop("prom-grafana-admin") == {"<generated by up>", "<secret>"}
    assert set().union(*shown.values()) == {"<secret>"}


def test_what_is_written_hangs_neither_on_the_folder_of_charts_nor_on_this_tree(out: Path, charts: Path) -> None:
    for content in files(out).values():
        assert str(charts).encode() not in content
        assert str(ROOT).encode() not in content


def test_without_charts_and_repositories_stand_ins_are_used_and_announced(
    helm: Path, charts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = [repositories.RepositoryStatus("https://charts.example", ok=False, reason="no such host")]
    monkeypatch.setattr(repositories, "probe", lambda source: silent)
    rendered = Stack.load("dev").rendered(RenderTarget(default_kubernetes()))
    assert rendered.index()["charts"] == "stand-ins"
    assert rendered.charts.notes[0] == (
        "not every chart repository answers (https://charts.example: no such host); using stand-ins:"
    )
    assert len(rendered.charts.notes) == 1 + len(rendered.releases)


def test_an_unknown_stack_is_one_line(helm: Path, tmp_path: Path) -> None:
    done = command("--stack", "nowhere", "--out", str(tmp_path / "out"), "--charts", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith("Pulumi.nowhere.yaml: expected a stack file, got none (there are: ")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_folder_of_somebody_elses_files_is_one_line(charts: Path, tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("mine")
    done = command("--out", str(tmp_path), "--charts", str(charts))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "choose another --out" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["notes"]

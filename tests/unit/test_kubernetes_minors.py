"""Which minors of Kubernetes the embedded cluster can run, and which one a stack gets."""

import re
from pathlib import Path

import pytest

from base.errors import MeshlabError
from embedded.cluster import CLUSTER_TOOLS, record, wanted_tools
from embedded.cluster.embedded import START_AGAIN_TOOLS
from embedded.tools import kubernetes, pins, toolchain
from meshlab.stack import Stack
from meshlab.target import minor_for
from settings.versions import newest_for, supports

SERVER = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
OTHERS = [minor for minor in kubernetes.minors() if minor != kubernetes.pinned()]


def test_there_is_more_than_the_pin() -> None:
    assert len(OTHERS) >= 1
    assert kubernetes.minors() == sorted(kubernetes.minors(), key=lambda one: [int(part) for part in one.split(".")])


def test_no_folder_stands_for_the_minor_of_the_pin() -> None:
    assert kubernetes.pinned() not in pins.minor_folders("kubernetes")


@pytest.mark.parametrize("minor", OTHERS)
def test_a_folder_pins_the_server_in_the_minor_that_it_is_called_by(minor: str) -> None:
    assert kubernetes.release(minor).startswith(f"v{minor}.")
    keys = kubernetes.keys(CLUSTER_TOOLS, minor)
    assert {name for name in CLUSTER_TOOLS if keys[name] != name} == set(SERVER)
    tools = [pins.table()[keys[name]] for name in SERVER]
    assert {tool.tag for tool in tools} == {kubernetes.release(minor)}
    assert all(tool.path.parent.name == f"{tool.name}-{tool.tag}" for tool in tools)
    assert all(f"gitMinor={minor.split('.')[1]}" in tool.linker_flags for tool in tools)


@pytest.mark.parametrize("minor", OTHERS)
def test_a_folder_has_all_staging_modules_of_its_version(minor: str) -> None:
    module_file = (pins.TOOLS_FOLDER / f"kubernetes-{minor}" / "go.mod").read_text()
    replaced = re.findall(r"(k8s\.io/\S+) => k8s\.io/\S+ (v\S+)", module_file)
    assert len(replaced) >= 30
    assert {version for _, version in replaced} == {re.sub(r"^v1", "v0", kubernetes.release(minor))}


def test_the_pins_own_minor_is_the_pin() -> None:
    assert kubernetes.keys(CLUSTER_TOOLS, kubernetes.pinned()) == {name: name for name in CLUSTER_TOOLS}
    assert kubernetes.keys(CLUSTER_TOOLS) == {name: name for name in CLUSTER_TOOLS}
    assert kubernetes.release() == kubernetes.release(kubernetes.pinned()) == pins.table()["kube-apiserver"].release


@pytest.mark.parametrize("wrong", ["1.99", "v1.35.4", "", "latest"])
def test_a_minor_that_cannot_be_had_is_refused_with_those_that_can(wrong: str) -> None:
    with pytest.raises(MeshlabError) as caught:
        kubernetes.checked(wrong)
    assert str(caught.value).startswith(f"Kubernetes {wrong!r}: expected one of {', '.join(kubernetes.minors())} (")
    assert "\n" not in str(caught.value)


def test_a_minor_on_path_stands_for_its_own_folder_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    minor = OTHERS[-1]
    program = tmp_path / "kube-scheduler"
    program.write_text(f"#!/bin/sh\necho Kubernetes v{minor}.0\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert toolchain.find(f"kube-scheduler@{minor}") == program
    assert toolchain.find("kube-scheduler") is None


def test_a_cluster_that_was_made_needs_no_server_programs(tmp_path: Path) -> None:
    assert wanted_tools(tmp_path, "lab") == list(CLUSTER_TOOLS)
    made = record.create(tmp_path, "lab", "v1.30.1")
    assert made
    made.disowned()
    assert wanted_tools(tmp_path, "lab") == list(START_AGAIN_TOOLS)


def test_the_version_of_a_cluster_is_kept_and_an_older_record_has_none(tmp_path: Path) -> None:
    made = record.create(tmp_path, "lab", "v1.30.1")
    assert made
    read = record.read(tmp_path, "lab")
    assert read and read.kubernetes == "v1.30.1"
    file = made.folder / "cluster.json"
    file.write_text(re.sub(r',\s*"kubernetes": "v1.30.1"', "", file.read_text()))
    read = record.read(tmp_path, "lab")
    assert read and read.kubernetes == ""


def test_the_newest_minor_is_the_one_that_all_istios_support() -> None:
    minors = ["1.30", "1.31", "1.35", "1.36", "1.37"]
    assert newest_for(["1.30.3"], minors) == "1.36"
    assert newest_for(["1.30.3", "1.29.6"], minors) == "1.35"
    assert newest_for(["1.30.3", "1.17.6"], minors) is None


@pytest.mark.parametrize("stack", ["dev", "next", "staging", "prod"])
def test_a_stack_gets_a_kubernetes_that_its_istios_support_where_there_is_one(stack: str) -> None:
    settings = Stack.load(stack).settings
    istios = [revision.version for revision in settings.istio.revisions.values()]
    got, fitting = (
        minor_for(settings),
        [minor for minor in kubernetes.minors() if all(supports(i, minor) for i in istios)],
    )
    assert got == (fitting[-1] if fitting else kubernetes.pinned())
    assert bool(fitting) == (stack != "dev"), "the handbook's Istio is out of support"


def test_a_stack_that_names_its_kubernetes_gets_that() -> None:
    named = Stack.load("next", overlay={"cluster": {"kubernetes": OTHERS[-1]}})
    assert minor_for(named.settings) == OTHERS[-1]

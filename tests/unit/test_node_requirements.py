"""What is said where a machine cannot run a real node: one line with what is missing and what to do."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from base import process
from embedded.node import NodeError, cgroups, check, requirements, trial

V1 = ("cpu", "memory", "pids")


@pytest.fixture(autouse=True)
def able(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine that has all, of which each test takes one thing away. Returns the folder of its cgroups."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    plugins = tmp_path / "cni"
    plugins.mkdir()
    for name in requirements.PLUGINS:
        (plugins / name).touch()
    monkeypatch.setattr(requirements, "PLUGIN_FOLDERS", (tmp_path / "absent", plugins))
    mount = tmp_path / "cgroup"
    for name in V1:
        (mount / name).mkdir(parents=True)
        (mount / name / "cgroup.procs").touch()
    monkeypatch.setattr(cgroups, "MOUNT", mount)
    monkeypatch.setattr(trial, "run", lambda: None)
    return mount


def complaint() -> str:
    with pytest.raises(NodeError) as raised:
        check()
    text = str(raised.value)
    assert "\n" not in text
    assert text.endswith("or leave the real node out, and every node is simulated")
    return text


def test_a_machine_that_has_all_is_taken() -> None:
    check()


def test_another_system_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "needs Linux, this is darwin" in complaint()


def test_another_user_is_told_to_be_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "this is user 1000: run it as root" in complaint()


def test_missing_programs_are_named_with_their_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None if name in ("containerd", "ctr", "iptables") else name)
    text = complaint()
    assert "the program containerd, the program ctr, the program iptables, not found here" in text
    assert "apt-get install containerd iptables " in text


def test_missing_network_plugins_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirements, "PLUGIN_FOLDERS", ())
    assert "apt-get install containernetworking-plugins " in complaint()


def test_a_missing_controller_is_named(able: Path) -> None:
    (able / "memory" / "cgroup.procs").unlink()
    assert f"{able} has no controller memory" in complaint()


def test_a_missing_controller_of_version_2_is_named(able: Path) -> None:
    (able / "cgroup.controllers").write_text("cpuset cpu io memory\n")
    assert f"{able} has no controller pids" in complaint()


def test_version_2_is_taken(able: Path) -> None:
    (able / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")
    check()


def test_read_only_cgroups_are_named(monkeypatch: pytest.MonkeyPatch, able: Path) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "memory")
    assert f"{able / 'memory'} is read-only" in complaint()


def test_what_this_machine_refuses_is_named_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise process.ProcessError("unshare failed with exit code 1: Operation\nnot permitted")

    monkeypatch.setattr(trial, "run", refuse)
    text = complaint()
    assert "Operation not permitted" in text
    assert "a container needs to be privileged for it" in text


def test_the_group_of_a_cluster_is_removed_with_all_below_it(able: Path) -> None:
    for name in V1:
        (able / name / "cgroup.procs").unlink()
    cgroups.create("one")
    cgroups.create("other")
    (able / "memory" / "meshlab-one" / "pod" / "container").mkdir(parents=True)
    cgroups.remove("one")
    assert list(cgroups.existing("one")) == []
    assert len(list(cgroups.existing("other"))) == len(V1)

"""Of a real node nothing is left: not after `down`, not after Ctrl-C, and not after kill -9 once another one starts."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded import cluster as clusters
from embedded.cluster import EmbeddedCluster, record
from embedded.node import cgroups
from tests.support.node_images import IMAGE
from tests.support.node_pods import create, pod, ready

PROJECT = Path(__file__).resolve().parents[2]
# A pod's own process has no mark of ours; it is known by this.
SLEEP = "987654321"


def machine() -> dict[str, set[str]]:
    """What a real node could leave behind on the machine."""
    links = json.loads(subprocess.run(["ip", "-json", "link"], capture_output=True, check=True).stdout)
    return {
        "mounts": {line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()},
        "links": {link["ifname"] for link in links},
        "rules": set(subprocess.run(["iptables-save"], capture_output=True, text=True, check=False).stdout.split("\n")),
        "places": {
            str(place) for folder in ("/run", "/var/lib", "/var/log", "/etc") for place in Path(folder).iterdir()
        },
    }


def own_rules(seen: dict[str, set[str]]) -> dict[str, set[str]]:
    """Without the lines that count packets and tell the time."""
    return {**seen, "rules": {line for line in seen["rules"] if line.startswith("-A")}}


@pytest.fixture
def untouched() -> Iterator[None]:
    before = own_rules(machine())
    yield
    after = own_rules(machine())
    # Others work on this machine too: what counts is what is new and could be ours.
    assert [item for kind in after for item in after[kind] - before[kind] if ours(item)] == []


def ours(name: str) -> bool:
    return any(word in name for word in ("meshlab", "KUBE", "kube", "veth", "cni", "containerd", "/run/node", "pods"))


def left(identifier: str) -> list[str]:
    """What is left of a cluster: processes, those of its pods, and cgroups."""
    mine = record.ClusterRecord(Path("/nowhere"), identifier, None)
    return [*map(str, mine.processes()), *sleeping(), *map(str, cgroups.existing(identifier))]


def sleeping() -> list[str]:
    """The processes of pods."""
    return [entry.name for entry in Path("/proc").glob("[0-9]*") if SLEEP.encode() in command_line(entry).split(b"\0")]


def command_line(entry: Path) -> bytes:
    try:
        return (entry / "cmdline").read_bytes()
    except OSError:
        return b""


def identifier(state_dir: Path, name: str) -> str:
    found = record.read(state_dir, name)
    assert found
    return found.identifier


def test_down_leaves_nothing(tmp_path: Path, image: Path, untouched: None) -> None:
    with EmbeddedCluster.up("brief", 1, state_dir=tmp_path, real_node=True, images=[image]) as cluster:
        create(cluster, pod("sleeper", "sleep", SLEEP))
        ready(cluster, "sleeper")
        mine = identifier(tmp_path, "brief")
        assert left(mine)
        # A group elsewhere would not be found by the cluster's name, and stay after a kill.
        lines = [line for pid in sleeping() for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines()]
        groups = {line.split(":", 2)[2] for line in lines}
        assert {group for group in groups if not group.startswith(f"{cgroups.group(mine)}/")} == set()
        assert groups
    assert left(mine) == []
    assert record.read_all(tmp_path) == []


class Caller:
    """Another Python process that starts a cluster with a pod on its real node, and waits."""

    def __init__(self, state_dir: Path, image: Path) -> None:
        program = textwrap.dedent(
            f"""
            import sys, time
            from pathlib import Path
            from embedded.cluster import EmbeddedCluster
            from tests.support.node_pods import create, pod, ready
            with EmbeddedCluster.up("called", 1, state_dir=Path({str(state_dir)!r}), real_node=True,
                            images=[Path({str(image)!r})]) as cluster:
                create(cluster, pod("sleeper", "sleep", {SLEEP!r}, image={IMAGE!r}))
                ready(cluster, "sleeper")
                print("ready", flush=True)
                time.sleep(600)
            """
        )
        self.child = subprocess.Popen([sys.executable, "-c", program], cwd=PROJECT, stdout=subprocess.PIPE, text=True)

    def await_ready(self) -> None:
        assert self.child.stdout
        for line in self.child.stdout:
            if line == "ready\n":
                return
        raise AssertionError("it ended before it was ready")

    def end(self, how: signal.Signals) -> None:
        self.child.send_signal(how)
        self.child.wait(60)


def test_ctrl_c_leaves_nothing(tmp_path: Path, image: Path, untouched: None) -> None:
    caller = Caller(tmp_path, image)
    caller.await_ready()
    mine = identifier(tmp_path, "called")
    caller.end(signal.SIGINT)
    assert left(mine) == []
    assert record.read_all(tmp_path) == []


def test_ctrl_c_during_the_start_leaves_nothing(tmp_path: Path, image: Path, untouched: None) -> None:
    caller = Caller(tmp_path, image)
    ready_file = tmp_path / "clusters" / "called" / "node" / "ready"
    limit = time.monotonic() + 60
    while not ready_file.exists():
        assert time.monotonic() < limit
        time.sleep(0.02)
    mine = identifier(tmp_path, "called")
    caller.end(signal.SIGINT)
    assert left(mine) == []
    assert record.read_all(tmp_path) == []


def test_the_next_start_takes_away_what_a_killed_one_left(tmp_path: Path, image: Path, untouched: None) -> None:
    caller = Caller(tmp_path, image)
    caller.await_ready()
    mine = identifier(tmp_path, "called")
    caller.end(signal.SIGKILL)
    assert left(mine)
    clusters.down(tmp_path, "another")  # any command begins with that
    assert left(mine) == []
    assert record.read_all(tmp_path) == []


def test_a_cluster_whose_node_was_killed_starts_again_with_its_pods(tmp_path: Path, image: Path) -> None:
    clusters.up(tmp_path, "kept", 1, real_node=True, images=[image]).kubectl("get", "nodes")
    mine = record.read(tmp_path, "kept")
    assert mine
    try:
        create(clusters.up(tmp_path, "kept"), pod("sleeper", "sleep", SLEEP))
        ready(clusters.up(tmp_path, "kept"), "sleeper")
        for pid in mine.processes():
            kill(pid)
        assert not clusters.status(tmp_path)[0].running
        again = clusters.up(tmp_path, "kept")
        ready(again, "sleeper")
        assert clusters.status(tmp_path)[0].running
    finally:
        clusters.down(tmp_path, "kept")
    assert left(mine.identifier) == []


def kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:  # it went with another one
        return

"""What the real node does when a part of it is killed."""

import os
import signal
import time
from pathlib import Path

import pytest

from embedded.cluster import EmbeddedCluster
from tests.support.node_lab import record_of
from tests.support.node_pods import create, pod, ready, seen


def parts(cluster: EmbeddedCluster) -> dict[str, int]:
    """The cluster's processes by the name of their program."""
    found = {}
    for pid in record_of(cluster).processes():
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:  # it ended meanwhile
            continue
        found[Path(os.fsdecode(words[0])).name] = pid
    return found


@pytest.mark.parametrize("part", ["kubelet", "containerd", "kube-proxy", "coredns", "kube-router"])
def test_a_part_that_is_killed_is_started_again(cluster: EmbeddedCluster, part: str) -> None:
    before = parts(cluster)[part]
    os.kill(before, signal.SIGKILL)
    limit = time.monotonic() + 30
    while (after := parts(cluster).get(part, before)) == before:
        assert time.monotonic() < limit
        time.sleep(0.2)
    assert after != before


def test_pods_keep_running_while_the_kubelet_is_killed(cluster: EmbeddedCluster) -> None:
    create(cluster, pod("steady", "sleep", "100000"))
    ready(cluster, "steady")
    os.kill(parts(cluster)["kubelet"], signal.SIGKILL)
    create(cluster, pod("later", "sleep", "100000"))
    ready(cluster, "later")
    assert seen(cluster, "pod", "steady")["status"]["containerStatuses"][0]["restartCount"] == 0

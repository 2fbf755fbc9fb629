"""What the real node does when a part of it is killed."""

import os
import signal
import time

import pytest

from embedded.cluster import EmbeddedCluster
from tests.support.lab import record_of
from tests.support.node_commands import parts
from tests.support.node_pods import create, pod, ready, seen


@pytest.mark.parametrize("part", ["kubelet", "containerd", "kube-proxy", "coredns", "kube-router"])
def test_a_part_that_is_killed_is_started_again(cluster: EmbeddedCluster, part: str) -> None:
    before = parts(record_of(cluster))[part]
    os.kill(before, signal.SIGKILL)
    limit = time.monotonic() + 30
    while (after := parts(record_of(cluster)).get(part, before)) == before:
        assert time.monotonic() < limit
        time.sleep(0.2)
    assert after != before


def test_pods_keep_running_while_the_kubelet_is_killed(cluster: EmbeddedCluster) -> None:
    create(cluster, pod("steady", "sleep", "100000"))
    ready(cluster, "steady")
    os.kill(parts(record_of(cluster))["kubelet"], signal.SIGKILL)
    create(cluster, pod("later", "sleep", "100000"))
    ready(cluster, "later")
    assert seen(cluster, "pod", "steady")["status"]["containerStatuses"][0]["restartCount"] == 0

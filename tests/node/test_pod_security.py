"""On the real node Pod Security and security contexts are enforced: a wrong pod is refused, a right one starts."""

import re
from typing import Any

import pytest

from embedded.cluster import EmbeddedCluster
from tests.support.node_pods import create, pod, ready, seen
from tests.support.waiting import eventually

RIGHT: dict[str, Any] = {
    "runAsNonRoot": True,
    "runAsUser": 1234,
    "runAsGroup": 2345,
    "readOnlyRootFilesystem": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
# Each wrong context, and what the API server says of it.
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "root": ({"runAsNonRoot": False, "runAsUser": 0}, "runAsNonRoot != true"),
    "privileged": ({"allowPrivilegeEscalation": True, "privileged": True}, "privileged"),
    "escalation": ({"allowPrivilegeEscalation": True}, "allowPrivilegeEscalation != false"),
    "capabilities": ({"capabilities": {}}, "unrestricted capabilities"),
    "seccomp": ({"seccompProfile": {"type": "Unconfined"}}, "seccompProfile"),
}
RESTRICTED = """
apiVersion: v1
kind: Namespace
metadata: {name: restricted, labels: {pod-security.kubernetes.io/enforce: restricted}}
"""


@pytest.fixture(scope="module", autouse=True)
def right(cluster: EmbeddedCluster) -> None:
    """One right pod in a namespace that is restricted, and one in the namespace default."""
    create(cluster, RESTRICTED)
    cluster.kubectl("-n", "restricted", "create", "-f", "-", stdin=bound("right", RIGHT))
    cluster.kubectl("-n", "restricted", "wait", "--for=condition=Ready", "pod/right", "--timeout=90s", timeout=100)
    create(cluster, pod("default", "sleep", "1000000"))
    ready(cluster, "default")


def bound(name: str, context: dict[str, Any]) -> str:
    return pod(name, "sleep", "1000000", securityContext=context)


def status(cluster: EmbeddedCluster, namespace: str, name: str) -> dict[str, str]:
    """The status of process 1 of a pod's container, as /proc in the container has it."""
    text = cluster.kubectl("-n", namespace, "exec", name, "--", "cat", "/proc/1/status").stdout
    return dict(re.findall(r"^(\w+):\s+(.*)$", text, re.MULTILINE))


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_pod_in_a_restricted_namespace_is_refused(cluster: EmbeddedCluster, name: str) -> None:
    context, reason = WRONG[name]
    manifest = bound(name, {**RIGHT, **context})
    refused = cluster.kubectl("-n", "restricted", "create", "-f", "-", stdin=manifest, check=False)
    assert refused.code != 0
    assert 'violates PodSecurity "restricted:latest"' in refused.stderr
    assert reason in refused.stderr


def test_a_right_pod_in_a_restricted_namespace_runs_on_the_real_node(cluster: EmbeddedCluster) -> None:
    found = cluster.kubectl("-n", "restricted", "get", "pod", "right", "-o", "jsonpath={.spec.nodeName}").stdout
    assert found == "real-node"


def test_the_user_and_the_group_hold_in_the_container(cluster: EmbeddedCluster) -> None:
    found = status(cluster, "restricted", "right")
    assert found["Uid"].split() == ["1234"] * 4
    assert found["Gid"].split() == ["2345"] * 4


@pytest.mark.parametrize("kind", ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
def test_dropped_capabilities_are_gone_in_the_container(cluster: EmbeddedCluster, kind: str) -> None:
    assert int(status(cluster, "restricted", "right")[kind], 16) == 0


def test_a_container_without_a_context_has_the_default_capabilities(cluster: EmbeddedCluster) -> None:
    found = status(cluster, "default", "default")
    assert found["Uid"].split()[0] == "0"
    assert int(found["CapBnd"], 16) != 0


def test_a_container_may_gain_no_privileges(cluster: EmbeddedCluster) -> None:
    assert status(cluster, "restricted", "right")["NoNewPrivs"] == "1"
    assert status(cluster, "default", "default")["NoNewPrivs"] == "0"


def test_the_runtimes_seccomp_filter_is_in_force_where_it_is_asked_for(cluster: EmbeddedCluster) -> None:
    assert status(cluster, "restricted", "right")["Seccomp"] == "2"
    assert status(cluster, "default", "default")["Seccomp"] == "0"


def test_a_read_only_root_takes_no_file_and_another_does(cluster: EmbeddedCluster) -> None:
    refused = cluster.kubectl("-n", "restricted", "exec", "right", "--", "touch", "/file", check=False)
    assert "Read-only file system" in refused.stderr
    cluster.kubectl("exec", "default", "--", "touch", "/file")


def test_the_kubelet_refuses_an_image_of_root_that_must_not_be_root(cluster: EmbeddedCluster) -> None:
    # The API server lets it in: only the image says who it runs as.
    without = {key: value for key, value in RIGHT.items() if not key.startswith("runAs")}
    create(cluster, bound("image-of-root", {**without, "runAsNonRoot": True}))

    def waits() -> dict[str, str]:
        statuses = seen(cluster, "pod", "image-of-root")["status"].get("containerStatuses", [])
        return statuses[0]["state"].get("waiting", {}) if statuses else {}

    eventually(lambda: waits().get("reason") == "CreateContainerConfigError", "the kubelet refuses it")
    assert "container has runAsNonRoot and image will run as root" in waits()["message"]

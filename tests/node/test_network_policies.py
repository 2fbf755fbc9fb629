"""On the real node network policies are enforced: what they allow passes, and everything else is refused."""

import time

import pytest

from embedded.cluster import EmbeddedCluster
from tests.support.node_pods import PORT, create, pod, reachable, ready, run_python, seen, server
from tests.support.waiting import eventually

CALLERS = ("allowed", "denied")
POLICY = f"""
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: closed}}
spec:
  podSelector: {{matchLabels: {{app: closed}}}}
  policyTypes: [Ingress]
  ingress:
    - from: [{{podSelector: {{matchLabels: {{role: allowed}}}}}}]
      ports: [{{port: {PORT}}}]
"""
SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: closed}
spec: {selector: {app: closed}, ports: [{port: 80, targetPort: 8080}]}
"""
CALL = """
import socket
try:
    socket.create_connection(("%s", %d), 5).close()
    print("passes")
except ConnectionRefusedError:
    print("refused")
"""


@pytest.fixture(scope="module", autouse=True)
def pods(cluster: EmbeddedCluster) -> None:
    callers = [pod(name, "sleep", "1000000", labels={"role": name}) for name in CALLERS]
    create(cluster, server("closed"), server("open"), *callers, SERVICE)
    ready(cluster, "closed", "open", *CALLERS)
    reachable(cluster, "denied", "closed.default")
    # Without a policy everybody may call, so that what is refused below is refused by it.
    assert {seen_by(cluster, name, address(cluster, "closed")) for name in CALLERS} == {"passes"}
    create(cluster, POLICY)
    eventually(lambda: seen_by(cluster, "denied", address(cluster, "closed")) == "refused")


def address(cluster: EmbeddedCluster, name: str) -> str:
    return seen(cluster, "pod", name)["status"]["podIP"]


def seen_by(cluster: EmbeddedCluster, caller: str, host: str, port: int = PORT) -> str:
    """What comes of a connection from a pod."""
    return run_python(cluster, caller, CALL % (host, port))


def test_a_pod_that_the_policy_allows_reaches_the_server(cluster: EmbeddedCluster) -> None:
    assert seen_by(cluster, "allowed", address(cluster, "closed")) == "passes"


def test_a_pod_that_the_policy_does_not_allow_is_refused(cluster: EmbeddedCluster) -> None:
    assert seen_by(cluster, "denied", address(cluster, "closed")) == "refused"


def test_many_refused_calls_are_refused_as_fast_as_others_pass(cluster: EmbeddedCluster) -> None:
    program = f"""
import socket, time
def seconds(host):
    started = time.monotonic()
    for _ in range(30):
        try:
            socket.create_connection((host, {PORT}), 5).close()
        except ConnectionRefusedError:
            pass
    return time.monotonic() - started
print(seconds("{address(cluster, "closed")}") / seconds("{address(cluster, "open")}"))
"""
    # By its default, the kernel answers once a second: thousands of times slower.
    assert float(run_python(cluster, "denied", program)) < 100


def test_the_policy_holds_for_calls_by_a_service(cluster: EmbeddedCluster) -> None:
    found = {name: seen_by(cluster, name, "closed.default", 80) for name in CALLERS}
    assert found == {"allowed": "passes", "denied": "refused"}


def test_a_pod_that_no_policy_selects_is_open(cluster: EmbeddedCluster) -> None:
    assert seen_by(cluster, "denied", address(cluster, "open")) == "passes"


def test_the_kubelet_reaches_a_pod_behind_a_policy(cluster: EmbeddedCluster) -> None:
    # Its readiness probe comes from the node's own address, which no policy names.
    time.sleep(5)
    ready(cluster, "closed")
    assert seen(cluster, "pod", "closed")["status"]["containerStatuses"][0]["ready"]


def test_a_pod_that_comes_later_is_refused_too(cluster: EmbeddedCluster) -> None:
    create(cluster, pod("later", "sleep", "1000000"))
    ready(cluster, "later")
    assert seen_by(cluster, "later", address(cluster, "closed")) == "refused"


def test_without_the_policy_everybody_passes_again(cluster: EmbeddedCluster) -> None:
    cluster.kubectl("delete", "networkpolicy", "closed")
    eventually(lambda: seen_by(cluster, "denied", address(cluster, "closed")) == "passes")

"""On the real node pods run: names, Services, exec, logs, port-forward and probes are real, and nothing leaves it."""

import re
import subprocess
import urllib.request
from collections.abc import Iterator

import pytest

from base.environment import reaching
from embedded.cluster import EmbeddedCluster
from embedded.node import NODE
from embedded.tools import toolchain
from tests.support.node_pods import PORT, create, pod, python, reachable, ready, run_python, seen, server
from tests.support.waiting import eventually

SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
"""


@pytest.fixture(scope="module", autouse=True)
def pods(cluster: EmbeddedCluster) -> None:
    create(cluster, server("web"), pod("client", "sleep", "1000000"), pod("elsewhere", "true", image="nginx"), SERVICE)
    ready(cluster, "web", "client", "elsewhere")
    reachable(cluster, "client", "web.default")


def test_a_pod_whose_image_is_there_goes_to_the_real_node(cluster: EmbeddedCluster) -> None:
    assert {seen(cluster, "pod", name)["spec"]["nodeName"] for name in ("web", "client")} == {NODE}


def test_a_pod_whose_image_is_not_there_stays_on_a_simulated_node(cluster: EmbeddedCluster) -> None:
    found = seen(cluster, "pod", "elsewhere")
    assert found["spec"]["nodeName"] in ("node-1", "node-2")
    assert found["status"]["phase"] == "Running"


def test_a_pod_reaches_a_service_by_its_name(cluster: EmbeddedCluster) -> None:
    program = "import urllib.request; print(urllib.request.urlopen('http://web.default/', timeout=5).status)"
    assert run_python(cluster, "client", program) == "200"


def test_a_pod_reaches_itself_by_its_service(cluster: EmbeddedCluster) -> None:
    # Its bare name is its own host's, which is no Service.
    program = "import urllib.request; print(urllib.request.urlopen('http://web.default/', timeout=5).status)"
    assert run_python(cluster, "web", program) == "200"


def test_a_pod_reaches_the_api_server_with_its_account(cluster: EmbeddedCluster) -> None:
    program = """
import ssl, urllib.request
folder = "/var/run/secrets/kubernetes.io/serviceaccount/"
request = urllib.request.Request("https://kubernetes.default.svc/apis/authentication.k8s.io/v1/selfsubjectreviews")
request.add_header("Authorization", "Bearer " + open(folder + "token").read())
request.add_header("Content-Type", "application/json")
request.data = b'{"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}'
context = ssl.create_default_context(cafile=folder + "ca.crt")
print(urllib.request.urlopen(request, context=context, timeout=5).read().decode())
"""
    assert '"username":"system:serviceaccount:default:default"' in run_python(cluster, "client", program)


def test_a_name_outside_of_the_cluster_does_not_exist_for_a_pod(cluster: EmbeddedCluster) -> None:
    program = """
import socket
try:
    print(socket.gethostbyname("example.com"))
except socket.gaierror as error:
    print(error.errno == socket.EAI_NONAME)
"""
    assert run_python(cluster, "client", program) == "True"


@pytest.mark.parametrize("address", ["192.0.2.1", "10.245.0.77"], ids=["outside", "simulated"])
def test_a_call_to_what_is_not_there_fails_at_once(cluster: EmbeddedCluster, address: str) -> None:
    program = f"""
import errno, socket, time
started, seen = time.monotonic(), set()
for _ in range(20):
    try:
        socket.create_connection(("{address}", 80), 10)
        seen.add("connected")
    except OSError as error:
        seen.add(error.errno)
print(seen <= {{errno.ENETUNREACH, errno.EHOSTUNREACH}}, time.monotonic() - started < 20)
"""
    # The kernel looks three seconds for a neighbour that is not there.
    assert run_python(cluster, "client", program) == "True True"


def test_logs_are_those_of_the_container(cluster: EmbeddedCluster) -> None:
    assert '"GET / HTTP/1.1" 200' in cluster.kubectl("logs", "web").stdout


@pytest.fixture
def forwarded(cluster: EmbeddedCluster) -> Iterator[str]:
    command = [toolchain.ensure(["kubectl"])["kubectl"], "port-forward", "pod/web", f":{PORT}"]
    child = subprocess.Popen(command, env=reaching(cluster.kubeconfig), stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout
        found = re.search(r"127\.0\.0\.1:\d+", child.stdout.readline())
        assert found
        yield found[0]
    finally:
        child.kill()
        child.wait()


def test_a_port_forward_answers(forwarded: str) -> None:
    with urllib.request.urlopen(f"http://{forwarded}/", timeout=10) as answer:
        assert answer.status == 200


def test_a_pod_that_fails_its_readiness_probe_is_no_endpoint(cluster: EmbeddedCluster) -> None:
    never = {"httpGet": {"path": "/", "port": PORT + 1}, "periodSeconds": 1}
    labels = {"app": "unready"}
    create(
        cluster,
        pod("unready", python(), "-m", "http.server", str(PORT), labels=labels, readinessProbe=never),
        SERVICE.replace("name: web", "name: unready").replace("app: web", "app: unready"),
    )
    eventually(lambda: seen(cluster, "pod", "unready")["status"].get("podIP"))
    cluster.kubectl("wait", "--for=condition=PodReadyToStartContainers", "pod/unready", "--timeout=60s")
    subsets = seen(cluster, "endpoints", "unready").get("subsets", [])
    assert not any(subset.get("addresses") for subset in subsets)


def test_a_container_that_fails_its_liveness_probe_is_restarted(cluster: EmbeddedCluster) -> None:
    fails = {"exec": {"command": ["cat", "/absent"]}, "periodSeconds": 1, "failureThreshold": 1}
    create(cluster, pod("sick", "sleep", "1000", livenessProbe=fails))
    eventually(lambda: seen(cluster, "pod", "sick")["status"].get("containerStatuses", [{}])[0].get("restartCount"))


def test_a_memory_limit_ends_a_container_that_asks_for_more(cluster: EmbeddedCluster) -> None:
    limit = {"limits": {"memory": "32Mi"}}
    create(cluster, pod("greedy", python(), "-c", "b'x' * (1 << 28)", resources=limit))

    def reason() -> str:
        status = seen(cluster, "pod", "greedy")["status"].get("containerStatuses", [{}])[0]
        states = [status.get("state", {}), status.get("lastState", {})]
        return next((state["terminated"]["reason"] for state in states if "terminated" in state), "")

    assert eventually(reason) == "OOMKilled"

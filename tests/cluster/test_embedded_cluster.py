"""The embedded cluster does what the lab needs of a cluster, harms nothing around it and leaves nothing behind."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from base.errors import MeshlabError
from embedded import cluster as clusters
from embedded.cluster import CLUSTER_TOOLS, EmbeddedCluster, boot, record
from embedded.cluster.api import ApiConnection
from embedded.cluster.layout import NODES
from embedded.tools import pins, toolchain
from tests.support.lab import record_of
from tests.support.waiting import eventually

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module", autouse=True)
def tools() -> None:
    try:
        toolchain.ensure(CLUSTER_TOOLS)
    except toolchain.ToolsMissingError as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def state_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def cluster(state_dir: Path) -> Iterator[EmbeddedCluster]:
    with EmbeddedCluster.up("shared", state_dir=state_dir) as running:
        yield running


def apply(cluster: EmbeddedCluster, text: str) -> None:
    cluster.kubectl("apply", "--validate=strict", "-f", "-", stdin=textwrap.dedent(text))


def get(cluster: EmbeddedCluster, *what: str) -> list[dict]:
    return json.loads(cluster.kubectl("get", *what, "-o", "json").stdout)["items"]


def processes(state_dir: Path, name: str) -> list[int]:
    found = record.read(state_dir, name)
    return found.processes() if found else []


class Caller:
    """Another Python process that starts a cluster and waits: somebody to interrupt and to kill."""

    def __init__(self, state_dir: Path, name: str, **environment: str) -> None:
        self.state_dir, self.name = state_dir, name
        code = f"""
            import time
            from pathlib import Path
            from embedded.cluster import EmbeddedCluster
            with EmbeddedCluster.up({name!r}, state_dir=Path({str(state_dir)!r})) as cluster:
                print("up", flush=True)
                time.sleep(600)
        """
        self.process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code)],
            env={**os.environ, "PYTHONPATH": str(PROJECT), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def until_up(self) -> None:
        assert self.process.stdout
        assert any(line.strip() == "up" for line in self.process.stdout)

    def until_starting(self) -> None:
        eventually(lambda: processes(self.state_dir, self.name))

    def end(self, how: signal.Signals) -> int:
        self.process.send_signal(how)
        return self.process.wait(60)


def test_three_nodes_are_ready_and_free_for_pods(cluster: EmbeddedCluster) -> None:
    nodes = get(cluster, "nodes")
    assert [node["metadata"]["name"] for node in nodes] == ["node-1", "node-2", "node-3"]
    for node in nodes:
        assert {"type": "Ready", "status": "True"}.items() <= next(
            condition for condition in node["status"]["conditions"] if condition["type"] == "Ready"
        ).items()
        assert "taints" not in node["spec"]


def test_what_is_there_is_not_added_and_another_refusal_is_one_line(cluster: EmbeddedCluster) -> None:
    node: dict[str, Any] = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-1"}}
    with ApiConnection(boot.own_kubeconfig(record_of(cluster))) as api:
        api.create(NODES, node)
        with pytest.raises(MeshlabError, match=r"^POST /api/v1/nodes: HTTP 422 Node \"A node\" is invalid: .+$"):
            api.create(NODES, {**node, "metadata": {"name": "A node"}})
    assert len(get(cluster, "nodes")) == 3


def test_the_server_says_the_pinned_version(cluster: EmbeddedCluster) -> None:
    version = json.loads(cluster.kubectl("get", "--raw", "/version").stdout)
    assert version["gitVersion"] == pins.table()["kube-apiserver"].release
    assert (version["major"], version["minor"]) == ("1", "36")


def test_a_deployment_becomes_available_behind_its_service(cluster: EmbeddedCluster) -> None:
    apply(
        cluster,
        """
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: web}
        spec:
          replicas: 4
          selector: {matchLabels: {app: web}}
          template:
            metadata: {labels: {app: web}}
            spec:
              initContainers: [{name: setup, image: example/setup}]
              containers:
              - {name: app, image: example/app, readinessProbe: {httpGet: {path: /, port: 8080}}}
              - {name: sidecar, image: example/sidecar}
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: web}
        spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
        """,
    )
    cluster.kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    shown = cluster.kubectl("get", "pods", "-l", "app=web", "--no-headers").stdout.splitlines()
    assert [line.split()[1:3] for line in shown] == [["2/2", "Running"]] * 4

    def addresses() -> set[str]:
        slices = get(cluster, "endpointslices", "-l", "kubernetes.io/service-name=web")
        return {address for slice_ in slices for endpoint in slice_["endpoints"] for address in endpoint["addresses"]}

    pods = {pod["status"]["podIP"] for pod in get(cluster, "pods", "-l", "app=web")}
    assert len(pods) == 4
    eventually(lambda: addresses() == pods)
    cluster.kubectl("delete", "deployment/web", "service/web", "--wait")
    eventually(lambda: not get(cluster, "pods", "-l", "app=web"))


def test_pods_on_the_hosts_network_run_on_each_node_and_are_endpoints(cluster: EmbeddedCluster) -> None:
    apply(
        cluster,
        """
        apiVersion: apps/v1
        kind: DaemonSet
        metadata: {name: agent}
        spec:
          selector: {matchLabels: {app: agent}}
          template:
            metadata: {labels: {app: agent}}
            spec:
              hostNetwork: true
              nodeSelector: {kubernetes.io/os: linux}
              containers: [{name: agent, image: example/agent, ports: [{containerPort: 9100, hostPort: 9100}]}]
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: agent}
        spec: {selector: {app: agent}, ports: [{port: 9100}]}
        """,
    )
    cluster.kubectl("rollout", "status", "daemonset/agent", "--timeout=60s")
    assert len({pod["spec"]["nodeName"] for pod in get(cluster, "pods", "-l", "app=agent")}) == 3
    slices = ["endpointslices", "-l", "kubernetes.io/service-name=agent"]
    eventually(lambda: sum(len(slice_["endpoints"] or []) for slice_ in get(cluster, *slices)) == 3)


def test_a_job_completes(cluster: EmbeddedCluster) -> None:
    apply(
        cluster,
        """
        apiVersion: batch/v1
        kind: Job
        metadata: {name: once}
        spec:
          template:
            spec: {restartPolicy: Never, containers: [{name: once, image: example/once}]}
        """,
    )
    cluster.kubectl("wait", "--for=condition=complete", "job/once", "--timeout=60s")
    (pod,) = get(cluster, "pods", "-l", "job-name=once")
    assert pod["status"]["phase"] == "Succeeded"


def test_init_containers_end_but_those_that_restart_and_each_gate_opens(cluster: EmbeddedCluster) -> None:
    apply(
        cluster,
        """
        apiVersion: v1
        kind: Pod
        metadata: {name: staged}
        spec:
          readinessGates: [{conditionType: example.com/open}]
          initContainers:
            - {name: first, image: example/first}
            - {name: sidecar, image: example/sidecar, restartPolicy: Always}
          containers: [{name: main, image: example/main}]
        """,
    )
    cluster.kubectl("wait", "--for=condition=Ready", "pod/staged", "--timeout=60s")
    (pod,) = get(cluster, "pods", "--field-selector=metadata.name=staged")
    status = pod["status"]
    states = {seen["name"]: [*seen["state"]] for seen in status["initContainerStatuses"] + status["containerStatuses"]}
    assert states == {"first": ["terminated"], "sidecar": ["running"], "main": ["running"]}
    opened = {condition["type"] for condition in status["conditions"] if condition["status"] == "True"}
    assert "example.com/open" in opened


def test_a_stateful_set_with_claims_becomes_ready(cluster: EmbeddedCluster) -> None:
    apply(
        cluster,
        """
        apiVersion: apps/v1
        kind: StatefulSet
        metadata: {name: store}
        spec:
          serviceName: store
          replicas: 2
          selector: {matchLabels: {app: store}}
          template:
            metadata: {labels: {app: store}}
            spec: {containers: [{name: store, image: example/store, volumeMounts: [{name: data, mountPath: /data}]}]}
          volumeClaimTemplates:
          - metadata: {name: data}
            spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
        """,
    )
    cluster.kubectl("rollout", "status", "statefulset/store", "--timeout=60s")
    claims = ["persistentvolumeclaims"]
    eventually(lambda: [claim["status"]["phase"] for claim in get(cluster, *claims)] == ["Bound", "Bound"])


def test_a_webhook_that_fails_open_does_not_hold_requests_up(cluster: EmbeddedCluster) -> None:
    """Each of its calls may take 10 s. That every one is made and refused at once shows in the server's own count and
    in the time, held against the same requests without it."""

    def create(prefix: str) -> float:
        documents = "---\n".join(
            f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {prefix}-{number}}}\n" for number in range(20)
        )
        return cluster.kubectl("create", "-f", "-", stdin=documents, timeout=600).seconds

    def failed_open() -> int:
        metrics = cluster.kubectl("get", "--raw", "/metrics").stdout
        counts = re.findall(r'webhook_fail_open_count{name="hook.meshlab.test",type="validating"} (\d+)', metrics)
        return int(counts[0]) if counts else 0

    apply(
        cluster,
        """
        apiVersion: v1
        kind: Service
        metadata: {name: hook}
        spec: {selector: {app: hook}, ports: [{port: 443}]}
        """,
    )
    without = create("before")
    apply(
        cluster,
        """
        apiVersion: admissionregistration.k8s.io/v1
        kind: ValidatingWebhookConfiguration
        metadata: {name: hook}
        webhooks:
        - name: hook.meshlab.test
          admissionReviewVersions: [v1]
          sideEffects: None
          failurePolicy: Ignore
          timeoutSeconds: 10
          clientConfig: {service: {name: hook, namespace: default}}
          rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}]
        """,
    )

    def noticed() -> bool:
        cluster.kubectl("create", "configmap", "probe")
        cluster.kubectl("delete", "configmap", "probe")
        return failed_open() > 0

    eventually(noticed)
    before = failed_open()
    without_pods = create("without-pods")
    cluster.kubectl("create", "deployment", "hook", "--image=example/hook")
    cluster.kubectl("rollout", "status", "deployment/hook", "--timeout=60s")
    slices = ["endpointslices", "-l", "kubernetes.io/service-name=hook"]
    eventually(lambda: [slice_["endpoints"] for slice_ in get(cluster, *slices)] not in ([], [None]))
    with_pods = create("with-pods")
    cluster.kubectl("delete", "validatingwebhookconfiguration", "hook")
    assert failed_open() - before == 40
    assert max(without_pods, with_pods) < 5 * without, f"{without=:.2f} {without_pods=:.2f} {with_pods=:.2f} s"


def test_it_listens_on_four_ports_all_of_loopback(cluster: EmbeddedCluster, state_dir: Path) -> None:
    listening: set[tuple[str, str]] = set()
    for pid in processes(state_dir, cluster.name):
        sockets = {str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir() if entry.is_symlink()}
        for family, table in (("4", "tcp"), ("6", "tcp6"), ("4", "udp"), ("6", "udp6")):
            for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                # State 0A is a listening TCP socket, 07 a UDP socket that is connected to nobody.
                if f"socket:[{fields[9]}]" in sockets and fields[3] in ("0A", "07"):
                    address, _, port = fields[1].partition(":")
                    listening.add((f"{family} {address}", port))
    assert {address for address, _ in listening} == {"4 0100007F"}, "127.0.0.1, in the kernel's own notation"
    assert len(listening) == 4, "two of etcd, one each of the API server and kwok"


def test_clusters_run_side_by_side_and_know_nothing_of_each_other(cluster: EmbeddedCluster, state_dir: Path) -> None:
    with EmbeddedCluster.up("second", nodes=1, state_dir=state_dir) as second:
        assert second.server != cluster.server
        second.kubectl("create", "namespace", "mine")
        assert len(get(second, "nodes")) == 1
        assert "mine" not in cluster.kubectl("get", "namespaces").stdout
        with pytest.raises(MeshlabError, match=rf"cluster second exists already in .* ends with process {os.getpid()}"):
            EmbeddedCluster.up("second", state_dir=state_dir)
        assert [(listed.name, listed.running) for listed in clusters.status(state_dir)] == [
            ("second", True),
            ("shared", True),
        ]
    assert get(cluster, "nodes")


def test_down_leaves_no_process_no_folder_and_no_listener(state_dir: Path) -> None:
    with EmbeddedCluster.up("gone", state_dir=state_dir) as mine:
        held = record.read(state_dir, "gone")
        assert held and len(held.processes()) == 5
    assert held.processes() == []
    assert not held.folder.exists()
    url = urlsplit(mine.server)
    assert url.hostname and url.port
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((url.hostname, url.port), timeout=5)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_caller_takes_its_cluster_along(state_dir: Path, how: signal.Signals) -> None:
    caller = Caller(state_dir, "interrupted")
    caller.until_up()
    held = record.read(state_dir, "interrupted")
    assert held and held.processes()
    assert caller.end(how) != 0
    assert held.processes() == []
    assert not held.folder.exists()


def test_a_caller_that_forgets_to_end_its_cluster_takes_it_along(state_dir: Path) -> None:
    code = f"""
        from pathlib import Path
        from embedded.cluster import EmbeddedCluster
        EmbeddedCluster.up("forgotten", state_dir=Path({str(state_dir)!r}), progress=lambda line: None)
        print(Path({str(state_dir)!r}, "clusters/forgotten/cluster.json").read_text())
        raise SystemExit("something else went wrong")
    """
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        check=False,
        text=True,
        timeout=300,
    )
    assert (ended.returncode, ended.stderr) == (1, "something else went wrong\n")
    folder = state_dir / "clusters/forgotten"
    held = record.ClusterRecord(folder, json.loads(ended.stdout)["identifier"], None)
    assert held.processes() == []
    assert not folder.exists()


def test_a_part_that_does_not_start_is_named_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = toolchain.ensure(CLUSTER_TOOLS)
    broken = tmp_path / "etcd"
    broken.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && exec {real["etcd"]} --version\necho "disk is on fire"\nexit 1\n'
    )
    broken.chmod(0o755)
    monkeypatch.setattr(toolchain, "ensure", lambda names, progress=print: {**real, "etcd": broken})
    with pytest.raises(MeshlabError) as caught:
        EmbeddedCluster.up("broken", state_dir=tmp_path)
    kept = tmp_path / "failed-clusters/broken"
    assert str(caught.value) == f"embedded cluster broken did not start: etcd ended: disk is on fire (logs: {kept})"
    assert "disk is on fire" in (kept / "etcd.log").read_text()
    assert clusters.status(tmp_path) == []


def test_interrupting_the_start_leaves_nothing(state_dir: Path) -> None:
    caller = Caller(state_dir, "half")
    caller.until_starting()
    held = record.read(state_dir, "half")
    assert held
    assert caller.end(signal.SIGINT) != 0
    assert held.processes() == []
    assert not held.folder.exists()


def test_the_next_start_clears_away_what_killed_callers_left_and_nothing_else(
    cluster: EmbeddedCluster, state_dir: Path
) -> None:
    # One after the other: a start clears away too, so a slow one would take what the other has left.
    running = Caller(state_dir, "killed")
    running.until_up()
    starting = Caller(state_dir, "killed-early")
    starting.until_starting()
    starting.end(signal.SIGKILL)
    running.end(signal.SIGKILL)
    left = [record.read(state_dir, name) for name in ("killed", "killed-early")]
    assert all(lost and lost.folder.is_dir() for lost in left)
    assert len(processes(state_dir, "killed")) == 5
    listed = {status.name: (status.running, status.abandoned) for status in clusters.status(state_dir)}
    assert listed == {"killed": (False, True), "killed-early": (False, True), "shared": (True, False)}
    lines: list[str] = []
    with EmbeddedCluster.up("killed", state_dir=state_dir, progress=lines.append) as again:
        assert get(again, "nodes")
        assert lines == [
            "cluster: removed killed, whose owner is gone",
            "cluster: removed killed-early, whose owner is gone",
        ]
        assert not any(lost.processes() for lost in left if lost)
        assert [listed.name for listed in clusters.status(state_dir)] == ["killed", "shared"]
    assert get(cluster, "nodes"), "a cluster whose owner lives is not touched"


def test_an_owner_in_another_container_is_not_taken_for_dead() -> None:
    here = record.Owner.this_process()
    nobody = here.started + 1
    assert not here.dead()
    assert record.Owner(here.pid, nobody, here.namespace).dead()
    assert not record.Owner(here.pid, nobody, "pid:[1]").dead()


@contextmanager
def of_another_release(held: record.ClusterRecord) -> Iterator[None]:
    """Have a stopped cluster be one that an older meshlab has made."""
    (program,) = held.folder.rglob("bin/kwok-controller")
    kept = program.rename(program.with_name("kept"))
    program.write_text("#!/bin/sh\necho kwok version v0.7.0\n")
    program.chmod(0o755)
    yield
    kept.rename(program)


def test_a_cluster_that_stays_is_found_again_restarted_as_it_was_and_taken_down(tmp_path: Path) -> None:
    first = clusters.up(tmp_path, "lab", nodes=1)
    held = record.read(tmp_path, "lab")
    assert held
    try:
        first.kubectl("create", "namespace", "mine")
        assert [(listed.name, listed.running, listed.owner) for listed in clusters.status(tmp_path)] == [
            ("lab", True, None)
        ]
        assert clusters.up(tmp_path, "lab").server == first.server
        for pid in held.processes():  # as if the machine had been restarted
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: not held.processes())
        assert [listed.running for listed in clusters.status(tmp_path)] == [False]
        with of_another_release(held), pytest.raises(MeshlabError, match=r"cannot start again: it has kwok 0\.7\.0"):
            clusters.up(tmp_path, "lab")
        again = clusters.up(tmp_path, "lab")
        assert "mine" in again.kubectl("get", "namespaces").stdout
        with pytest.raises(MeshlabError, match=r"cluster lab exists already in .* stays until `down`"):
            EmbeddedCluster.up("lab", state_dir=tmp_path)
    finally:
        clusters.down(tmp_path, "lab")
    assert held.processes() == []
    assert not held.folder.exists()
    assert clusters.down(tmp_path, "lab") is False


def listener(port: int) -> socket.socket | None:
    """A socket that holds a port, None where another still has it."""
    with suppress(OSError):
        return socket.create_server(("127.0.0.1", port))
    return None


def test_a_cluster_starts_again_where_its_port_is_free_only_after_a_while(tmp_path: Path) -> None:
    first = clusters.up(tmp_path, "lab", nodes=1)
    held = record.read(tmp_path, "lab")
    assert held
    port = int(first.server.rpartition(":")[2])
    try:
        for pid in held.processes():
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: not held.processes())
        # As the kernel does for a moment, when a killed process is gone from /proc already.
        other = eventually(lambda: listener(port))
        given_back = threading.Thread(target=lambda: (eventually(held.processes), time.sleep(1.0), other.close()))
        given_back.start()
        again = clusters.up(tmp_path, "lab")
        given_back.join()
        assert again.server == first.server
        assert again.kubectl("get", "nodes", "-o", "name").stdout == "node/node-1\n"
    finally:
        clusters.down(tmp_path, "lab")


def test_down_refuses_a_cluster_of_a_living_process(cluster: EmbeddedCluster, state_dir: Path) -> None:
    # This process is the owner of `cluster`, so it lives.
    with pytest.raises(MeshlabError, match=r"cluster shared exists already in .* ends with process"):
        clusters.down(state_dir, cluster.name)
    assert get(cluster, "nodes")


def test_nothing_in_the_users_home_is_read_or_changed(tmp_path: Path) -> None:
    home, state = tmp_path / "home", tmp_path / "state"
    (home / ".kube").mkdir(parents=True)
    (home / ".kwok").mkdir()
    # Whoever reads one of these fails, and whoever writes one is seen.
    for file in (".kube/config", ".kube/other", ".kwok/kwok.yaml"):
        (home / file).write_text("{broken: [yaml")
    before = {path: path.read_bytes() if path.is_file() else None for path in home.rglob("*")}
    caller = Caller(
        state,
        "tidy",
        HOME=str(home),
        KUBECONFIG=str(home / ".kube/other"),
        XDG_CACHE_HOME=str(pins.cache_folder().parent.parent),
        HTTPS_PROXY="http://127.0.0.1:9",
        KWOK_KUBE_APISERVER_PORT="1",
    )
    caller.until_up()
    kubeconfig = state / "clusters/tidy/kubeconfig"
    assert kubeconfig.stat().st_mode & 0o777 == 0o600
    loaded = yaml.safe_load(kubeconfig.read_text())
    assert [context["name"] for context in loaded["contexts"]] == [loaded["current-context"]] == ["tidy"]
    caller.end(signal.SIGINT)
    assert {path: path.read_bytes() if path.is_file() else None for path in home.rglob("*")} == before


@pytest.mark.parametrize("name", ["", "Upper", "../escape", "-dash", "x" * 41])
def test_a_name_that_cannot_be_a_folder_or_a_context_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(MeshlabError, match="cluster name: expected lower-case letters, digits and dashes"):
        EmbeddedCluster.up(name, state_dir=tmp_path)

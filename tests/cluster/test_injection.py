"""Pods of the mesh get their sidecar from a real istiod of their revision, and all other pods are left alone."""

import json
import os
import re
import signal
import textwrap
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from base import process
from base.errors import MeshlabError
from embedded import cluster as clusters
from embedded.cluster import CLUSTER_TOOLS, EmbeddedCluster, boot, injection, record
from embedded.cluster.api import ApiConnection
from embedded.cluster.istiod import PORT_OPTIONS, PROGRAM
from embedded.cluster.supervisor import CORE, PAUSE, WOKEN
from embedded.tools import pins, toolchain
from meshlab.charts.source import STAND_INS_FOLDER, ChartSourceError, pack_stand_ins
from tests.support.lab import record_of
from tests.support.waiting import HANGS, eventually

OLD, NEW = "1-17", "1-30"
VERSIONS = {OLD: "1.17.6", NEW: "1.30.3"}


@pytest.fixture(scope="module")
def charts() -> Path:
    try:
        toolchain.ensure([*CLUSTER_TOOLS, "helm", PROGRAM])
        return pack_stand_ins(STAND_INS_FOLDER, {"base": [VERSIONS[OLD]], "istiod": list(VERSIONS.values())}, print)
    except (toolchain.ToolsMissingError, ChartSourceError) as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def state_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def cluster(state_dir: Path, charts: Path) -> Iterator[EmbeddedCluster]:
    """A cluster with two revisions of Istio and a namespace in each."""
    with EmbeddedCluster.up("mesh", state_dir=state_dir, injection=True) as running:
        running.kubectl("create", "namespace", "istio-system")
        base = charts / f"base-{VERSIONS[OLD]}.tgz"
        helm(running, "install", "base", str(base), "--set", f"defaultRevision={OLD}")
        for revision in VERSIONS:
            install_istiod(running, charts, revision)
            running.kubectl("create", "namespace", f"in-{revision}")
            running.kubectl("label", "namespace", f"in-{revision}", f"istio.io/rev={revision}")
        yield running


def helm(cluster: EmbeddedCluster, *args: str) -> None:
    program = toolchain.ensure(["helm"])["helm"]
    env = {"KUBECONFIG": str(cluster.kubeconfig)}
    process.run([program, *args, "--namespace", "istio-system", "--wait"], timeout=300, env=env)


def install_istiod(cluster: EmbeddedCluster, charts: Path, revision: str, *values: str) -> None:
    chart = charts / f"istiod-{VERSIONS.get(revision, VERSIONS[NEW])}.tgz"
    helm(cluster, "upgrade", "--install", f"istiod-{revision}", str(chart), "--set", f"revision={revision}", *values)


def deploy(cluster: EmbeddedCluster, namespace: str, name: str, labels: str = "") -> None:
    cluster.kubectl(
        "apply",
        "-f",
        "-",
        stdin=textwrap.dedent(f"""
            apiVersion: apps/v1
            kind: Deployment
            metadata: {{name: {name}, namespace: {namespace}}}
            spec:
              selector: {{matchLabels: {{app: {name}}}}}
              template:
                metadata: {{labels: {{app: {name}, {labels}}}}}
                spec: {{containers: [{{name: app, image: example/app, ports: [{{containerPort: 8080}}]}}]}}
            """),
    )


def pod_of(cluster: EmbeddedCluster, namespace: str, name: str, labels: str = "") -> dict[str, Any]:
    """The one pod of a Deployment, once it is ready."""
    deploy(cluster, namespace, name, labels)
    cluster.kubectl("rollout", "status", f"deployment/{name}", "-n", namespace, "--timeout=120s", timeout=130)
    answer = cluster.kubectl("get", "pods", "-n", namespace, "-l", f"app={name}", "-o", "json")
    (pod,) = json.loads(answer.stdout)["items"]
    return pod


def configure_webhook(cluster: EmbeddedCluster, name: str, resources: str, policy: str) -> None:
    """A webhook that is called whenever one of these is created, at a Service that nobody stands behind."""
    manifest = f"""
        apiVersion: v1
        kind: Service
        metadata: {{name: hook, namespace: default}}
        spec: {{selector: {{app: hook}}, ports: [{{port: 443}}]}}
        ---
        apiVersion: admissionregistration.k8s.io/v1
        kind: ValidatingWebhookConfiguration
        metadata: {{name: {name}}}
        webhooks:
        - name: {name}
          admissionReviewVersions: [v1]
          sideEffects: None
          failurePolicy: {policy}
          timeoutSeconds: 30
          clientConfig: {{service: {{name: hook, namespace: default}}}}
          rules: [{{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [{resources}]}}]
    """
    cluster.kubectl("apply", "-f", "-", stdin=textwrap.dedent(manifest))


def containers(pod: dict[str, Any]) -> list[str]:
    return [container["name"] for container in pod["spec"]["containers"]]


def image(pod: dict[str, Any]) -> str:
    return next(container["image"] for container in pod["spec"]["containers"] if container["name"] == "istio-proxy")


def revision_of(pod: dict[str, Any]) -> str:
    return json.loads(pod["metadata"]["annotations"]["sidecar.istio.io/status"])["revision"]


def istiods(cluster: EmbeddedCluster) -> dict[str, int]:
    """The process numbers of the running istiods by revision."""
    held = record.read(cluster.kubeconfig.parents[2], cluster.name)
    found: dict[str, int] = {}
    for pid in held.processes() if held else []:
        try:
            program = Path(f"/proc/{pid}/cmdline").read_text().split("\0")[0]
            environment = Path(f"/proc/{pid}/environ").read_text().split("\0")
        except OSError:
            continue
        if Path(program).name == PROGRAM:
            found[next(entry for entry in environment if entry.startswith("REVISION=")).partition("=")[2]] = pid
    return found


def test_a_pod_of_a_namespace_in_the_mesh_gets_its_sidecar(cluster: EmbeddedCluster) -> None:
    pod = pod_of(cluster, f"in-{OLD}", "web")
    assert containers(pod) == ["app", "istio-proxy"]
    assert [container["name"] for container in pod["spec"]["initContainers"]] == ["istio-init"]
    assert all(status["ready"] for status in pod["status"]["containerStatuses"])
    annotations = pod["metadata"]["annotations"]
    assert {key: value for key, value in annotations.items() if key.startswith("prometheus.io/")} == {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": "15020",
        "prometheus.io/path": "/stats/prometheus",
    }
    ports = {port.get("name"): port["containerPort"] for port in pod["spec"]["containers"][1]["ports"]}
    assert ports["http-envoy-prom"] == 15090


def test_a_pod_that_opts_out_and_a_namespace_outside_the_mesh_stay_as_they_are(cluster: EmbeddedCluster) -> None:
    assert containers(pod_of(cluster, f"in-{OLD}", "out", 'sidecar.istio.io/inject: "false"')) == ["app"]
    assert containers(pod_of(cluster, "default", "outside")) == ["app"]


def test_each_revision_injects_its_own_sidecar(cluster: EmbeddedCluster) -> None:
    for revision, version in VERSIONS.items():
        pod = pod_of(cluster, f"in-{revision}", "mine")
        assert revision_of(pod) == revision
        assert image(pod).endswith(f"/proxyv2:{version}")
    assert sorted(istiods(cluster)) == sorted(VERSIONS)


def test_a_change_of_the_revisions_values_reaches_the_next_pod(cluster: EmbeddedCluster, charts: Path) -> None:
    before = istiods(cluster)[NEW]
    install_istiod(cluster, charts, NEW, "--set", "global.proxy.image=other")
    numbers = iter(range(100))
    eventually(lambda: "/other:" in image(pod_of(cluster, f"in-{NEW}", f"changed-{next(numbers)}")))
    assert istiods(cluster)[NEW] == before, "istiod reads its configuration again without a restart"
    install_istiod(cluster, charts, NEW)


def test_istiod_refuses_a_broken_virtual_service(cluster: EmbeddedCluster) -> None:
    def broken(name: str) -> str:
        manifest = f"""
            apiVersion: networking.istio.io/v1
            kind: VirtualService
            metadata: {{name: {name}, namespace: default}}
            spec: {{hosts: [web], http: [{{}}]}}
        """
        return cluster.kubectl("apply", "-f", "-", stdin=textwrap.dedent(manifest), check=False).stderr

    # Istio lets all pass until it has seen itself refuse something.
    numbers = iter(range(1000))
    eventually(lambda: "denied the request: configuration is invalid" in broken(f"broken-{next(numbers)}"))


def test_istiods_own_pages_are_there_through_the_api_server(cluster: EmbeddedCluster) -> None:
    cluster.kubectl("create", "service", "clusterip", "listed", "--tcp=80")
    service = f"/api/v1/namespaces/istio-system/services/istiod-{OLD}:http-monitoring/proxy"
    assert "pilot_info{" in cluster.kubectl("get", "--raw", f"{service}/metrics").stdout

    def registered() -> set[str]:
        registry = json.loads(cluster.kubectl("get", "--raw", f"{service}/debug/registryz").stdout)
        return {entry["Attributes"]["Name"] for entry in registry}

    eventually(lambda: {"listed", "kubernetes", f"istiod-{OLD}", f"istiod-{NEW}"} <= registered())


def test_a_webhook_that_nobody_answers_is_refused_at_once_and_says_why(cluster: EmbeddedCluster) -> None:
    def refused() -> bool:
        answer = cluster.kubectl("create", "configmap", "probe", "--dry-run=server", check=False)
        return "nothing answers at this address of an embedded cluster" in answer.stderr

    configure_webhook(cluster, "hook.meshlab.test", "configmaps", "Fail")
    eventually(refused)
    configure_webhook(cluster, "hook.meshlab.test", "configmaps", "Ignore")
    eventually(lambda: not refused())
    called = seconds_for_fifty_maps(cluster, "called")
    cluster.kubectl("delete", "validatingwebhookconfiguration", "hook.meshlab.test")
    alone = seconds_for_fifty_maps(cluster, "alone")
    print(f"fifty ConfigMaps: {alone:.1f} s, with calls of the webhook {called:.1f} s")
    assert called < 20 * alone, "a call that waits takes up to 30 s"


def seconds_for_fifty_maps(cluster: EmbeddedCluster, name: str) -> float:
    maps = [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"{name}-{n}"}} for n in range(50)]
    started = time.monotonic()
    together = json.dumps({"apiVersion": "v1", "kind": "List", "items": maps})
    cluster.kubectl("create", "-f", "-", stdin=together, timeout=HANGS)
    return time.monotonic() - started


def test_an_istiod_that_died_runs_again_and_wakes_up_who_waited_for_it(cluster: EmbeddedCluster) -> None:
    def replica_set() -> dict[str, Any]:
        answer = cluster.kubectl("get", "replicasets", "-n", f"in-{NEW}", "-l", "app=early", "-o", "json")
        return next(iter(json.loads(answer.stdout)["items"]), {})

    # Keeps the pods failing as they do without istiod, however soon it is there again.
    configure_webhook(cluster, "too.sidecar-injector.istio.io", "pods", "Fail")
    eventually(lambda: cluster.kubectl("run", "probe", "--image=a", "--dry-run=server", check=False).code)
    deploy(cluster, f"in-{NEW}", "early")
    eventually(lambda: replica_set().get("status", {}).get("conditions"))
    assert WOKEN not in replica_set()["metadata"]["annotations"]
    killed = istiods(cluster)[NEW]
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: WOKEN in replica_set()["metadata"]["annotations"])
    assert istiods(cluster)[NEW] != killed
    cluster.kubectl("delete", "validatingwebhookconfiguration", "too.sidecar-injector.istio.io")
    assert revision_of(pod_of(cluster, f"in-{NEW}", "early")) == NEW


def test_an_old_releases_crds_and_template_do_not_keep_istiod_from_injecting(tmp_path: Path, charts: Path) -> None:
    # Istio 1.17 has no v1 of this kind, and its template uses a field that istiod has lost since.
    old_crd = """
        apiVersion: apiextensions.k8s.io/v1
        kind: CustomResourceDefinition
        metadata: {name: virtualservices.networking.istio.io}
        spec:
          group: networking.istio.io
          names: {kind: VirtualService, listKind: VirtualServiceList, plural: virtualservices, singular: virtualservice}
          scope: Namespaced
          versions: [{name: v1beta1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
    """
    old_template = 'metadata: {annotations: {threads: "{{ .EstimatedConcurrency }}"}}'
    webhook = {"templates": {"old": old_template}, "defaultTemplates": ["sidecar", "old"]}
    values = tmp_path / "values.yaml"
    values.write_text(json.dumps({"sidecarInjectorWebhook": webhook}))
    with EmbeddedCluster.up("old", nodes=1, state_dir=tmp_path, injection=True) as old:
        old.kubectl("apply", "-f", "-", stdin=textwrap.dedent(old_crd))
        old.kubectl("create", "namespace", "istio-system")
        install_istiod(old, charts, OLD, "--values", str(values))
        old.kubectl("label", "namespace", "default", f"istio.io/rev={OLD}")
        pod = pod_of(old, "default", "web")
        assert containers(pod) == ["app", "istio-proxy"]
        assert pod["metadata"]["annotations"]["threads"] == "2"


def test_a_cluster_does_not_wait_for_istiod_to_be_built_and_its_pods_do(
    tmp_path: Path, charts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, go = pins.table()[PROGRAM].path, tmp_path / "bin/go"
    cache = tmp_path / "cache/meshlab/tools"
    cache.mkdir(parents=True)
    for name in [*CLUSTER_TOOLS, "helm"]:
        folder = pins.table()[name].path.parent
        (cache / folder.name).symlink_to(folder)
    go.parent.mkdir()
    go.write_text(
        f"#!/bin/sh\nuntil test -e {tmp_path}/built; do sleep 0.1; done\ncp {program} {cache}/.build-istio/\n"
    )
    go.chmod(0o755)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{go.parent}:{os.environ['PATH']}")
    lines: list[str] = []
    with EmbeddedCluster.up("waiting", nodes=1, state_dir=tmp_path, injection=True, progress=lines.append) as waiting:
        assert [line.partition(",")[0] for line in lines] == ["cluster: building istiod beside it"]
        waiting.kubectl("create", "namespace", "istio-system")
        install_istiod(waiting, charts, NEW)
        waiting.kubectl("label", "namespace", "default", f"istio.io/rev={NEW}")
        deploy(waiting, "default", "web")
        eventually(lambda: "istiod is still being built" in waiting.kubectl("get", "events").stdout)
        assert istiods(waiting) == {}
        (tmp_path / "built").touch()
        assert revision_of(pod_of(waiting, "default", "web")) == NEW


def test_a_control_plane_at_rest_is_seldom_asked_for(cluster: EmbeddedCluster) -> None:
    lists = re.compile(
        r'^apiserver_request_total{.*resource="services",scope="namespace",.*verb="LIST".*} (\d+)$', re.M
    )

    def asked() -> int:
        return sum(map(int, lists.findall(cluster.kubectl("get", "--raw", "/metrics").stdout)))

    def rests() -> bool:
        before = asked()
        time.sleep(10 * PAUSE)
        return asked() - before <= 3

    assert asked() > 0
    eventually(rests, "its Services are listed three times in ten pauses, at most")


def test_a_watch_tells_of_each_change_as_it_is_made(cluster: EmbeddedCluster) -> None:
    api, told = ApiConnection(boot.own_kubeconfig(record_of(cluster)), HANGS), list[dict[str, Any]]()

    def follow() -> None:
        with suppress(MeshlabError):  # the cluster ends before it does
            for metadata in api.watch(f"{CORE}/configmaps", int(HANGS)):
                told.append(metadata)

    watching = Thread(target=follow, daemon=True)
    watching.start()
    injector = f"istio-sidecar-injector-{OLD}"
    eventually(lambda: any(one["name"] == injector for one in told), "what is there is told")
    cluster.kubectl("annotate", "configmap", injector, "-n", "istio-system", "example.org/seen=yes")
    eventually(lambda: any("example.org/seen" in one.get("annotations", {}) for one in told), "the change is told")
    assert watching.is_alive()


def test_istiods_listen_on_loopback_only(cluster: EmbeddedCluster) -> None:
    def addresses() -> list[str]:
        found: list[str] = []
        for pid in istiods(cluster).values():
            sockets = {str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir() if entry.is_symlink()}
            for table in ("tcp", "tcp6"):
                rows = [line.split() for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]]
                # State 0A is a listening socket.
                mine = [row for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in sockets]
                found += [row[1].partition(":")[0] for row in mine]
        return found

    eventually(lambda: len(addresses()) >= len(VERSIONS) * len(PORT_OPTIONS))
    assert set(addresses()) == {"0100007F"}, "127.0.0.1, in the kernel's own notation"


def test_an_istiod_goes_with_its_revision(cluster: EmbeddedCluster, charts: Path) -> None:
    before = istiods(cluster)
    install_istiod(cluster, charts, "leaving")
    eventually(lambda: "leaving" in istiods(cluster))
    helm(cluster, "uninstall", "istiod-leaving")
    eventually(lambda: "leaving" not in istiods(cluster))
    assert istiods(cluster) == before


def test_a_cluster_that_stays_keeps_its_istiods_and_takes_them_down_with_it(tmp_path: Path, charts: Path) -> None:
    first = clusters.up(tmp_path, "lab", nodes=1, injection=True)
    held = record.read(tmp_path, "lab")
    assert held
    try:
        first.kubectl("create", "namespace", "istio-system")
        install_istiod(first, charts, OLD)
        eventually(lambda: istiods(first))
        for pid in held.processes():  # as if the machine had been restarted
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: not held.processes())
        assert [listed.running for listed in clusters.status(tmp_path)] == [False]
        again = clusters.up(tmp_path, "lab", injection=True)
        eventually(lambda: istiods(again))
        assert [listed.running for listed in clusters.status(tmp_path)] == [True]
    finally:
        clusters.down(tmp_path, "lab")
    assert held.processes() == []
    assert not held.folder.exists()


def test_without_istiods_program_the_cluster_comes_up_and_says_what_is_missing(
    tmp_path: Path, charts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(injection.toolchain, "find", lambda name: None)
    monkeypatch.setattr(injection.shutil, "which", lambda name: None)
    tools = {name: pins.table()[name].path for name in CLUSTER_TOOLS}
    monkeypatch.setattr(clusters.embedded.toolchain, "ensure", lambda names, progress: tools)
    lines: list[str] = []
    with EmbeddedCluster.up("poor", nodes=1, state_dir=tmp_path, injection=True, progress=lines.append) as poor:
        poor.kubectl("get", "nodes")
        held = record.read(tmp_path, "poor")
        assert held and len(held.processes()) == 5
    (line,) = lines
    assert line.startswith(
        "cluster: no namespace in the mesh gets pods here, for want of istiod: not on this machine: "
    )


def test_a_cluster_made_without_injection_says_so_when_it_is_asked_for_it(tmp_path: Path, charts: Path) -> None:
    clusters.up(tmp_path, "bare", nodes=1)
    lines: list[str] = []
    try:
        clusters.up(tmp_path, "bare", injection=True, progress=lines.append)
    finally:
        clusters.down(tmp_path, "bare")
    assert lines == ["cluster: bare was made without injection, so no namespace in the mesh gets pods; create it again"]

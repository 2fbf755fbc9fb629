"""Pods for tests of the real node, and what is seen of them."""

import json
from typing import Any

from base.goyaml.text import to_yaml
from embedded.cluster import EmbeddedCluster
from tests.support.node_images import IMAGE, python
from tests.support.waiting import eventually

PORT = 8080


def pod(name: str, *command: str, image: str = IMAGE, labels: dict[str, str] | None = None, **container: Any) -> str:
    """A pod of one container that runs a command."""
    return to_yaml(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": labels or {}},
            "spec": {
                "terminationGracePeriodSeconds": 1,
                "containers": [{"name": "main", "image": image, "command": list(command), **container}],
            },
        }
    )


def server(name: str, **container: Any) -> str:
    """A pod that answers requests on PORT."""
    ready = {"httpGet": {"path": "/", "port": PORT}, "periodSeconds": 1}
    labels = {"app": name}
    return pod(name, python(), "-m", "http.server", str(PORT), labels=labels, readinessProbe=ready, **container)


def create(cluster: EmbeddedCluster, *manifests: str) -> None:
    cluster.kubectl("create", "-f", "-", stdin="---\n".join(manifests))


def ready(cluster: EmbeddedCluster, *names: str) -> None:
    cluster.kubectl("wait", "--for=condition=Ready", "pod", *names, "--timeout=90s", timeout=100)


def reachable(cluster: EmbeddedCluster, caller: str, host: str) -> None:
    """Wait until a pod reaches a Service: its name and its rules on the node come after its pods are ready."""
    connect = f"import socket; socket.create_connection(('{host}', 80), 5); print('connected')"
    ask = ("exec", caller, "--", python(), "-c", connect)
    eventually(lambda: cluster.kubectl(*ask, check=False).stdout, f"{caller} reaches {host}")


def seen(cluster: EmbeddedCluster, kind: str, name: str) -> dict[str, Any]:
    return json.loads(cluster.kubectl("get", kind, name, "-o", "json").stdout)


def run_python(cluster: EmbeddedCluster, name: str, program: str) -> str:
    """What a Python program prints that runs in a pod."""
    return cluster.kubectl("exec", name, "--", python(), "-c", program).stdout.strip()

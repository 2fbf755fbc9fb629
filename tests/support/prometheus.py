"""The real Prometheus operator beside a cluster, and a real Prometheus with the configuration that it writes."""

import base64
import gzip
import json
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from base import process
from embedded.cluster import EmbeddedCluster
from embedded.cluster.layout import LOOPBACK, free_ports
from embedded.tools import toolchain

from .inventory import objects
from .waiting import eventually

PROGRAMS = ("prometheus-operator", "prometheus")
NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
RULES = Path("/etc/prometheus/rules")
"""Where the operator's configuration looks for rules: a volume of the pod."""


def programs() -> dict[str, Path]:
    """The operator and Prometheus; a machine that can have neither skips the test with the reason."""
    try:
        return toolchain.ensure(PROGRAMS)
    except toolchain.ToolsMissingError as missing:
        pytest.skip(str(missing))


@contextmanager
def operator(cluster: EmbeddedCluster, folder: Path, *web: str) -> Iterator[None]:
    """The operator, beside the cluster and with all its rights. What its own pod would do, nobody does.

    `web` are options by which it serves; without them it answers on loopback.
    """
    command = [
        programs()["prometheus-operator"],
        f"--apiserver={cluster.server}",
        *(f"--{option}={file}" for option, file in _credentials(cluster, folder).items()),
        *(web or (f"--web.listen-address={LOOPBACK}:{free_ports(1)[0]}",)),
    ]
    log = folder / "prometheus-operator.log"
    # Where this variable is set, the operator goes by that file and not by its options.
    with process.background(command, log=log, env={"KUBECONFIG": None}) as child:
        yield
        assert child.poll() is None, f"the operator ended: {log.read_text()[-2000:]}"


def _credentials(cluster: EmbeddedCluster, folder: Path) -> dict[str, Path]:
    """The kubeconfig's certificates as files, since the operator reads no kubeconfig."""
    loaded = yaml.safe_load(cluster.kubeconfig.read_text())
    entries = {**loaded["clusters"][0]["cluster"], **loaded["users"][0]["user"]}
    fields = {"ca": "certificate-authority-data", "cert": "client-certificate-data", "key": "client-key-data"}
    files = {f"{name}-file": folder / f"operator-{name}.pem" for name in fields}
    for file, field in zip(files.values(), fields.values(), strict=True):
        file.touch(mode=0o600)
        file.write_bytes(base64.b64decode(entries[field]))
    return files


def generated(cluster: EmbeddedCluster, namespace: str, name: str) -> dict[str, Any]:
    """What the operator has written for a Prometheus; empty as long as it has not."""
    found = objects(cluster, "secrets", "-n", namespace, f"--field-selector=metadata.name=prometheus-{name}")
    return yaml.safe_load(gzip.decompress(base64.b64decode(found[0]["data"]["prometheus.yaml.gz"]))) if found else {}


def jobs(configuration: dict[str, Any]) -> set[str]:
    """`serviceMonitor/<namespace>/<name>` and so on: the monitors that a generated configuration has."""
    return {job["job_name"].rpartition("/")[0] for job in configuration.get("scrape_configs", [])}


def outside_a_pod(configuration: dict[str, Any], cluster: EmbeddedCluster, folder: Path) -> dict[str, Any]:
    """The generated configuration for a Prometheus that is no pod: it needs a kubeconfig and the rules in files, and
    does by itself what the reloader beside it does, which is to fill in the number of the shard."""
    text = json.dumps(configuration).replace("$(SHARD)", "0").replace(str(RULES), str(folder / "rules"))
    changed = json.loads(text)
    for entry in _mappings(changed):
        for discovery in entry.get("kubernetes_sd_configs", []):
            discovery["kubeconfig_file"] = str(cluster.kubeconfig)
    return changed


def write_rules(cluster: EmbeddedCluster, namespace: str, folder: Path) -> None:
    """Puts the operator's ConfigMaps of rules to where `outside_a_pod` looks for them."""
    for config_map in objects(cluster, "configmaps", "-n", namespace, "-l", "managed-by=prometheus-operator"):
        target = folder / "rules" / config_map["metadata"]["name"]
        target.mkdir(parents=True, exist_ok=True)
        for name, text in config_map["data"].items():
            (target / name).write_text(text)


@dataclass(frozen=True)
class Prometheus:
    """A running Prometheus, asked through its own interface."""

    url: str

    def targets(self) -> list[dict[str, Any]]:
        """The active targets, as /api/v1/targets has them."""
        return self._get("targets", state="active")["activeTargets"]

    def rules(self) -> list[dict[str, Any]]:
        """All rules of all groups."""
        return [rule for group in self._get("rules")["groups"] for rule in group["rules"]]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series of an instant query."""
        return self._get("query", query=expression)["result"]

    def answers(self) -> bool:
        """Whether it is ready."""
        try:
            with NO_PROXY.open(f"{self.url}/-/ready", timeout=5):
                return True
        except OSError:
            return False

    def _get(self, path: str, **parameters: str) -> Any:
        with NO_PROXY.open(f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}", timeout=30) as answer:
            return json.load(answer)["data"]


@contextmanager
def prometheus(configuration: dict[str, Any], folder: Path) -> Iterator[Prometheus]:
    """A Prometheus with this configuration, ready when the block begins."""
    folder.mkdir(exist_ok=True)
    file, log = folder / "prometheus.yml", folder / "prometheus.log"
    file.write_text(yaml.safe_dump(configuration))
    (port,) = free_ports(1)
    command = [
        programs()["prometheus"],
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={LOOPBACK}:{port}",
    ]
    running = Prometheus(f"http://{LOOPBACK}:{port}")
    with process.background(command, log=log) as child:

        def ready() -> bool:
            assert child.poll() is None, f"Prometheus ended: {log.read_text()[-2000:]}"
            return running.answers()

        eventually(ready, "Prometheus answers")
        yield running


def _mappings(value: Any) -> Iterator[dict[str, Any]]:
    """Every mapping inside `value`, at whatever depth."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _mappings(inner)

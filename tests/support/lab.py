"""One cluster, one stack on it, and what is left of it after: for the cluster and engine tiers."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from base import process
from embedded.cluster import EmbeddedCluster, record
from embedded.tools import toolchain
from embedded.tools.toolchain import ToolsMissingError
from meshlab.engine.driver import EngineDriver
from meshlab.engine.outcome import Outcome
from meshlab.engine.programs import find_engine
from meshlab.stack import Stack
from meshlab.stackfile.reading import Config
from meshlab.target import Target
from tests.support.stacks import overlaid, with_config

from .charts import chart_folder
from .inventory import inventory, is_of_istiod, objects

# Kept on destroy, since other teams' objects would go with them (docs/removing.md).
KEPT_GROUPS = (".istio.io", ".kiali.io", ".monitoring.coreos.com")

DECLARED: dict[tuple[str, str], Stack] = {}
"""The stacks of this process by name and config, for all labs: nothing in them is of one cluster."""


class Lab:
    """A running embedded cluster, as it was before anything was installed, and the charts to install."""

    def __init__(self, cluster: EmbeddedCluster, folder: Path, stack: str, over: Config | None = None) -> None:
        """`over` has the sections that a test will lay over the stack's own later: their charts are wanted too."""
        self.cluster, self.folder, self.stack = cluster, folder, stack
        self.target = Target(cluster.kubeconfig, embedded=True, label="test")
        self.charts = str(chart_folder(stack))
        if over:
            chart_folder(stack, over)
        self.lines: list[str] = []
        self.before = inventory(cluster)
        self.default_labels = self.labels_of_default()

    def config(self, **over: Any) -> Config:
        """The stack's config for this cluster, with the sections of `over` laid over it."""
        return self.config_of(self.stack, **over)

    def declared(self, **over: Any) -> Stack:
        """The stack for this cluster, with the sections of `over` laid over it. What it registers is recorded once."""
        config = self.config(**over)
        return DECLARED.setdefault((self.stack, json.dumps(config, sort_keys=True)), with_config(self.stack, config))

    def config_of(self, stack: str, **over: Any) -> Config:
        """The config of a stack for this cluster."""
        here = {"charts": {"source": self.charts}, "kiali": {"awaitReady": False}}
        return overlaid(stack, {**here, **over})

    def helm(self, *args: str) -> None:
        """Run helm on this cluster, as somebody does it by hand."""
        program = toolchain.ensure(["helm"])["helm"]
        process.run([program, *args], timeout=120, env={"KUBECONFIG": str(self.cluster.kubeconfig)})

    def say(self, line: str) -> None:
        """Keep a line of output, for what must not stand in it."""
        self.lines.append(line)

    def labels_of_default(self) -> dict[str, str]:
        """The labels of namespace default."""
        (namespace,) = objects(self.cluster, "namespace", "default")
        return namespace["metadata"]["labels"]

    def containers_in_default(self) -> dict[str, set[str]]:
        """Names of the containers of namespace default's pods, by app."""
        return {
            pod["metadata"]["labels"]["app"]: {container["name"] for container in pod["spec"]["containers"]}
            for pod in objects(self.cluster, "pods", "-n", "default")
        }

    def envoy_configs(self) -> list[str]:
        """Names of the ConfigMaps of the standalone Envoy."""
        maps = objects(self.cluster, "configmaps", "-n", "default", "-l", "app=envoy")
        return [item["metadata"]["name"] for item in maps]

    def unavailable_deployments(self) -> list[str]:
        """Deployments that lack an available pod."""
        return [
            deployment["metadata"]["name"]
            for deployment in objects(self.cluster, "deployments", "-A")
            if deployment["status"].get("availableReplicas") != deployment["spec"]["replicas"]
        ]

    def left(self) -> list[str]:
        """What is there now and was not before."""
        return [name for name in inventory(self.cluster) if name not in self.before]

    def crds(self) -> dict[str, str]:
        """UIDs of the CRDs by name."""
        return {crd["metadata"]["name"]: crd["metadata"]["uid"] for crd in objects(self.cluster, "crds")}


@contextmanager
def running_lab(folder: Path, name: str, stack: str = "dev", over: Config | None = None) -> Iterator[Lab]:
    """A lab on a cluster of its own; skips the test where the cluster's programs cannot be had."""
    try:
        # Before anything waits for a sidecar: on a machine that has to build it, that takes minutes.
        toolchain.ensure(["pilot-discovery"])
        cluster = EmbeddedCluster.up(name, state_dir=folder, injection=True)
    except ToolsMissingError as missing:
        pytest.skip(str(missing))
    with cluster:
        yield Lab(cluster, folder, stack, over)


def record_of(cluster: EmbeddedCluster) -> record.ClusterRecord:
    """What is recorded of a cluster: its processes and its identifier."""
    found = record.read(cluster.kubeconfig.parents[2], cluster.name)
    assert found
    return found


def driver(lab: Lab, **over: Any) -> EngineDriver:
    """The lab's stack on the real engine, with the sections of `over` laid over its own and its state in the folder."""
    return EngineDriver(find_engine(lab.say), lab.target, lab.declared(**over), lab.say, state=lab.folder)


def state_file(state: Path) -> Path:
    """The state of stack dev in a state folder, where the backend is ours."""
    return state / "pulumi" / ".pulumi" / "stacks" / "meshlab" / "dev.json"


def documented(name: str) -> bool:
    """Whether docs/removing.md says that an object of the inventory stays."""
    kind, _, where = name.partition(" ")
    if kind == "CustomResourceDefinition":
        return where.endswith(KEPT_GROUPS)
    return is_of_istiod(name)


def changed(outcome: Outcome) -> set[str]:
    """Names of the resources that a run changed."""
    return {step.name for step in outcome.changed}

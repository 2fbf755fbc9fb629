"""The real node of a cluster: how it is made, found again and taken away with the cluster's record."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from base.say import Say

from ..images import Image, build
from ..node import cgroups, files, images, namespaces, requirements
from ..node.layout import NODE, Ranges
from . import layout
from .record import MARK, ClusterRecord

NETWORK = layout.Network(services="10.96.0.0/16", pods="10.245.0.0/16")
"""The addresses of a cluster with a real node. Pods call them, so they have to be such as the kernel routes."""
FOLDER = "node"
GIVEN = "given"
"""The file that says that somebody has given archives to the node, so that none is built here for it."""


class RealNode:
    """The node of one cluster. Its parts carry the cluster's mark and end with it."""

    def __init__(self, mine: ClusterRecord) -> None:
        self._mine = mine
        self.folder = mine.folder / FOLDER

    @classmethod
    def of(cls, mine: ClusterRecord) -> RealNode | None:
        """The real node that a cluster was made with; None where it has simulated ones alone."""
        node = cls(mine)
        return node if node.folder.is_dir() else None

    def start(self, tools: Mapping[str, Path], archives: Sequence[Path]) -> None:
        """Make its namespaces and start what needs no API server. Raises NodeError."""
        self._end_left_overs()
        plugins = requirements.plugin_folder()
        assert plugins, "check() comes first"
        self.folder.mkdir(exist_ok=True)
        files.write(self.folder, self._mine.identifier, ranges(), tools, plugins, namespaces.PYTHON)
        cgroups.create(self._mine.identifier)
        holder = namespaces.start(self.folder, self._mark)
        if archives:
            self._given.touch()
        images.load(holder, self.folder, [*images.sandbox(self.folder), *archives])

    def join(self, server_port: int, certificates: Path) -> None:
        """Give its parts the API server, which runs by now, and this machine a way to it. Raises NodeError."""
        namespaces.relay(server_port, self._holder, self._mark, self._mine.folder / "relay.log")
        shutil.copyfile(certificates / "ca.crt", self.folder / "ca.crt")
        # The last file: its programs wait for it.
        (self.folder / files.KUBECONFIG.name).touch(mode=0o600)
        shutil.copyfile(self._mine.kubeconfig, self.folder / files.KUBECONFIG.name)

    def load(self, archives: Sequence[Path]) -> list[str]:
        """Load archives of images, and return the names of all that it has. Raises NodeError."""
        if archives:
            self._given.touch()
        return images.load(self._holder, self.folder, archives)

    def build(self, names: Iterable[str], progress: Say) -> list[Image]:
        """Build what stands in for the named images and load what it does not have yet. Raises NodeError."""
        built = build(names, self.folder / "built", progress)
        there = images.digests(self._holder)
        new = [
            image.archive
            for image in built
            if image.archive and {there.get(name) for name in image.names} != {image.digest}
        ]
        if new:
            images.load(self._holder, self.folder, new)
        return built

    @property
    def given(self) -> bool:
        """Whether somebody has given it archives: it then has these, and none that is built here."""
        return self._given.is_file()

    @property
    def entering(self) -> list[str]:
        """The beginning of a command that is to run in its network."""
        return namespaces.entering(self._holder)

    @property
    def running(self) -> bool:
        return namespaces.holder(self._mine.processes()) is not None

    def runs(self, module: str) -> bool:
        """Whether a process of the cluster runs this module of ours. Sockets without a file are seen by those in the
        node's network alone, so that they tell nothing here."""
        return any(module.encode() in namespaces.words(pid) for pid in self._mine.processes())

    @property
    def _given(self) -> Path:
        return self.folder / GIVEN

    @property
    def _holder(self) -> int:
        found = namespaces.holder(self._mine.processes())
        if found is None:
            raise requirements.NodeError(f"the real node of cluster {self._mine.name} does not run: take it down")
        return found

    @property
    def _mark(self) -> dict[str, str]:
        return {MARK: self._mine.identifier}

    def _end_left_overs(self) -> None:
        self._mine.end_processes()
        cgroups.remove(self._mine.identifier)


def ranges() -> Ranges:
    """The addresses in the node's network."""
    return Ranges(services=NETWORK.services, simulated=NETWORK.pods, api_server=NETWORK.api_server)


def name_service() -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects that give CoreDNS, which is no pod, the Service that every cluster has, each after its collection's
    path."""
    addresses = ranges()
    ports = [{"name": f"dns-{protocol.lower()}", "port": 53, "protocol": protocol} for protocol in ("UDP", "TCP")]
    metadata: dict[str, Any] = {"name": "kube-dns", "namespace": "kube-system"}
    yield (
        "/api/v1/namespaces/kube-system/services",
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {**metadata, "labels": {"k8s-app": "kube-dns", "kubernetes.io/name": "CoreDNS"}},
            "spec": {"clusterIP": addresses.dns, "ports": ports},
        },
    )
    yield (
        "/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices",
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {**metadata, "labels": {"kubernetes.io/service-name": "kube-dns"}},
            "addressType": "IPv4",
            "ports": ports,
            "endpoints": [{"addresses": [addresses.node], "conditions": {"ready": True}, "nodeName": NODE}],
        },
    )

"""Keeps a real istiod for every revision that is installed on an embedded cluster, and leads the API server to it.

`python -m meshlab.cluster.supervisor <the cluster's folder>` returns as soon as the proxy listens and leaves a process
behind that ends with the cluster, since it carries the cluster's mark.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from meshlab import process, toolchain
from meshlab.cluster import egress, record
from meshlab.cluster.api import METADATA_ONLY, Api, ApiError
from meshlab.cluster.istiod import NAMESPACE, Istiod, injector_name, revision_of

PAUSE = 0.5
CORE, APPS = f"/api/v1/namespaces/{NAMESPACE}", "/apis/apps/v1"
WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
REVISION_LABEL = "istio.io/rev"
ANSWERED = "meshlab.io/injector-answered"
Route = tuple[str | None, int]
"""A revision, or None for any, and the port that its istiod's pods have."""


class Supervisor:
    """The istiods of one cluster. `find` is for any thread, the rest for one."""

    def __init__(self, kubeconfig: Path, folder: Path) -> None:
        self._kubeconfig, self._folder = kubeconfig, folder
        self._api = Api(kubeconfig)
        self._program: Path | None = None
        self._missing = "istiod is still being built"
        self._routes: dict[tuple[str, int], Route] = {}
        self._running: dict[str, Istiod] = {}
        self._settled: set[str] = set()

    def find(self, host: str, port: int) -> int:
        """The port on loopback that answers for an address of the cluster. Raises egress.RefusedError."""
        if (host, port) not in self._routes:
            raise egress.RefusedError("nobody answers at this address of an embedded cluster")
        revision, target = self._routes[host, port]
        running = self._running
        istiod = next(iter(running.values()), None) if revision is None else running.get(revision)
        if istiod is None or target not in istiod.ports:
            raise egress.RefusedError(self._missing)
        return istiod.ports[target]

    def build(self) -> None:
        """Finds pilot-discovery or builds it, which takes minutes."""
        try:
            self._program = toolchain.ensure(["pilot-discovery"], _log)["pilot-discovery"]
            self._missing = "the istiod of this revision has not started yet"
        except toolchain.ToolsError as error:
            self._missing = " ".join(str(error).split())
            _log(str(error))

    def run(self) -> None:
        """Follows the cluster until this process is ended."""
        while True:
            try:
                self._follow()
            except (ApiError, process.ProcessError, OSError) as error:
                _log(str(error))
            time.sleep(PAUSE)

    def _follow(self) -> None:
        config_maps = self._api.list(f"{CORE}/configmaps", accept=METADATA_ONLY)
        wanted = {revision for one in config_maps if (revision := revision_of(one["metadata"]["name"]))}
        for revision, istiod in list(self._running.items()):
            if istiod.ended() or revision not in wanted:
                _log(f"istiod {revision}: {'ended by itself' if istiod.ended() else 'its revision is gone'}")
                self._running = {key: value for key, value in self._running.items() if key != revision}
                self._settled.discard(revision)
                istiod.stop()
        self._routes = self._read_routes() if wanted else {}
        for revision in sorted(wanted - self._running.keys()) if self._program else []:
            istiod = Istiod.start(self._program, revision, self._kubeconfig, self._folder)
            self._running = {**self._running, revision: istiod}
            _log(f"istiod {revision}: started")
        for revision in self._running.keys() - self._settled:
            if self._answers(self._running[revision]) and not self._wake():
                self._settled.add(revision)
                _log(f"istiod {revision}: answers")

    def _read_routes(self) -> dict[tuple[str, int], Route]:
        """What leads to an istiod: the Services that select its pods, and the addresses of its pods."""
        routes: dict[tuple[str, int], Route] = {}
        for service in self._api.list(f"{CORE}/services"):
            spec: dict[str, Any] = service["spec"]
            if spec.get("selector", {}).get("app") != "istiod":
                continue
            for port in spec["ports"]:
                # None of istiod's charts names a port of the pod here.
                route = spec["selector"].get(REVISION_LABEL), int(port["targetPort"])
                routes |= {(address, int(port["port"])): route for address in spec.get("clusterIPs", ())}
        for pod in self._api.list(f"{CORE}/pods", labelSelector="app=istiod"):
            revision, address = pod["metadata"]["labels"].get(REVISION_LABEL), pod["status"].get("podIP")
            if address:
                routes |= {(address, port): (revision, port) for port in self._pod_ports()}
        return routes

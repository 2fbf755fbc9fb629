"""Keeps a real istiod for every revision that is installed on an embedded cluster, and leads the API server to it.

`python -m embedded.cluster.supervisor <the cluster's folder>` returns as soon as the proxy listens. It leaves a process
behind that ends with the cluster, since it carries the cluster's mark, and with it the istiods.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from base.errors import MeshlabError
from base.process import detach

from ..node import NODE
from ..tools import toolchain
from . import boot, egress, record
from .api import METADATA_ONLY, REQUEST_LIMIT, ApiConnection
from .istiod import DEFAULT_REVISION, NAMESPACE, PROGRAM, READ_AS_V1, Istiod, injector_name, revision_of, write_template
from .layout import LOOPBACK
from .real_node import RealNode
from .routes import REVISION_LABEL, Route, routes

PAUSE = 0.5
LOOK_AGAIN = 10.0
"""Seconds after which the cluster is looked at though no watch told anything: one may be silent for other reasons."""
WATCH_SECONDS = 300
# How many looks after an istiod answers those that failed before are still woken up. One is not always enough: the API
# server may learn of the certificate a moment later. Those that go on failing have another reason.
WAKE_UPS = 10
CORE, APPS = f"/api/v1/namespaces/{NAMESPACE}", "/apis/apps/v1"
FOLLOWED = ("configmaps", "services", "pods")
WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
WOKEN = "meshlab.io/injector-answered"


class Supervisor:
    """The istiods of one cluster. `run` is for one thread, all else for others."""

    def __init__(self, kubeconfig: Path, folder: Path, *, real_node: bool) -> None:
        """With a real node, this process is in its network, where pods answer by themselves."""
        self._kubeconfig, self._folder, self._real_node = kubeconfig, folder, real_node
        self._api = ApiConnection(kubeconfig)
        self._program: Path | None = None
        self._not_running = "istiod is still being built"
        self._routes: dict[tuple[str, int], Route] = {}
        self._istiods: dict[str, Istiod] = {}
        self._wake_ups: dict[str, int] = {}
        self._written: dict[str, str] = {}
        self._themselves: set[str] = set()
        self._changed = threading.Event()

    def find(self, host: str, port: int) -> tuple[str, int]:
        """The address and port that answer for those of the cluster. Raises egress.NoWayInError."""
        route = self._routes.get((host, port))
        if route is None:
            if self._real_node:
                return host, port
            raise egress.NoWayInError("nothing answers at this address of an embedded cluster")
        istiods = dict(self._istiods)
        istiod = istiods.get(route.revision) if route.revision else next(iter(istiods.values()), None)
        if istiod is None or route.port not in istiod.ports:
            raise egress.NoWayInError(self._not_running)
        return LOOPBACK, istiod.ports[route.port]

    def build(self) -> None:
        """Finds istiod's program or builds it, which takes minutes."""
        try:
            program = toolchain.ensure([PROGRAM], _log)[PROGRAM]
        except MeshlabError as error:
            _log(str(error))
            self._not_running = str(error)
            return
        self._not_running = "the istiod of this revision does not run"
        self._program = program
        self._changed.set()

    def watch(self, kind: str) -> None:
        """Tells `run` of each change of the control plane's objects of a kind, until this process is ended."""
        api = ApiConnection(self._kubeconfig, WATCH_SECONDS + REQUEST_LIMIT)
        said = ""
        while True:
            # A watch tells what there is, and nothing of what has gone since the last one.
            self._changed.set()
            try:
                for metadata in api.watch(f"{CORE}/{kind}", WATCH_SECONDS):
                    # Others are written every few seconds: an istiod holds its part in elections by them.
                    if kind != "configmaps" or revision_of(metadata["name"]):
                        self._changed.set()
            except MeshlabError as error:
                if str(error) != said:  # it may be the same for hours: `run` has it too
                    said = str(error)
                    _log(said)
            time.sleep(PAUSE)

    def run(self) -> None:
        """Follows the cluster until this process is ended. Lists what it follows only where something changed, since
        a question costs the API server more than anything else that it does for an idle lab."""
        self._changed.set()
        looked = time.monotonic()
        while True:
            if self._changed.is_set() or self._waits() or time.monotonic() - looked > LOOK_AGAIN:
                looked = time.monotonic()
                self._changed.clear()
                try:
                    self._follow()
                except Exception as error:  # whatever it is, the next look may go better, and the cluster needs one
                    _log(f"{type(error).__name__}: {error}")
                    self._changed.set()
            time.sleep(PAUSE)

    def _waits(self) -> bool:
        """Whether something is expected that no watch tells of: an istiod has ended, or is about to answer."""
        return any(istiod.ended() or self._wake_ups[revision] for revision, istiod in self._istiods.items())

    def _follow(self) -> None:
        config_maps = self._api.list(f"{CORE}/configmaps", accept=METADATA_ONLY)
        named = {
            revision_of(config_map["metadata"]["name"]): config_map["metadata"]["resourceVersion"]
            for config_map in config_maps
        }
        wanted = {revision: version for revision, version in named.items() if revision}
        services, pods = (self._api.list(f"{CORE}/{kind}") if wanted else [] for kind in ("services", "pods"))
        # One that has run on the real node is left to it, also while its pod is gone: that is then seen by all.
        self._themselves = {istiod for istiod in self._themselves if istiod in wanted} | _running_themselves(pods)
        wanted = {revision: version for revision, version in wanted.items() if revision not in self._themselves}
        for revision, istiod in list(self._istiods.items()):
            if istiod.ended() or revision not in wanted:
                left_to = "runs as a pod" if revision in self._themselves else "its revision is gone"
                _log(f"istiod {revision}: {'ended by itself' if istiod.ended() else left_to}")
                del self._istiods[revision]
                istiod.stop()
        for revision, version in wanted.items():
            if self._written.get(revision) != version:
                config_map = self._api.get(f"{CORE}/configmaps/{injector_name(revision)}")
                if config_map is None:
                    return  # it has just gone; the next look will show
                write_template(self._folder, revision, config_map["data"])
                self._written[revision] = version
        self._routes = {
            way: route
            for way, route in routes(services, pods).items()
            if (not self._themselves if route.revision is None else route.revision not in self._themselves)
        }
        if self._program:
            for revision in wanted.keys() - self._istiods.keys():
                self._istiods[revision] = Istiod.start(
                    self._program, revision, self._kubeconfig, self._folder, self._unreadable()
                )
                self._wake_ups[revision] = WAKE_UPS
                _log(f"istiod {revision}: started")
        for revision in self._istiods:
            left = self._wake_ups[revision]
            if left and self._answers(revision):
                self._wake_up()
                self._wake_ups[revision] = left - 1
                if left == WAKE_UPS:
                    _log(f"istiod {revision}: answers")

    def _unreadable(self) -> list[str]:
        """The names of Istio's CRDs that do not have the version that our istiod reads: those of old releases."""
        names: list[str] = []
        for group, kinds in READ_AS_V1.items():
            resources: list[dict[str, str]] = (self._api.get(f"/apis/{group}/v1") or {}).get("resources", [])
            served = {resource["name"] for resource in resources}
            names += [f"{kind}.{group}" for kind in kinds if kind not in served]
        return names

    def _answers(self, revision: str) -> bool:
        """Whether the API server can call this revision's injector: istiod listens and has put its certificate in."""
        configuration = self._api.get(f"{WEBHOOKS}/{injector_name(revision)}")
        webhooks: list[dict[str, Any]] = (configuration or {}).get("webhooks", [])
        trusted = bool(webhooks) and all(webhook["clientConfig"].get("caBundle") for webhook in webhooks)
        return trusted and self._istiods[revision].listens()

    def _wake_up(self) -> None:
        """Makes the controller try again at once for ReplicaSets that failed while no injector answered. By itself it
        would wait about as long again as they have waited by now."""
        failing = [item for item in self._api.list(f"{APPS}/replicasets") if _waits_for_injector(item)]
        for item in failing:
            metadata = item["metadata"]
            path = f"{APPS}/namespaces/{metadata['namespace']}/replicasets/{metadata['name']}"
            self._api.annotate(path, WOKEN, datetime.now(UTC).isoformat())


def _running_themselves(pods: list[dict[str, Any]]) -> set[str]:
    """The revisions whose istiod runs on the real node, as a pod."""
    return {
        pod["metadata"]["labels"].get(REVISION_LABEL, DEFAULT_REVISION)
        for pod in pods
        if pod["metadata"].get("labels", {}).get("app") == "istiod" and pod["spec"].get("nodeName") == NODE
    }


def _waits_for_injector(replica_set: dict[str, Any]) -> bool:
    conditions: list[dict[str, Any]] = replica_set.get("status", {}).get("conditions", [])
    return any(
        condition["type"] == "ReplicaFailure" and "sidecar-injector.istio.io" in condition.get("message", "")
        for condition in conditions
    )


def _log(line: str) -> None:
    print(datetime.now(UTC).strftime("%H:%M:%S"), line, flush=True)


def main(folder: Path) -> None:
    """Starts the supervisor of the cluster in this folder. Raises OSError where it has one."""
    mine = record.read(folder.parent.parent, folder.name)
    if mine is None:
        sys.exit(f"{folder}: there is no cluster")
    supervisor = Supervisor(boot.own_kubeconfig(mine), folder, real_node=RealNode.of(mine) is not None)
    proxy = egress.Proxy(mine.identifier, supervisor.find)
    if os.fork():
        return
    detach(folder / "supervisor.log")
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    threading.Thread(target=supervisor.build, daemon=True).start()
    for kind in FOLLOWED:
        threading.Thread(target=supervisor.watch, args=(kind,), daemon=True).start()
    supervisor.run()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

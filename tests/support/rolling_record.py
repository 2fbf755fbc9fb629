"""What an API server tells of Deployments as they roll: how many at a time, which, and in what order."""

import threading
import time
from types import TracebackType
from typing import Any, cast

import kubernetes.client as _client
import kubernetes.watch as _watch
from urllib3.exceptions import ProtocolError

import kube.cluster
from embedded.cluster import EmbeddedCluster
from rollout.workload_status import is_done

from .waiting import patiently

client, watch = cast(Any, _client), cast(Any, _watch)

QUIET_SECONDS = 1.0


class RollingRecord:
    """Follows the Deployments of some namespaces, by the events that the API server sends, while the block runs."""

    def __init__(self, cluster: EmbeddedCluster, namespaces: set[str]) -> None:
        self._api = client.AppsV1Api(kube.cluster.Cluster(cluster.kubeconfig)._api)
        self._namespaces = namespaces
        self._watch = watch.Watch()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._ended = threading.Event()
        self._last = time.monotonic()
        self._rolling: set[str] = set()
        self._seen: dict[str, int] = {}
        self._failed: list[Exception] = []
        self.most_at_once = 0
        """The largest number of Deployments that were rolling after any one event."""
        self.order: list[str] = []
        """`namespace/name` of each that began to roll, in that order."""

    def __enter__(self) -> "RollingRecord":
        self._listed = patiently(self._api.list_deployment_for_all_namespaces)
        for item in self._listed.items:
            self._see(client.ApiClient().sanitize_for_serialization(item))
        self.most_at_once, self.order = 0, []
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        while self._thread.is_alive() and time.monotonic() - self._last < QUIET_SECONDS:
            time.sleep(0.1)
        self._ended.set()
        self._watch.stop()
        assert not self._failed, self._failed

    def _follow(self) -> None:
        version = self._listed.metadata.resource_version
        while not self._ended.is_set():
            try:
                events = self._watch.stream(self._api.list_deployment_for_all_namespaces, resource_version=version)
                for event in events:
                    self._last = time.monotonic()
                    version = event["raw_object"]["metadata"]["resourceVersion"]
                    self._see(event["raw_object"], gone=event["type"] == "DELETED")
            except ProtocolError:
                continue  # a watch may end at any time; the next goes on where it was
            except Exception as error:  # told by the thread that waits
                self._failed.append(error)
                return

    def _see(self, deployment: dict[str, Any], *, gone: bool = False) -> None:
        metadata = deployment["metadata"]
        if metadata["namespace"] not in self._namespaces:
            return
        name, generation = f"{metadata['namespace']}/{metadata['name']}", metadata["generation"]
        if gone or is_done("Deployment", deployment):
            self._rolling.discard(name)
        elif name not in self._rolling:
            self._rolling.add(name)
            if generation != self._seen.get(name):
                self.order.append(name)
        self._seen[name] = generation
        self.most_at_once = max(self.most_at_once, len(self._rolling))

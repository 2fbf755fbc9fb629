"""Programs of the lab that are killed on the real node: what verify and drift say, and that the lab comes back."""

import os
import signal
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any

import pytest

from kube.cluster import Cluster
from kube.objects import PODS
from tests.support.node_commands import SETTLED, Commands, parts, processes, unlike
from tests.support.waiting import eventually

pytestmark = [pytest.mark.timeout(900), pytest.mark.usefixtures("told")]


@dataclass(frozen=True)
class Fault:
    """A container whose program is killed."""

    namespace: str
    labels: dict[str, str]
    container: str
    program: str
    lab: str
    check: str
    """The check that has to name the container and how it ended."""
    also: tuple[str, ...] = ()
    """Other checks that have to fail."""


FAULTS = {
    "envoy": Fault("default", {"app": "envoy"}, "envoy", "envoy", "1", "lab01.envoy", ("lab01.scenario-base",)),
    "httpbin": Fault("default", {"app": "httpbin"}, "httpbin", "python3", "1", "lab01.httpbin", ("lab01.sleep-calls",)),
    "istiod": Fault("istio-system", {"app": "istiod"}, "discovery", "pilot-discovery", "2", "lab02.istiod-1-17"),
    "prometheus": Fault(
        "prometheus",
        {"app.kubernetes.io/name": "prometheus"},
        "prometheus",
        "prometheus",
        "3",
        "lab03.prometheus",
        ("lab03.rules-loaded", "lab03.targets-istiod"),
    ),
}


def settled(meshlab: Commands, *words: str) -> None:
    """Wait until no check fails."""
    eventually(lambda: not unlike(meshlab.verified(*words), *SETTLED), "no check fails", 240)


class Victim:
    """The container of a fault."""

    def __init__(self, meshlab: Commands, fault: Fault) -> None:
        self._record, self._fault = meshlab.record, fault
        self._cluster = Cluster(self._record.kubeconfig)
        self._uid = str(self._pod()["metadata"]["uid"])

    def _pod(self) -> dict[str, Any]:
        (pod,) = self._cluster.list(PODS, self._fault.namespace, self._fault.labels)
        return pod

    def status(self) -> dict[str, Any]:
        statuses = self._pod()["status"]["containerStatuses"]
        return next(status for status in statuses if status["name"] == self._fault.container)

    @contextmanager
    def kept_down(self) -> Generator[None]:
        """Kill its program each time that the kubelet has started it."""
        over = Event()

        def kill() -> None:
            while not over.wait(0.3):
                for pid in processes(self._record, self._uid, self._fault.program):
                    with suppress(ProcessLookupError):  # it went with another one
                        os.kill(pid, signal.SIGKILL)

        killer = Thread(target=kill)
        killer.start()
        try:
            eventually(lambda: "lastState" in self.status() and not self.status()["ready"], "it is down")
            yield
        finally:
            over.set()
            killer.join()


@pytest.mark.parametrize("name", FAULTS)
def test_verify_names_a_killed_program_and_the_lab_comes_back(meshlab: Commands, name: str) -> None:
    fault = FAULTS[name]
    victim = Victim(meshlab, fault)
    before = victim.status()["restartCount"]
    with victim.kept_down():
        failed = unlike(meshlab.verified("--lab", fault.lab), *SETTLED)
        assert f"container {fault.container}" in failed[fault.check]
        assert "ended with exit code 137, Error" in failed[fault.check]
        assert set(fault.also) <= failed.keys()
    assert "dev: no drift among" in meshlab.ok("drift")
    # The kubelet waits before it starts again what has often ended, up to five minutes.
    eventually(lambda: victim.status()["ready"], "it is up again", 330)
    settled(meshlab, "--lab", fault.lab)
    assert victim.status()["restartCount"] > before


def test_a_killed_kubelet_starts_again_and_the_pods_run_on(meshlab: Commands) -> None:
    before = parts(meshlab.record)["kubelet"]
    os.kill(before, signal.SIGKILL)
    assert "dev: no drift among" in meshlab.ok("drift")
    # It knows no pod at first, and refuses to run commands in them.
    settled(meshlab)
    assert parts(meshlab.record)["kubelet"] != before

"""`verify` on the embedded cluster: what objects and the registry show passes, what needs a real pod is not applicable,
and what is broken turns its check red. The tests are one story, on a lab that other files use as well: each mends what
it broke."""

from dataclasses import dataclass

import pytest

from kube.cluster import Cluster
from meshlab.recording.recorder import record
from meshlab.results.outcome import Result, Status
from meshlab.verify.check import Context, Deadline
from meshlab.verify.checks import all_checks
from meshlab.verify.program import Program
from meshlab.verify.runner import run_check, run_checks
from settings.models import Settings
from tests.support.lab import Lab, driver
from tests.support.stacks import settings_of
from tests.support.waiting import eventually

NEEDS_A_POD = {
    *(f"lab01.{name}" for name in ("sleep-calls", "scenario-base", "scenario-timeout", "scenario-retry")),
    *(f"lab02.{name}" for name in ("in-sync", "chain")),
    *(f"lab03.{name}" for name in ("targets-istiod", "targets-sidecars", "targets-envoy", "rules-loaded", "load")),
    *(f"lab03.kiali-{name}" for name in ("installed", "healthy", "prometheus", "istio", "graph")),
    *(f"lab03.{name}" for name in ("grafana-access", "grafana-source", "prometheus", "alertmanager")),
}


@dataclass(frozen=True)
class Verified:
    """The dev stack on a cluster, and how to verify it."""

    lab: Lab
    settings: Settings
    program: Program
    cluster: Cluster

    def all(self) -> list[Result]:
        """The results of all checks."""
        return run_checks(all_checks(self.settings), self.settings, self.program, self.cluster, self.lab.say)

    def one(self, identity: str) -> Result:
        """The result of one look of a check: with a pause that is longer than its time, it does not look again."""
        (check,) = [check for check in all_checks(self.settings) if check.id == identity]
        context = Context(self.settings, self.program, self.cluster, Deadline(60), self.lab.say, pause=61)
        return run_check(check, context)


@pytest.fixture(scope="module")
def verified(dev_lab: Lab) -> Verified:
    config = dev_lab.config()
    program = Program.of_resources(record(dev_lab.stack, config=config).resources)
    return Verified(dev_lab, settings_of(dev_lab.stack, config), program, Cluster(dev_lab.cluster.kubeconfig))


def test_visible_checks_pass_and_what_needs_a_real_pod_is_not_applicable(verified: Verified) -> None:
    results = verified.all()
    assert [f"{result.id}: {result.seen}" for result in results if result.status is Status.FAILED] == []
    silent = {result.id for result in results if result.status is Status.NOT_APPLICABLE}
    dashboards = {result.id for result in results if result.id.startswith(("lab03.dashboard-", "lab03.queries-"))}
    assert silent == NEEDS_A_POD | dashboards
    assert {result.id for result in results if result.status is Status.PASSED} >= {
        "lab02.istiod-1-17-registry",
        "lab02.webhooks",
        "lab02.webhooks-trusted",
        "lab02.sidecar-httpbin",
        "lab03.selected",
    }


@dataclass(frozen=True)
class Broken:
    """Something to break with kubectl, how to mend it, and the check that must see it."""

    check: str
    breaks: tuple[str, ...]
    mends: tuple[str, ...]


ALIAS = ("service/istiod", "-n", "istio-system")
INJECTOR = "mutatingwebhookconfiguration/istio-sidecar-injector-1-17"
SERVICE_OF_ALL = "/webhooks/0/clientConfig/service/name"
OPT_OUT = '{"spec":{"template":{"metadata":{"labels":{"sidecar.istio.io/inject":%s}}}}}'
MONITOR = ("podmonitor/envoy-stats-monitor", "-n", "prometheus")


def patched(path: str, value: str) -> tuple[str, ...]:
    """The options of a JSON patch that replaces one value."""
    return "--type=json", "-p", f'[{{"op": "replace", "path": "{path}", "value": "{value}"}}]'


BROKEN = [
    Broken(
        "lab02.webhooks",
        ("patch", INJECTOR, *patched(SERVICE_OF_ALL, "istiod-1-16")),
        ("patch", INJECTOR, *patched(SERVICE_OF_ALL, "istiod-1-17")),
    ),
    Broken(
        "lab02.alias",
        ("patch", *ALIAS, *patched("/spec/selector/istio.io~1rev", "1-16")),
        ("patch", *ALIAS, *patched("/spec/selector/istio.io~1rev", "1-17")),
    ),
    Broken(
        "lab02.namespace-default",
        ("label", "namespace/default", "istio.io/rev-"),
        ("label", "namespace/default", "istio.io/rev=1-17"),
    ),
    Broken(
        "lab02.sidecar-httpbin",
        ("patch", "deployment/httpbin", "-n", "default", "-p", OPT_OUT % '"false"'),
        ("patch", "deployment/httpbin", "-n", "default", "-p", OPT_OUT % "null"),
    ),
    Broken(
        "lab01.httpbin",
        ("scale", "deployment/httpbin", "-n", "default", "--replicas=0"),
        ("scale", "deployment/httpbin", "-n", "default", "--replicas=1"),
    ),
    Broken(
        "lab02.istiod-1-17",
        ("scale", "deployment/istiod-1-17", "-n", "istio-system", "--replicas=0"),
        ("scale", "deployment/istiod-1-17", "-n", "istio-system", "--replicas=1"),
    ),
    Broken(
        "lab03.grafana",
        ("scale", "deployment/prom-grafana", "-n", "prometheus", "--replicas=0"),
        ("scale", "deployment/prom-grafana", "-n", "prometheus", "--replicas=1"),
    ),
    Broken(
        "lab03.selected",
        ("label", *MONITOR, "release=other", "--overwrite"),
        ("label", *MONITOR, "release=prom", "--overwrite"),
    ),
]


@pytest.mark.parametrize("broken", BROKEN, ids=[broken.check for broken in BROKEN])
def test_what_is_broken_turns_its_check_red_until_it_is_mended(verified: Verified, broken: Broken) -> None:
    kubectl = verified.lab.cluster.kubectl

    def state() -> Status:
        return verified.one(broken.check).status

    assert state() is Status.PASSED
    kubectl(*broken.breaks)
    try:
        eventually(lambda: state() is Status.FAILED, f"{broken.check} is red")
    finally:
        kubectl(*broken.mends)
    eventually(lambda: state() is Status.PASSED, f"{broken.check} is green again")


def test_a_deleted_service_turns_its_check_red(verified: Verified) -> None:
    verified.lab.cluster.kubectl("delete", *ALIAS)
    result = verified.one("lab02.alias")
    assert (result.status, result.seen) == (Status.FAILED, "Service istiod is not there (namespace istio-system)")
    driver(verified.lab).restore(["mesh-rollout-istiod"])
    eventually(lambda: verified.one("lab02.alias").status is Status.PASSED, "the alias is green again")

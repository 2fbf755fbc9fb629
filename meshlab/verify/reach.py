"""Ways for a check to reach what runs in the cluster; NotApplicable where it only seems to run."""

from dataclasses import dataclass

from components.stack_values import stack_names as names_of
from kube.api_objects import Executed, Manifest, mapping
from kube.objects import (
    DEPLOYMENTS,
    PODS,
    SERVICES,
    endpoints,
    is_all_simulated,
    listed,
    name_of,
    ready_pods,
    selector_of,
)
from settings.models import Settings
from settings.names import StackNames
from settings.stack_parts import SWITCHES, Part, is_on

from ..results.outcome import Failed, NotApplicable
from .check import Context
from .objects import fetched, require_real
from .web import Web


def stack_names(settings: Settings) -> StackNames:
    """What the monitoring chart calls its objects in this stack."""
    return names_of(settings.monitoring)


def require_part(context: Context, part: Part) -> None:
    """NotApplicable where the stack's values switch a part of the monitoring chart off."""
    if not is_on(context.settings.monitoring.values, part):
        raise NotApplicable(f"the stack has it switched off (monitoring.values.{SWITCHES[part]}: false)")


def require_telemetry(context: Context) -> None:
    """NotApplicable where the values of every revision switch off the metrics of sidecars."""
    revisions = context.settings.istio.revisions
    if all(mapping(revision.values.get("telemetry")).get("enabled") is False for revision in revisions.values()):
        path = f"istio.revisions.{next(iter(revisions))}.values.telemetry.enabled"
        raise NotApplicable(f"there is no istio_requests_total: telemetry is switched off ({path}: false)")


def require_operator(context: Context, name: str, namespace: str) -> None:
    """NotApplicable where the pods of an operator's Deployment do not really run, so that it does not do its work."""
    if is_all_simulated(context.cluster):
        raise NotApplicable("no operator really runs here that would make it")
    for deployment in listed(context.cluster, DEPLOYMENTS, namespace):
        labels = selector_of(deployment)
        if name_of(deployment) == name and labels:
            for pod in ready_pods(context.cluster, namespace, labels):
                require_real(context.cluster, pod)


def service(context: Context, namespace: str, name: str, port: int, called: str) -> Web:
    """HTTP to one of the pods behind a Service's port, by port-forward; `called` is its name in messages."""
    declared = fetched(context.cluster, SERVICES, name, namespace)
    named = [str(entry.get("name") or "") for entry in declared["spec"]["ports"] if entry["port"] == port]
    if not named:
        raise Failed(f"Service {name} (namespace {namespace}) has no port {port}")
    for pod, ports in endpoints(context.cluster, namespace, name):
        if named[0] in ports:
            return pod_port(context, fetched(context.cluster, PODS, pod, namespace), ports[named[0]], called)
    if is_all_simulated(context.cluster):
        raise NotApplicable(f"no pod really runs here that Service {name} could lead to")
    raise Failed(f"Service {name} (namespace {namespace}) leads to no ready pod")


def pod_port(context: Context, pod: Manifest, port: int, called: str) -> Web:
    """HTTP to a port of a pod, by port-forward."""
    require_real(context.cluster, pod)
    namespace, name = str(pod["metadata"]["namespace"]), name_of(pod)
    return Web(called, lambda: context.cluster.tunnel(namespace, name, port, context.deadline.left()))


@dataclass(frozen=True)
class Reply:
    """What curl saw."""

    status: int
    """HTTP status; 0 where there was no answer."""
    seconds: float
    body: str


class Caller:
    """Calls from a pod `sleep`, the way a person of the lab makes them."""

    def __init__(self, context: Context, namespace: str) -> None:
        """Failed where there is no ready pod, NotApplicable where it does not really run."""
        pods = ready_pods(context.cluster, namespace, {"app": "sleep"})
        if not pods:
            raise Failed(f"no ready pod of sleep (namespace {namespace})")
        require_real(context.cluster, pods[0])
        self._context, self._namespace, self._pod = context, namespace, name_of(pods[0])

    def get(self, url: str, limit: float = 15.0, header: str = "") -> Reply:
        """One GET, which may take `limit` seconds, with a header `name: value` of its own."""
        written = r"\n%{http_code} %{time_total}"
        more = ["-H", header] if header else []
        done = self._run(["curl", "-sS", "--max-time", f"{limit:g}", "-w", written, *more, url], limit)
        body, _, numbers = done.stdout.rpartition("\n")
        status, _, seconds = numbers.partition(" ")
        if not status.isdigit() or int(status) == 0:
            raise Failed(f"GET {url} from sleep: {done.stderr.strip() or f'curl ended with {done.code}'}")
        return Reply(int(status), float(seconds), body)

    def repeat(self, url: str, times: int, limit: float = 5.0) -> list[int]:
        """The statuses of so many GETs, one after the other."""
        call = f"curl -s -o /dev/null --max-time {limit:g} -w '%{{http_code}}\\n' '{url}'"
        done = self._run(["sh", "-c", f"for i in $(seq {times}); do {call}; done; true"], times * limit)
        return [int(line) for line in done.stdout.split()]

    def _run(self, command: list[str], limit: float) -> Executed:
        seconds = min(limit + 5.0, self._context.deadline.left())
        return self._context.cluster.execute(self._namespace, self._pod, "sleep", command, seconds)

"""What surrounds the traffic of the synthetic mesh: sidecars, two istiods, kubelets, kube-state-metrics, ztunnels."""

from collections.abc import Iterator
from dataclasses import dataclass

from .mesh import CANARY, NAMESPACE, START, UPGRADE, pod, requests, sidecar
from .series import MINUTE, SECONDS, SIZES, Course, Profile, Series, histogram, level, slope

QUICK: Profile = {0.1: 0.7, 0.5: 0.95, 1: 1.0}
"""How long istiod takes, in seconds."""
LONG_AGO = -2 * 60 * MINUTE
"""Deployments that were there by then are not new in the hour."""
WORKLOADS = ("sleep", "web-api-v1", "recommendation-v1", "purchase-history-v1", "purchase-history-v2")


def born(name: str) -> float:
    """When a workload's pod started, in seconds from the start."""
    return CANARY if name.endswith("v2") else 0


def proxies() -> Iterator[Series]:
    """What the sidecars report of themselves."""
    for name in WORKLOADS:
        target, since = sidecar(name), born(name)
        version = "1.30.3" if name.endswith("v2") else "1.17.6"

        def gauge(metric: str, course: Course, labels: dict[str, str], since: float = since) -> Series:
            return Series(metric, labels, course, since)

        yield gauge("up", level(1), {key: value for key, value in target.items() if key != "endpoint"})
        yield gauge("istio_build", level(1), target | {"component": "proxy", "tag": version})
        certificate = target | {"resource_name": "default"}
        yield gauge("istio_agent_cert_expiry_seconds", slope(86400 / 2 + 1800, -1), certificate)
        yield gauge("envoy_server_hot_restart_epoch", level(0), target)
        xds = target | {"cluster_name": "xds-grpc"}
        yield gauge("envoy_cluster_upstream_cx_active", level(1), xds)
        yield gauge("envoy_cluster_upstream_cx_total", slope(1, 1 / 1800), xds)
        yield gauge("envoy_cluster_upstream_cx_connect_fail", level(0), xds)
        yield gauge("envoy_cluster_upstream_cx_rx_bytes_total", requests(400, since), xds)
        yield gauge("envoy_cluster_upstream_cx_tx_bytes_total", requests(40, since), xds)
        yield from _wasm(target, since)


def _wasm(target: dict[str, str], since: float) -> Iterator[Series]:
    values = {
        "envoy_wasm_envoy_wasm_runtime_null_active": 4,
        "envoy_wasm_envoy_wasm_runtime_null_created": 4,
        "envoy_wasm_envoy_wasm_runtime_v8_active": 1,
        "envoy_wasm_envoy_wasm_runtime_v8_created": 2,
        "envoy_wasm_remote_load_cache_entries": 1,
        "envoy_wasm_remote_load_cache_hits": 3,
        "envoy_wasm_remote_load_cache_misses": 1,
        "envoy_wasm_remote_load_cache_negative_hits": 0,
        "envoy_wasm_remote_load_fetch_failures": 0,
        "envoy_wasm_remote_load_fetch_successes": 1,
    }
    for metric, value in values.items():
        yield Series(metric, target, level(value), since)


@dataclass(frozen=True)
class Istiod:
    """One istiod: its revision, its version, when it started, and how many proxies it gets then."""

    revision: str
    version: str
    since: float
    proxies: Course

    @property
    def pod(self) -> str:
        return f"istiod-{self.revision}-6c9f8d7b5-mm4kt"

    @property
    def target(self) -> dict[str, str]:
        """What istio-component-monitor adds to its series."""
        return {
            "job": "pilot",
            "namespace": "istio-system",
            "pod": self.pod,
            "container": "discovery",
            "service": f"istiod-{self.revision}",
            "endpoint": "http-monitoring",
            "instance": f"10.244.0.{self.revision[-2:]}:15014",
            "app": "istiod",
            "istio_rev": self.revision,
        }


ISTIODS = (
    Istiod("1-17", "1.17.6", 0, level(4)),
    Istiod("1-30", "1.30.3", UPGRADE, lambda seconds: 1 if seconds >= CANARY else 0),
)
EXPIRY = START + 200 * 86400
FIRST = 50 * MINUTE
"""When the first objects of a kind come."""


def control_plane() -> Iterator[Series]:
    """What istiod reports."""
    for istiod in ISTIODS:
        target, since = istiod.target, istiod.since
        gauges = {
            "pilot_services": level(9),
            "pilot_virt_services": level(2),
            "pilot_conflict_inbound_listener": level(0),
            "pilot_conflict_outbound_listener_tcp_over_current_tcp": level(1),
            "pilot_xds_push_context_errors": level(0),
            "pilot_total_xds_internal_errors": level(0),
            "pilot_xds_write_timeout": level(0),
            "citadel_server_root_cert_expiry_timestamp": level(EXPIRY),
            "citadel_server_cert_chain_expiry_timestamp": level(EXPIRY + 86400),
            "sidecar_injection_success_total": slope(4, 1 / 600),
            "sidecar_injection_failure_total": level(0),
            "process_cpu_seconds_total": requests(0.05, since),
            "process_resident_memory_bytes": level(180e6),
            "process_virtual_memory_bytes": level(1300e6),
            "process_open_fds": level(28),
            "go_goroutines": level(320),
            "go_memstats_alloc_bytes": level(70e6),
            "go_memstats_alloc_bytes_total": requests(3e5, since),
            "go_memstats_mallocs_total": requests(4e3, since),
            "go_memstats_heap_alloc_bytes": level(70e6),
            "go_memstats_heap_inuse_bytes": level(84e6),
            "go_memstats_heap_sys_bytes": level(120e6),
            "go_memstats_stack_inuse_bytes": level(3e6),
        }
        if istiod.revision == "1-17":
            gauges["pilot_conflict_outbound_listener_http_over_current_tcp"] = level(0)
            gauges["pilot_conflict_outbound_listener_tcp_over_current_http"] = level(0)
        else:
            del gauges["pilot_xds_push_context_errors"]
        for metric, course in gauges.items():
            yield Series(metric, target, course, since)
        yield Series("up", target, level(1), since)
        yield Series("istio_build", target | {"component": "pilot", "tag": istiod.version}, level(1), since)
        yield Series("pilot_xds", target | {"version": istiod.version}, istiod.proxies, since)
        yield from _deliveries(istiod)


def _deliveries(istiod: Istiod) -> Iterator[Series]:
    target, since = istiod.target, istiod.since
    for kind, share in {"cds": 0.02, "eds": 0.1, "lds": 0.02, "rds": 0.03}.items():
        typed = target | {"type": kind}
        yield Series("pilot_xds_pushes", typed, requests(share, since), since)
        yield from histogram("pilot_xds_push_time", typed, requests(share, since), QUICK, SECONDS, since)
        size = {10000: 0.6, 1000000: 1.0}
        yield from histogram("pilot_xds_config_size_bytes", typed, requests(share, since), size, SIZES, since)
    yield Series("pilot_xds_pushes", target | {"type": "lds_senderr"}, level(0), since)
    for reason, rate in {"endpoint": 0.05, "config": 0.01, "proxy": 0.005}.items():
        yield Series("pilot_push_triggers", target | {"type": reason}, requests(rate, since), since)
    for kind, event, rate in (("VirtualService", "update", 0.005), ("DestinationRule", "add", 0.002)):
        yield Series("pilot_k8s_cfg_events", target | {"type": kind, "event": event}, requests(rate, since), since)
    # Sidecars are found when an istiod starts; of gateways the first two come in minute 50.
    for kind, number, first in (("Sidecar", 5, since), ("Gateway", 2, FIRST)):
        yield Series("pilot_k8s_cfg_events", target | {"type": kind, "event": "add"}, level(number), first)
    for kind, event, rate in (("Pods", "update", 0.03), ("EndpointSlice", "update", 0.05)):
        yield Series("pilot_k8s_reg_events", target | {"type": kind, "event": event}, requests(rate, since), since)
    resource = target | {"group": "networking.istio.io", "version": "v1beta1", "resource": "virtualservices"}
    yield Series("galley_validation_passed", resource, requests(0.005, since), since)
    refused = resource | {"reason": "invalid_resource"}
    yield Series("galley_validation_failed", refused, requests(0.001, since), since)
    for metric in ("pilot_proxy_convergence_time", "pilot_proxy_queue_time", "pilot_debounce_time"):
        yield from histogram(metric, target, requests(0.2, since), QUICK, SECONDS, since)
    # One proxy refuses one update of each kind when version v2 comes.
    if istiod.revision == "1-17":
        for kind in ("cds", "eds", "lds", "rds"):
            node = {"node": f"{pod('web-api-v1')}.{NAMESPACE}", "err": "Internal"}
            yield Series(f"pilot_xds_{kind}_reject", target | node, level(1), CANARY)
            yield Series("pilot_total_xds_rejects", target | {"type": kind}, level(1), CANARY)


def kubernetes() -> Iterator[Series]:
    """What the kubelets and kube-state-metrics report."""
    kubelet = {"job": "kubelet", "node": "node-1", "metrics_path": "/metrics/cadvisor"}
    state = {"job": "kube-state-metrics"}
    for name in WORKLOADS:
        since, here = born(name), {"namespace": NAMESPACE, "pod": pod(name)}
        for container, cpu, memory in (("app", 0.10, 90e6), ("istio-proxy", 0.003, 60e6 + 4e6 * len(name))):
            yield from _container(kubelet | here, container, cpu, memory, since)
            running = "kube_pod_container_status_running"
            if name.endswith("v2") and container == "istio-proxy":
                running = "kube_pod_init_container_status_running"  # a native sidecar
            yield Series(running, state | here | {"container": container}, level(1), since)
            restarts = "kube_pod_container_status_restarts_total"
            yield Series(restarts, state | here | {"container": container}, level(0), since)
        deployment = state | {"namespace": NAMESPACE, "deployment": name}
        yield Series("kube_deployment_status_observed_generation", deployment, level(1), since or LONG_AGO)
    edited = state | {"namespace": NAMESPACE, "deployment": "recommendation-v1-cache"}
    yield Series("kube_deployment_status_observed_generation", edited, lambda s: 3 if s >= CANARY else 2, LONG_AGO)
    for istiod in ISTIODS:
        here = kubelet | {"namespace": "istio-system", "pod": istiod.pod}
        yield from _container(here, "discovery", 0.06, 190e6, istiod.since)


def _container(labels: dict[str, str], container: str, cpu: float, memory: float, since: float) -> Iterator[Series]:
    labels = labels | {"container": container}
    yield Series("container_cpu_usage_seconds_total", labels, requests(cpu, since), since)
    yield Series("container_memory_working_set_bytes", labels, level(memory), since)
    yield Series("container_fs_usage_bytes", labels, level(40960), since)


def ambient() -> Iterator[Series]:
    """Two ztunnels, as Istio 1.30 has them."""
    kubelet = {"job": "kubelet", "node": "node-1", "metrics_path": "/metrics/cadvisor"}
    for number in (1, 2):
        name = f"ztunnel-{number}"
        target = sidecar(name) | {"namespace": "istio-system", "pod": name, "pod_name": name, "istio_rev": "1-30"}
        del target["endpoint"]
        where = {"namespace": "istio-system", "pod": name}
        yield from _container(kubelet | where, "istio-proxy", 0.03, 40e6, 0)
        for metric, rate in (
            ("istio_tcp_connections_opened_total", 2.0),
            ("istio_tcp_connections_closed_total", 1.9),
            ("istio_tcp_sent_bytes_total", 5e3),
            ("istio_tcp_received_bytes_total", 2e3),
            ("istio_xds_message_total", 0.1),
            ("istio_xds_connection_terminations_total", 0.001),
            ("istio_dns_requests_total", 1.0),
        ):
            yield Series(metric, target, requests(rate))
        for metric, value in (
            ("istio_tcp_sockets_open", 30),
            ("process_open_fds", 60),
            ("workload_manager_active_proxy_count", 5),
            ("workload_manager_pending_proxy_count", 0),
        ):
            yield Series(metric, target, level(value))


def surroundings() -> Iterator[Series]:
    """All of it."""
    for part in (proxies(), control_plane(), kubernetes(), ambient()):
        yield from part

"""Parts of the mesh that the lab does not use, for the performance dashboard: Wasm extensions and ambient mode."""

from . import frame, style
from .queries import rate
from .style import Query

REV = 'istio_rev=~"$revision"'
ZTUNNEL = 'pod=~"ztunnel-.*"'


def wasm() -> list[frame.PanelBuilder]:
    """Virtual machines, cache and downloads of Wasm extensions."""

    def total(metric: str) -> str:
        return f"sum({metric}{{{REV}}})"

    return [
        style.lines(
            "Wasm virtual machines",
            "Virtual machines in the sidecars by runtime. Created keeps rising while active does not: an extension "
            "that crashes.",
            [
                Query(total("envoy_wasm_envoy_wasm_runtime_null_active"), "native, active"),
                Query(total("envoy_wasm_envoy_wasm_runtime_null_created"), "native, created"),
                Query(total("envoy_wasm_envoy_wasm_runtime_v8_active"), "V8, active"),
                Query(total("envoy_wasm_envoy_wasm_runtime_v8_created"), "V8, created"),
            ],
            style.COUNT,
        ),
        style.lines(
            "Wasm modules in the cache",
            "Modules that the sidecars keep, hits and misses. Misses that go on: the module's address or checksum "
            "changes all the time.",
            [
                Query(total("envoy_wasm_remote_load_cache_entries"), "entries"),
                Query(total("envoy_wasm_remote_load_cache_hits"), "hits"),
                Query(total("envoy_wasm_remote_load_cache_misses"), "misses"),
                Query(total("envoy_wasm_remote_load_cache_negative_hits"), "hits of a failure"),
            ],
            style.COUNT,
        ),
        style.lines(
            "Wasm downloads",
            "Modules fetched. Failures: the registry cannot be reached from the pods, or the credentials are wrong.",
            [
                Query(total("envoy_wasm_remote_load_fetch_successes"), "fetched"),
                Query(total("envoy_wasm_remote_load_fetch_failures"), "failed"),
            ],
            style.COUNT,
        ),
    ]


def ztunnel() -> list[frame.PanelBuilder]:
    """The node proxies of ambient mode, which Istio 1.17 does not have yet."""
    return [
        style.lines(
            "ztunnel CPU",
            "Cores used by node. One node far above the others carries the busiest pods.",
            [Query(rate("container_cpu_usage_seconds_total", f'container="istio-proxy", {ZTUNNEL}', "pod"), "{{pod}}")],
            style.CORES,
            width=6,
        ),
        style.lines(
            "ztunnel memory",
            "Working set by node. It follows open connections.",
            [
                Query(
                    f'sum by (pod) (container_memory_working_set_bytes{{container="istio-proxy", {ZTUNNEL}}})',
                    "{{pod}}",
                )
            ],
            style.BYTES,
            width=6,
        ),
        style.lines(
            "Connections through ztunnel",
            "Connections opened and closed. Opened above closed for long is a leak of connections.",
            [
                Query(rate("istio_tcp_connections_opened_total", ZTUNNEL, "pod"), "{{pod}} opened"),
                Query(rate("istio_tcp_connections_closed_total", ZTUNNEL, "pod"), "{{pod}} closed"),
            ],
            style.PER_SECOND,
            width=6,
        ),
        style.lines(
            "Bytes through ztunnel",
            "Bytes in both directions. A node far above the others: its pods talk more than the rest, or one of them "
            "loops.",
            [
                Query(rate("istio_tcp_sent_bytes_total", ZTUNNEL, "pod"), "{{pod}} sent"),
                Query(rate("istio_tcp_received_bytes_total", ZTUNNEL, "pod"), "{{pod}} received"),
            ],
            style.BYTE_RATE,
            width=6,
        ),
        style.lines(
            "Open sockets and files of ztunnel",
            "Near the process's limit new connections fail: raise it or spread the pods.",
            [
                Query(f"sum by (pod) (istio_tcp_sockets_open{{{ZTUNNEL}}})", "{{pod}} sockets"),
                Query(f"sum by (pod) (process_open_fds{{{ZTUNNEL}}})", "{{pod}} files"),
            ],
            style.COUNT,
            width=6,
        ),
        style.lines(
            "ztunnel and istiod",
            "Messages from istiod and broken streams. Broken streams that go on: istiod restarts or the network "
            "between them.",
            [
                Query(rate("istio_xds_message_total", ZTUNNEL, "pod"), "{{pod}} messages"),
                Query(rate("istio_xds_connection_terminations_total", ZTUNNEL, "pod"), "{{pod}} broken streams"),
            ],
            style.PER_SECOND,
            width=6,
        ),
        style.lines(
            "Names resolved by ztunnel",
            "DNS requests of the pods. A rise without more traffic is an application that does not cache.",
            [Query(rate("istio_dns_requests_total", ZTUNNEL, "pod"), "{{pod}}")],
            style.PER_SECOND,
            width=6,
        ),
        style.lines(
            "Pods that ztunnel serves",
            "Proxied pods by node. Pending that does not return to 0: the CNI agent cannot hand over a pod's "
            "network; see its log.",
            [
                Query(f"sum by (pod) (workload_manager_active_proxy_count{{{ZTUNNEL}}})", "{{pod}} active"),
                Query(f"sum by (pod) (workload_manager_pending_proxy_count{{{ZTUNNEL}}})", "{{pod}} pending"),
            ],
            style.COUNT,
            width=6,
        ),
    ]

"""Details of istiod for the control plane dashboard: delivery of configuration, and what istiod uses for it."""

from . import frame, style
from .queries import ISTIOD, WINDOW, all_of, pods_of, quantile, rate
from .style import Query

# A revision's pods; with All chosen also those of an istiod without a revision in its name.
POD = f'pod=~"{pods_of("istiod-($revision)")}"'
XDS = 'cluster_name="xds-grpc", istio_rev=~"$revision"'


def _connections(what: str) -> str:
    """Connections from all proxies to istiod that one of Envoy's counters has seen in the window."""
    return f"sum(increase(envoy_cluster_upstream_cx_{what}{{{XDS}}}[{WINDOW}]))"


def delivery() -> list[frame.PanelBuilder]:
    """How long a change takes, where the time goes, and the streams that it goes over."""
    return [
        style.lines(
            "Convergence time",
            "Time from the start of a push, its changes collected, until istiod has sent all of it to a proxy; whether "
            "the proxy took it, see `Push errors`. The dashed line is the alert's threshold. Over it: too many pushes, "
            "too big a configuration (narrow it with Sidecar objects) or an istiod short of CPU.",
            [
                Query(quantile(0.5, "pilot_proxy_convergence_time", ISTIOD), "p50"),
                Query(quantile(0.99, "pilot_proxy_convergence_time", ISTIOD), "p99"),
            ],
            style.SECONDS,
            width=6,
            limit="meshlab:threshold:convergence_p99_seconds",
        ),
        style.lines(
            "Where is the time spent? (p99)",
            "Stages of a change: collecting it with others, waiting in the queue, building and sending. Collecting is "
            "not in the convergence time, the others are. Queue above all: too few istiod replicas; building above "
            "all: too big a configuration.",
            [
                Query(quantile(0.99, "pilot_debounce_time", ISTIOD), "collecting changes"),
                Query(quantile(0.99, "pilot_xds_push_time", ISTIOD, "type"), "building and sending {{type}}"),
                Query(quantile(0.99, "pilot_proxy_queue_time", ISTIOD), "in the queue"),
            ],
            style.SECONDS,
            width=6,
        ),
        style.lines(
            "Pushes",
            "Configuration sent to proxies by kind. A kind that dominates tells what to narrow: EDS is endpoints, "
            "CDS services, RDS routes, LDS listeners.",
            [Query(rate("pilot_xds_pushes", ISTIOD, "type"), "{{type}}")],
            style.PER_SECOND,
            width=6,
            stacked=True,
        ),
        style.lines(
            "Size of a push (p99)",
            "Bytes of one update to one proxy. Above 4 MiB the proxies' streams break; narrow what they see with "
            "Sidecar objects or discovery selectors.",
            [Query(quantile(0.99, "pilot_xds_config_size_bytes", ISTIOD, "type"), "{{type}}")],
            style.BYTES,
            width=6,
        ),
        style.lines(
            "What istiod knows",
            "Services and virtual services that istiod has read. A fall without a deploy means that it lost sight of "
            "objects: check its permissions and its log.",
            [
                Query(f"max by (istio_rev) (pilot_services{{{ISTIOD}}})", "services, {{istio_rev}}"),
                Query(f"max by (istio_rev) (pilot_virt_services{{{ISTIOD}}})", "virtual services, {{istio_rev}}"),
            ],
            style.COUNT,
            width=6,
        ),
        style.lines(
            "Streams from proxies to istiod",
            "Open, new and failed connections as the proxies count them. Failed above 0 while istiod is up: network "
            "policy, DNS or an expired certificate between the two.",
            [
                Query(f"sum(envoy_cluster_upstream_cx_active{{{XDS}}})", "open"),
                # The total has the failed ones too.
                Query(f"clamp_min({_connections('total')} - {_connections('connect_fail')}, 0)", "new"),
                Query(_connections("connect_fail"), "failed"),
            ],
            style.COUNT,
            width=6,
        ),
        style.lines(
            "Configuration traffic",
            "Bytes between proxies and istiod. Steady high traffic to the proxies is configuration that changes all "
            "the time.",
            [
                Query(rate("envoy_cluster_upstream_cx_rx_bytes_total", XDS), "to the proxies"),
                Query(rate("envoy_cluster_upstream_cx_tx_bytes_total", XDS), "to istiod"),
            ],
            style.BYTE_RATE,
            width=6,
        ),
        style.lines(
            "Envoys restarted in place",
            "Highest hot restart count among the sidecars. Istio never restarts an Envoy in place: above 0 "
            "somebody's own image or entry point does.",
            [Query('max(envoy_server_hot_restart_epoch{istio_rev=~"$revision"})', "hot restarts")],
            style.COUNT,
            width=6,
        ),
    ]


def resources() -> list[frame.PanelBuilder]:
    """CPU, memory, Go runtime and disk."""
    container = f'container="discovery", {POD}'
    return [
        style.lines(
            "CPU",
            "Cores used, as the kubelet and as istiod itself count them. At its limit istiod is throttled and "
            "convergence grows: raise the limit or the number of replicas.",
            [
                Query(rate("container_cpu_usage_seconds_total", container, "pod"), "{{pod}}"),
                Query(rate("process_cpu_seconds_total", all_of('app="istiod"', ISTIOD), "pod"), "{{pod}} (own count)"),
            ],
            style.CORES,
        ),
        style.lines(
            "Memory",
            "Working set (what the limit counts), resident and virtual memory. Near the limit the pod is killed: "
            "raise it, or give istiod fewer objects to watch with discovery selectors.",
            [
                Query(f"sum by (pod) (container_memory_working_set_bytes{{{container}}})", "{{pod}} working set"),
                Query(f'sum by (pod) (process_resident_memory_bytes{{app="istiod", {ISTIOD}}})', "{{pod}} resident"),
                Query(f'sum by (pod) (process_virtual_memory_bytes{{app="istiod", {ISTIOD}}})', "{{pod}} virtual"),
            ],
            style.BYTES,
        ),
        style.lines(
            "Go heap and stacks",
            "Memory inside the Go runtime. A heap that only grows over days is a leak: take a profile at istiod's "
            "port 8080, /debug/pprof/heap.",
            [
                Query(f'sum(go_memstats_alloc_bytes{{app="istiod", {ISTIOD}}})', "allocated"),
                Query(f'sum(go_memstats_heap_alloc_bytes{{app="istiod", {ISTIOD}}})', "heap allocated"),
                Query(f'sum(go_memstats_heap_inuse_bytes{{app="istiod", {ISTIOD}}})', "heap in use"),
                Query(f'sum(go_memstats_heap_sys_bytes{{app="istiod", {ISTIOD}}})', "heap from the system"),
                Query(f'sum(go_memstats_stack_inuse_bytes{{app="istiod", {ISTIOD}}})', "stacks in use"),
            ],
            style.BYTES,
        ),
        style.lines(
            "Bytes allocated",
            "What the garbage collector has to clear. It follows the pushes; a rise without pushes is worth a profile.",
            [Query(rate("go_memstats_alloc_bytes_total", all_of('app="istiod"', ISTIOD), "pod"), "{{pod}}")],
            style.BYTE_RATE,
            width=6,
        ),
        style.lines(
            "Objects allocated",
            "New objects on the heap. Read it beside the bytes: many small objects are string building, few big ones "
            "are pushes.",
            [Query(rate("go_memstats_mallocs_total", all_of('app="istiod"', ISTIOD), "pod"), "{{pod}}")],
            style.PER_SECOND,
            width=6,
        ),
        style.lines(
            "Goroutines and open files",
            "Both follow the number of proxies. Growth without new proxies is a leak: /debug/pprof/goroutine at port "
            "8080.",
            [
                Query(f'sum by (pod) (go_goroutines{{app="istiod", {ISTIOD}}})', "{{pod}} goroutines"),
                Query(f'sum by (pod) (process_open_fds{{app="istiod", {ISTIOD}}})', "{{pod}} open files"),
            ],
            style.COUNT,
            width=6,
        ),
        style.lines(
            "Disk",
            "Space that istiod's container takes on its node. istiod writes next to nothing: growth is a log or dump "
            "inside the pod.",
            [Query(f"sum by (pod) (container_fs_usage_bytes{{{container}}})", "{{pod}}")],
            style.BYTES,
            width=6,
        ),
    ]

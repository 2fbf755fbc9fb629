"""Istio performance: what the mesh costs in CPU, memory and bytes, and where."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from . import extensions, frame, style
from .queries import ISTIOD, all_of, or_zero, pods_of, rate, ratio
from .style import Column, Key, Query

UID = "meshlab-performance"

EVENTS = 'namespace=~"$namespace"'
POD = f'pod=~"{pods_of("$workload")}"'
# A ztunnel's container has the same name.
SIDECAR = f'container="istio-proxy", pod!~"ztunnel-.*", {EVENTS}, {POD}'
MESHED = f'container!="", {EVENTS}, {POD}'
DISCOVERY = f'container="discovery", pod=~"{pods_of("istiod-($revision)")}"'
REV = 'istio_rev=~"$revision"'
CALLS = (
    'reporter="source", source_workload_namespace=~"$namespace", source_workload=~"$workload", istio_rev=~"$revision"'
)
KILO = "/ 1000"
CPU_PER_1000: style.Steps = [(None, style.GREEN), (0.7, style.ORANGE), (1.5, style.RED)]
TOO_BIG = 256
"""MiB; a sidecar with more is worth a look."""
MEMORY: style.Steps = [(None, style.GREEN), (TOO_BIG / 2 * 2**20, style.ORANGE), (TOO_BIG * 2**20, style.RED)]
SHARE: style.Steps = [(None, style.GREEN), (0.3, style.ORANGE), (0.5, style.RED)]


def build() -> Dashboard:
    """The dashboard, its top row first."""
    return frame.dashboard(
        UID,
        "Istio performance",
        "What the mesh costs: CPU, memory and bytes of the sidecars and of istiod, and who pays most.",
        [
            frame.choice("namespace", "Namespace", "Namespaces of the sidecars", 'up{job="envoy-stats"}', "namespace"),
            frame.choice(
                "workload",
                "Workload",
                "Workloads whose sidecars report what they call",
                'istio_requests_total{reporter="source", source_workload_namespace=~"$namespace"}',
                "source_workload",
            ),
            frame.revision(),
        ],
        [
            frame.Row("Is the cost reasonable, what changed, who pays most?", _health()),
            frame.Row("What changed?", _changes()),
            frame.Row("Who pays most?", _dearest()),
            frame.Row("What does istiod cost?", _istiod()),
            frame.Row("Wasm extensions", extensions.wasm(), collapsed=True),
            frame.Row("Ambient mode: ztunnel (Istio 1.30)", extensions.ztunnel(), collapsed=True),
        ],
        events=EVENTS,
    )


def _health() -> list[frame.PanelBuilder]:
    cpu = rate("container_cpu_usage_seconds_total", SIDECAR)
    calls = rate("istio_requests_total", CALLS)
    memory = f"container_memory_working_set_bytes{{{SIDECAR}}}"
    return [
        style.number(
            "CPU per 1000 req/s",
            "Cores that all sidecars use for a thousand requests per second. Red: access logs, tracing of every "
            "request or Wasm filters; switch them off one by one. Meaningless with next to no traffic.",
            ratio(cpu, f"({calls} {KILO})"),
            style.CORES,
            CPU_PER_1000,
            decimals=2,
        ),
        style.number(
            "Sidecars' share of CPU",
            "CPU of the sidecars by that of all containers of the namespaces. Red: the applications do little "
            "themselves, or the sidecars do too much.",
            ratio(cpu, rate("container_cpu_usage_seconds_total", MESHED)),
            style.RATIO,
            SHARE,
        ),
        style.number(
            "Sidecar memory, mean",
            "Working set of an average sidecar. Red: it knows the whole mesh; narrow that with a Sidecar object for "
            "the namespace.",
            f"avg({memory})",
            style.BYTES,
            MEMORY,
        ),
        style.number(
            "Sidecar memory, max",
            "Working set of the biggest sidecar. Red: the table below names its pod; near its limit it is killed and "
            "the pod loses its network.",
            f"max({memory})",
            style.BYTES,
            MEMORY,
        ),
        style.number(
            "istiod CPU",
            "Cores that istiod uses. Compare with its limit; on the control plane dashboard convergence says whether "
            "it is enough.",
            rate("container_cpu_usage_seconds_total", DISCOVERY),
            style.CORES,
            decimals=2,
        ),
        style.number(
            "istiod memory",
            "Working set of all istiod pods. It grows with services and proxies, not with traffic.",
            f"sum(container_memory_working_set_bytes{{{DISCOVERY}}})",
            style.BYTES,
        ),
        frame.deploys(EVENTS),
        style.number(
            f"Sidecars over {TOO_BIG} MiB",
            "Sidecars that use more than that. One: its own connections; all of a namespace: narrow what they see with "
            "a Sidecar object. The table `Sidecars by cost` below names them.",
            or_zero(f"count({memory} > {TOO_BIG * 2**20})", memory),
            style.COUNT,
            style.NONE_IS_GOOD,
            decimals=0,
        ),
    ]


def _changes() -> list[frame.PanelBuilder]:
    request = rate("istio_request_bytes_sum", CALLS, "source_workload_namespace")
    response = rate("istio_response_bytes_sum", CALLS, "source_workload_namespace")
    return [
        style.lines(
            "Sidecar CPU by namespace",
            "Cores used by the sidecars. A step without more requests is a change of configuration: compare with the "
            "marks on the time axis.",
            [Query(rate("container_cpu_usage_seconds_total", SIDECAR, "namespace"), "{{namespace}}")],
            style.CORES,
            stacked=True,
            width=6,
        ),
        style.lines(
            "Sidecar memory by namespace",
            "Working set of the sidecars. A step in all namespaces at once is a change that istiod sent to everybody.",
            [Query(f"sum by (namespace) (container_memory_working_set_bytes{{{SIDECAR}}})", "{{namespace}}")],
            style.BYTES,
            stacked=True,
            width=6,
        ),
        style.lines(
            "Bytes by caller's namespace",
            "Bodies of requests and responses. CPU follows this where bodies are big.",
            [
                Query(request, "requests of {{source_workload_namespace}}"),
                Query(response, "responses to {{source_workload_namespace}}"),
            ],
            style.BYTE_RATE,
            width=6,
        ),
        style.lines(
            "Components by version",
            "Every istiod, sidecar and gateway by its version: a change of cost that starts with a new version is "
            "the version's.",
            [Query(f"sum by (component, tag) (istio_build{{{REV}}})", "{{component}} {{tag}}")],
            style.COUNT,
            width=6,
        ),
    ]


def _dearest() -> list[frame.PanelBuilder]:
    by = "namespace, pod"
    return [
        style.grid(
            "Sidecars by cost",
            "Every sidecar, the one with most memory first. Far above the others: more connections or more "
            "configuration than they have; istioctl proxy-config all POD shows which.",
            [Key("pod", "Pod"), Key("namespace", "Namespace")],
            [
                Column("CPU", rate("container_cpu_usage_seconds_total", SIDECAR, by), style.CORES),
                Column(
                    "Memory", f"sum by ({by}) (container_memory_working_set_bytes{{{SIDECAR}}})", style.BYTES, MEMORY
                ),
                Column("Disk", f"sum by ({by}) (container_fs_usage_bytes{{{SIDECAR}}})", style.BYTES),
            ],
            sort="Memory",
            width=16,
        ),
        style.lines(
            "Disk of the sidecars by namespace",
            "Space on the nodes. A sidecar writes logs only; growth is an access log that nobody rotates.",
            [Query(f"sum by (namespace) (container_fs_usage_bytes{{{SIDECAR}}})", "{{namespace}}")],
            style.BYTES,
        ),
    ]


def _istiod() -> list[frame.PanelBuilder]:
    proxies = f"sum(pilot_xds{{{ISTIOD}}})"
    own = all_of('app="istiod"', ISTIOD)
    return [
        style.lines(
            "istiod CPU by pod",
            "Cores used. One pod far above the others holds most of the streams: restart it, the proxies spread anew.",
            [
                Query(rate("container_cpu_usage_seconds_total", DISCOVERY, "pod"), "{{pod}}"),
                Query(rate("process_cpu_seconds_total", own, "pod"), "{{pod}} (own count)"),
            ],
            style.CORES,
        ),
        style.lines(
            "istiod memory by pod",
            "Working set. It follows the number of services and proxies; near the limit raise it before the pod is "
            "killed.",
            [
                Query(f"sum by (pod) (container_memory_working_set_bytes{{{DISCOVERY}}})", "{{pod}}"),
                Query(f"sum by (pod) (process_resident_memory_bytes{{{own}}})", "{{pod}} resident"),
            ],
            style.BYTES,
        ),
        style.lines(
            "istiod memory per proxy",
            "Memory by connected proxy. It should fall as the mesh grows; a rise means that configuration grows "
            "faster than the mesh.",
            [Query(ratio(f"sum(container_memory_working_set_bytes{{{DISCOVERY}}})", proxies), "per proxy")],
            style.BYTES,
        ),
    ]

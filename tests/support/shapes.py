"""Pods of every shape that the monitors have to tell apart, and which of them Prometheus is to scrape.

What is expected stands here by hand: read from the monitors or from the cluster, it would prove nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

OLD, NEW = "1-17", "1-30"
"""Two revisions side by side; the first is the default."""
VERSIONS = {OLD: "1.17.6", NEW: "1.30.3"}
TAG = "stable"
"""A tag of the program's own that leads to NEW; a namespace follows it."""
CHART_TAG = "canary"
"""A tag of NEW by its chart: it brings one more Service that leads to the same istiod."""

MESHED, OUTSIDE = "shapes", "shapes-outside"
"""Namespaces of the tests' own: one labelled with OLD, one without a label."""

LAB_ORDER = "lab-order"
"""A namespace that is labelled after its pods have started, as the lab does it."""

IPV6_PODS = "fd00:6d65:7368::/64"


@dataclass(frozen=True)
class Shape:
    """A pod of the tests' own. Its label `app` is its name."""

    name: str
    scraped: str | None
    """The revision that its target is to carry, None where there is to be no target."""
    namespace: str = MESHED
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    annotations: Mapping[str, str] = field(default_factory=dict[str, str])
    ports: tuple[int, ...] = (8080,)
    """The application's."""
    proxy_ports: tuple[int, ...] = ()
    """Declared on the sidecar by hand, beside its own 15090."""
    ipv6: str = ""
    """An address that the tests give it instead of the one that it got."""

    def manifest(self) -> dict[str, Any]:
        """The pod, as somebody would apply it."""
        app = {"name": "app", "image": "example/app", "ports": [{"containerPort": port} for port in self.ports]}
        proxy = {
            "name": "istio-proxy",
            "image": "auto",
            "ports": [{"name": f"extra-{port}", "containerPort": port} for port in self.proxy_ports],
        }
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": self.name,
                "namespace": self.namespace,
                "labels": {"app": self.name, **self.labels},
                "annotations": dict(self.annotations),
            },
            "spec": {"containers": [app, *([proxy] if self.proxy_ports else [])]},
        }


ASKS_TO_BE_SCRAPED = {"prometheus.io/scrape": "true", "prometheus.io/port": "8080"}

SHAPES = (
    Shape("one-port", scraped=OLD),
    Shape("many-ports", scraped=OLD, ports=(8080, 9090, 9191)),
    Shape("many-proxy-ports", scraped=OLD, proxy_ports=(15021, 15053)),
    # Its own metrics are merged by the sidecar's agent, so the target is the agent's port and not the application's.
    Shape("asks-to-be-scraped", scraped=OLD, annotations=ASKS_TO_BE_SCRAPED),
    Shape("ipv6", scraped=OLD, ipv6="fd00:6d65:7368::15"),
    Shape("joins-by-itself", scraped=NEW, namespace=OUTSIDE, labels={"istio.io/rev": NEW}),
    Shape("ignored", scraped=None, labels={"istio-prometheus-ignore": "true"}),
    # A sidecar without the annotation of which the monitor goes: merging is off for this pod.
    Shape("not-merged", scraped=None, annotations={"prometheus.istio.io/merge-metrics": "false"}),
    Shape("says-no", scraped=None, annotations={"prometheus.io/scrape": "false"}),
    Shape("opted-out", scraped=None, labels={"sidecar.istio.io/inject": "false"}, annotations=ASKS_TO_BE_SCRAPED),
    Shape("outside", scraped=None, namespace=OUTSIDE, annotations=ASKS_TO_BE_SCRAPED),
)

SIDECARS: Mapping[tuple[str, str], str] = {
    ("default", "httpbin"): OLD,
    ("default", "sleep"): OLD,
    ("istioinaction", "web-api"): NEW,
    ("istioinaction", "recommendation"): NEW,
    ("istioinaction", "purchase-history"): NEW,
    ("istioinaction", "sleep"): NEW,
    **{(shape.namespace, shape.name): shape.scraped for shape in SHAPES if shape.scraped},
}
"""Namespace and app of every pod whose sidecar is to be one target, and the revision that it is to carry."""

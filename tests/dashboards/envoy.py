"""What the standalone Envoy of Lab 01 reports in scenario base, then timeout, then retry, twenty minutes each.

Each change of scenario rolls the pod. All numbers are a real Envoy's: the recordings `<scenario>-lab`, in a loop. Two
requests a second, of which each ninth fails: /status/500, in scenario timeout /delay/5.
"""

from collections.abc import Iterator

from .envoy_recordings import played
from .series import MINUTE, Series

TIMEOUT, RETRY = 20 * MINUTE, 40 * MINUTE
"""When the scenario changes."""


def target(pod: str, namespace: str = "default") -> dict[str, str]:
    """What envoy-demo-monitor adds to the series of an Envoy."""
    return {
        "job": "envoy",
        "namespace": namespace,
        "pod": pod,
        "container": "envoy",
        "service": "envoy",
        "endpoint": "admin",
        "instance": "10.244.2.5:15000",
    }


def pods() -> Iterator[Series]:
    """The three pods, one after the other."""
    yield from played("base-lab", target("envoy-5d4b7c9-base1"), 0, TIMEOUT)
    yield from played("timeout-lab", target("envoy-6f8c9d7-slow1"), TIMEOUT, RETRY)
    yield from played("retry-lab", target("envoy-7b5d8f4-retry"), RETRY)

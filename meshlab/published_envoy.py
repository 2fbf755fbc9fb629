"""The sidecars of the real node run the published Envoy, which lacks Istio's own filters: they are switched off there.

With one of them in what istiod sends, this Envoy refuses all of it, and no sidecar becomes ready.
"""

from collections.abc import Mapping
from typing import Any, cast

from base.merging import merged
from settings.istiod_spelling import spelled

from .stack import Stack

ISTIO = "meshlab:istio"
FILTERS_OFF = {"PILOT_ENABLE_ALPN_FILTER": "false", "PILOT_ENABLE_METADATA_EXCHANGE": "false"}
TOLD = (
    "sidecars: on the real node they run the published Envoy, without Istio's own filters: telemetry, metadata "
    "exchange and istio.alpn are off in each revision's values, so that there is no istio_requests_total"
)


def switched_off(stack: Stack) -> Stack:
    """The stack with the values of each revision that keep Istio's own filters out of the sidecars."""
    istio = cast(Mapping[str, Any], stack.config[ISTIO])
    revisions = {
        key: {**revision, "values": merged(revision.get("values") or {}, _values(revision["version"]))}
        for key, revision in cast(Mapping[str, Mapping[str, Any]], istio["revisions"]).items()
    }
    return stack.overlaid({"istio": {"revisions": revisions}})


def _values(version: str) -> dict[str, Any]:
    return {"telemetry": {"enabled": False}, **spelled(version, {"env": FILTERS_OFF})}

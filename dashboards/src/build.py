"""Writes dashboards/*.json: what Grafana loads, one file a dashboard."""

import json
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from . import control_plane, envoy_demo, mesh, performance, service, workload

FOLDER = Path(__file__).resolve().parent.parent

DASHBOARDS = {
    "istio-mesh": mesh.build,
    "istio-service": service.build,
    "istio-workload": workload.build,
    "istio-control-plane": control_plane.build,
    "istio-performance": performance.build,
    "envoy-demo": envoy_demo.build,
}
"""File name (without .json) and what builds it."""


def render(name: str) -> str:
    """The JSON text of one dashboard: sorted keys, so that a change of a query is a change of a line."""
    return json.dumps(DASHBOARDS[name](), cls=JSONEncoder, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def main() -> None:
    """Write every dashboard and say how big it is. Other files of the folder are somebody's own and stay untouched."""
    for name in DASHBOARDS:
        text = render(name)
        (FOLDER / f"{name}.json").write_text(text, encoding="utf-8")
        print(f"dashboards/{name}.json: {len(text.encode())} bytes")

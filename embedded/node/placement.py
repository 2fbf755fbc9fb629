"""Which node a pod goes to: the scheduler's extender of a cluster with a real node.

`python -m embedded.node.placement <file with the names of images> <port>`

A pod runs for real where all its images are there and it needs no volume of a claim, since nothing here has any. Every
other pod stays on a simulated node, where it is Running without running. The scheduler asks this for each pod after its
own filters, so that no object needs a taint, a selector or a label for it, and what the program applies stays as it is.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from ..images.names import full
from .layout import NODE

ADDRESS = "127.0.0.1"


def nodes_for(pod: Mapping[str, Any], candidates: Iterable[str], images: Iterable[str]) -> list[str]:
    """The nodes of `candidates` that the pod may go to.

    Where it can run for real, that is the real node or, as long as that cannot take it, none: a pod that has run for
    real never goes on as a simulated one. A pod that is for one node, as those of a DaemonSet are, gets that.
    """
    names = list(candidates)
    if _for_one_node(pod["spec"]):
        return names
    real = _runs(pod["spec"], set(images))
    return [name for name in names if (name == NODE) == real]


def _runs(spec: Mapping[str, Any], images: set[str]) -> bool:
    containers = [*spec.get("initContainers", ()), *spec["containers"]]
    claims = any("persistentVolumeClaim" in volume or "ephemeral" in volume for volume in spec.get("volumes", ()))
    return not claims and all(full(container.get("image", "")) in images for container in containers)


def _for_one_node(spec: Mapping[str, Any]) -> bool:
    """Whether it asks for a node by its name, which only `matchFields` can do."""
    asked: dict[str, Any] = spec.get("affinity", {}).get("nodeAffinity", {})
    required: dict[str, Any] = asked.get("requiredDuringSchedulingIgnoredDuringExecution", {})
    terms: list[dict[str, Any]] = required.get("nodeSelectorTerms", [])
    return any(term.get("matchFields") for term in terms)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    images: Path

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        images = self.images.read_text(encoding="utf-8").split()
        names: list[str] = asked["NodeNames"] or []
        fitting = nodes_for(asked["Pod"], names, images)
        refused = {name: "this node has not what the pod needs to run" for name in names if name not in fitting}
        body = json.dumps({"NodeNames": fitting, "FailedNodes": refused}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the scheduler's log has each pod's node."""


def main(images: Path, port: int) -> None:
    """Serve until this process is ended."""
    handler = type("Handler", (_Handler,), {"images": images})
    ThreadingHTTPServer((ADDRESS, port), handler).serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))

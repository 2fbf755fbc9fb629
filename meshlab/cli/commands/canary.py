"""`meshlab canary`: where the proxies of the mesh are, while it moves from one revision of Istio to another."""

import argparse
from pathlib import Path

from kube.cluster import Cluster

from ...mesh import report
from ...mesh.status import look
from ...target import LabError, no_cluster, running_embedded
from ..console import say

BEHIND = 2


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "--status",
        action="store_true",
        required=True,
        help="list proxies by revision and version, and workloads that have to roll",
    )
    parser.add_argument(
        "--cluster", metavar="CONTEXT", help="context of your kubeconfig; without it, the embedded cluster"
    )
    parser.add_argument("--json", action="store_true", help="write the status as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the status: 0 where every workload is where it belongs, 2 where one must roll or has lost its istiod."""
    status = look(Cluster(context=args.cluster) if args.cluster else Cluster(_embedded()))
    for line in [report.document(status)] if args.json else report.lines(status):
        say(line)
    return BEHIND if status.behind or status.orphans else 0


def _embedded() -> Path:
    running = running_embedded()
    if running is None:
        raise LabError(no_cluster("canary --status"))
    return running.kubeconfig

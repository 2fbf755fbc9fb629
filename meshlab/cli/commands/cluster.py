"""`meshlab cluster`: the embedded cluster by itself."""

import argparse

from embedded import cluster

from ...session import add_kubernetes_option, add_node_options, chosen_node
from ...state_folder import STATE
from ...target import EMBEDDED
from ..console import say, say_aside


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("action", choices=("up", "down", "status"), help="start, stop or list")
    parser.add_argument("--name", default=EMBEDDED, help="name of the cluster (default: %(default)s)")
    add_kubernetes_option(parser)
    add_node_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Start, end or list."""
    if args.action == "up":
        real_node, images = chosen_node(args)
        # As `meshlab up` makes it, so that it can be used for that as well.
        running = cluster.up(
            STATE,
            args.name,
            injection=True,
            kubernetes=args.kubernetes,
            real_node=real_node,
            images=images,
            progress=say,
        )
        version = f" (Kubernetes {running.kubernetes})" if running.kubernetes else ""
        say(f"{running.name} at {running.server}{version}: export KUBECONFIG={running.kubeconfig}")
    elif args.action == "down":
        say(f"{args.name} is gone" if cluster.down(STATE, args.name) else f"{args.name} was not there")
    else:
        for status in cluster.status(STATE):
            state = "abandoned" if status.abandoned else "running" if status.running else "stopped"
            say(f"{status.name}\t{state}\t{status.kubernetes or '?'}\t{status.server}\t{status.kubeconfig}")
            if status.abandoned:
                say_aside(f"{status.name}: its start was killed; the next `up` or `down` removes what is left of it")
    return 0

"""`meshlab down`: remove a stack, then the embedded cluster if that is where it was."""

import argparse
import time

from .. import cluster
from ..lab import EMBEDDED, STATE
from ..session import add_options, embedded_cluster_runs, open_session
from .up import say


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Destroy the stack; on the embedded cluster, end that too."""
    if args.cluster is None and not embedded_cluster_runs():
        say("nothing to remove: the embedded cluster is not running (name another one with CLUSTER=<context>)")
        return 0
    session = open_session(args, say)
    started = time.monotonic()
    outcome = session.driver.down()
    say(f"removed {len(outcome.steps)} resources in {time.monotonic() - started:.1f} s")
    if session.target.embedded:
        cluster.down(STATE, EMBEDDED)
        say("the embedded cluster is gone")
    else:
        say("kept, since other teams' objects would go with them: the CRDs of Istio, Kiali and the Prometheus operator")
    return 0

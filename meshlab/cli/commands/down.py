"""`meshlab down`: remove a stack, say what is left of it, then end the embedded cluster if that is where it was."""

import argparse
import sys
import time

from base.wording import counted
from embedded import cluster
from kube.cluster import Cluster

from ...engine.places import forget
from ...mesh.leaving import orphaned
from ...ownership.leftovers import lines
from ...remove.removal import Approve, Removal
from ...session import add_options, open_session
from ...stackfile.stack_names import reference_of
from ...state_folder import STATE
from ...target import EMBEDDED, running_embedded
from ..console import say

LEFTOVERS = 2


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_options(parser)
    parser.add_argument("--purge-crds", action="store_true", help="also remove the CRDs with all their objects")
    parser.add_argument("--yes", action="store_true", help="with --purge-crds: do not ask for confirmation")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Remove the stack: 0 where nothing is left but what is kept on purpose, 2 where something is."""
    if args.cluster is None and running_embedded() is None:
        say("nothing to remove: the embedded cluster is not running (name another one with CLUSTER=<context>)")
        return 0
    session = open_session(args, say)
    started = time.monotonic()
    removal = Removal(session.driver, args.stack, session.target.kubeconfig, say)
    removed = removal.run(purge_crds=_approval(yes=args.yes) if args.purge_crds else None)
    say(f"removed {counted(len(removed.outcome.steps), 'resource')} in {time.monotonic() - started:.1f} s")
    for line in lines(removed.left, removed.silent):
        say(line)
    for line in orphaned(Cluster(session.target.kubeconfig), session.stack.settings):
        say(line)
    backend = session.driver.backend
    if not backend.own:
        name = reference_of(args.stack)
        say(f"stack {name} is in {backend.shown} still, empty (with its history, forget it: pulumi stack rm {name})")
    forget(session.place)
    if session.target.embedded:
        cluster.down(STATE, EMBEDDED)
        say("the embedded cluster is gone, and all that was kept with it")
    return LEFTOVERS if removed.leftovers else 0


def _approval(*, yes: bool) -> Approve:
    def agrees(loss: str) -> bool:
        say(loss)
        if yes:
            return True
        if not sys.stdin.isatty():
            say("expected a terminal to confirm it on, got none (to confirm it in advance, add --yes)")
            return False
        return input("Remove the CRDs? [y/N] ").strip().lower() in ("y", "yes")

    return agrees

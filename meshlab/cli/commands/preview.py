"""`meshlab preview`: what `up` would change."""

import argparse
from pathlib import Path

from base.wording import counted
from kube.cluster import Cluster

from ...mesh.leaving import refuse_stranding
from ...mesh.plan import roll_plan
from ...ownership.strangers import refuse_strangers
from ...plan.review import save
from ...session import add_node_options, add_options, open_session
from ..console import say


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_options(parser)
    add_node_options(parser)
    parser.add_argument("--save-plan", type=Path, metavar="FILE", help="save the plan, for `meshlab up --plan FILE`")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the preview; changes nothing."""
    session = open_session(args, say)
    refuse_strangers(session, args.stack)
    settings, cluster = session.stack.settings, Cluster(session.target.kubeconfig)
    refuse_stranding(cluster, settings)
    outcome = session.driver.preview() if args.save_plan is None else save(session, args.save_plan)
    say(f"{counted(len(outcome.steps), 'resource')}, {len(outcome.changed)} would change")
    for line in roll_plan(cluster, settings):
        say(line)
    for line in session.announcements:
        say(line)
    return 0

"""`meshlab up`: bring a stack up and say what to do next."""

import argparse
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from base.wording import counted
from kube.api_objects import AccessError

from ...doctor.examination import Question, stop_at_problems
from ...mirror.built_images import supply
from ...ownership.strangers import refuse_strangers
from ...plan.review import apply
from ...plan.saved import SavedPlan
from ...session import Session, add_kubernetes_option, add_node_options, add_options, open_session
from ...target import Target
from ..console import say

SHOWN_STEPS = 8
PAGES = ("prometheus", "grafana", "kiali")
"""The outputs of the program that say how to reach a page."""
BUILT = ("prometheus",)
"""Those whose images can be built (embedded/images/images.toml)."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_options(parser)
    add_kubernetes_option(parser)
    add_node_options(parser)
    parser.add_argument(
        "--plan",
        type=Path,
        metavar="FILE",
        help="apply the plan of `meshlab preview --save-plan FILE`, or change nothing",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Bring the stack up; prints what exists, how long each step took, and what to do next."""
    plan = None if args.plan is None else SavedPlan.read(args.plan)
    session = open_session(args, say)
    # What an unfinished `down` has left would be taken for another's, or for a problem.
    with suppress(AccessError):  # the doctor says more of a cluster that does not answer
        session.driver.settle()
    question = Question(session.stack, session.target, session.place, quick=session.target.embedded)
    stop_at_problems(question, say)
    refuse_strangers(session, args.stack)
    if session.target.builds_images:
        supply(session.stack, session.target, say)
    started = time.monotonic()
    outcome = session.driver.up() if plan is None else apply(session, plan)
    seconds = time.monotonic() - started
    slowest = sorted(outcome.changed, key=lambda step: step.seconds, reverse=True)[:SHOWN_STEPS]
    say("")
    say(f"{counted(len(outcome.steps), 'resource')}, {len(outcome.changed)} changed, in {seconds:.1f} s")
    for step in slowest:
        say(f"  {step.seconds:6.1f} s  {step.action:8} {step.name}")
    _say_next(session, args.stack, outcome.outputs)
    return 0


def _say_next(session: Session, stack: str, outputs: Mapping[str, Any]) -> None:
    say("")
    say(f"On the {session.target.label}: export KUBECONFIG={session.target.kubeconfig}")
    if session.target.real_node:
        say("Pods whose images the real node has run there; `kubectl get pods -o wide` tells which. No other pod runs.")
    elif session.target.embedded:
        say("No pod really runs there: objects, admission and scheduling are real, port-forwards answer nothing.")
    for line in addresses(session.target, outputs):
        say(line)
    on = f"--stack {stack}{session.options}"
    say(f"Next: meshlab preview {on} (what would change), meshlab down {on} (take it all away)")
    for line in session.announcements:
        say(line)


def addresses(target: Target, outputs: Mapping[str, Any]) -> list[str]:
    """How to reach the pages of the stack, and which of them a node with images built here does not have."""
    lines: list[str] = []
    for name in PAGES:
        if name in outputs:
            simulated = target.builds_images and name not in BUILT
            lines.append(f"  {name:11} {'simulated: its image cannot be built here' if simulated else outputs[name]}")
            if target.builds_images and name == "prometheus":
                lines.append(f"  {'':11} built here without its web pages: ask its API, such as /api/v1/query?query=up")
    return lines

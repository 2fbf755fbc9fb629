"""`meshlab rehearse`: whether a stack works on other minors of Kubernetes, before a cluster is upgraded."""

import argparse
from collections.abc import Sequence

from embedded.cluster import CLUSTER_TOOLS
from embedded.tools import kubernetes

from ...engine.programs import find_engine
from ...rehearse.outcome import document, lines
from ...rehearse.rehearsal import RehearsedStack, rehearse
from ...stack import Stack
from ...stackfile.stack_names import add_stack_option
from ..console import say, say_aside

NOT_WELL = 2


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_stack_option(parser)
    parser.add_argument(
        "--kubernetes",
        metavar="MINOR[,MINOR]",
        help="minors to rehearse on (default: every minor that tools/ pins)",
    )
    parser.add_argument("--charts", metavar="FOLDER", help="folder of <name>-<version>.tgz to install from")
    parser.add_argument("--json", action="store_true", help="write the result as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the table: 0 where the stack works on each minor, 2 where it does not. Progress goes to stderr."""
    minors = asked_minors(args.kubernetes)
    stack = Stack.load(args.stack, charts=args.charts, say=say_aside)
    _ = stack.settings  # What is wrong there is said before anything is built.
    programs = {key: None for minor in minors for key in kubernetes.keys(CLUSTER_TOOLS, minor).values()}
    engine = find_engine(say_aside, also=["helm", *programs])
    stack.check_lock()
    stack, announcements = stack.installable()
    for line in (engine.told(), *announcements):
        say_aside(line)
    subject = RehearsedStack(stack, engine, say_aside)
    rehearsals = [rehearse(subject, minor) for minor in minors]
    for line in [document(args.stack, rehearsals)] if args.json else lines(args.stack, rehearsals):
        say(line)
    return 0 if all(rehearsal.well for rehearsal in rehearsals) else NOT_WELL


def asked_minors(text: str | None) -> Sequence[str]:
    """The minors of the option, each once; all without it. Raises KubernetesError where one cannot be had."""
    if text is None:
        return kubernetes.minors()
    return list(dict.fromkeys(kubernetes.checked(minor.strip()) for minor in text.split(",")))

"""What one run of `up`, `preview` or `down` works with, chosen from its options and from what can be had here."""

import argparse
import shlex
from dataclasses import dataclass
from pathlib import Path

from base.say import Say
from embedded.cluster import exists as cluster_exists
from embedded.cluster import wanted_tools
from embedded.node import check as check_machine

from .engine.driver import EngineDriver
from .engine.places import claim, find_place, refuse_elsewhere
from .engine.programs import find_engine
from .preflight.identity import refuse_another
from .published_envoy import TOLD, switched_off
from .stack import Stack
from .stackfile.stack_names import add_stack_option
from .state_folder import STATE
from .target import EMBEDDED, NO_OPERATOR, LabError, Target, embedded_target, minor_for, named_target

NODES = ("simulated", "real")


@dataclass(frozen=True)
class Session:
    """The cluster, the driver, and what has to be said first and last about either."""

    target: Target
    driver: EngineDriver
    stack: Stack
    """As it is in force here: with the charts that were chosen, and without what the cluster cannot do."""
    announcements: tuple[str, ...] = ()
    place: Path = STATE
    """The folder of what is kept of this stack on this cluster."""

    @property
    def options(self) -> str:
        """` --cluster CONTEXT --charts FOLDER` for a command to type that means this cluster and these charts."""
        asked = self.stack.renderer.charts.asked
        return self.target.option + (f" --charts {shlex.quote(asked)}" if asked is not None else "")


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that `up`, `preview` and `down` share."""
    add_stack_option(parser)
    parser.add_argument(
        "--cluster", metavar="CONTEXT", help="context of your kubeconfig; without it, the embedded cluster"
    )
    parser.add_argument("--charts", metavar="FOLDER", help="folder of <name>-<version>.tgz to install from")
    parser.set_defaults(kubernetes=None)


def add_kubernetes_option(parser: argparse.ArgumentParser) -> None:
    """The option of commands that may start the embedded cluster in another minor than the pin's."""
    parser.add_argument(
        "--kubernetes", metavar="MINOR", help="minor of Kubernetes that the embedded cluster has, such as 1.35"
    )


def add_node_options(parser: argparse.ArgumentParser) -> None:
    """The options of the commands that start the embedded cluster."""
    parser.add_argument(
        "--node",
        choices=NODES,
        default="simulated",
        help="with `real`, the embedded cluster gets a node on which pods run (default: %(default)s)",
    )
    parser.add_argument(
        "--images", type=Path, metavar="FOLDER", help="folder of image archives (.tar) for the real node"
    )


def chosen_node(args: argparse.Namespace) -> tuple[bool, list[Path]]:
    """Whether a real node is asked for, and the archives that it gets. Raises LabError where the options do not go
    together or the folder has no archive."""
    real, folder = getattr(args, "node", NODES[0]) == "real", getattr(args, "images", None)
    if real and getattr(args, "cluster", None) is not None:
        raise LabError(f"--node real: expected the embedded cluster, got --cluster {args.cluster}; leave one out")
    if folder is None:
        return real, []
    if not real:
        raise LabError("--images: expected --node real beside it, since no pod of a simulated node runs")
    archives = sorted(folder.glob("*.tar"))
    if not archives:
        raise LabError(f"--images: expected a folder with image archives (*.tar), found none in {folder}")
    return real, archives


def open_session(args: argparse.Namespace, say: Say) -> Session:
    """Choose engine, charts, cluster and driver, in that order, and announce what stands in for what."""
    real_node, images = chosen_node(args)
    if real_node:
        check_machine()
    stack = Stack.load(args.stack, charts=args.charts, say=say)
    settings = stack.settings  # What is wrong there is said before anything is built.
    if args.cluster is not None and args.kubernetes is not None:
        raise LabError(f"--kubernetes: the cluster of context {args.cluster} has its own; leave one of the two out")
    minor = args.kubernetes
    if args.cluster is None and minor is None and not cluster_exists(STATE, EMBEDDED):
        minor = minor_for(settings)
    tools = wanted_tools(STATE, EMBEDDED, minor) if args.cluster is None else ("kubectl",)
    # Before the charts: stand-ins are packed by helm, whose build is not the longest.
    engine = find_engine(say, also=["helm", *tools])
    stack.check_lock()
    stack, announcements = stack.installable()
    for line in (engine.told(), *announcements):
        say(line)
    if args.cluster is None:
        target = embedded_target(say, kubernetes=minor, real_node=real_node, images=images)
    else:
        target = named_target(args.cluster)
    if target.embedded:
        stack = stack.overlaid(NO_OPERATOR)
    if target.builds_images:
        stack = switched_off(stack)
        announcements = (*announcements, TOLD)
        say(TOLD)
    refuse_another(stack.settings, target, say)
    folder, backend = find_place(target, stack.name, project=stack.project)
    if not target.embedded:
        say(f"state: {backend.told()}")
    driver = EngineDriver(engine, target, stack, say, folder, backend)
    claim(driver.backend, target, stack.name, folder)
    refuse_elsewhere(lambda: driver.stack.export_stack().deployment, driver.backend, target, stack.name)
    return Session(target, driver, stack, announcements, folder)

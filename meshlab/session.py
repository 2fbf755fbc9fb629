"""What one run of `up`, `preview` or `down` works with, chosen from its options and from what can be had here."""

import argparse
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embedded.cluster import exists as cluster_exists
from embedded.cluster import wanted_tools
from embedded.node import check as check_machine

from .engine.backends import backend_for
from .engine.driver import EngineDriver
from .engine.places import claim, place, refuse_elsewhere
from .engine.programs import find_engine
from .lab import (
    EMBEDDED,
    NO_OPERATOR,
    STATE,
    Config,
    LabError,
    Say,
    Target,
    asked_charts,
    chosen_charts,
    embedded_target,
    minor_for,
    named_target,
    overlaid,
    settings_of,
)
from .preflight.identity import refuse_another
from .stackfile.stack_names import add_stack_option

NODES = ("simulated", "real")


@dataclass(frozen=True)
class Session:
    """The cluster, the driver, and what has to be said first and last about either."""

    target: Target
    driver: EngineDriver
    announcements: tuple[str, ...]
    config: Config
    """The stack's config as it is in force here: with the charts that were chosen, and what the cluster cannot do."""
    place: Path = STATE
    """The folder of what is kept of this stack on this cluster."""
    charts: str | None = None
    """The folder of charts that was asked for."""

    @property
    def options(self) -> str:
        """` --cluster CONTEXT --charts FOLDER` for a command to type that means this cluster and these charts."""
        return self.target.option + (f" --charts {shlex.quote(self.charts)}" if self.charts is not None else "")


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
    # What is wrong there is said before anything is built.
    settings = settings_of(args.stack, overlaid(args.stack, asked_charts(args.charts)))
    if args.cluster is not None and args.kubernetes is not None:
        raise LabError(f"--kubernetes: the cluster of context {args.cluster} has its own; leave one of the two out")
    minor = args.kubernetes
    if args.cluster is None and minor is None and not cluster_exists(STATE, EMBEDDED):
        minor = minor_for(settings)
    tools = wanted_tools(STATE, EMBEDDED, minor) if args.cluster is None else ("kubectl",)
    # Before the charts: stand-ins are packed by helm, whose build is not the longest.
    engine = find_engine(say, also=["helm", *tools])
    charts, announcements = chosen_charts(args.stack, args.charts, say)
    for line in (engine.told(), *announcements):
        say(line)
    if args.cluster is None:
        target = embedded_target(say, kubernetes=minor, real_node=real_node, images=images)
    else:
        target = named_target(args.cluster)
    overlay: dict[str, Any] = {**charts, **(NO_OPERATOR if target.embedded else {})}
    config = overlaid(args.stack, overlay)
    refuse_another(settings_of(args.stack, config), target, say)
    folder = place(target, args.stack)
    if not target.embedded:
        say(f"state: {backend_for(folder, embedded=False).told()}")
    driver = EngineDriver(engine, target, args.stack, config, say, folder)
    claim(driver.backend, target, args.stack, folder)
    refuse_elsewhere(lambda: driver.stack.export_stack().deployment, driver.backend, target, args.stack)
    return Session(target, driver, tuple(announcements), config, folder, args.charts)

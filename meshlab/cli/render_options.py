"""The options of every command that renders, and what they ask for."""

import argparse

from base.say import Say

from ..charts.choice import Charts
from ..render.helm import RenderTarget
from ..render.stack import Renderer, default_kubernetes


def add_target_options(parser: argparse.ArgumentParser) -> None:
    """The options that say with which charts and for which cluster to render."""
    parser.add_argument("--charts", metavar="FOLDER", help="folder of <name>-<version>.tgz to render from")
    parser.add_argument(
        "--kube-version",
        metavar="VERSION",
        default=default_kubernetes(),
        help="Kubernetes version to render for (default: the embedded cluster's, %(default)s)",
    )
    parser.add_argument(
        "--api-versions",
        metavar="VERSION",
        nargs="+",
        action="extend",
        default=[],
        help="API versions of the cluster in addition to Kubernetes and the stack's CRDs: <group>/<version>[/<Kind>]",
    )


def renderer_of(args: argparse.Namespace, say: Say) -> Renderer:
    """A renderer with the charts of these options; `say` gets what takes its time, such as building helm."""
    return Renderer(Charts(args.charts, say))


def target_of(args: argparse.Namespace) -> RenderTarget:
    """The cluster of these options."""
    return RenderTarget(args.kube_version.removeprefix("v"), tuple(sorted(args.api_versions)))

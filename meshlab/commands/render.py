"""`meshlab render`: every Kubernetes object of a stack as a file."""

import argparse
import time
from pathlib import Path

from .. import toolchain
from ..consistency.stack import judged
from ..consistency.verdict import RULE
from ..recorder import stack_config
from ..render import Renderer, default_kubernetes, render
from ..rendering.charts import Charts, Say
from ..rendering.folder import write_folder
from ..rendering.helm import Helm, Target
from .up import say


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("--stack", default="dev", help="stack, by its file Pulumi.<stack>.yaml (default: %(default)s)")
    parser.add_argument(
        "--out", metavar="DIR", required=True, type=Path, help="folder to write; replaced if render made it"
    )
    add_target_options(parser)
    parser.set_defaults(run=run)


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
        help="what the cluster serves beside Kubernetes' own and the stack's CRDs: <group>/<version>[/<Kind>]",
    )


def open_renderer(args: argparse.Namespace, say: Say) -> Renderer:
    """A renderer for the options of `add_target_options`; `say` gets what takes its time, such as building helm."""
    helm = Helm(toolchain.ensure(["helm"], say)["helm"])
    return Renderer(
        Charts(args.charts, say), helm, Target(args.kube_version.removeprefix("v"), tuple(sorted(args.api_versions)))
    )


def run(args: argparse.Namespace) -> int:
    """Render into the folder; says what is in it and how long it took, and 1 where it does not fit together."""
    started = time.monotonic()
    renderer = open_renderer(args, say)
    rendered = render(args.stack, renderer)
    write_folder(args.out, rendered.index(), {file: one.manifest for file, one in rendered.files.items()})
    for line in rendered.charts.notes:
        say(line)
    components = {one.component for one in rendered.objects}
    say(
        f"{args.stack}: {len(rendered.objects)} objects of {len(components)} components and {len(rendered.releases)} "
        f"releases in {args.out}, for Kubernetes {rendered.target.kubernetes} ({time.monotonic() - started:.1f} s)"
    )
    verdict = judged(rendered, stack_config(args.stack), renderer)
    for line in verdict.notes:
        say(f"{args.stack}: {line}")
    for one in verdict.broken:
        say(f"{args.stack}: {RULE}: {one.line}")
    return 1 if verdict.broken else 0

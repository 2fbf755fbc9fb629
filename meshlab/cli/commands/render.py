"""`meshlab render`: every Kubernetes object of a stack as a file."""

import argparse
import time
from pathlib import Path

from base.wording import counted

from ...consistency.stack import judged
from ...consistency.verdict import RULE
from ...render.folder import write_folder
from ...stack import Stack
from ...stackfile.stack_names import add_stack_option
from ..console import say
from ..render_options import add_target_options, renderer_of, target_of


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_stack_option(parser)
    parser.add_argument(
        "--out", metavar="DIR", required=True, type=Path, help="folder to write; replaced if render made it"
    )
    add_target_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Render into the folder; says what is in it and how long it took, and 1 where it does not fit together."""
    started = time.monotonic()
    stack, target = Stack.load(args.stack, renderer=renderer_of(args, say)), target_of(args)
    rendered = stack.rendered(target)
    write_folder(args.out, rendered.index(), {file: one.manifest for file, one in rendered.files.items()})
    for line in rendered.charts.notes:
        say(line)
    components = {object_.component for object_ in rendered.objects}
    inside = f"{counted(len(rendered.objects), 'object')} of {counted(len(components), 'component')}"
    say(
        f"{args.stack}: {inside} and {counted(len(rendered.releases), 'release')} in {args.out}, "
        f"for Kubernetes {rendered.target.kubernetes} ({time.monotonic() - started:.1f} s)"
    )
    verdict = judged(stack, target)
    for line in verdict.notes:
        say(f"{args.stack}: {line}")
    for broken in verdict.broken:
        say(f"{args.stack}: {RULE}: {broken.line}")
    return 1 if verdict.broken else 0

"""`meshlab images`: every image that a stack pulls, and where its mirror has it."""

import argparse
import json
import sys
from dataclasses import asdict

from components.checks import image_registry

from ..mirror.images import pulled_images, registry_of
from .render import add_target_options, open_renderer


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("--stack", default="dev", help="stack, by its file Pulumi.<stack>.yaml (default: %(default)s)")
    parser.add_argument(
        "--registry",
        type=_registry,
        metavar="REGISTRY",
        help="mirror, as registry.example:5000/mirror (default: the stack's cluster.imageRegistry)",
    )
    parser.add_argument("--json", action="store_true", help="write a list with the objects that use each image")
    add_target_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print one image a line, and behind it its place in the mirror; 1 where the mirror would not be asked for one."""
    registry = args.registry or registry_of(args.stack)
    rendered, images = pulled_images(args.stack, open_renderer(args, _aside), registry)
    for note in rendered.charts.notes:
        _aside(note)
    if args.json:
        print(json.dumps([asdict(one) for one in images], indent=2))
    else:
        for one in images:
            print(f"{one.upstream} {one.mirror}".rstrip())
    elsewhere = [one for one in images if registry is not None and not one.mirror.startswith(f"{registry}/")]
    for one in elsewhere:
        _aside(f"{args.stack}: expected {one.upstream} from {registry}, got {one.mirror} ({', '.join(one.users)})")
    return 1 if elsewhere else 0


def _registry(value: str) -> str:
    try:
        return image_registry(value)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _aside(line: str) -> None:
    print(line, file=sys.stderr, flush=True)

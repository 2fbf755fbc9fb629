"""`meshlab images`: every image that a stack pulls, and where its mirror has it."""

import argparse
import json
from dataclasses import asdict

from settings.images import Images
from settings.texts import Registry, check_text

from ...mirror.images import PulledImage, mirror_of, pulled_images
from ...stack import Stack
from ...stackfile.stack_names import add_stack_option
from ..console import say_aside
from ..render_options import add_target_options, renderer_of, target_of


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_stack_option(parser)
    parser.add_argument(
        "--registry",
        type=_registry,
        metavar="REGISTRY",
        help="mirror, such as registry.example:5000/mirror (default: the stack's imageRegistry and imageRegistries)",
    )
    parser.add_argument("--json", action="store_true", help="write a list with the objects that use each image")
    add_target_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print one image a line, and behind it its place in the mirror; 1 where the mirror would not be asked for one."""
    stack = Stack.load(args.stack, renderer=renderer_of(args, say_aside))
    mirror = Images(args.registry) if args.registry else mirror_of(stack)
    rendered, images = pulled_images(stack, target_of(args), mirror)
    for note in rendered.charts.notes:
        say_aside(note)
    if args.json:
        print(json.dumps([asdict(image) for image in images], indent=2))
    else:
        for image in images:
            print(f"{image.upstream} {image.mirror}" if _place(mirror, image) else image.upstream)
    elsewhere = [
        image for image in images if (place := _place(mirror, image)) and not image.mirror.startswith(f"{place}/")
    ]
    for image in elsewhere:
        wanted = f"{image.upstream} from {_place(mirror, image)}"
        say_aside(f"{args.stack}: expected {wanted}, got {image.mirror} ({', '.join(image.users)})")
    return 1 if elsewhere else 0


def _place(mirror: Images | None, one: PulledImage) -> str | None:
    """The mirror that is to have an image; None where it comes from its own registry."""
    return mirror and mirror.mirror_of(one.upstream.partition("/")[0])


def _registry(value: str) -> str:
    try:
        return check_text(Registry, value)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None

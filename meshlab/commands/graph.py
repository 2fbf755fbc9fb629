"""`meshlab graph`: the picture of the program, as docs/architecture.svg has it."""

import argparse
from pathlib import Path

from ..graph import picture_of
from ..graph_drawing import svg_of
from ..recorder import ROOT, record
from .up import say

ARCHITECTURE = ROOT / "docs" / "architecture.svg"


class PictureFileError(Exception):
    """The picture's file cannot be written; the message is one line."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("--stack", default="dev", help="stack to draw (default: %(default)s)")
    parser.add_argument(
        "--out", metavar="FILE", default=ARCHITECTURE, type=Path, help="file to write (default: docs/architecture.svg)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Draw the recorded program of a stack; says what is in the picture."""
    picture = picture_of(record(args.stack).resources)
    try:
        args.out.write_text(svg_of(picture), encoding="utf-8")
    except OSError as error:
        raise PictureFileError(f"{args.out}: cannot be written: {error.strerror}") from None
    resources = sum(len(card.rows) for card in picture.cards)
    say(
        f"{args.stack}: {len(picture.components)} components, {resources} resources and {len(picture.arrows)} arrows "
        f"in {args.out}"
    )
    return 0

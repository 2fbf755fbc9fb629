"""`meshlab comment`: what earlier jobs found, each as the one comment of its kind on a pull request."""

import argparse
from pathlib import Path

from base.errors import MeshlabError

from ...github.comments import fenced, put
from ..console import say

MARKDOWN = ".md"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "folder",
        metavar="DIR",
        type=Path,
        help=f"folder with one file for each comment: *{MARKDOWN} unchanged, other files as output of a program",
    )
    parser.add_argument("--pull-request", metavar="NUMBER", type=int, required=True, help="pull request")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the comments; prints where each is. A later file of the same name takes an earlier one's place."""
    files = sorted(path for path in args.folder.glob("*") if path.is_file())
    if not files:
        raise MeshlabError(f"{args.folder}: expected a folder with texts to comment, got none")
    for file in files:
        text = file.read_text(encoding="utf-8", errors="replace")
        if file.suffix != MARKDOWN:
            text = f"### {file.stem.replace('-', ' ').capitalize()}\n\n{fenced(text)}"
        say(f"{file.name}: {put(args.pull_request, file.stem, text)}")
    return 0

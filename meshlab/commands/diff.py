"""`meshlab diff`: the rendered objects of this tree against another revision's."""

import argparse
import sys

from ..compare.markdown import markdown, nothing_changed
from ..compare.unified import unified
from ..diff import compare
from .render import add_target_options, open_renderer

CHANGED = 2
"""Exit code with --exit-code where something changes: 1 says that the comparison itself failed."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "base", nargs="?", metavar="BASE", help="revision to compare with (default: the merge base with main)"
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--stack", default="dev", help="stack to compare (default: %(default)s)")
    which.add_argument("--all", action="store_true", help="compare every stack that either revision has")
    parser.add_argument("--markdown", action="store_true", help="write a comment for a pull request")
    parser.add_argument("--exit-code", action="store_true", help=f"end with {CHANGED} where something changes")
    add_target_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the differences, and nothing else, to standard output."""
    comparisons = compare(open_renderer(args, _aside), args.base, None if args.all else [args.stack])
    same = all(one.same for one in comparisons)
    if args.markdown:
        sys.stdout.write(markdown(comparisons))
    elif same:
        print(nothing_changed(comparisons))
    else:
        for note in dict.fromkeys(note for one in comparisons for note in one.rendered.charts.notes):
            _aside(note)
        sys.stdout.write(unified(comparisons))
    return CHANGED if args.exit_code and not same else 0


def _aside(line: str) -> None:
    print(line, file=sys.stderr, flush=True)

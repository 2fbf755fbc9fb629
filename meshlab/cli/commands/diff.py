"""`meshlab diff`: the rendered objects of this tree against another revision's."""

import argparse
import os
import sys
from pathlib import Path

from ...diff.artifact import check_artifact, write_artifact
from ...diff.markdown import markdown, nothing_changed
from ...diff.trees import compare, remarks
from ...diff.unified import unified
from ...stackfile.stack_names import add_stack_option
from ..console import say_aside
from ..render_options import add_target_options, renderer_of, target_of

CHANGED = 2
"""Exit code with --exit-code where something changes: 1 says that the comparison itself failed."""
RUN = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")
"""What a workflow of GitHub says of itself, from which the address of its run is made."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "base", nargs="?", metavar="BASE", help="commit to compare with (default: the merge base with main)"
    )
    which = parser.add_mutually_exclusive_group()
    add_stack_option(which, "stack to compare (default: %(default)s)")
    which.add_argument("--all", action="store_true", help="compare every stack of both commits")
    parser.add_argument("--markdown", action="store_true", help="write a comment for a pull request")
    parser.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        help="folder for the complete diff: both trees and diff.html; replaced if diff wrote it",
    )
    parser.add_argument("--exit-code", action="store_true", help=f"exit with {CHANGED} if something changes")
    add_target_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the differences, and nothing else, to standard output."""
    if args.out is not None:
        check_artifact(args.out)
    comparisons = compare(renderer_of(args, say_aside), target_of(args), args.base, None if args.all else [args.stack])
    same = all(comparison.same for comparison in comparisons)
    told = remarks(comparisons, every=args.all)
    if args.out is not None:
        write_artifact(args.out, comparisons, told)
        say_aside(f"all of it, base and head: {args.out / 'diff.html'}")
    if args.markdown:
        sys.stdout.write(markdown(comparisons, remarks=told, whole=_where(args.out)))
    elif same:
        print(nothing_changed(comparisons))
    else:
        for note in dict.fromkeys(note for comparison in comparisons for note in comparison.rendered.charts.notes):
            say_aside(note)
        sys.stdout.write(unified(comparisons))
    if told and not args.markdown:
        for line in told:
            say_aside(line)
    return CHANGED if args.exit_code and not same else 0


def _where(out: Path | None) -> str:
    """Where all of the diff is: in the artifact that a workflow makes of the folder, else in the folder."""
    if out is None:
        return ""
    server, repository, run = (os.environ.get(name, "") for name in RUN)
    if not (server and repository and run):
        return f"`{out / 'diff.html'}`"
    return f"artifact `{out.name}` of [this run]({server}/{repository}/actions/runs/{run}), diff.html in it"

"""`meshlab drift`: what of a stack has been changed in the cluster by other hands, and put it back."""

import argparse
import sys
import time
from collections.abc import Sequence
from functools import partial
from typing import TextIO

from base.errors import MeshlabError
from base.say import Say
from base.wording import counted

from ...comparison.finding import DriftFinding, What
from ...drift import report
from ...drift.inspection import Inspection
from ...drift.look import DriftResult
from ...engine.unfinished_destroy import UNFINISHED
from ...session import add_options, open_session
from ...target import no_cluster, running_embedded

DRIFT, UNTOLD = 2, 1


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_options(parser)
    parser.add_argument("--json", action="store_true", help="write the report as JSON to stdout, progress to stderr")
    parser.add_argument(
        "--show-ignored", action="store_true", help="list what the stack's ignore rules hide (meshlab:drift.ignore)"
    )
    parser.add_argument(
        "--fix", action="store_true", help="revert the differences, with the tools that own the objects"
    )
    parser.add_argument("--yes", action="store_true", help="with --fix: delete extra objects without asking")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Compare, and put back where asked to: 0 where nothing differs (any more), 2 where something does.

    1 where nothing that could be seen differs, but not all of the stack could be.
    """
    say: Say = partial(_say, sys.stderr if args.json else sys.stdout)
    if args.cluster is None and running_embedded() is None:
        raise MeshlabError(no_cluster("drift"))
    started = time.monotonic()
    session = open_session(args, say)
    remedy = f"meshlab drift --stack {args.stack}{session.options} --fix"
    if session.driver.unfinished_down:
        remedy = f"meshlab up --stack {args.stack}{session.options}"
        if args.fix:
            raise MeshlabError(f"{UNFINISHED}; nothing was changed", remedy)
        say(f"{UNFINISHED}: what it has deleted shows as deleted")
    inspection = Inspection(session.driver, session.stack, session.target.kubeconfig, say)
    before = seen = inspection.look()
    hooks = len(inspection.expected.hooks)
    every = [*seen.findings, *(ignored.finding for ignored in seen.ignored)]
    if all(finding.what is What.DELETED for finding in every) and len(every) >= seen.compared > 0:
        raise MeshlabError(
            f"nothing of stack {args.stack} is on the {session.target.label}",
            f"bring it up: meshlab up --stack {args.stack}{session.options}",
        )
    if args.fix and seen.findings:
        shown = report.lines(seen, args.stack, hooks, time.monotonic() - started, show_ignored=args.show_ignored)
        for line in shown:
            say(line)
        seen = inspection.remediate(seen, partial(_approve, yes=args.yes, say=say))
    _tell(args, remedy, before, seen, hooks, time.monotonic() - started, say)
    if seen.findings:
        return DRIFT
    return UNTOLD if seen.uncompared else 0


def _tell(
    args: argparse.Namespace, remedy: str, before: DriftResult, seen: DriftResult, hooks: int, seconds: float, say: Say
) -> None:
    left = {(finding.what, finding.label) for finding in seen.findings}
    fixed = [finding for finding in before.findings if (finding.what, finding.label) not in left]
    if args.json:
        print(report.document(seen, args.stack, seconds, fixed))
        return
    for line in report.lines(seen, args.stack, hooks, seconds, show_ignored=args.show_ignored):
        say(line)
    if fixed:
        say(f"put back: {report.summed(fixed)}")
    elif seen.findings and not args.fix:
        say(f"put it back: {remedy}")


def _approve(copies: Sequence[DriftFinding], *, yes: bool, say: Say) -> bool:
    """Whether extra objects may be deleted: with --yes, or by an answer where somebody can give one."""
    if yes:
        return True
    if not sys.stdin.isatty():
        say(f"not deleted: {counted(len(copies), 'extra object')} (--yes deletes without asking)")
        return False
    return input(f"Delete {', '.join(copy.label for copy in copies)}? [y/N] ").strip().lower() in ("y", "yes")


def _say(out: TextIO, line: str) -> None:
    print(line.rstrip("\n"), file=out, flush=True)

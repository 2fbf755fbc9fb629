"""`meshlab rollback`: how to go back to the commit that last worked in a stack. Says it; changes nothing."""

import argparse
from collections.abc import Iterator

from base.errors import MeshlabError

from ...github.deployments import Deployment, last_green
from ...promote.evidence import read_report
from ...promote.pins import ORDER
from ...recording.recorder import ROOT
from ...results.outcome import Status
from ...results.report import commit_of, report_file
from ...stack import Stack
from ...stackfile.stack_names import add_stack_option
from ...state_folder import STATE
from ...target import cluster_option
from ..console import say

SHORT = 7


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_stack_option(parser, "stack that does not work (default: %(default)s)")
    parser.add_argument("--cluster", metavar="CONTEXT", help="context of your kubeconfig, used in the printed commands")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print it as Markdown, for a terminal and for the summary of a run alike."""
    Stack.load(args.stack)  # One line where there is no such stack.
    now = commit_of(ROOT).commit
    green, why = None, "no deployment before it was green"
    try:
        green = last_green(args.stack, now or "")
    except MeshlabError as error:
        why = str(error)
    for line in _lines(args.stack, args.cluster, now, green, why):
        say(line)
    return 0


def _lines(stack: str, cluster: str | None, now: str | None, green: Deployment | None, why: str) -> Iterator[str]:
    yield f"## {stack}: stopped at {(now or 'unknown')[:SHORT]}"
    yield ""
    yield from _seen(stack)
    later = ORDER[ORDER.index(stack) + 1 :] if stack in ORDER else ()
    if later:
        yield f"- {', '.join(later)}: not touched by this run."
    yield ""
    good = green.commit if green else "COMMIT"
    if green:
        yield f"Last commit that was brought up and verified in {stack}: {good} ({green.at})."
    else:
        yield f"The last commit that worked in {stack} is not known ({why}); put it in place of COMMIT."
    on = cluster_option(cluster)
    yield ""
    yield f"1. Take it out of main, or the next merge brings it again: `git revert --no-edit {good}..{now or 'HEAD'}`,"
    yield "   then a pull request. Deploying it goes through every stack."
    if green and green.run:
        yield f"2. Sooner: run that commit's deploy again, {green.run} (Re-run all jobs)."
    yield f"{3 if green and green.run else 2}. At once, in {stack} alone, from a clone with its credentials:"
    yield ""
    yield f"       git checkout {good}"
    yield f"       meshlab up --stack {stack}{on}"
    yield f"       meshlab verify --stack {stack}{on}"
    yield ""
    yield "docs/promotion.md says what going back does not undo."


def _seen(stack: str) -> Iterator[str]:
    try:
        report = read_report(report_file(stack, STATE), stack)
    except MeshlabError as error:
        yield f"- {error}"
        return
    if report is None:
        yield "- It did not come to the end of verify: the log of the step that failed says why."
        return
    for check in report["checks"]:
        if check["status"] == Status.FAILED:
            yield f"- `{check['id']}`: {check['seen']} (expected: {check['expected']})"
    if report["result"] != "failed":
        yield f"- Its last verify: {report['result']}."

"""`meshlab doctor`: what is not as it should be before anything is changed, each with its fix."""

import argparse
import json
import time
from pathlib import Path

from base.errors import MeshlabError
from base.wording import counted
from kube.api_objects import AccessError

from ...doctor.examination import Question, examine
from ...engine.backends import Backend
from ...engine.places import find_place
from ...preflight.finding import Finding, Level, table, worst
from ...stack import Stack
from ...stackfile.stack_names import add_stack_option
from ...state_folder import STATE
from ...target import Target, named_target, running_embedded
from ..console import say


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_stack_option(parser)
    parser.add_argument(
        "--cluster", metavar="CONTEXT", help="context of your kubeconfig; without it, the embedded cluster"
    )
    parser.add_argument("--charts", metavar="FOLDER", help="folder of <name>-<version>.tgz to install from")
    parser.add_argument("--images", action="store_true", help="check that the registries have every image")
    parser.add_argument("--json", action="store_true", help="write the findings as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the table: 0 where `up` would go through, 1 where there is a problem. Changes nothing."""
    started = time.monotonic()
    findings: list[Finding] = []
    try:
        target = _embedded() if args.cluster is None else named_target(args.cluster)
    except MeshlabError as error:
        findings.append(
            Finding("cluster", Level.PROBLEM, str(error), "name a context of your kubeconfig: --cluster CONTEXT")
        )
        target = None
    # Where no cluster could be named, that none runs is no news, nor is more of a state that is not to be used.
    told = {finding.subject for finding in findings}
    stack = Stack.load(args.stack, charts=args.charts)
    folder, backend = STATE, None
    try:
        folder, backend = _place(target, stack)
    except MeshlabError as error:
        findings.append(Finding("state", Level.PROBLEM, str(error), "see docs/backends.md"))
        told.add("state")
    named = args.cluster is not None
    question = Question(stack, target, folder, args.images, named=named, backend=backend)
    findings += [finding for finding in examine(question, _quiet) if finding.subject not in told]
    bad = worst(findings)
    seconds = time.monotonic() - started
    if args.json:
        document = {
            "stack": args.stack,
            "worst": bad.name.lower(),
            "seconds": round(seconds, 1),
            "findings": [finding.as_json() for finding in findings],
        }
        print(json.dumps(document, indent=1))
    else:
        for line in table(findings):
            say(line)
        problems, warnings = (
            sum(finding.level is level for finding in findings) for level in (Level.PROBLEM, Level.WARNING)
        )
        say(f"{counted(problems, 'problem')}, {counted(warnings, 'warning')} ({seconds:.1f} s)")
    return 1 if bad is Level.PROBLEM else 0


def _embedded() -> Target | None:
    """The embedded cluster, if it runs."""
    running = running_embedded()
    return running and Target(running.kubeconfig, embedded=True, label=f"embedded cluster {running.name}")


def _place(target: Target | None, stack: Stack) -> tuple[Path, Backend | None]:
    """Where the stack's state lies; a cluster that does not answer is a finding of its own."""
    try:
        return find_place(target, stack.name, project=stack.project) if target is not None else (STATE, None)
    except AccessError:
        return STATE, None


def _quiet(line: str) -> None:
    """Nothing but the table is told."""

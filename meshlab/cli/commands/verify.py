"""`meshlab verify`: show on a live cluster, check by check, that the lab does what its handbook says."""

import argparse
import http.client
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from base.errors import MeshlabError
from base.wording import counted
from kube.api_objects import AccessError, RefusedError
from kube.cluster import Cluster
from kube.objects import NAMESPACES, name_of

from ...ownership.strangers import StackNamespaces
from ...published_envoy import switched_off
from ...recording.recorder import ROOT
from ...results import report
from ...stack import Stack
from ...stackfile.stack_names import add_stack_option
from ...state_folder import STATE
from ...target import cluster_option, no_cluster, running_embedded
from ...verify import html
from ...verify.checks import LABS, all_checks
from ...verify.program import Program
from ...verify.runner import run_checks

CANNOT_RUN = 2


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_stack_option(parser)
    parser.add_argument(
        "--cluster", metavar="CONTEXT", help="context of your kubeconfig; without it, the embedded cluster, if it runs"
    )
    parser.add_argument("--lab", type=int, choices=LABS, help="the checks of one lab (default: of all)")
    parser.add_argument("--json", action="store_true", help="write the report as JSON to stdout, progress to stderr")
    parser.add_argument("--report", metavar="FILE.html", type=Path, help="also write the report as one HTML file")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the checks: 0 where they passed, 1 where one failed, 2 where they could not be run or show nothing."""
    told = Told(sys.stderr if args.json else sys.stdout)
    try:
        finished = _verified(args, told)
    except MeshlabError as error:
        print(f"verify: {error}", file=sys.stderr)
        return CANNOT_RUN
    finally:
        told.clear()
    kept = report.keep(finished, STATE)
    if args.report is not None:
        args.report.write_text(html.page(finished), encoding="utf-8")
    if args.json:
        print(finished.json(), end="")
    for line in ("", *finished.summary(), f"report: {kept}" + (f", {args.report}" if args.report is not None else "")):
        told.line(line)
    return finished.verdict.exit_code


class Told:
    """Lines for the person who waits; on a terminal, what runs at the moment stands below them."""

    def __init__(self, out: TextIO) -> None:
        self._out, self._terminal = out, out.isatty()

    def line(self, text: str) -> None:
        """A line that stays."""
        self.clear()
        print(text, file=self._out, flush=True)

    def now(self, text: str) -> None:
        """A line that goes with the next one."""
        if self._terminal:
            self.clear()
            print(text[:100], end="\r", file=self._out, flush=True)

    def clear(self) -> None:
        """Take away what `now` wrote."""
        if self._terminal:
            print("\x1b[2K", end="\r", file=self._out, flush=True)


def _verified(args: argparse.Namespace, told: Told) -> report.Report:
    if args.report is not None and not args.report.absolute().parent.is_dir():
        raise MeshlabError(f"--report {args.report}: expected a file in a folder that exists")
    stack = Stack.load(args.stack)
    report.forget(args.stack, STATE)
    live, label = _cluster(args.cluster)
    running = running_embedded() if args.cluster is None else None
    if running is not None and running.builds_images:
        stack = switched_off(stack)
    settings = stack.settings
    try:
        version, there = live.version(), _namespaces(live)
    except AccessError as error:
        raise MeshlabError(f"{label}: {error}") from None
    told.now("recording the program")
    resources = stack.recording.resources
    made = StackNamespaces.of(resources).made
    if made and there is not None and made.isdisjoint(there):
        raise MeshlabError(
            f"{label}: expected the namespaces of stack {args.stack} ({', '.join(sorted(made))}), got none of them",
            f"bring the stack up first: meshlab up --stack {args.stack}{cluster_option(args.cluster)}",
        )
    program, tree = Program.of_resources(resources), report.commit_of(ROOT)
    checks = all_checks(settings, args.lab)
    told.line(f"{counted(len(checks), 'check')} of {args.stack} on the {label}, Kubernetes {version}")
    started = datetime.now(UTC)
    results = run_checks(checks, settings, program, live, told.line, told.now)
    subject = report.Subject(args.stack, label, args.cluster is None, version, tree, report.labs_of(results))
    return report.Report(subject, started, datetime.now(UTC), tuple(results))


def _namespaces(live: Cluster) -> frozenset[str] | None:
    """The names of the cluster's namespaces. None for a user without the right to list them, who may still read what
    the checks need."""
    try:
        return frozenset(map(name_of, live.list(NAMESPACES)))
    except RefusedError as error:
        if error.status == http.client.FORBIDDEN:
            return None
        raise


def _cluster(context: str | None) -> tuple[Cluster, str]:
    """The cluster and what to call it. No context is ever guessed: without one, only the embedded cluster will do."""
    if context is not None:
        live = Cluster(context=context)
        return live, f"context {context} ({live.server})"
    running = running_embedded()
    if running is None:
        raise MeshlabError(no_cluster("verify"))
    return Cluster(running.kubeconfig), f"embedded cluster {running.name} ({running.server})"

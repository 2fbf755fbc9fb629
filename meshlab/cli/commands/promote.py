"""`meshlab promote`: the pins of one stack into the next one's file, where the first has shown that they work."""

import argparse
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

from base import process
from base.errors import MeshlabError
from base.wording import counted

from ...diff.unified import unified
from ...engine.places import find_home
from ...promote.evidence import Evidence, read_report, refusals
from ...promote.moves import Move, written
from ...promote.pins import ORDER, SECTIONS
from ...promote.plan import Promotion, plan
from ...promote.rendered import comparison
from ...promote.stack_file import EditedStackFile
from ...promote.status import status_lines
from ...promote.updates import last_update
from ...recording.recorder import ROOT
from ...render.trees import stacks_of
from ...results.report import commit_of, report_file
from ...stack import Stack
from ...stackfile.stack_names import StackName
from ...state_folder import STATE
from ...verify.checks import all_checks
from ..console import say, say_aside
from ..render_options import add_target_options, renderer_of, target_of

GIT_LIMIT_SECONDS = 30.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "source",
        nargs="?",
        metavar="FROM",
        type=StackName.of,
        help=f"stack to copy the pins from ({', '.join(ORDER[:-1])}); ORG/NAME if its backend has organizations",
    )
    parser.add_argument("target", nargs="?", metavar="TO", type=StackName.of, help="next stack in the order")
    parser.add_argument(
        "--status", action="store_true", help="show the pins of every stack, and how far each is behind"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="show what would change and what would refuse it; write nothing"
    )
    parser.add_argument(
        "--only",
        metavar="SECTION",
        nargs="+",
        choices=SECTIONS,
        default=SECTIONS,
        help=f"sections to promote: {', '.join(SECTIONS)}",
    )
    parser.add_argument(
        "--report", metavar="FILE", type=Path, help="FROM's verify report (default: the last report on this machine)"
    )
    add_target_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Promote, or show where each stack is."""
    if args.status:
        for line in status_lines([Stack.load(stack, root=ROOT) for stack in ORDER], STATE):
            say(line)
        return 0
    source, target = _pair(args.source, args.target)
    older = Stack.load(source, root=ROOT)
    newer = Stack.load(target, renderer=renderer_of(args, say_aside), root=ROOT)
    found = plan(older, newer, args.only)
    if found.setbacks:
        raise MeshlabError("\n".join(_setbacks(found)))
    file = args.report or report_file(source, STATE)
    report = read_report(file, source)
    reasons = list(refusals(source, report, file, _evidence(older, embedded=bool(report and report.get("embedded")))))
    if reasons and not args.dry_run:
        raise MeshlabError("\n".join(reasons))
    if report is not None and report.get("embedded"):
        say(f"note: {source} was verified on the embedded cluster, where no pod really runs")
    if not found.moves:
        say(f"{target} has every pin of {source}: nothing to promote")
    else:
        _promote(args, found, newer)
    if reasons:
        raise MeshlabError("\n".join(["", f"{source} cannot be promoted now:", *reasons]))
    return 0


def _promote(args: argparse.Namespace, found: Promotion, stack: Stack) -> None:
    file = EditedStackFile(found.target, ROOT)
    file.make(found.moves)
    config = file.config()
    _ = stack.variant(config).settings  # What would be wrong is said before anything is written.
    for move in found.moves:
        say(f"{written(move.key)}: {_shown(move)}")
    for note in found.notes:
        say(f"note: {note}")
    say("")
    one = comparison(stack, config, target_of(args))
    for line in one.rendered.charts.notes:
        say_aside(line)
    say(unified([one]) or f"no rendered object of {found.target} changes")
    if args.dry_run:
        say(f"dry run: {file.path.name} is as it was")
        return
    file.write()
    say(f"{file.path.name}: {counted(len(found.moves), 'pin')} of {found.source}")
    say(f"Next: git diff {file.path.name}, then a pull request; deploying it brings {found.target} up with them")


def _pair(source: str | None, target: str | None) -> tuple[str, str]:
    steps = list(pairwise(ORDER))
    if source is None or target is None or (source, target) not in steps:
        expected = " or ".join(" ".join(step) for step in steps)
        named = list(filter(None, (source, target)))
        apart = [stack for stack in named if stack not in ORDER and stack in stacks_of(ROOT)]
        why = "".join(f"; {stack} keeps versions of its own and is not promoted" for stack in apart)
        raise MeshlabError(
            f"promote: expected a stack and the one after it ({expected}) or --status, "
            f"got {' '.join(named) or 'nothing'}{why}"
        )
    return source, target


def _setbacks(found: Promotion) -> Iterator[str]:
    for setback in found.setbacks:
        yield (
            f"Pulumi.{found.target}.yaml: {written(setback.key)}: expected nothing newer than {found.source}'s "
            f"{setback.wanted}, got {setback.current}; promotion never goes back (raise it in {found.source}, or leave "
            "its section out with --only)"
        )


def _evidence(source: Stack, *, embedded: bool) -> Evidence:
    file = f"Pulumi.{source.name}.yaml"
    status = process.run(["git", "status", "--porcelain", "--", file], timeout=GIT_LIMIT_SECONDS, cwd=ROOT, check=False)
    return Evidence(
        commit_of(ROOT),
        file_changed=bool(status.stdout.strip()),
        update=last_update(source.name, say_aside, find_home(source.name, STATE, embedded=embedded)[1]),
        labs=frozenset(check.lab for check in all_checks(source.settings)),
    )


def _shown(move: Move) -> str:
    before = "nothing" if move.before is None else move.before
    if move.like is not None:
        sizes = ", ".join(sorted({*cast(dict[str, Any], move.after)} - {"version"}))
        return f"{before} -> {move.after['version']}" + (
            f", with {sizes} as {move.like} has them here" if sizes else ""
        )
    return f"{before} -> {move.after}{' (the default)' if move.drop else ''}"

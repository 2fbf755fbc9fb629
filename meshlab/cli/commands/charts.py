"""`meshlab charts`: fetch a stack's charts for a mirror, and hold charts to the digests of charts.lock."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from base.errors import MeshlabError
from base.wording import counted
from embedded.tools import toolchain
from settings.charts import Chart, ChartSource
from settings.operator_crds import TABLE, released

from ...charts.lock import LOCK, ChartLock, check_folder, require
from ...mirror import pairs
from ...mirror.charts import charts_of, fetch, published
from ...recording.recorder import ROOT
from ...render.trees import stacks_of
from ...stack import Stack
from ...stackfile.stack_names import add_stack_option
from ..console import say

_TABLE = TABLE.relative_to(ROOT)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's actions and their options."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    out = _action(actions, "fetch", "fetch charts into a folder, for example for a mirror", _fetch)
    out.add_argument("--out", metavar="DIR", required=True, type=Path, help="folder for <name>-<version>.tgz")
    _from(out)
    _require(out)
    lock = _action(actions, "lock", f"add missing digests to {LOCK.name}", _lock)
    _from(lock)
    known = actions.add_parser(
        "pairs",
        help="add newer versions of kube-prometheus-stack, with their operator CRDs, to the table",
        description=f"Bring {_TABLE} up to date from the index of a chart repository.",
    )
    _from(known)
    known.set_defaults(run=_pairs)
    held = _action(actions, "verify", "compare the charts in a folder with their digests", _verify)
    held.add_argument("--charts", metavar="FOLDER", help="folder to check (default: the stack's charts.source)")
    _require(held)


def _action(actions: Any, name: str, summary: str, run: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=summary, description=summary)
    which = parser.add_mutually_exclusive_group()
    add_stack_option(which, "stack that uses the charts (default: %(default)s)")
    which.add_argument("--all", action="store_true", help="the charts of every stack")
    parser.set_defaults(run=run)
    return parser


def _from(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--from", dest="source", metavar="SOURCE", help="repository to read from (default: the upstream repositories)"
    )


def _require(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--require-lock", action="store_true", help="also refuse charts that are not locked")


def _fetch(args: argparse.Namespace) -> int:
    charts, source, lock = _wanted(args), ChartSource(args.source), ChartLock.load()
    locked = fetch(charts, source, args.out, lock, _helm(), required=args.require_lock)
    _tell(locked)
    say(f"{counted(len(locked), 'chart')} in {args.out}: `make up CHARTS={args.out}`, or the stack's charts.source")
    return 0


def _lock(args: argparse.Namespace) -> int:
    lock = ChartLock.load()
    missing = [chart for chart in _wanted(args) if chart not in lock.charts]
    if missing:
        lock = lock.with_charts(published(missing, ChartSource(args.source), _helm()))
        LOCK.write_text(lock.text(), encoding="utf-8")
    say(f"{LOCK.name}: {counted(len(missing), 'chart')} added, {len(lock.charts)} in all")
    return 0


def _pairs(args: argparse.Namespace) -> int:
    before = released()
    after = pairs.extended(before, pairs.app_versions(ChartSource(args.source)))
    pairs.write(after)
    added = counted(len(after.crds) - len(before.crds), "chart")
    say(f"{_TABLE}: kube-prometheus-stack up to {after.until} (before: {before.until}), {added} of CRDs added")
    return 0


def _verify(args: argparse.Namespace) -> int:
    folder = ChartSource(args.charts or Stack.load(args.stack).source).folder
    if folder is None:
        raise MeshlabError("expected a folder of charts to verify, got none", "say which with: --charts FOLDER")
    charts = _wanted(args)
    locked = check_folder(folder, charts)
    _tell(locked)
    if args.require_lock:
        require(locked)
    return 0


def _tell(locked: dict[Chart, bool]) -> None:
    for (name, version), known in sorted(locked.items()):
        say(f"{name} {version}: {'as locked' if known else 'not locked'}")


def _wanted(args: argparse.Namespace) -> list[Chart]:
    return charts_of(Stack.load(name) for name in (stacks_of(ROOT) if args.all else [args.stack]))


def _helm() -> Path:
    return toolchain.ensure(["helm"], say)["helm"]

"""`python -m bench [PART ...]`: measure, keep the results, write the page from them; `--help` lists the parts."""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from base.errors import MeshlabError
from meshlab.engine.backends import URL
from meshlab.engine.secrets import PASSPHRASE, PASSPHRASE_FILE

from . import charts, first_run, growth, machine, page, picture, program, results, where
from .compare import compare
from .larger import DIMENSIONS
from .tools import TOOLS, ToolAbsentError
from .tools.engine import ensure_engine

PARTS = (*results.PARTS, "page")
DEFAULT = ("program", "comparison", "where")
CHARTS = "MESHLAB_CHARTS"


def main(argv: Sequence[str]) -> int:
    """Measure what is asked for; returns 1 where a measurement failed. What could be had is kept all the same."""
    args = _arguments(argv)
    # Nobody's own backend: each tool begins with a state of its own, which is gone after.
    for name in (URL, PASSPHRASE, PASSPHRASE_FILE):
        os.environ.pop(name, None)
    failed = False
    if set(args.parts) - {"page"}:
        folder, kind = charts.chosen(args.charts, say)
        for part in results.PARTS:
            if part in args.parts:
                say(f"measuring: {part}")
                here = machine.describe()
                found = _measure(part, args, folder)
                results.save(part, here, kind, found)
                failed |= any("failed" in run for run in found.get("runs", []))
    kept = results.load()
    page.FILE.write_text(page.page_of(kept), encoding="utf-8")
    if "comparison" in kept:
        picture.FILE.write_text(picture.svg_of(kept["comparison"]), encoding="utf-8")
    say(f"written: {page.FILE.name}")
    return 1 if failed else 0


def _measure(part: str, args: argparse.Namespace, folder: Any) -> dict[str, Any]:
    if part == "program":
        return program.measure(folder, args.repeat, say)
    if part == "growth":
        return growth.measure(folder, args.repeat, args.dimensions, _engine_there(), say)
    if part == "first-run":
        return first_run.measure(folder, args.runs, say)
    if part == "where":
        return where.measure(folder, say) if _engine_there() else {"repetitions": 0}
    return asdict(compare(folder, args.repeat, args.tools, say))


def _engine_there() -> bool:
    try:
        ensure_engine()
    except ToolAbsentError as reason:
        say(f"no engine, so without what needs one: {reason}")
        return False
    return True


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description="What the lab costs, measured.")
    parser.add_argument("parts", nargs="*", type=_part, help=f"{', '.join(PARTS)}; default: {' '.join(DEFAULT)}")
    parser.add_argument("--repeat", type=int, default=3, help="how often everything is measured (default: %(default)s)")
    parser.add_argument("--charts", default=os.environ.get(CHARTS), help=f"folder of packed charts (default: {CHARTS})")
    parser.add_argument("--tools", nargs="+", choices=list(TOOLS), default=list(TOOLS), help="default: all")
    runs = list(first_run.RUNS)
    parser.add_argument("--runs", nargs="+", choices=runs, default=runs, help="of first-run, in place of all")
    names = [dimension.name for dimension in DIMENSIONS]
    parser.add_argument("--dimensions", nargs="+", choices=names, default=names, help="of growth, in place of all")
    args = parser.parse_args(argv)
    args.parts = args.parts or DEFAULT
    return args


def _part(word: str) -> str:
    if word not in PARTS:
        raise argparse.ArgumentTypeError(f"expected {', '.join(PARTS)}, got {word}")
    return word


def say(line: str) -> None:
    """Print a line at once, also through a pipe."""
    print(line, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except MeshlabError as error:
        print(f"bench: {error}", file=sys.stderr)
        sys.exit(1)

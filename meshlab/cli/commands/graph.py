"""`meshlab graph`: the picture of the program, as docs/architecture.svg has it, or what the last `up` waited for."""

import argparse
from collections.abc import Iterator
from pathlib import Path

from base.errors import MeshlabError
from base.wording import counted

from ...engine.events import Run, log_file, read
from ...engine.places import folders
from ...graph.critical_path import Chain, chain_of
from ...graph.drawing import svg_of
from ...graph.graph import picture_of
from ...recording.dependencies import needs_of
from ...recording.recorder import ROOT
from ...stack import Stack
from ...stackfile.stack_names import add_stack_option
from ...state_folder import STATE
from ..console import say

ARCHITECTURE = ROOT / "docs" / "architecture.svg"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_stack_option(parser, "stack to draw (default: %(default)s)")
    parser.add_argument(
        "--out", metavar="FILE", default=ARCHITECTURE, type=Path, help="file to write (default: docs/architecture.svg)"
    )
    parser.add_argument(
        "--critical", action="store_true", help="list the resources that determined the duration of the last `up`"
    )
    parser.add_argument(
        "--events", metavar="FILE", type=Path, help="with --critical: an event log of the engine (docs/rendering.md)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Draw the recorded program of a stack; says what is in the picture. Or list the chain."""
    if args.critical or args.events is not None:
        return _list_chain(args.stack, args.events)
    picture = picture_of(Stack.load(args.stack).recording.resources)
    try:
        args.out.write_text(svg_of(picture), encoding="utf-8")
    except OSError as error:
        raise MeshlabError(f"{args.out}: cannot be written: {error.strerror}") from None
    resources = sum(len(card.rows) for card in picture.cards)
    say(
        f"{args.stack}: {counted(len(picture.components), 'component')}, {counted(resources, 'resource')} and "
        f"{counted(len(picture.arrows), 'arrow')} in {args.out}"
    )
    return 0


def _list_chain(stack: str, events: Path | None) -> int:
    needs = needs_of(Stack.load(stack).recording.resources)
    logs = [log_file(stack, folder) for folder in folders(STATE)]
    log = events or max(logs, key=lambda one: one.stat().st_mtime if one.is_file() else 0.0)
    if events is None and not log.is_file():
        raise MeshlabError(
            f"{stack}: no log of an `up` here",
            f"bring it up with: make up STACK={stack}; "
            "or name a log of the engine's with: --events FILE, see docs/rendering.md",
        )
    up = read(log)
    chain = chain_of(up, needs)
    if not chain.links:
        raise MeshlabError(f"{log}: expected an `up` of stack {stack}, got one with none of its resources in it")
    for line in _lines(stack, chain, up):
        say(line)
    return 0


def _lines(stack: str, chain: Chain, up: Run) -> Iterator[str]:
    own, gaps, total = chain.own, chain.gaps, chain.seconds
    last = chain.links[-1].span.ended
    yield f"{stack}: up took {total:.1f} s; these decided it, each waiting for the one before"
    yield ""
    yield "   began    ended      gap      own  share  resource"
    for link in chain.links:
        span = link.span
        how = f"{span.action}, {span.how}" if span.how else span.action
        yield (
            f"{span.began:8.1f} {span.ended:8.1f} {link.gap:8.1f} {span.seconds:8.1f} {_share(span.seconds, total)}"
            f"  {span.urn.rpartition('::')[2]} ({how})"
        )
    yield f"{'':17} {gaps:8.1f} {own:8.1f} {_share(own, total)}  {len(chain.links)} of {chain.among} resources"
    yield ""
    removed = f", in which {up.removed} were removed" if up.removed else ""
    yield f"Seconds. The gaps are {_share(gaps, total).strip()}; after the last came {total - last:.1f} s{removed}."


def _share(part: float, whole: float) -> str:
    return f"{part / whole if whole else 0.0:6.0%}"

"""`meshlab tools`: what is in the cache of programs, and taking away what no pin names."""

import argparse
import json

from embedded.tools import cache as toolcache
from embedded.tools import pins
from embedded.tools.cache import CachedTool

from ..console import say

HEAD = ("NAME", "VERSION", "SIZE", "FROM", "PINNED")
UNITS = ((1_000_000_000, "GB", 1), (1_000_000, "MB", 0), (1_000, "kB", 0))


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("--prune", action="store_true", help="remove what no pin of this checkout names")
    parser.add_argument("--json", action="store_true", help="write the list as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """List, or remove and say how much; always 0."""
    if args.prune:
        _prune()
        return 0
    kept = toolcache.kept()
    if args.json:
        print(json.dumps([_as_json(tool) for tool in kept], indent=1))
        return 0
    rows = [
        HEAD,
        *((tool.name, tool.version, size(tool.size), tool.origin, "yes" if tool.pinned else "no") for tool in kept),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    for row in rows:
        say("  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip())
    unused = [tool for tool in kept if not tool.pinned]
    say(f"{size(sum(tool.size for tool in kept))} in {pins.cache_folder().parent}{_what_to_do(unused)}")
    for name, number in toolcache.others().items():
        say(f"beside them {name} ({size(number)}), which is no tool")
    return 0


def _what_to_do(unused: list[CachedTool]) -> str:
    if not unused:
        return ""
    return f"; no pin names {size(sum(tool.size for tool in unused))} of it, which `meshlab tools --prune` removes"


def _prune() -> None:
    freed = 0
    for entry in toolcache.prune():
        if entry.busy:
            say(f"left {entry.what}: another process is at work on it")
        else:
            freed += entry.size
            say(f"removed {entry.what} ({size(entry.size)})")
    say(f"{size(freed)} freed in {pins.cache_folder().parent}")


def _as_json(one: CachedTool) -> dict[str, object]:
    return {
        "name": one.name,
        "version": one.version,
        "bytes": one.size,
        "from": one.origin,
        "pinned": one.pinned,
        "path": str(one.path),
    }


def size(number: int) -> str:
    """Bytes for people: `54 MB`."""
    for unit, name, digits in UNITS:
        if number >= unit:
            return f"{number / unit:.{digits}f} {name}"
    return f"{number} B"

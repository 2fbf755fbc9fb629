"""The programs that `up` runs, and their versions."""

import platform
import shutil
import sys
from collections.abc import Iterator

from embedded.tools import download, pins, toolchain

from ..engine.programs import PROVIDERS, find_installed
from ..preflight.finding import Finding, Level

TOOLS = ("helm", "kubectl")
OLDEST_PYTHON = (3, 11)


def programs() -> Iterator[Finding]:
    """Python, helm, kubectl and the engine with its providers."""
    found = [f"Python {platform.python_version()}"]
    if sys.version_info < OLDEST_PYTHON:
        wanted = ".".join(map(str, OLDEST_PYTHON))
        yield Finding(
            "tools",
            Level.PROBLEM,
            f"{found[0]}; expected {wanted} or newer",
            "rm -r .venv && make setup PYTHON=python3.11",
        )
    for name in TOOLS:
        tool = pins.table()[name]
        if toolchain.find(name) is not None:
            found.append(f"{name} {_version(name)}")
        elif shutil.which("go") is not None or not download.why_not(tool):
            yield Finding("tools", Level.NOTE, f"{name} is not here yet: downloaded or built when first needed")
        else:
            yield Finding("tools", Level.PROBLEM, f"no {tool.wanted()}", f"install it, or {toolchain.GO_HINT}")
    cli, *providers = find_installed()
    if cli is None:
        yield Finding(
            "tools", Level.WARNING, "no pulumi here yet", f"`up` downloads it, or builds it with {toolchain.GO_HINT}"
        )
    else:
        found.append(cli.told())
        missing = [name for name, part in zip(PROVIDERS, providers, strict=True) if part is None]
        if missing:
            text = f"providers not here yet: {', '.join(missing)}"
            yield Finding("tools", Level.WARNING, text, "`up` downloads them, or builds them")
        found += [part.told() for part in providers if part is not None]
    yield Finding("tools", Level.OK, ", ".join(found))


def _version(name: str) -> str:
    tool, path = pins.table()[name], toolchain.find(name)
    if path == tool.path:
        return tool.release.removeprefix("v")  # in the cache, under this very version
    version = toolchain.said_version(tool, path) if path else None
    return ".".join(map(str, version or ()))

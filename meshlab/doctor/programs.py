"""The programs that `up` runs, and their versions."""

import platform
import shutil
import sys
from collections.abc import Iterator

from .. import process, toolchain
from ..engine import PROVIDERS, PULUMI_VERSION, pulumi_home
from .finding import Finding, Level

ASK_LIMIT_SECONDS = 20.0
TOOLS = ("helm", "kubectl")
OLDEST_PYTHON = (3, 11)


def programs() -> Iterator[Finding]:
    """Python, helm, kubectl and the engine with its providers."""
    found = [f"Python {platform.python_version()}"]
    if sys.version_info < OLDEST_PYTHON:
        wanted = ".".join(map(str, OLDEST_PYTHON))
        yield Finding("tools", Level.PROBLEM, f"{found[0]}; expected {wanted} or newer", "make setup PYTHON=python3.11")
    for name in TOOLS:
        tool = toolchain.table()[name]
        if toolchain.find(name) is not None:
            found.append(f"{name} {_version(name)}")
        elif shutil.which("go") is not None:
            yield Finding("tools", Level.NOTE, f"{name} is not here yet: built once, when first needed")
        else:
            yield Finding("tools", Level.PROBLEM, f"no {tool.wanted()}", f"install it, or {toolchain.GO_HINT}")
    engine = shutil.which("pulumi") or _downloaded()
    if engine is None:
        yield Finding(
            "tools",
            Level.WARNING,
            "no pulumi: it is downloaded, or where that fails, helm and kubectl apply the resources without it",
            "install pulumi, or let `up` download it",
        )
    else:
        found.append(f"pulumi {_engine_version(engine)}")
        yield from _providers()
    yield Finding("tools", Level.OK, ", ".join(found))


def _providers() -> Iterator[Finding]:
    plugins = pulumi_home() / "plugins"
    missing = [
        name
        for name in PROVIDERS
        if shutil.which(f"pulumi-resource-{name}") is None and not any(plugins.glob(f"resource-{name}-v*"))
    ]
    if missing:
        text = f"providers not here yet: {', '.join(missing)}; `up` downloads them"
        yield Finding("tools", Level.WARNING, text, f"pulumi plugin install resource {missing[0]}")


def _downloaded() -> str | None:
    program = pulumi_home() / "versions" / PULUMI_VERSION / "bin" / "pulumi"
    return str(program) if program.is_file() else None


def _engine_version(engine: str) -> str:
    try:
        said = process.run([engine, "version"], timeout=ASK_LIMIT_SECONDS, env={"PULUMI_SKIP_UPDATE_CHECK": "true"})
    except process.ProcessError as error:
        return f"of no known version ({error})"
    return said.stdout.strip().removeprefix("v")


def _version(name: str) -> str:
    tool, path = toolchain.table()[name], toolchain.find(name)
    if path == tool.path:
        return tool.release.removeprefix("v")  # built here, under this very version
    said = process.run([str(path), *tool.ask], timeout=ASK_LIMIT_SECONDS, check=False)
    version = toolchain.parse_version(said.stdout or said.stderr)
    return ".".join(map(str, version or ()))

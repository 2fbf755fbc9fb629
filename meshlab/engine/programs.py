"""The Pulumi CLI and the program's providers: found on this machine, downloaded, or built, each once.

What is on PATH in a version that fits comes first, then what the cache has, then Pulumi's release file where tools.toml
has its digest, then Pulumi's own download, then a build from the modules that `tools/pulumi*` pin. Nothing here imports
Pulumi's SDK before it is needed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from base import process
from base.errors import MeshlabError
from base.say import Say
from embedded.tools import download, pins, pulumi_download, toolchain
from embedded.tools.pins import Version, parse_version
from embedded.tools.pulumi_download import CLI, PROVIDER, is_partial, sdk_version
from embedded.tools.toolchain import ToolsMissingError

if TYPE_CHECKING:
    from .command import Command


PROVIDERS = ("kubernetes", "random")
LAUNCHER = pins.TOOLS_FOLDER / "pulumi" / "launcher"
"""The folder of what starts the program's own provider, beside those of `PROVIDERS`."""
STAND_IN = "random"
ASK_LIMIT_SECONDS, POLL_SECONDS = 20.0, 0.02


class EngineMissingError(MeshlabError):
    """No Pulumi engine can be had here; the message says what was tried and what to install."""


@dataclass(frozen=True)
class Part:
    """The CLI or one provider."""

    name: str
    version: str
    origin: str
    """Where it is from: on PATH, downloaded, downloaded by Pulumi, built here."""
    folder: Path
    """The folder that it lies in."""
    wanted: str = ""
    """For a provider, the version that its SDK asks for."""

    @property
    def older(self) -> bool:
        """Whether a provider is older than its SDK."""
        return bool(self.wanted) and (parse_version(self.version) or ()) < (parse_version(self.wanted) or ())

    def told(self) -> str:
        """The part in a few words."""
        words = f"{self.name} {self.version} ({self.origin}"
        stand_in = pins.table()[_tool(STAND_IN)]
        if self.name == STAND_IN and self.folder == stand_in.path.parent and not stand_in.downloaded:
            words += ", a stand-in for generated passwords alone"
        return words + (f"; its SDK is {self.wanted}, and the program asks for nothing newer)" if self.older else ")")


@dataclass(frozen=True)
class Engine:
    """A CLI and the providers of the program."""

    cli: Part
    providers: tuple[Part, ...]

    @property
    def command(self) -> Command:
        """The CLI as the Automation API takes it."""
        from .command import Command

        return Command(self.program, self.cli.version)

    @property
    def program(self) -> str:
        """The CLI's file."""
        return str(self.cli.folder / CLI)

    @property
    def plugins(self) -> Mapping[str, Path]:
        """The folder of each provider. The engine looks for others in PULUMI_HOME, which is not always ours."""
        return {**{part.name: part.folder for part in self.providers}, "pulumi-python": LAUNCHER}

    @property
    def older(self) -> bool:
        """Whether a provider is older than its SDK, which the engine would say at every run."""
        return any(part.older for part in self.providers)

    def told(self) -> str:
        """One line: what brings the stack up, and why it is that."""
        return "engine: " + ", ".join(part.told() for part in (self.cli, *self.providers))


def find_engine(say: Say, also: Iterable[str] = ()) -> Engine:
    """The CLI and the providers, in one go where some have to be downloaded or built.

    `also` names other tools that are needed, so that the longest build of all comes first. Raises EngineMissingError
    where the engine cannot be had, and MeshlabError where a build fails or a download is not what was pinned.
    """
    parts = dict(zip((CLI, *PROVIDERS), find_installed(), strict=True))
    _get([_tool(name) for name, part in parts.items() if part is None], also, say)
    cli, *providers = (part or _got(name) for name, part in parts.items())
    return Engine(cli, tuple(providers))


def find_cli(say: Say) -> str:
    """The CLI's file alone, for what needs no provider. Raises as `find_engine`."""
    found = _found_cli()
    if found is None:
        _get([CLI], (), say)
        found = _got(CLI)
    return str(found.folder / CLI)


def cli_here() -> str:
    """The CLI's file, empty where there is none on this machine; nothing is fetched or built."""
    found = _found_cli()
    return str(found.folder / CLI) if found is not None else ""


def find_installed() -> list[Part | None]:
    """The CLI and the providers as far as they are on this machine, in this order; nothing is fetched or built."""
    return [_found_cli(), *(_found_provider(name) for name in PROVIDERS)]


def _get(missing: Sequence[str], also: Iterable[str], say: Say) -> None:
    """Download or build what is missing of the engine, and other tools with it."""
    if missing:
        if shutil.which("go") is None:
            # Before anything is fetched for an engine that will not be there.
            _refuse([name for name in missing if _why_not(name)])
        pinned = toolchain.fetch([*missing, *also], say)
        missing = _not_by_pulumi([name for name in missing if pinned[name] is None], say)
    try:
        toolchain.ensure([*missing, *also], say)
    except ToolsMissingError:
        _refuse([name for name in missing if not pins.table()[name].path.is_file()])
        raise


def _not_by_pulumi(missing: Sequence[str], say: Say) -> list[str]:
    """Have Pulumi download what is missing; returns what still is. The CLI is first, for the providers need it."""
    if not missing or not pulumi_download.answers(missing, say):
        return list(missing)
    cli = _found_cli() if missing[0] != CLI else None
    left: list[str] = []
    for name in missing:
        if not pulumi_download.fetch(name, cli.folder / CLI if cli else None, say):
            left.append(name)
        elif name == CLI:
            cli = _got(CLI)
    return left


def _why_not(tool: str) -> str:
    """Why neither download is to be had."""
    pinned = download.why_not(pins.table()[tool])
    own = pinned and pulumi_download.why_not()
    return own and "; ".join(dict.fromkeys((pinned, own)))


def _refuse(missing: Sequence[str]) -> None:
    if missing:
        oldest = ".".join(map(str, pins.table()[CLI].at_least))
        why = _why_not(missing[0]) or "Pulumi's own download failed"
        raise EngineMissingError(
            f"no {', '.join(missing)}: not on PATH, not to be downloaded ({why}), and no Go to build with",
            f"install Pulumi {oldest} or newer, or {toolchain.GO_HINT}",
        )


def _tool(name: str) -> str:
    """What tools.toml calls a part."""
    return CLI if name == CLI else PROVIDER + name


def _text(version: Version) -> str:
    return ".".join(map(str, version))


def _found_cli() -> Part | None:
    tool = pins.table()[CLI]
    on_path = shutil.which(CLI)
    if on_path is not None:
        version = _said(on_path, *tool.ask)
        if version is not None and tool.fits(version):
            return Part(CLI, _text(version), "on PATH", Path(on_path).parent)
    return _cached(CLI)


def _said(program: str, *ask: str) -> Version | None:
    try:
        said = process.run([program, *ask], timeout=ASK_LIMIT_SECONDS, env={"PULUMI_SKIP_UPDATE_CHECK": "true"})
    except process.ProcessError:
        return None
    return parse_version(said.stdout)


def _found_provider(name: str) -> Part | None:
    tool, wanted = pins.table()[_tool(name)], sdk_version(name)
    on_path = shutil.which(_tool(name))
    if on_path is not None:
        version = _plugin_version(on_path)
        if version is not None and tool.fits(version):
            return Part(name, _text(version), "on PATH", Path(on_path).parent, wanted)
    return _of_the_user(name, wanted) or _cached(name)


def _of_the_user(name: str, wanted: str) -> Part | None:
    """The newest of the user's own downloads that the SDK can use. The engine marks by a file one that is not whole."""
    least = parse_version(wanted) or ()
    home = Path(os.environ.get("PULUMI_HOME") or "~/.pulumi").expanduser()
    whole = [path for path in (home / "plugins").glob(f"resource-{name}-v*") if path.is_dir() and not is_partial(path)]
    fitting = {version: path for path in whole if (version := parse_version(path.name) or ()) >= least}
    newest = max((version for version in fitting if version[:1] == least[:1]), default=None)
    return None if newest is None else Part(name, _text(newest), "downloaded", fitting[newest], wanted)


def _plugin_version(program: str) -> Version | None:
    """What a provider says of itself; None where it does not start or does not say.

    It has no option for that: it is started as the engine starts it, tells the port that it listens on, and is asked.
    """
    import grpc
    from google.protobuf import empty_pb2
    from pulumi.runtime.proto import provider_pb2_grpc

    with tempfile.TemporaryDirectory() as folder:
        said = Path(folder) / "port"
        try:
            with (
                process.background([program, "127.0.0.1:0"], log=said) as child,
                grpc.insecure_channel(f"127.0.0.1:{_port(said, child)}") as channel,
            ):
                stub = cast(Any, provider_pb2_grpc).ResourceProviderStub(channel)
                info = stub.GetPluginInfo(cast(Any, empty_pb2).Empty(), timeout=ASK_LIMIT_SECONDS)
                return parse_version(str(info.version))
        except (process.ProcessError, grpc.RpcError, TimeoutError):
            return None


def _port(said: Path, child: subprocess.Popen[bytes]) -> int:
    """The first line that a provider writes. Raises TimeoutError where it is no number, or does not come."""
    end = time.monotonic() + ASK_LIMIT_SECONDS
    while time.monotonic() < end:
        ended = child.poll() is not None
        line, newline, _ = said.read_text(encoding="utf-8", errors="replace").partition("\n")
        if newline:
            if line.strip().isdigit():
                return int(line)
            break
        if ended:
            break
        time.sleep(POLL_SECONDS)
    raise TimeoutError(said)


def _cached(name: str) -> Part | None:
    """What the cache has of a part: downloaded by its digest, downloaded by Pulumi, or built, in this order."""
    tool, wanted = pins.table()[_tool(name)], "" if name == CLI else sdk_version(name)
    by_pulumi = None if tool.downloaded and tool.path.is_file() else pulumi_download.found(tool.name)
    if by_pulumi is not None:
        return Part(name, pulumi_download.wanted(tool.name) or "", pulumi_download.ORIGIN, by_pulumi.parent, wanted)
    if not tool.path.is_file():
        return None
    origin = "downloaded" if tool.downloaded else "built here"
    return Part(name, tool.release.removeprefix("v"), origin, tool.path.parent, wanted)


def _got(name: str) -> Part:
    """A part that was got just now."""
    part = _cached(name)
    if part is None:
        raise EngineMissingError(
            f"{_tool(name)}: expected in {pins.cache_folder().parent}, but it is not there",
            "if one that is on PATH does not work, take it from PATH",
        )
    return part

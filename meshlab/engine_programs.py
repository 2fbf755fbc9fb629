"""The Pulumi CLI and the program's providers: found on this machine, downloaded, or built, each once.

What is on PATH in a version that fits comes first, then Pulumi's own release, then a build from the modules that
`tools/pulumi*` pin. Nothing here imports Pulumi's SDK before it is needed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from components.errors import MeshlabError

from . import process, toolchain
from .toolchain import Version, parse_version

if TYPE_CHECKING:
    from pulumi import automation as auto

Say = toolchain.Progress

CLI = "pulumi"
PROVIDERS = ("kubernetes", "random")
LAUNCHER = toolchain.TOOLS_FOLDER / "pulumi" / "launcher"
"""The folder of what starts the program's own provider, beside those of `PROVIDERS`."""
STAND_IN = "random"
DOWNLOADS = "https://get.pulumi.com/"
ANSWER_LIMIT_SECONDS = 5.0
DOWNLOAD_LIMIT_SECONDS = 600.0
ASK_LIMIT_SECONDS, POLL_SECONDS = 20.0, 0.02


class EngineMissingError(MeshlabError):
    """No Pulumi engine can be had here; the message says what was tried and what to install."""


@dataclass(frozen=True)
class Part:
    """The CLI or one provider."""

    name: str
    version: str
    origin: str
    """Where it is from: on PATH, downloaded, built here."""
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
        if self.name == STAND_IN and self.folder == toolchain.table()[_tool(STAND_IN)].path.parent:
            words += ", a stand-in for generated passwords alone"
        return words + (f"; its SDK is {self.wanted}, and the program asks for nothing newer)" if self.older else ")")


@dataclass(frozen=True)
class Engine:
    """A CLI and the providers of the program."""

    cli: Part
    providers: tuple[Part, ...]

    @property
    def command(self) -> auto.PulumiCommand:
        """The CLI as the Automation API takes it."""
        from pulumi import automation
        from semver import VersionInfo

        # Its constructor would run the CLI once more, to ask the version that is known.
        command = automation.PulumiCommand.__new__(automation.PulumiCommand)
        command.command, command.version = self.program, VersionInfo.parse(self.cli.version)
        return command

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
    """The CLI and the providers, in one build where some have to be built.

    `also` names other tools that are needed, so that the longest build of all comes first. Raises EngineMissingError
    where the engine cannot be had, and ToolsError where a build fails.
    """
    cli = _found_cli() or _downloaded_cli(say)
    providers = {name: _found_provider(name) or _downloaded_provider(name, cli, say) for name in PROVIDERS}
    missing = [tool for tool, part in ((CLI, cli), *((_tool(n), p) for n, p in providers.items())) if part is None]
    _refuse_without_go(missing)
    toolchain.ensure([*missing, *also], say)
    cli = cli or _built(CLI)
    return Engine(cli, tuple(part or _built(_tool(name), name) for name, part in providers.items()))


def find_cli(say: Say) -> str:
    """The CLI's file alone, for what needs no provider. Raises as `find_engine`."""
    found = _found_cli() or _downloaded_cli(say)
    if found is None:
        _refuse_without_go([CLI])
        return str(toolchain.ensure([CLI], say)[CLI])
    return str(found.folder / CLI)


def cli_here() -> str:
    """The CLI's file, empty where there is none on this machine; nothing is fetched or built."""
    found = _found_cli()
    return str(found.folder / CLI) if found is not None else ""


def here() -> list[Part | None]:
    """The CLI and the providers as far as they are on this machine, in this order; nothing is fetched or built."""
    return [_found_cli(), *(_found_provider(name) for name in PROVIDERS)]


def _refuse_without_go(missing: list[str]) -> None:
    if missing and shutil.which("go") is None:
        oldest = ".".join(map(str, toolchain.table()[CLI].at_least))
        raise EngineMissingError(
            f"no {', '.join(missing)}: not on PATH, not to be downloaded ({_download_fault()}), "
            f"and no Go to build with (install Pulumi {oldest} or newer, or {toolchain.GO_HINT})"
        )


def pulumi_home() -> Path:
    """Where plugins and a downloaded CLI lie: with the other tools, so that the user's own ~/.pulumi stays as it is."""
    return toolchain.cache_folder().parent / "pulumi"


def sdk_version(provider: str) -> str:
    """The version of a provider's SDK, which is the version of the provider that it asks for."""
    return metadata.version(f"pulumi-{provider}")


def _tool(provider: str) -> str:
    return f"pulumi-resource-{provider}"


def _release() -> str:
    """The CLI's pin, also for what is downloaded."""
    return toolchain.table()[CLI].release.removeprefix("v")


def _text(version: Version) -> str:
    return ".".join(map(str, version))


def _found_cli() -> Part | None:
    tool = toolchain.table()[CLI]
    on_path = shutil.which(CLI)
    if on_path is not None:
        version = _said(on_path, *tool.ask)
        if version is not None and tool.fits(version):
            return Part(CLI, _text(version), "on PATH", Path(on_path).parent)
    fetched = _fetched_cli()
    if fetched.is_file():
        return Part(CLI, _release(), "downloaded", fetched.parent)
    return _built(CLI) if tool.path.is_file() else None


def _fetched_cli() -> Path:
    return pulumi_home() / "versions" / _release() / "bin" / CLI


def _said(program: str, *ask: str) -> Version | None:
    try:
        said = process.run([program, *ask], timeout=ASK_LIMIT_SECONDS, env={"PULUMI_SKIP_UPDATE_CHECK": "true"})
    except process.ProcessError:
        return None
    return parse_version(said.stdout)


def _found_provider(name: str) -> Part | None:
    tool, wanted = toolchain.table()[_tool(name)], sdk_version(name)
    on_path = shutil.which(_tool(name))
    if on_path is not None:
        version = _plugin_version(on_path)
        if version is not None and tool.fits(version):
            return Part(name, _text(version), "on PATH", Path(on_path).parent, wanted)
    least = parse_version(wanted) or ()
    fetched = {one: where for one, where in _fetched_providers(name).items() if one >= least and one[:1] == least[:1]}
    if fetched:
        newest = max(fetched)
        return Part(name, _text(newest), "downloaded", fetched[newest], wanted)
    return _built(_tool(name), name) if tool.path.is_file() else None


def _fetched_providers(name: str) -> dict[Version, Path]:
    """Folders of a provider by version, where its download is complete: the engine marks by a file one that is not."""
    folders = [one for home in _homes() for one in (home / "plugins").glob(f"resource-{name}-v*")]
    whole = [one for one in folders if one.is_dir() and not one.with_name(f"{one.name}.partial").exists()]
    return {parse_version(one.name) or (): one for one in whole}


def _homes() -> tuple[Path, Path]:
    """Where downloads lie: the user's own place, and ours, into which we download."""
    return Path(os.environ.get("PULUMI_HOME") or "~/.pulumi").expanduser(), pulumi_home()


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


def _built(tool: str, name: str = CLI) -> Part:
    pinned = toolchain.table()[tool]
    wanted = sdk_version(name) if name != CLI else ""
    return Part(name, pinned.release.removeprefix("v"), "built here", pinned.path.parent, wanted)


@cache
def _download_fault() -> str:
    """Why Pulumi's releases cannot be downloaded; empty where they can."""
    request = urllib.request.Request(DOWNLOADS, headers={"User-Agent": "meshlab"})
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_LIMIT_SECONDS):
            return ""
    except urllib.error.HTTPError as error:
        with error:
            return f"{DOWNLOADS}: HTTP {error.code}"
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        return f"{DOWNLOADS}: {getattr(reason, 'strerror', None) or reason}"


def _downloaded_cli(say: Say) -> Part | None:
    from pulumi import automation
    from semver import VersionInfo

    fault = _download_fault()
    if fault:
        say(f"engine: no pulumi on PATH, and its download does not answer ({fault}): it is built from its module")
        return None
    say(f"engine: no pulumi on PATH: downloading {_release()}")
    root = _fetched_cli().parent.parent
    try:
        automation.PulumiCommand.install(root=str(root), version=VersionInfo.parse(_release()))
    except Exception as error:  # the SDK raises whatever its installer raises
        reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
        say(f"engine: the download of pulumi {_release()} failed ({reason}): it is built from its module")
        return None
    return Part(CLI, _release(), "downloaded", root / "bin")


def _downloaded_provider(name: str, cli: Part | None, say: Say) -> Part | None:
    if cli is None or _download_fault():
        return None
    wanted = sdk_version(name)
    say(f"engine: downloading the provider {name} {wanted}")
    try:
        process.run(
            [cli.folder / CLI, "plugin", "install", "resource", name, wanted],
            timeout=DOWNLOAD_LIMIT_SECONDS,
            env={"PULUMI_HOME": str(pulumi_home()), "PULUMI_SKIP_UPDATE_CHECK": "true"},
        )
    except process.ProcessError as error:
        say(f"engine: the download of the provider {name} failed ({error}): it is built from its module")
        return None
    return Part(name, wanted, "downloaded", pulumi_home() / "plugins" / f"resource-{name}-v{wanted}", wanted)

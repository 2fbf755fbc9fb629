"""Pulumi's own download of its CLI and of providers: the way for what tools.toml has no digest of.

The Automation API installs the CLI, and `pulumi plugin install` a provider, at the version that its SDK asks for.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

from base import process
from base.say import Say

from . import display, download, downloads, pins, tool_lock

CLI = "pulumi"
PROVIDER = "pulumi-resource-"
"""What the program of a provider begins with."""
ORIGIN = "downloaded by Pulumi"
SITE = "https://get.pulumi.com"
LIMIT_SECONDS = 600.0
NEW = ".new-"
# The mark beside a provider's folder whose download is not complete, and the lock of the one that downloads.
PARTIAL, LOCK = ".partial", ".lock"

_told: set[str] = set()
"""The faults that this process has told."""


@dataclass(frozen=True)
class Fetched:
    """One download in the cache."""

    tool: str
    version: str
    folder: Path
    whole: bool

    @property
    def pinned(self) -> bool:
        """Whether it is of the version that this checkout would download."""
        return self.whole and self.version == wanted(self.tool)

    @property
    def program(self) -> Path:
        """The program's file."""
        return self.folder / "bin" / CLI if self.tool == CLI else self.folder / self.tool

    @property
    def beside(self) -> list[Path]:
        """The files with which Pulumi marks and locks it."""
        return [self.folder.with_name(self.folder.name + ending) for ending in (PARTIAL, LOCK)]


def pulumi_home() -> Path:
    """Where the engine keeps what it keeps: beside the tools, so that the user's own ~/.pulumi stays as it is."""
    return pins.cache_folder().parent / "pulumi"


def sdk_version(provider: str) -> str:
    """The version of a provider's SDK, which is the version of the provider that it asks for."""
    return metadata.version(f"pulumi-{provider}")


def wanted(tool: str) -> str | None:
    """The version of the CLI or a provider that is downloaded; None for a provider whose SDK is not here."""
    if tool == CLI:
        return pins.table()[CLI].release.removeprefix("v")
    try:
        return sdk_version(tool.removeprefix(PROVIDER))
    except metadata.PackageNotFoundError:
        return None


def fetched() -> list[Fetched]:
    """Every download in the cache, also what a broken one has left."""
    return [*_clis(), *_providers()]


def found(tool: str) -> Path | None:
    """The program's file, where it has been downloaded."""
    return next((cached.program for cached in fetched() if cached.tool == tool and cached.pinned), None)


def why_not() -> str:
    """Why nothing would be downloaded; empty where nothing speaks against it. Asks Pulumi's site once in a process.

    Raises MeshlabError where MESHLAB_DOWNLOADS is no address.
    """
    return _unwanted() or download.silence(SITE) or _fault()


def answers(tools: Sequence[str], say: Say) -> bool:
    """Whether tools can be downloaded. Says once in a process where nobody answers, but not what the caller wants."""
    if _unwanted() or download.silence(SITE):
        return False
    fault = _fault()
    if fault and fault not in _told:
        _told.add(fault)
        say(f"engine: nothing can be downloaded by Pulumi ({fault}), so these have to be built: {', '.join(tools)}")
    return not fault


def fetch(tool: str, cli: Path | None, say: Say) -> bool:
    """Have Pulumi download the CLI or, with the CLI `cli`, a provider; false, and said, where that fails."""
    if tool != CLI and cli is None:
        return False
    what = f"{tool} {wanted(tool)}"
    with tool_lock.held(tool_lock.fetching(tool)), display.shown(say) as board:
        if found(tool) is not None:
            return True  # by another process meanwhile
        board.say(f"engine: downloading {what} by Pulumi, which no digest of tools.toml pins")
        with board.doing(f"downloading {what} by Pulumi"):
            fault = _install_cli() if cli is None or tool == CLI else _install_provider(tool, cli)
        if not fault and found(tool) is None:
            fault = "its program is not where it belongs"
        if fault:
            board.say(f"engine: the download of {what} by Pulumi failed, so it has to be built: {fault}")
    return not fault


def _install_cli() -> str:
    """Why the CLI could not be installed; empty where it is. It is there whole or not at all."""
    from pulumi import automation
    from semver import VersionInfo

    version = wanted(CLI) or ""
    folder = pulumi_home() / "versions" / version
    new = folder.with_name(NEW + version)
    shutil.rmtree(new, ignore_errors=True)
    try:
        automation.PulumiCommand.install(root=str(new), version=VersionInfo.parse(version))
        shutil.rmtree(folder, ignore_errors=True)
        new.rename(folder)
    except Exception as error:  # the SDK raises whatever its installer raises
        said = error.output if isinstance(error, subprocess.CalledProcessError) else None
        text = said.decode(errors="replace") if isinstance(said, bytes) else str(error)
        return (text.strip() or str(error) or type(error).__name__).splitlines()[-1]
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return ""


def _install_provider(tool: str, cli: Path) -> str:
    try:
        process.run(
            [cli, "plugin", "install", "resource", tool.removeprefix(PROVIDER), wanted(tool) or ""],
            timeout=LIMIT_SECONDS,
            env={"PULUMI_HOME": str(pulumi_home()), "PULUMI_SKIP_UPDATE_CHECK": "true"},
        )
    except process.ProcessError as error:
        return str(error)
    return ""


def _clis() -> list[Fetched]:
    folders = sorted(path for path in (pulumi_home() / "versions").glob("*") if path.is_dir())
    return [Fetched(CLI, folder.name.removeprefix(NEW), folder, _is_whole(folder)) for folder in folders]


def _is_whole(folder: Path) -> bool:
    return not folder.name.startswith(NEW) and (folder / "bin" / CLI).is_file()


def _providers() -> list[Fetched]:
    found: list[Fetched] = []
    for folder in sorted((pulumi_home() / "plugins").glob("resource-*")):
        match = re.fullmatch(r"resource-(?P<name>.+)-v(?P<version>\d[^-]*)", folder.name)
        if match and folder.is_dir():
            program = PROVIDER + match["name"]
            whole = (folder / program).is_file() and not is_partial(folder)
            found.append(Fetched(program, match["version"], folder, whole))
    return found


def is_partial(folder: Path) -> bool:
    """Whether the download of a provider into this folder has not come to its end."""
    return folder.with_name(folder.name + PARTIAL).exists()


def _unwanted() -> str:
    """How the caller has asked for no such download."""
    if downloads.switched_off():
        return download.OFF
    return f"{downloads.VARIABLE} names a mirror, and Pulumi downloads from its own site" if downloads.mirror() else ""


@cache
def _fault() -> str:
    """Why Pulumi's site does not answer; empty where it does. A name that is not found may take half a minute."""
    faults: list[str] = []
    asking = threading.Thread(target=lambda: faults.append(_ask()), daemon=True)
    asking.start()
    asking.join(download.ANSWER_SECONDS)
    return faults[0] if faults else f"{SITE}: no answer within {download.ANSWER_SECONDS:g} s"


def _ask() -> str:
    from . import transfer  # brings requests, which most runs do not need

    # As the Automation API will ask: through the environment's proxy.
    request = urllib.request.Request(f"{SITE}/install.sh", headers={"User-Agent": "meshlab"})
    try:
        with urllib.request.urlopen(request, timeout=download.ANSWER_SECONDS):
            return ""
    except urllib.error.HTTPError as error:
        with error:
            return f"{SITE}: HTTP {error.code}"
    except (OSError, ValueError) as error:
        return f"{SITE}: {transfer.reason(error)}"

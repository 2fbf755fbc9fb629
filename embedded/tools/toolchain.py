"""The programs that the embedded cluster and the tests run: found on this machine, downloaded or built."""

import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from base import process
from base.errors import MeshlabError
from base.say import Say

from . import build, download, pins
from .pins import Tool, Version, parse_version

GO_HINT = "Go 1.26 or newer"
# The folder that Kubernetes' own test tools look in, and the programs that it may hold.
ASSETS_VARIABLE, ASSETS = "KUBEBUILDER_ASSETS", ("kube-apiserver", "etcd", "kubectl")
ASK_LIMIT = 20.0


class ToolsMissingError(MeshlabError):
    """Neither on this machine nor to be built on it; the text says what to install. Tests skip with this text."""


def said_version(tool: Tool, path: Path) -> Version | None:
    """The version that a program says it is; None where it does not run, or says none."""
    try:
        said = process.run([path, *tool.ask], timeout=ASK_LIMIT, check=False)
    except process.ProcessError:
        return None
    return parse_version(said.stdout or said.stderr) if said.code == 0 else None


def find(key: str) -> Path | None:
    """The program, if it is here: downloaded or built, or in KUBEBUILDER_ASSETS or on PATH in a version that fits."""
    tool = pins.table()[key]
    if tool.path.is_file():
        return tool.path
    assets = os.environ.get(ASSETS_VARIABLE, "")
    candidates = [Path(assets) / tool.name] if assets and tool.name in ASSETS else []
    on_path = shutil.which(tool.name) if tool.ask else None
    candidates += [Path(on_path)] if on_path else []
    return next((path for path in candidates if _answers_with_fitting_version(tool, path)), None)


def ensure(keys: Iterable[str], progress: Say = print) -> dict[str, Path]:
    """Finds, downloads or builds programs by their keys and returns their paths; `progress` gets a line now and then.

    Downloads come first, then builds, the longest first. Raises ToolsMissingError where there is neither the program
    nor a download nor Go, and MeshlabError where a file is not the one that was pinned, where a build fails, or where
    MESHLAB_DOWNLOADS is wrong.
    """
    found = fetch(keys, progress)
    left = [pins.table()[key] for key, path in found.items() if path is None]
    if left and shutil.which("go") is None:
        raise ToolsMissingError(missing_text(left))
    build.build(left, progress)
    return {key: path or pins.table()[key].path for key, path in found.items()}


def fetch(keys: Iterable[str], progress: Say = print) -> dict[str, Path | None]:
    """As `ensure`, but builds nothing: None stands for what is not here and was not downloaded.

    Raises MeshlabError as `ensure`.
    """
    found = {key: find(key) for key in dict.fromkeys(keys)}
    missing = [pins.table()[key] for key, path in found.items() if path is None]
    left = {tool.key for tool in download.download(missing, progress)}
    return {key: path or (None if key in left else pins.table()[key].path) for key, path in found.items()}


def missing_text(missing: Sequence[Tool]) -> str:
    """One line: what is missing and what to install."""
    wanted = ", ".join(tool.wanted() for tool in missing)
    return f"not on this machine: {wanted}; install {GO_HINT}, which builds them once, or put them on PATH"


def _answers_with_fitting_version(tool: Tool, path: Path) -> bool:
    version = said_version(tool, path)
    return version is not None and tool.fits(version)

"""What tools.toml and the go.mod files pin: each program, its version, and where it lies.

`tools/tools.toml` says which programs there are and `tools/<folder>/go.mod` pins their versions. Of Kubernetes' own
there are other minors too, each pinned in a folder `<folder>-<minor>`. What is downloaded or built lies in the user's
cache folder by name and version, outside the tree, so that every checkout shares it and a new pin never meets an old
binary.
"""

from __future__ import annotations

import hashlib
import os
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from base.errors import MeshlabError

from . import downloads
from .downloads import Download

Version = tuple[int, ...]
TOOLS_FOLDER = Path(__file__).resolve().parents[2] / "tools"
SOURCE_DIGITS = 12
# Lies beside a program that was downloaded, and says from where.
ORIGIN = "origin"
MINOR = r"\d+\.\d+"
OWN = "meshlab/tools/"
"""What the packages whose source lies in tools/ begin with."""


@dataclass(frozen=True)
class Tool:
    """One program of tools.toml. `tag` is the pinned version as its module has it, `release` as it says it itself."""

    name: str
    folder: str
    module: str
    package: str
    tag: str
    release: str
    stamps: tuple[tuple[str, str], ...] = ()
    tags: tuple[str, ...] = ()
    ask: tuple[str, ...] = ("--version",)
    at_least: Version = ()
    below: Version = ()
    cpu_seconds: float = 60.0
    """About what its build costs alone, with nothing in Go's cache."""
    beside: tuple[str, ...] = ()
    """Files of its module that it reads from its own folder."""
    source: str = ""
    """Digest of its main package and what lies below it, where that is ours; empty otherwise."""
    download: Download | None = None
    """Its release file for this platform; None where tools.toml has no digest of one."""
    minor: str = ""
    """The minor version that it is of, where that is not the pin's; empty otherwise."""

    @property
    def key(self) -> str:
        """What `table`, `find` and `ensure` call it: its name, and of another minor `name@1.35`."""
        return key_of(self.name, self.minor)

    @property
    def path(self) -> Path:
        """Where the downloaded or built program lies, or would."""
        return cache_folder() / "-".join(filter(None, (self.name, self.tag, self.source))) / self.name

    @property
    def downloaded(self) -> bool:
        """Whether what lies at `path` was downloaded, not built."""
        return (self.path.parent / ORIGIN).is_file()

    @property
    def built_as(self) -> str:
        """The file name that `go build` gives it: the package's last element that is no major version."""
        parts = self.package.split("/")
        return parts[-2] if re.fullmatch(r"v\d+", parts[-1]) else parts[-1]

    @property
    def linker_flags(self) -> str:
        return " ".join(["-s -w", *(f"-X {variable}={value}" for variable, value in self.stamps)])

    def fits(self, version: Version) -> bool:
        """Whether a program of this version can stand in for the pinned one."""
        return self.at_least <= version < self.below

    def wanted(self) -> str:
        """The versions that fit, for messages: `kubectl 1.33 to below 1.36`."""
        low, high = (".".join(map(str, bound)) for bound in (self.at_least, self.below))
        return f"{self.name} {low} to below {high}"


def key_of(name: str, minor: str) -> str:
    """The key of a program; `minor` is empty for the pin's own."""
    return f"{name}@{minor}" if minor else name


def parse_version(text: str) -> Version | None:
    """The first version number in what a program said: `Kubernetes v1.34.4` -> (1, 34, 4); None where there is none."""
    found = re.search(r"\bv?(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(number) for number in found.groups() if number is not None) if found else None


def cache_folder() -> Path:
    """The folder of downloaded and built programs: meshlab/tools under XDG_CACHE_HOME, or under ~/.cache."""
    # The XDG specification says to ignore a relative path.
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / "meshlab" / "tools"


@cache
def table() -> dict[str, Tool]:
    """All programs of tools.toml by key."""
    data = toml()
    pins = {name: _tool(name, entry, data) for name, entry in data["tool"].items()}
    others = [
        _tool(name, {**entry, "folder": folder}, data, minor)
        for name, entry in data["tool"].items()
        if entry.get("minors")
        for minor, folder in minor_folders(entry["folder"]).items()
    ]
    return {**pins, **{tool.key: tool for tool in others}}


def minor_folders(folder: str) -> dict[str, str]:
    """The folders beside `folder` that pin other minors of its programs, by minor: `kubernetes-1.35`."""
    files = sorted(TOOLS_FOLDER.glob(f"{folder}-*/go.mod"))
    found = {file.parent.name.removeprefix(f"{folder}-"): file.parent.name for file in files}
    return {minor: name for minor, name in found.items() if re.fullmatch(MINOR, minor)}


def toml() -> dict[str, Any]:
    """tools.toml as it stands there."""
    return tomllib.loads((TOOLS_FOLDER / "tools.toml").read_text(encoding="utf-8"))


def _tool(name: str, entry: dict[str, Any], data: dict[str, Any], minor: str = "") -> Tool:
    tag = _pinned(entry["folder"], entry["module"])
    release = entry.get("release", tag)
    version = parse_version(release)
    if version is None:
        raise MeshlabError(
            f"{TOOLS_FOLDER / 'tools.toml'}: {name}.release is {release!r}, expected a version as v1.2.3"
        )
    stamps = data["stamps"].get(entry.get("stamps", ""), {})
    words = {"tag": release, "version": release.removeprefix("v"), "major": version[0], "minor": version[1]}
    return Tool(
        name=name,
        folder=entry["folder"],
        module=entry["module"],
        package=entry["package"],
        tag=tag,
        release=release,
        stamps=tuple((key, value.format(**words)) for key, value in stamps.items()),
        tags=tuple(entry.get("tags", ())),
        ask=tuple(entry.get("ask", ("--version",))),
        at_least=_bound(entry.get("at_least")) or version[:2],
        below=_bound(entry.get("below")) or (version[0], version[1] + 1),
        cpu_seconds=float(entry["cpu_seconds"]),
        beside=tuple(entry.get("beside", ())),
        source=_source(entry["package"]),
        download=downloads.read(name, release, entry, data),
        minor=minor,
    )


def _source(package: str) -> str:
    """Digest of the Go files of a package of ours and below it: another program, though its module's version stays."""
    if not package.startswith(OWN):
        return ""
    files = sorted((TOOLS_FOLDER / package.removeprefix(OWN)).rglob("*.go"))
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()[:SOURCE_DIGITS]


def _bound(text: str | None) -> Version:
    return tuple(int(number) for number in text.split(".")) if text else ()


def _pinned(folder: str, module: str) -> str:
    file = TOOLS_FOLDER / folder / "go.mod"
    found = re.search(rf"^(?:require\s+|\s+){re.escape(module)} (v\S+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise MeshlabError(f"{file}: expected a requirement of {module}, the module that pins the tool's version")
    return found[1]

"""Where a tool's release file lies, for this platform, and the digest that it is held to.

`tools/tools.toml` says both: the base addresses in [downloads], a tool's file in its `download`, and the digests in
[sha256], by tool, release and platform. What has no digest is not downloaded.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from base.errors import MeshlabError

VARIABLE = "MESHLAB_DOWNLOADS"
"""Environment variable: `off`, or the address of a mirror that has each source in a folder of its name."""
OFF = "off"
MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


@dataclass(frozen=True)
class Download:
    """One release file. `path` is relative to the base address of its `source`."""

    source: str
    base: str
    path: str
    sha256: str
    member: str | None = None
    """The program's name in the archive; None where the file is the program."""

    @property
    def url(self) -> str:
        """Where it is fetched from. Raises MeshlabError as `mirror`."""
        mirrored = mirror()
        return f"{f'{mirrored}/{self.source}' if mirrored else self.base}/{self.path}"


def host(url: str) -> str:
    """The scheme and host of an address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def here() -> str:
    """This platform as tools.toml calls it, such as `linux-amd64`."""
    machine = platform.machine().lower()
    return f"{platform.system().lower()}-{MACHINES.get(machine, machine)}"


def switched_off() -> bool:
    """Whether the caller wants no downloads."""
    return os.environ.get(VARIABLE, "").strip().lower() == OFF


def mirror() -> str | None:
    """The caller's mirror, without a slash at its end. Raises MeshlabError where it is no address."""
    value = os.environ.get(VARIABLE, "").strip()
    if not value or value.lower() == OFF:
        return None
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise MeshlabError(f"{VARIABLE}: expected {OFF} or an address as https://mirror.example/tools, got {value!r}")
    return value.rstrip("/")


def read(name: str, release: str, entry: Mapping[str, Any], data: Mapping[str, Any]) -> Download | None:
    """A tool's download for this platform from its `entry` and all of tools.toml; None where there is none.

    Raises MeshlabError where the entry names a source that [downloads] does not have.
    """
    of, place = entry.get("download"), here()
    digest = data.get("sha256", {}).get(name, {}).get(release, {}).get(place)
    if of is None or digest is None:
        return None
    base = data.get("downloads", {}).get(of["from"])
    if base is None:
        raise MeshlabError(f"tools/tools.toml: {name}.download.from is {of['from']!r}, expected one of [downloads]")
    system, machine = place.split("-", 1)
    words = {
        "tag": release,
        "version": release.removeprefix("v"),
        "os": system,
        "arch": of.get("arch", {}).get(machine, machine),
    }
    member = of.get("member")
    return Download(
        of["from"], base.rstrip("/"), of["path"].format(**words), digest, member.format(**words) if member else None
    )

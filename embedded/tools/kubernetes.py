"""Which minors of Kubernetes the embedded cluster can run: the pin's, and those of the folders beside that one."""

from __future__ import annotations

from base.errors import MeshlabError

from . import pins
from .pins import key_of, minor_folders, parse_version

SERVER = "kube-apiserver"
FOLDER = "kubernetes"


def pinned() -> str:
    """The minor that is used unless somebody says otherwise, such as `1.36`."""
    return _minor(pins.table()[SERVER].release)


def minors() -> list[str]:
    """All minors that can be had, the oldest first."""
    return sorted({pinned(), *minor_folders(FOLDER)}, key=lambda minor: parse_version(minor) or ())


def checked(minor: str) -> str:
    """A minor as the user wrote it; raises MeshlabError where it cannot be had."""
    if minor not in minors():
        raise MeshlabError(
            f"Kubernetes {minor!r}: expected one of {', '.join(minors())}", "docs/rehearse.md says how to add another"
        )
    return minor


def release(minor: str | None = None) -> str:
    """The version that stands for a minor, or for the pin: `v1.35.4`. Raises as `checked`."""
    return pins.table()[_key(SERVER, minor)].release


def keys(names: tuple[str, ...], minor: str | None = None) -> dict[str, str]:
    """What `toolchain.ensure` calls programs in this minor, by name; other programs than the server's have one version.

    Raises as `checked`.
    """
    return {name: _key(name, minor) for name in names}


def _key(name: str, minor: str | None) -> str:
    other = "" if minor is None or checked(minor) == pinned() else minor
    key = key_of(name, other)
    return key if key in pins.table() else name


def _minor(version: str) -> str:
    return ".".join(version.removeprefix("v").split(".")[:2])

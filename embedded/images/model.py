"""What an image is made of, and what comes out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Entry:
    """One file, folder or symbolic link of a layer; exactly one of `source`, `data` and `link` is set, else a folder.

    `path` is relative to the root of the image, as `usr/bin/curl`.
    """

    path: str
    mode: int = 0o755
    source: Path | None = None
    """The file on this machine that has the bytes."""
    data: bytes | None = None
    link: str | None = None
    """What a symbolic link points to."""

    @property
    def folder(self) -> bool:
        """Whether it is a folder."""
        return self.source is None and self.data is None and self.link is None


@dataclass(frozen=True)
class Recipe:
    """How one image is built: an entry of images.toml."""

    name: str
    repositories: tuple[str, ...]
    """What the names that it stands in for end with, without the tag: `istio/pilot`."""
    layers: tuple[str, ...]
    content: str
    """What is in it, for a person; `{tool}` of its tools' versions is filled in."""
    user: str = ""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    folder: str = "/"
    """The working directory."""
    environment: tuple[str, ...] = ()


@dataclass(frozen=True)
class Image:
    """An image that was asked for: built (`archive` and `digest` are set), or not to be had (`reason` is set)."""

    names: tuple[str, ...]
    """Full names as containerd has them: `docker.io/istio/pilot:1.17.6`."""
    archive: Path | None = None
    digest: str = ""
    """Digest of the manifest: `sha256:…`, by which containerd knows the image."""
    content: str = ""
    reason: str = ""

    def __str__(self) -> str:
        names = ", ".join(self.names)
        return f"image {names}: built here: {self.content}" if self.archive else f"image {names}: {self.reason}"

"""The images that the real node has: archives that are loaded into its containerd."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from base import process

from ..images import build
from .layout import CONTAINERD_SOCKET, SANDBOX_IMAGE
from .requirements import NodeError

LOAD_LIMIT = 300.0
LIST = "images"
"""The file in the node's folder with the names of its images, a line each; `placement` reads it."""


def digests(holder: int) -> dict[str, str]:
    """The digest of each image that the node has, by name."""
    rows = [line.split() for line in _ctr(holder, "images", "list").splitlines()[1:]]
    return {row[0]: row[2] for row in rows}


def load(holder: int, folder: Path, archives: Iterable[Path]) -> list[str]:
    """Load archives, as `docker save` or an OCI layout in a .tar has them, and return the names of all images there.

    `holder` is a process in the node's mount namespace, `folder` the node's. Raises NodeError.
    """
    for archive in archives:
        try:
            _ctr(holder, "images", "import", str(archive))
        except process.ProcessError as error:
            raise NodeError(f"{archive}: expected an archive of container images, containerd said: {error}") from None
    names = [name for name in _ctr(holder, "images", "list", "--quiet").splitlines() if not name.startswith("sha256:")]
    unfinished = folder / f".{LIST}"
    unfinished.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    unfinished.replace(folder / LIST)
    return names


def sandbox(folder: Path) -> list[Path]:
    """The archive of the image that holds a pod's namespaces. Raises NodeError where it cannot be built."""
    (image,) = build([SANDBOX_IMAGE], folder / "sandbox", lambda line: None)
    if image.archive is None:
        raise NodeError(f"a real node needs the image {SANDBOX_IMAGE}: {image.reason}")
    return [image.archive]


def _ctr(holder: int, *words: str) -> str:
    socket = f"/proc/{holder}/root{CONTAINERD_SOCKET}"
    return process.run(["ctr", "--address", socket, "--namespace", "k8s.io", *words], timeout=LOAD_LIMIT).stdout

"""Writes an image as an OCI archive: the same entries give the same bytes, on every machine and at any time."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import IO, Any

from . import names as image_names
from .model import Entry, Recipe

LAYER = "application/vnd.oci.image.layer.v1.tar"
CONFIG = "application/vnd.oci.image.config.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
# containerd's import gives the image this name.
NAME, TAG = "io.containerd.image.name", "org.opencontainers.image.ref.name"
EPOCH = "1970-01-01T00:00:00Z"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
SEARCH_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def architecture() -> str:
    """This machine's, as OCI names it."""
    return ARCHITECTURES.get(platform.machine(), platform.machine())


def write(target: IO[bytes], recipe: Recipe, layers: Sequence[Sequence[Entry]], names: Iterable[str]) -> str:
    """Write the image to an open file, and return the digest of its manifest. `names` are full names with a tag."""
    with tarfile.open(fileobj=target, mode="w", format=tarfile.GNU_FORMAT) as archive:
        _add(archive, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
        layer_descriptors = [_add_layer(archive, entries) for entries in _once(layers)]
        config = _config(recipe, [layer["digest"] for layer in layer_descriptors])
        manifest = _json(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": _add_blob(archive, CONFIG, _json(config)),
                "layers": layer_descriptors,
            }
        )
        described = _add_blob(archive, MANIFEST, manifest)
        described["platform"] = {"os": "linux", "architecture": architecture()}
        named = [{**described, "annotations": {NAME: name, TAG: image_names.tag(name)}} for name in sorted(set(names))]
        _add(archive, "index.json", _json({"schemaVersion": 2, "mediaType": INDEX, "manifests": named}))
    return str(described["digest"])


def layer_tar(target: IO[bytes], entries: Iterable[Entry]) -> None:
    """Write a layer: entries by path, with the folders that they lie in, of root, without times."""
    with tarfile.open(fileobj=target, mode="w", format=tarfile.GNU_FORMAT) as layer:
        for entry in _with_folders(entries):
            info = tarfile.TarInfo(entry.path)
            info.mode = entry.mode
            if entry.folder:
                info.type = tarfile.DIRTYPE
                layer.addfile(info)
            elif entry.link is not None:
                info.type, info.linkname, info.mode = tarfile.SYMTYPE, entry.link, 0o777
                layer.addfile(info)
            elif entry.data is not None:
                info.size = len(entry.data)
                layer.addfile(info, io.BytesIO(entry.data))
            else:
                assert entry.source is not None
                with entry.source.open("rb") as content:
                    info.size = entry.source.stat().st_size
                    layer.addfile(info, content)


def _with_folders(entries: Iterable[Entry]) -> list[Entry]:
    by_path = {entry.path: entry for entry in entries}
    for path in list(by_path):
        for parent in PurePosixPath(path).parents:
            if str(parent) != ".":
                by_path.setdefault(str(parent), Entry(str(parent)))
    return [by_path[path] for path in sorted(by_path)]


def _once(layers: Sequence[Sequence[Entry]]) -> list[Sequence[Entry]]:
    """Without what a layer below has in the same way: layers share the C library."""
    below: set[Entry] = set()
    left: list[Sequence[Entry]] = []
    for entries in layers:
        own = [entry for entry in entries if entry not in below]
        below.update(own)
        if own:
            left.append(own)
    return left


def _add_layer(archive: tarfile.TarFile, entries: Iterable[Entry]) -> dict[str, Any]:
    with tempfile.TemporaryFile(dir=Path(str(archive.name)).parent if archive.name else None) as content:
        layer_tar(content, entries)
        size = content.tell()
        content.seek(0)
        digest = hashlib.file_digest(content, "sha256").hexdigest()
        content.seek(0)
        info = tarfile.TarInfo(f"blobs/sha256/{digest}")
        info.size = size
        archive.addfile(info, content)
    return {"mediaType": LAYER, "digest": f"sha256:{digest}", "size": size}


def _config(recipe: Recipe, diff_ids: list[str]) -> dict[str, Any]:
    config: dict[str, Any] = {"Env": [SEARCH_PATH, *recipe.environment], "WorkingDir": recipe.folder}
    if recipe.user:
        config["User"] = recipe.user
    if recipe.entrypoint:
        config["Entrypoint"] = list(recipe.entrypoint)
    if recipe.command:
        config["Cmd"] = list(recipe.command)
    return {
        "created": EPOCH,
        "os": "linux",
        "architecture": architecture(),
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    }


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _add_blob(archive: tarfile.TarFile, kind: str, content: bytes) -> dict[str, Any]:
    digest = hashlib.sha256(content).hexdigest()
    _add(archive, f"blobs/sha256/{digest}", content)
    return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(content)}


def _add(archive: tarfile.TarFile, path: str, content: bytes) -> None:
    info = tarfile.TarInfo(path)
    info.size, info.mode = len(content), 0o644
    archive.addfile(info, io.BytesIO(content))

"""Builds images, and keeps them outside the tree by what they are made of."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from base.errors import MeshlabError
from base.say import Say
from embedded.tools import pins, tool_lock, toolchain

from . import archive, recipes
from . import names as image_names
from .model import Entry, Image, Recipe

# Part of the key of what is kept: another number where the same entries give other bytes.
FORMAT = 1
Progress = Say


def cache_folder() -> Path:
    """The folder of built images, beside that of the tools."""
    return pins.cache_folder().parent / "images"


def build(names: Iterable[str], folder: Path, progress: Progress = print) -> list[Image]:
    """Build what stands in for the named images, as archives in `folder`; `progress` gets a line for each image.

    Every name is in the result once: names of one recipe share an archive, and an image that cannot be had here has a
    reason instead. An archive is there whole or not at all. Tools are found, downloaded or built as `toolchain.ensure`
    does. Raises OSError where nothing can be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    by_recipe: dict[str, list[str]] = {}
    images: list[Image] = []
    for name in sorted({image_names.full(name) for name in names}):
        recipe = recipes.for_name(name)
        if image_names.pinned(name):
            images.append(Image((name,), reason="not built here: the name asks for one digest; use its tag"))
        elif recipe is None:
            images.append(Image((name,), reason=recipes.refused(name)))
        else:
            by_recipe.setdefault(recipe.name, []).append(name)
    for recipe_name, of_recipe in by_recipe.items():
        images.append(_built(recipes.table()[recipe_name], tuple(of_recipe), folder, progress))
    for image in images:
        progress(str(image))
    return images


def _built(recipe: Recipe, names: tuple[str, ...], folder: Path, progress: Progress) -> Image:
    try:
        toolchain.ensure(recipes.tools(recipe), progress)
        kept, digest = _kept(recipe, names)
    except MeshlabError as error:
        return Image(names, reason=f"not built here: {error}")
    target = folder / f"{recipe.name}.tar"
    _put(kept, target)
    return Image(names, target, digest, recipes.content(recipe))


def _kept(recipe: Recipe, names: tuple[str, ...]) -> tuple[Path, str]:
    """The archive in the cache, written now where it is not there; and the digest of its manifest."""
    layers = [recipes.entries(layer) for layer in recipe.layers]
    home = cache_folder()
    home.mkdir(parents=True, exist_ok=True)
    stem = f"{recipe.name}-{_key(recipe, names, layers)}"
    kept, record = home / f"{stem}.tar", home / f"{stem}.digest"
    with tool_lock.held(f"image-{recipe.name}"):
        if not (kept.is_file() and record.is_file()):
            for old in home.glob(f".{recipe.name}-*"):  # what a killed build left
                old.unlink()
            with tempfile.NamedTemporaryFile(dir=home, prefix=f".{recipe.name}-", delete=False) as file:
                try:
                    record.write_text(archive.write(file, recipe, layers, names), encoding="ascii")
                    file.flush()
                    Path(file.name).replace(kept)
                finally:
                    Path(file.name).unlink(missing_ok=True)
        return kept, record.read_text(encoding="ascii")


def _key(recipe: Recipe, names: tuple[str, ...], layers: Sequence[Sequence[Entry]]) -> str:
    """Digest of all that decides on the bytes; a file counts as the same by path, size and time."""
    what = (
        FORMAT,
        archive.architecture(),
        names,
        repr(recipe),
        [[_said(entry) for entry in layer] for layer in layers],
    )
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:16]


def _said(entry: Entry) -> list[Any]:
    file = entry.source.stat() if entry.source else None
    content = hashlib.sha256(entry.data).hexdigest() if entry.data is not None else ""
    return [entry.path, entry.mode, entry.link, content, file and [str(entry.source), file.st_size, file.st_mtime_ns]]


def _put(kept: Path, target: Path) -> None:
    """The archive in another folder: a second name of the same file, or a copy on another file system."""
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".image-") as temporary:
        new = Path(temporary) / target.name
        try:
            os.link(kept, new)
        except OSError:
            shutil.copyfile(kept, new)
        new.replace(target)

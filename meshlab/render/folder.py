"""The folder of a rendered stack: one file an object, an index, and nothing half-written."""

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from base.errors import MeshlabError
from base.goyaml.text import TextError, from_yaml, to_yaml

INDEX = "index.yaml"
_HEADER = """\
# Written by `meshlab render`, which replaces this folder as a whole. What each file is, and which component and which
# helm release it comes from; without a release, the program declares the object itself.
"""


def write_folder(folder: Path, index: Mapping[str, Any], files: Mapping[str, Any]) -> None:
    """Make `folder` hold `files` (values by path) and the index, whole or not at all.

    An empty folder and one that render made are replaced; any other is refused with MeshlabError.
    """
    check(folder)
    replace_whole(folder, lambda draft: fill(draft, index, files))


def fill(folder: Path, index: Mapping[str, Any], files: Mapping[str, Any]) -> None:
    """Write the files and the index into an empty folder."""
    write_files(folder, files)
    (folder / INDEX).write_text(_HEADER + to_yaml(dict(index)), encoding="utf-8")


def replace_whole(folder: Path, write: Callable[[Path], None]) -> None:
    """Make `folder` hold what `write` puts into an empty one, whole or not at all; what is there goes.

    Raises MeshlabError.
    """
    folder = Path(os.path.abspath(folder))  # noqa: PTH100 - resolve() would follow a link and replace what it points at
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise MeshlabError(f"{folder}: cannot be written: {error.strerror}") from None
    try:
        draft.chmod(0o755)
        write(draft)
        _swap(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def write_files(folder: Path, files: Mapping[str, Any]) -> None:
    """Write values as YAML into `folder`, by path."""
    for parent in sorted({str(Path(path).parent) for path in files}):
        (folder / parent).mkdir(parents=True, exist_ok=True)
    for path, value in files.items():
        (folder / path).write_text(to_yaml(value), encoding="utf-8")


def check(folder: Path) -> None:
    """Raises MeshlabError where there is anything but what render wrote."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise MeshlabError(
            f"{folder}: expected a folder or nothing there, got a file or a link", "choose another --out"
        )
    if not folder.exists() or not any(folder.iterdir()):
        return
    ours = _listed(folder)
    if ours is None:
        raise MeshlabError(
            f"{folder}: expected an empty folder or one that render made, got other files", "choose another --out"
        )
    strangers = sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if (path.is_symlink() or not path.is_dir()) and str(path.relative_to(folder)) not in ours
    )
    if strangers:
        raise MeshlabError(
            f"{folder}: expected only what render wrote, got also {strangers[0]}",
            "it would be lost: move it away, or choose another --out",
        )


def _listed(folder: Path) -> set[str] | None:
    """The files that the folder's index names, itself included; None where it is no index of render's."""
    try:
        text = (folder / INDEX).read_text(encoding="utf-8")
        documents = from_yaml(text) if text.startswith(_HEADER) else []
        objects = cast(list[dict[str, str]], documents[0]["objects"])
        return {INDEX, *(object_["file"] for object_ in objects)}
    except (OSError, UnicodeDecodeError, TextError, LookupError, TypeError):
        return None


def _swap(draft: Path, folder: Path) -> None:
    """Put `draft` where `folder` is. Between the two moves there is no folder, but never half of one."""
    try:
        if folder.exists() and any(folder.iterdir()):
            old = Path(tempfile.mkdtemp(prefix=f".{folder.name}.old.", dir=folder.parent))
            folder.rename(old)
            try:
                draft.rename(folder)
            except OSError:
                old.rename(folder)
                raise
            shutil.rmtree(old)
        else:
            draft.rename(folder)
    except OSError as error:
        raise MeshlabError(f"{folder}: cannot be replaced: {error.strerror}") from None

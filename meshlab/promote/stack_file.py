"""A stack file that is changed in single values: every other byte stays as people wrote it."""

import os
from collections.abc import Iterable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, cast

from ..recording.recorder import ROOT
from ..stackfile import editing
from ..stackfile.reading import CONFIG, PROJECT, Config, StackFileError, parsed
from .moves import Move, written

_MARK = "\ufeff"
VERSION = "version"
"""The one value in which a new control plane differs from its neighbour."""


class EditedStackFile:
    """The file of a stack, with the moves that were made in it so far."""

    def __init__(self, stack: str, root: Path = ROOT) -> None:
        """Read the file, which must be there and be one that Pulumi reads."""
        self.path = root / f"Pulumi.{stack}.yaml"
        whole = self.path.read_bytes().decode("utf-8")
        self._text = whole.removeprefix(_MARK)
        self._mark = _MARK if self._text != whole else ""

    def make(self, moves: Iterable[Move]) -> None:
        """Make each move in the text, and none in the file. Raises StackFileError where one cannot be made."""
        for move in moves:
            self._text = self._with(move)

    def text(self) -> str:
        """The file as it would be."""
        return self._mark + self._text

    def config(self) -> dict[str, Any]:
        """The settings that the text says."""
        return parsed(self._text, self.path.name).config

    def write(self) -> None:
        """Write the file, whole or not at all."""
        draft = self.path.with_name(f".{self.path.name}.new")
        try:
            with draft.open("wb") as file:
                file.write(self.text().encode())
                file.flush()
                os.fsync(file.fileno())
            draft.chmod(self.path.stat().st_mode & 0o777)
            draft.replace(self.path)
        finally:
            draft.unlink(missing_ok=True)

    def _with(self, move: Move) -> str:
        wanted = _moved(self.config(), move)
        try:
            text = _edited(self._text, move)
            if parsed(text, self.path.name).config == wanted:
                return text
        except (editing.EditError, StackFileError):
            pass
        raise StackFileError(
            f"{self.path.name}: {written(move.key)}: expected a value that can be changed by itself, got one that "
            f"other places share, by an anchor or by what is merged",
            f"write {move.after} there by hand",
        )


def _path(move: Move) -> tuple[str, ...]:
    return f"{PROJECT}:{move.key[0]}", *move.key[1:]


def _edited(text: str, move: Move) -> str:
    path = CONFIG, *_path(move)
    if move.drop:
        return editing.without(text, path)
    if move.like is not None:
        return editing.with_copy(text, path, move.like, VERSION, move.after[VERSION])
    return editing.with_value(text, path, move.after)


def _moved(config: Config, move: Move) -> dict[str, Any]:
    """The settings with the move made, whatever the text looks like."""
    moved = cast(dict[str, Any], deepcopy(config))
    *parents, last = _path(move)
    mapping = moved
    for key in parents:
        if move.drop and not isinstance(mapping.get(key), Mapping):
            return moved
        if mapping.get(key) is None:
            mapping[key] = {}
        mapping = mapping[key]
    if move.drop:
        mapping.pop(last, None)
        return _without_empty(moved, tuple(parents))
    mapping[last] = move.after
    return moved


def _without_empty(config: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    for depth in range(len(path), 0, -1):
        mapping = config
        for key in path[: depth - 1]:
            mapping = mapping[key]
        if mapping[path[depth - 1]] == {}:
            del mapping[path[depth - 1]]
    return config

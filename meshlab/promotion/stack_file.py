"""A stack file that is changed in single values: comments, order and quotes stay as people wrote them."""

import os
from collections.abc import Iterable
from copy import deepcopy
from io import StringIO
from pathlib import Path
from typing import Any, cast

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import CommentMark
from ruamel.yaml.tokens import CommentToken

from ..lab import PROJECT
from ..recorder import ROOT
from .moves import Move

UNFOLDED = 4096
"""Characters a line may have before it would be folded: no line of a stack file is meant to be."""


class StackFile:
    """The file of a stack, with the moves that were made in it so far."""

    def __init__(self, stack: str, root: Path = ROOT) -> None:
        """Read the file, which must be there."""
        self.path = root / f"Pulumi.{stack}.yaml"
        self._yaml = YAML()
        self._yaml.preserve_quotes = True
        self._yaml.width = UNFOLDED
        # Any, here and below: what ruamel's own types do not say.
        self._document: Any = cast(Any, self._yaml).load(self.path.read_text(encoding="utf-8"))

    def make(self, moves: Iterable[Move]) -> None:
        """Make each move in the document; the file itself stays as it is."""
        for move in moves:
            path = ("config", f"{PROJECT}:{move.key[0]}", *move.key[1:])
            if move.drop:
                _dropped(self._document, path)
            else:
                self._set(path, move)

    def text(self) -> str:
        """The file as it would be."""
        out = StringIO()
        cast(Any, self._yaml).dump(self._document, out)
        return out.getvalue()

    def write(self) -> None:
        """Write the file, whole or not at all."""
        draft = self.path.with_name(f".{self.path.name}.new")
        try:
            with draft.open("w", encoding="utf-8") as file:
                file.write(self.text())
                file.flush()
                os.fsync(file.fileno())
            draft.chmod(self.path.stat().st_mode & 0o777)
            draft.replace(self.path)
        finally:
            draft.unlink(missing_ok=True)

    def _set(self, path: tuple[str, ...], move: Move) -> None:
        *parents, last = path
        mapping = self._document
        for key in parents:
            if key not in mapping:
                _appended(mapping, key, CommentedMap())
            mapping = mapping[key]
        value = move.after
        if move.like is not None:
            value = _without_comments(deepcopy(mapping[move.like]))
            value["version"] = move.after["version"]
        if last in mapping:
            mapping[last] = value
        else:
            _appended(mapping, last, value)


def _appended(mapping: Any, key: str, value: Any) -> None:
    """Add a key at the end of a mapping; comment lines after that end are of what follows it, and stay there."""
    tail = _tail_taken(mapping) if mapping else ""
    mapping[key] = value
    if tail:
        block, last = _last(mapping)
        block.ca.items[last] = [None, None, CommentToken(f"\n{tail}", CommentMark(0)), None]


def _tail_taken(mapping: Any) -> str:
    block, last = _last(mapping)
    comment = block.ca.items.get(last)
    token = comment[2] if comment else None
    if token is None:
        return ""
    # One token holds the comment at the line's end and all lines after it.
    own, _, tail = token.value.partition("\n")
    token.value = f"{own}\n"
    return tail


def _last(mapping: Any) -> tuple[Any, str]:
    """The innermost mapping at the end of a block, and its last key."""
    key = next(reversed(mapping))
    value = mapping[key]
    inner = isinstance(value, CommentedMap) and value and not cast(Any, value).fa.flow_style()
    return _last(value) if inner else (mapping, key)


def _without_comments(value: Any) -> Any:
    if isinstance(value, CommentedMap):
        block = cast(Any, value)
        block.ca.items.clear()
        block.ca.comment = None
        for entry in block.values():
            _without_comments(entry)
    return cast(Any, value)


def _dropped(mapping: Any, path: tuple[str, ...]) -> None:
    """Take a key away, and with it the mappings that hold nothing else."""
    first, *rest = path
    if first not in mapping:
        return
    if rest:
        _dropped(mapping[first], tuple(rest))
    if not rest or not mapping[first]:
        del mapping[first]

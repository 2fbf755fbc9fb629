"""Changes single values in the text of a stack file: every other byte of it stays as somebody wrote it."""

import json
import re
from collections.abc import Iterator
from typing import Any

from base.errors import MeshlabError
from base.goyaml.text import to_yaml
from base.goyaml.tree import Alias, Mapping, Node, Scalar, Sequence, documents, followed

from .reading import CONFIG, config_key

Path = tuple[str, ...]
"""Keys from the top of the file down."""
Written = dict[bool, str]
"""The text of a value by whether it stands in braces."""
STEP = 2
"""Columns that a new mapping stands further in than the one above it."""
_FLOW_SIGNS = frozenset(",[]{}")
_LINE_OF_COMMENT = re.compile(r"(?<=\n)[ \t]*(?:#[^\r\n]*)?\r?\n")
_COMMENT = re.compile(r"[ \t]+#[^\r\n]*")


class EditError(MeshlabError):
    """A value cannot be changed by itself where it stands."""

    def __init__(self) -> None:
        super().__init__("expected a value that can be changed by itself, got one that its place does not allow it for")


def with_value(text: str, path: Path, value: Any) -> str:
    """The text with a value set; the mappings above it are made where they are missing."""
    mapping, depth, node = _reached(text, path)
    if node is not None and depth == len(path):
        return _replaced(text, node, value, flow=mapping.flow)
    value_there = {flow: _inline(value, flow=flow) for flow in (True, False)}
    return _added(text, mapping, node, path[depth:], value_there)


def with_copy(text: str, path: Path, like: str, changed: str, value: Any) -> str:
    """The text with a new mapping, a copy of its neighbour `like` without comments, but for the value of `changed`."""
    mapping, _, _ = _reached(text, path)
    found = _entry(mapping, like)
    if found is None or not isinstance(found[1], Mapping) or _entry(found[1], changed) is None:
        raise EditError
    original = found[1]
    spans = [(node.start, node.end, text[node.start : node.end]) for node in _leaves(original)]
    version = _entry(original, changed)
    assert version is not None
    as_written = _scalar(value, version[1], flow=original.flow)
    spans = [(start, end, as_written if start == version[1].start else kept) for start, end, kept in spans]
    copied, place = "", original.start
    for start, end, kept in spans:
        copied += _without_comments(text[place:start]) + kept
        place = end
    copied += _without_comments(text[place : _last(original)])
    if not original.flow:
        copied = f"{_line_end(text)}{' ' * _column(text, original.start)}{copied}"
    return _added(text, mapping, None, path[-1:], {True: copied, False: copied})


def without(text: str, path: Path) -> str:
    """The text without a key, and without the mappings that held nothing else."""
    mapping, depth, node = _reached(text, path)
    if node is None or depth < len(path):
        return text
    if len(mapping.entries) == 1 and len(path) > 1:
        return without(text, path[:-1])
    at = next(place for place, (_, value) in enumerate(mapping.entries) if value is node)
    key = mapping.entries[at][0]
    if mapping.flow:
        following = mapping.entries[at + 1 :]
        begin = key.start if following or not at else _last(mapping.entries[at - 1][1])
        return text[:begin] + text[following[0][0].start if following else _last(node) :]
    begin = key.start - _column(text, key.start)
    if text[begin : key.start].strip():
        raise EditError
    return text[:begin] + text[_next_line(text, _last(node)) :]


def _reached(text: str, path: Path) -> tuple[Mapping, int, Node | None]:
    """The innermost mapping of a path that is there, how many of its keys are, and the value of the last of those."""
    mapping = followed(documents(text)[0])
    assert isinstance(mapping, Mapping)
    node: Node | None = None
    for depth, key in enumerate(path):
        if depth:
            if not isinstance(node, Mapping):
                return mapping, depth, node
            mapping = node
        found = _entry(mapping, key, config=depth == 1 and path[0] == CONFIG)
        if found is None:
            return mapping, depth, None
        node = found[1]
    return mapping, len(path), node


def _entry(mapping: Mapping, key: str, *, config: bool = False) -> tuple[Node, Node] | None:
    """The entry of a mapping's own that has the key; what is merged into it is not its own."""
    for node, value in mapping.entries:
        if isinstance(node, Scalar) and key == (config_key(node.text) if config else node.text):
            return node, value
    return None


def _replaced(text: str, node: Node, value: Any, *, flow: bool) -> str:
    if not isinstance(node, Scalar | Alias):
        raise EditError
    new = _scalar(value, node, flow=flow)
    if isinstance(node, Scalar) and node.quoted in ("|", ">"):
        new += _line_end(text)
    if node.start == node.end:
        new = f" {new}"
    return text[: node.start] + new + text[node.end :]


def _added(text: str, mapping: Mapping, parent: Node | None, keys: Path, written: Written) -> str:
    """The text with new keys: in `parent`, which holds nothing yet, or at the end of `mapping`."""
    *above, last = keys
    if parent is not None:
        # `key:`, `key: ~` and `key: {}` have no line of their own for what comes below them.
        if not isinstance(parent, Scalar) or parent.quoted or parent.text not in ("", "~", "null"):
            raise EditError
        return _braced(text, parent.start, parent.end, _flow(keys, written[True]))
    if mapping.flow:
        if not mapping.entries:
            return _braced(text, mapping.start, mapping.end, _flow(keys, written[True]))
        end = _last(mapping.entries[-1][1])
        return f"{text[:end]}, {_flow(keys, written[True])}{text[end:]}"
    column, end = _column(text, mapping.entries[0][0].start), _next_line(text, _last(mapping))
    line_end = _line_end(text)
    lines = [f"{' ' * (column + STEP * depth)}{_key(key)}:{line_end}" for depth, key in enumerate(above)]
    value = written[False]
    gap = "" if value.startswith(line_end) else " "
    lines.append(f"{' ' * (column + STEP * len(above))}{_key(last)}:{gap}{value}{line_end}")
    before = text[:end] if text[:end].endswith("\n") else text[:end] + line_end
    return before + "".join(lines) + text[end:]


def _braced(text: str, start: int, end: int, inside: str) -> str:
    gap = "" if text[:start].endswith((" ", "\t")) else " "
    return f"{text[:start]}{gap}{{{inside}}}{text[end:]}"


def _flow(keys: Path, value: str) -> str:
    first, *rest = keys
    return f"{_key(first)}: {{{_flow(tuple(rest), value)}}}" if rest else f"{_key(first)}: {value}"


def _key(key: str) -> str:
    return to_yaml({key: 0}).removesuffix(": 0\n")


def _inline(value: Any, *, flow: bool) -> str:
    """A value on one line."""
    if isinstance(value, dict | list) or (flow and isinstance(value, str) and _FLOW_SIGNS & set(value)):
        return json.dumps(value, ensure_ascii=False)
    return to_yaml({"k": value}).removeprefix("k:").strip()


def _scalar(value: Any, before: Node, *, flow: bool) -> str:
    """A scalar in the quotes of the one that it stands for."""
    quoted = before.quoted if isinstance(before, Scalar) else ""
    if isinstance(value, str) and quoted == "'":
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, str) and quoted == '"':
        return json.dumps(value, ensure_ascii=False)
    return _inline(value, flow=flow)


def _leaves(node: Node) -> Iterator[Node]:
    """Keys and values that are not collections, in the order of the text."""
    if isinstance(node, Mapping):
        for key, value in node.entries:
            yield from _leaves(key)
            yield from _leaves(value)
    elif isinstance(node, Sequence):
        for item in node.items:
            yield from _leaves(item)
    else:
        yield node


def _last(node: Node) -> int:
    """Where a node ends; in block style, that is where the last thing in it does."""
    if isinstance(node, Mapping) and not node.flow and node.entries:
        return _last(node.entries[-1][1])
    if isinstance(node, Sequence) and not node.flow and node.items:
        return _last(node.items[-1])
    return node.end


def _without_comments(gap: str) -> str:
    """What stands between two scalars, without comments and empty lines."""
    return _COMMENT.sub("", _LINE_OF_COMMENT.sub("", gap))


def _column(text: str, place: int) -> int:
    return place - (text.rfind("\n", 0, place) + 1)


def _next_line(text: str, place: int) -> int:
    """Where the line after a place begins; the place itself, where it is the beginning of a line."""
    if text[:place].endswith("\n"):
        return place
    end = text.find("\n", place)
    return len(text) if end < 0 else end + 1


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"

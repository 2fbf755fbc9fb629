"""The nodes of a YAML text, each with where it stands: for errors that name a line, and for changing single values."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import yaml

from ..errors import MeshlabError

# libyaml, which Go's libraries are a translation of; every wheel of PyYAML carries it.
_Loader = cast(type[yaml.Loader], getattr(yaml, "CLoader", yaml.Loader))


class TreeError(MeshlabError):
    """A text is no YAML; the message says what is wrong, in one line."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(problem)
        self.line = line


@dataclass
class Node:
    """Anything that stands in a YAML text."""

    line: int
    """Counted from 1."""
    start: int
    """Where it begins in the text, its anchor and tag included; in characters."""
    end: int
    """Where it ends. For a collection in block style that is somewhere after its last entry."""


@dataclass
class Scalar(Node):
    """A single value."""

    text: str
    """Its text, without quotes and escapes."""
    tag: str | None
    """The tag that is written there; `!` by itself is one."""
    quoted: str
    """`"`, `'`, `|` or `>`; empty where it is plain."""


@dataclass
class Sequence(Node):
    """A list."""

    flow: bool
    """Whether it is written in brackets."""
    items: list[Node] = field(default_factory=list[Node])


@dataclass
class Mapping(Node):
    """Keys and values, in the order of the text."""

    flow: bool
    """Whether it is written in braces."""
    entries: list[tuple[Node, Node]] = field(default_factory=list[tuple[Node, Node]])


@dataclass
class Alias(Node):
    """A second place of an anchored node."""

    target: Node


def documents(text: str) -> list[Node]:
    """The root of each document. Raises TreeError, also for an alias of what it stands in itself."""
    try:
        return list(_documents(cast(Any, yaml).parse(text, Loader=_Loader)))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise TreeError(mark.line + 1 if mark else 1, str(error.problem or error.context)) from None
    except yaml.YAMLError as error:
        raise TreeError(1, " ".join(str(error).split())) from None


def followed(node: Node) -> Node:
    """The node itself, or what an alias stands for."""
    return node.target if isinstance(node, Alias) else node


def _documents(events: Iterator[Any]) -> Iterator[Node]:
    anchors: dict[str, Node] = {}
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            anchors.clear()
        elif isinstance(event, yaml.NodeEvent):
            yield _node(event, events, anchors, set())


def _node(event: Any, events: Iterator[Any], anchors: dict[str, Node], within: set[int]) -> Node:
    line, start, end = event.start_mark.line + 1, event.start_mark.index, event.end_mark.index
    if isinstance(event, yaml.AliasEvent):
        target = anchors.get(cast(str, event.anchor))
        if target is None:
            raise TreeError(line, f"the anchor {event.anchor} is not there")
        if id(target) in within:
            raise TreeError(line, f"the anchor {event.anchor} contains itself")
        return Alias(line, start, end, target)
    if isinstance(event, yaml.ScalarEvent):
        scalar: Any = event
        node: Node = Scalar(line, start, end, scalar.value, scalar.tag, scalar.style or "")
        return _anchored(event, node, anchors)
    if isinstance(event, yaml.SequenceStartEvent):
        sequence = Sequence(line, start, end, bool(cast(Any, event).flow_style))
        inside = {*within, id(_anchored(event, sequence, anchors))}
        for following in events:
            if isinstance(following, yaml.SequenceEndEvent):
                sequence.end = cast(Any, following).end_mark.index
                break
            sequence.items.append(_node(following, events, anchors, inside))
        return sequence
    mapping = Mapping(line, start, end, bool(event.flow_style))
    inside = {*within, id(_anchored(event, mapping, anchors))}
    for following in events:
        if isinstance(following, yaml.MappingEndEvent):
            mapping.end = cast(Any, following).end_mark.index
            break
        key = _node(following, events, anchors, inside)
        mapping.entries.append((key, _node(next(events), events, anchors, inside)))
    return mapping


def _anchored(event: Any, node: Node, anchors: dict[str, Node]) -> Node:
    if event.anchor:
        anchors[event.anchor] = node
    return node

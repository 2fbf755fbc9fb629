"""What a PromQL expression asks for, read from Prometheus' own parse or from that of promql-parser."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import promql_parser as _parser

parser = cast(Any, _parser)  # ships no types

WITHIN = ("expr", "lhs", "rhs", "vector_selector", "param")
OPERATORS = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}
NAME = "__name__"
_PLAIN = re.compile(r"[A-Za-z_:][\w:]*")
_ALTERNATIVES = re.compile(rf"{_PLAIN.pattern}(?:\|{_PLAIN.pattern})*")


@dataclass(frozen=True)
class Selector:
    """A metric, and what its labels must be."""

    metric: str
    """Empty where it is left open, or given by a pattern that stands among the matchers."""
    matchers: tuple[tuple[str, str, str], ...]
    """Label, operator, value."""

    def __str__(self) -> str:
        if self.metric and not _PLAIN.fullmatch(self.metric):
            within = (_quoted(self.metric), *_listed(self.matchers))
            return f"{{{', '.join(within)}}}"
        return f"{self.metric}{{{', '.join(_listed(self.matchers))}}}" if self.matchers else self.metric

    def only(self, labels: tuple[str, ...]) -> str:
        """Its matchers of some labels, as PromQL; empty where it has none."""
        return ", ".join(_listed(matcher for matcher in self.matchers if matcher[0] in labels))


def selectors_of(tree: Any) -> list[Selector]:
    """All selectors of a parsed expression, as /api/v1/parse_query tells it; one that takes its metric by alternatives
    (`a|b`) stands once for each."""
    return list(dict.fromkeys(_told(tree)))


def selectors(expression: str) -> list[Selector]:
    """The same by promql-parser, for a Prometheus that does not tell.

    Raises ValueError where that parser knows no such PromQL; Prometheus may well know it.
    """
    return list(dict.fromkeys(_selectors(parser.parse(expression))))


def _told(node: Any) -> Iterator[Selector]:
    if isinstance(node, list):
        for entry in cast(list[Any], node):
            yield from _told(entry)
    elif isinstance(node, Mapping):
        fields = cast(Mapping[str, Any], node)
        if "matchers" in fields:
            matchers = cast(list[Mapping[str, Any]], fields["matchers"])
            yield from _of_matchers(
                [(str(matcher["name"]), str(matcher["type"]), str(matcher["value"])) for matcher in matchers]
            )
            return
        for entry in fields.values():
            yield from _told(entry)


def _selectors(node: Any) -> Iterator[Selector]:
    if type(node).__name__ == "VectorSelector":
        matchers = [
            (str(matcher.name), OPERATORS[str(matcher.op).rsplit(".", 1)[-1]], str(matcher.value))
            for matcher in node.matchers.matchers
        ]
        yield from _of_matchers([*matchers, *([(NAME, "=", str(node.name))] if node.name else [])])
        return
    for attribute in WITHIN:
        inner = getattr(node, attribute, None)
        if inner is not None:
            yield from _selectors(inner)
    arguments: list[Any] = getattr(node, "args", None) or []
    for argument in arguments:
        yield from _selectors(argument)


def _of_matchers(matchers: list[tuple[str, str, str]]) -> Iterator[Selector]:
    others = tuple(matcher for matcher in matchers if matcher[0] != NAME)
    names = [(operator, value) for name, operator, value in matchers if name == NAME]
    if len(names) == 1 and (names[0][0] == "=" or (names[0][0] == "=~" and _ALTERNATIVES.fullmatch(names[0][1]))):
        operator, value = names[0]
        yield from (Selector(metric, others) for metric in ([value] if operator == "=" else value.split("|")))
    else:
        yield Selector("", tuple(matchers))


def _listed(matchers: Iterable[tuple[str, str, str]]) -> tuple[str, ...]:
    return tuple(
        f'{name if _PLAIN.fullmatch(name) else _quoted(name)}{operator}"{_escaped(value)}"'
        for name, operator, value in matchers
    )


def _quoted(name: str) -> str:
    return f'"{_escaped(name)}"'


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

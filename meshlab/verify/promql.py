"""What a PromQL expression asks for."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import promql_parser as _parser

parser = cast(Any, _parser)  # ships no types

WITHIN = ("expr", "lhs", "rhs", "vector_selector", "param")
OPERATORS = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}


@dataclass(frozen=True)
class Selector:
    """A metric, and what its labels must be."""

    metric: str
    matchers: tuple[tuple[str, str, str], ...]
    """Label, operator, value."""

    def __str__(self) -> str:
        return f"{self.metric}{{{_joined(self.matchers)}}}" if self.matchers else self.metric

    def only(self, labels: tuple[str, ...]) -> str:
        """Its matchers of some labels, as PromQL; empty where it has none."""
        return _joined(tuple(matcher for matcher in self.matchers if matcher[0] in labels))


def selectors(expression: str) -> list[Selector]:
    """All selectors of an expression; one that takes its metric by alternatives (`a|b`) stands once for each.

    Raises ValueError where it is no PromQL.
    """
    return list(dict.fromkeys(_selectors(parser.parse(expression))))


def _selectors(node: Any) -> Iterator[Selector]:
    if type(node).__name__ == "VectorSelector":
        matchers = [
            (str(matcher.name), OPERATORS[str(matcher.op).rsplit(".", 1)[-1]], str(matcher.value))
            for matcher in node.matchers.matchers
        ]
        named = [value for name, _, value in matchers if name == "__name__"]
        metrics: list[str] = [str(node.name)] if node.name else re.split(r"\|", named[0]) if named else []
        for metric in metrics:
            yield Selector(metric, tuple(matcher for matcher in matchers if matcher[0] != "__name__"))
        return
    for attribute in WITHIN:
        inner = getattr(node, attribute, None)
        if inner is not None:
            yield from _selectors(inner)
    arguments: list[Any] = getattr(node, "args", None) or []
    for argument in arguments:
        yield from _selectors(argument)


def _joined(matchers: tuple[tuple[str, str, str], ...]) -> str:
    return ", ".join(f'{name}{operator}"{_escaped(value)}"' for name, operator, value in matchers)


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

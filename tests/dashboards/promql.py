"""What a PromQL expression asks for: metric names, label matchers, labels that it groups or joins by."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import promql_parser as parser


@dataclass
class Asked:
    """The names in an expression, by where they stand."""

    selectors: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    """(metric name, matcher values by label); a name matched by regex is given once for each alternative."""
    grouped_by: set[str] = field(default_factory=set)
    made: set[str] = field(default_factory=set)
    """Labels that the expression itself makes (label_replace, count_values)."""

    @property
    def metrics(self) -> set[str]:
        return {name for name, _ in self.selectors}


def asked(expression: str) -> Asked:
    """Parse `expression`; a ValueError names it when it is no PromQL."""
    try:
        tree = parser.parse(expression)
    except ValueError as error:
        raise ValueError(f"{expression}: {error}") from None
    found = Asked()
    _walk(tree, found)
    return found


def _walk(node: Any, found: Asked) -> None:
    match type(node).__name__:
        case "VectorSelector":
            _selector(node, found)
        case "MatrixSelector":
            _walk(node.vector_selector, found)
        case "AggregateExpr":
            if node.modifier is not None:
                found.grouped_by |= set(node.modifier.labels)
            if str(node.op) == "count_values":
                found.made.add(_text(node.param))
            elif node.param is not None:
                _walk(node.param, found)
            _walk(node.expr, found)
        case "BinaryExpr":
            if node.modifier is not None and node.modifier.matching is not None:
                found.grouped_by |= set(node.modifier.matching.labels)
            _walk(node.lhs, found)
            _walk(node.rhs, found)
        case "Call":
            if node.func.name == "label_replace":
                found.made.add(_text(node.args[1]))
            for argument in node.args:
                _walk(argument, found)
        case "ParenExpr" | "UnaryExpr" | "SubqueryExpr":
            _walk(node.expr, found)
        case "NumberLiteral" | "StringLiteral":
            pass
        case other:
            raise NotImplementedError(other)


def _selector(node: Any, found: Asked) -> None:
    matchers = {matcher.name: matcher.value for matcher in node.matchers.matchers}
    names = [node.name] if node.name else matchers.pop("__name__").split("|")
    found.selectors += [(name, matchers) for name in names]


def _text(node: Any) -> str:
    return str(node.val)


def result_labels(series: list[dict[str, Any]]) -> Iterator[set[str]]:
    """The label names of each series of a query result."""
    yield from (set(entry["metric"]) for entry in series)

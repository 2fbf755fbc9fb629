"""What a node of a YAML text stands for, to Pulumi and to helm."""

import math
from collections.abc import Iterator
from typing import Any

from base.errors import MeshlabError
from base.goyaml.scalars import INT64, Rules, ScalarError, as_json, plain, tagged
from base.goyaml.tree import Alias, Mapping, Node, Scalar, Sequence, followed

MOST_VALUES = 100_000
"""How many values a stack file may have, each place of an alias counted: far above any, far below what takes long."""


MERGE_KEY = "<<"


class ValueFaultError(MeshlabError):
    """A value that Pulumi refuses, or that would be lost."""

    def __init__(self, node: Node, expected: str, got: str, remedy: str) -> None:
        super().__init__(f"expected {expected}, got {got}", remedy)
        self.line = node.line


def scalar_value(node: Scalar, rules: Rules) -> Any:
    """The value of a scalar where it stands in a mapping or a list. Raises ScalarError."""
    value = exact_value(node, rules)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    # helm's values are floats throughout; Pulumi keeps what 64 bits hold with their sign.
    whole = isinstance(value, int) and rules is Rules.PULUMI and -INT64 <= value < INT64
    return value if whole else as_json(float(value))


def exact_value(node: Scalar, rules: Rules) -> Any:
    """The value of a scalar, numbers as they are written. Raises ScalarError."""
    if node.tag not in (None, "!"):
        return tagged(node.tag, node.text, rules)
    if node.quoted or (node.tag == "!" and rules is Rules.HELM):
        return node.text
    return plain(node.text, rules)[1]


def is_merge(key: Node) -> bool:
    """Whether a key lays other mappings under its own."""
    return isinstance(key, Scalar) and key.text == MERGE_KEY and not key.quoted and key.tag in (None, "!")


class PulumiValues:
    """Reads nodes as Pulumi does. Raises ValueFaultError for what it refuses, or takes one of two for by chance."""

    def __init__(self) -> None:
        self._count = 0

    def value(self, node: Node) -> Any:
        """The value of any node but a config value of its own, as a program finds it in a section."""
        self._count += 1
        if self._count > MOST_VALUES:
            raise ValueFaultError(node, f"at most {MOST_VALUES} values", "more", "write them out without aliases")
        node = followed(node)
        if isinstance(node, Scalar):
            return self.scalar(node)
        if isinstance(node, Sequence):
            return [self.value(item) for item in node.items]
        assert isinstance(node, Mapping)
        return {name: self.value(value) for name, (_, value) in self.entries(node).items()}

    def scalar(self, node: Scalar, *, exact: bool = False) -> Any:
        """The value of a scalar, `exact` where it is a config value by itself: that one may be larger."""
        try:
            value = exact_value(node, Rules.PULUMI)
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueFaultError(node, "a finite number", node.text, "write it in quotes if it is a text")
            if isinstance(value, str):
                _refuse_lost_line(node, value)
            return value if exact and isinstance(value, int) else scalar_value(node, Rules.PULUMI)
        except ScalarError as error:
            raise ValueFaultError(node, *_parts(str(error)), "take the tag away, or write what it says") from None

    def entries(self, node: Mapping) -> dict[str, tuple[Node, Node]]:
        """Key and value nodes by the key as it is read, what is merged among them: a mapping's own key wins."""
        found: dict[str, tuple[Node, Node]] = {}
        merged: Node | None = None
        for key, value in node.entries:
            if is_merge(key):
                if merged is not None:
                    raise ValueFaultError(key, "one <<", "another", "give it a list: <<: [*first, *second]")
                merged = value
                continue
            name = self._key(key)
            if name == MERGE_KEY:
                # Pulumi writes the file once more for itself, without the quotes, and then it merges.
                raise ValueFaultError(key, "another key", "<< in quotes, which Pulumi drops", "choose another name")
            if name in found:
                first = found[name][0].line
                raise ValueFaultError(
                    key, "each key once", f"{name} again, as in line {first}", "take one of them away"
                )
            found[name] = key, value
        for mapping in self._mappings(merged) if merged is not None else ():
            found = {**self.entries(mapping), **found}
        return found

    def _key(self, node: Node) -> str:
        key = followed(node)
        if not isinstance(key, Scalar):
            raise ValueFaultError(node, "a text as the key", "a list or a mapping", "write one word")
        value = self.scalar(key)
        name = str(value).lower() if isinstance(value, bool) else str(value)
        if isinstance(value, float) or value is None or name != key.text:
            raise ValueFaultError(
                node, "a key that is read as it is written", key.text or "nothing", "write it in quotes"
            )
        return name

    @staticmethod
    def _mappings(node: Node) -> Iterator[Mapping]:
        target = followed(node)
        for place in target.items if isinstance(target, Sequence) and not isinstance(node, Alias) else [node]:
            mapping = followed(place)
            if not isinstance(mapping, Mapping):
                raise ValueFaultError(place, "a mapping or a list of them after <<", "something else", "name mappings")
            yield mapping


def _refuse_lost_line(node: Scalar, text: str) -> None:
    """Pulumi writes the file once more for itself before it reads it, and its library does not write these right."""
    if text.startswith(("\n", "\u2028", "\u2029")):
        raise ValueFaultError(node, "a text that begins with no empty line", "one, which Pulumi drops", "take it away")
    if text.startswith("\t") and "\n" in text:
        raise ValueFaultError(
            node, "a text of lines that begins with no tab", "one, which Pulumi refuses", "use spaces"
        )


def _parts(message: str) -> tuple[str, str]:
    expected, _, got = message.removeprefix("expected ").partition(", got ")
    return expected, got

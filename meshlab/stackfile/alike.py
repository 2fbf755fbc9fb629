"""What is laid over a chart's values and reads otherwise there than in a values file of helm's.

Whoever copies `enabled: no` out of a values file means false; Pulumi makes the text "no" of it, which a template takes
for true. Neither program says a word about it.
"""

import json
from collections.abc import Iterator
from typing import Any

from base.goyaml.scalars import Rules, ScalarError
from base.goyaml.tree import Mapping, Node, Scalar, Sequence, followed

from .reading import PROJECT, StackFile
from .values import PulumiValues, is_merge, scalar_value

FREE = frozenset({"values", "spec"})
"""Keys under which a stack file has what a chart or Kubernetes defines."""
_ALIKE = "expected a {} that Pulumi and helm read alike"


def surprises(file: StackFile) -> Iterator[str]:
    """One line for each value under `values` or `spec` that Pulumi and helm read otherwise."""
    for key, node in file.sections.items():
        if key.startswith(f"{PROJECT}:"):
            for line, problem in dict.fromkeys(_below(node, key)):
                yield f"{file.name}: line {line}: {problem}"


def _below(node: Node, path: str) -> Iterator[tuple[int, str]]:
    target = followed(node)
    if not isinstance(target, Mapping):
        return
    for key, (_, value) in PulumiValues().entries(target).items():
        below = _differing if key in FREE else _below
        yield from below(value, f"{path}.{key}")


def _differing(node: Node, path: str) -> Iterator[tuple[int, str]]:
    target = followed(node)
    if isinstance(target, Scalar):
        ours, theirs = (_scalar(target, rules) for rules in Rules)
        if _shown(ours) != _shown(theirs):
            got = f"{target.text}, which is {_shown(ours)} to Pulumi and {_shown(theirs)} to helm"
            other = "" if isinstance(theirs, str) else f" or {json.dumps(theirs)}"
            yield node.line, f"{path}: {_ALIKE.format('value')}, got {got} (write {json.dumps(target.text)}{other})"
    elif isinstance(target, Sequence):
        for place, item in enumerate(target.items):
            yield from _differing(item, f"{path}.{place}")
    elif isinstance(target, Mapping):
        yield from _in_mapping(target, path)


def _in_mapping(node: Mapping, path: str) -> Iterator[tuple[int, str]]:
    own: set[str] = set()
    for key, value in node.entries:
        if is_merge(key):
            both = ", ".join(sorted(own & _names(value)))
            if both:
                got = f"it after {both}, which helm then takes from what is merged, and Pulumi does not"
                yield key.line, f"{path}: expected << before all other keys, got {got} (move it up)"
            yield from _differing(value, path)
            continue
        name = followed(key)
        assert isinstance(name, Scalar)
        theirs = _scalar(name, Rules.HELM)
        if isinstance(theirs, bool) and _shown(theirs) != name.text:
            got = f"{name.text}, which is {_shown(theirs)} to helm"
            yield key.line, f"{path}: {_ALIKE.format('key')}, got {got} (write {json.dumps(name.text)})"
        own.add(name.text)
        yield from _differing(value, f"{path}.{name.text}")


def _names(node: Node) -> set[str]:
    target = followed(node)
    mappings = target.items if isinstance(target, Sequence) else [target]
    return {
        name
        for mapping in mappings
        if isinstance(whole := followed(mapping), Mapping)
        for name in PulumiValues().entries(whole)
    }


def _scalar(node: Scalar, rules: Rules) -> Any:
    try:
        return scalar_value(node, rules)
    except ScalarError:
        return f"refused {node.text}"


def _shown(value: Any) -> str:
    return f"the text {json.dumps(value, ensure_ascii=False)}" if isinstance(value, str) else json.dumps(value)

"""YAML as Kubernetes reads it, and YAML that every reader takes for the same and whose lines a person can compare."""

from typing import Any, cast

import yaml

from ..errors import MeshlabError
from .scalars import BINARY, BOOL, FLOAT, INT, MERGE, NULL, TEXT, TIME, Rules, ScalarError, plain, tagged

# libyaml, which every wheel of PyYAML carries, is some ten times quicker than the pure form; CRDs are megabytes.
_FastLoader = cast(type[yaml.SafeLoader], getattr(yaml, "CSafeLoader", yaml.SafeLoader))
_FastDumper = cast(type[yaml.SafeDumper], getattr(yaml, "CSafeDumper", yaml.SafeDumper))

_UNFOLDED = 1_000_000
"""A width that no line of a manifest has: a folded line would move with every word before it."""
_BREAKS = frozenset("\x85\u2028\u2029")
"""What ends a line in YAML 1.1, and not where it is escaped."""


class TextError(MeshlabError):
    """A text is no YAML; the message is one line."""


class _HelmLoader(_FastLoader):
    """PyYAML's, with the rules and the keys of sigs.k8s.io/yaml, which kubectl, helm and the API server read with."""

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:
        """The tag of a node that has none."""
        if kind is yaml.ScalarNode:
            return plain(value, Rules.HELM)[0] if implicit[0] else TEXT
        return str(cast(Any, super()).resolve(kind, value, implicit))

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Keys as JSON has them: texts."""
        return {_key(key): value for key, value in super().construct_mapping(node, deep).items()}

    def flatten_mapping(self, node: Any) -> None:
        """What `<<` merges replaces the keys above it, and those below replace it (findings/yaml_merge_order.sh)."""
        # Empty meanwhile, so that a mapping that merges itself ends.
        pairs, node.value = node.value, []
        node.value = [
            pair for key, value in pairs for pair in (self._merged(value) if key.tag == MERGE else [(key, value)])
        ]

    def _merged(self, node: Any) -> list[Any]:
        """The keys of a mapping, or of a list of them, of which the first wins."""
        if isinstance(node, yaml.SequenceNode):
            return [pair for entry in reversed(node.value) for pair in self._merged(entry)]
        if not isinstance(node, yaml.MappingNode):
            told = "expected a mapping or a list of them after <<"
            raise yaml.constructor.ConstructorError(None, None, told, node.start_mark)
        self.flatten_mapping(node)
        return node.value


def _key(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


def _scalar(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Any:
    try:
        return tagged(node.tag, node.value, Rules.HELM)
    except ScalarError as error:
        raise yaml.constructor.ConstructorError(None, None, str(error), node.start_mark) from None


def _untagged(loader: yaml.SafeLoader, node: yaml.Node) -> Any:
    """What carries a tag that nobody knows is read as if it had none; a scalar is a text then."""
    if isinstance(node, yaml.ScalarNode):
        return node.value
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_mapping(cast(yaml.MappingNode, node), deep=True)


for _tag in (NULL, BOOL, INT, FLOAT, TIME, BINARY, MERGE):
    _HelmLoader.add_constructor(_tag, _scalar)
cast(Any, _HelmLoader).add_constructor(None, _untagged)


class _Dumper(_FastDumper):
    """Quotes whatever any reader might not take for text; texts of several lines are blocks, one line a line."""

    def ignore_aliases(self, data: Any) -> bool:
        # An anchor would tie two unrelated places of an object together.
        return True

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:
        """The tag that a reader would find, of those that are not text where it is text for others."""
        found = str(cast(Any, super()).resolve(kind, value, implicit))
        if kind is not yaml.ScalarNode or not implicit[0] or found != TEXT:
            return found
        return next((tag for rules in Rules if (tag := plain(value, rules)[0]) != TEXT), TEXT)


def _text(dumper: Any, data: str) -> yaml.Node:
    style = '"' if _BREAKS & set(data) else "|" if "\n" in data else None
    return dumper.represent_scalar(TEXT, str(data), style=style)


_Dumper.add_representer(str, _text)
# A text of a class of its own, such as a stack's name with its organization, is its text.
_Dumper.add_multi_representer(str, _text)


def to_yaml(value: Any, *, sort_keys: bool = True) -> str:
    """The YAML of a value; with sorted keys, the same value gives the same bytes."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=sort_keys, width=_UNFOLDED, allow_unicode=True)


def document(text: str) -> Any:
    """The first document of a YAML text that is not empty, None where there is none. Raises TextError."""
    return next(iter(from_yaml(text)), None)


def from_yaml(text: str) -> list[Any]:
    """Every document of a YAML text that is not empty. Raises TextError."""
    try:
        return [document for document in yaml.load_all(text, Loader=_HelmLoader) if document]
    except yaml.YAMLError as error:
        raise TextError(str(error).replace("\n", " ")) from None

"""YAML as Kubernetes reads it, and YAML whose lines a person can compare."""

import re
from typing import Any, cast

import yaml

# libyaml, which every wheel of PyYAML carries, is some ten times quicker than the pure form; CRDs are megabytes.
_FastLoader = cast(type[yaml.SafeLoader], getattr(yaml, "CSafeLoader", yaml.SafeLoader))
_FastDumper = cast(type[yaml.SafeDumper], getattr(yaml, "CSafeDumper", yaml.SafeDumper))

_INT = "tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0o?[0-7_]+|0|[1-9][0-9_]*)$")
_FLOAT = "tag:yaml.org,2002:float", re.compile(r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$")
_BOOL = "tag:yaml.org,2002:bool", re.compile(r"^[yYnN]$")
_NUMBERS = list("-+0123456789")
_UNFOLDED = 1_000_000
"""A width that no line of a manifest has: a folded line would move with every word before it."""


def _resolve(where: Any, tag: str, pattern: re.Pattern[str], first: list[str]) -> None:
    """Make a loader read, or a dumper quote, what matches `pattern` and begins with one of `first` as `tag`."""
    where.add_implicit_resolver(tag, pattern, first)


class TextError(Exception):
    """A text is no YAML; the message is one line."""


class _Loader(_FastLoader):
    """PyYAML's, but for what Kubernetes' own parser takes for text: dates, base-60 numbers and a bare `=`."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag.rsplit(":", 1)[-1] in ("bool", "null", "merge")]
    for first, resolvers in _FastLoader.yaml_implicit_resolvers.items()
}
_resolve(_Loader, *_INT, _NUMBERS)
_resolve(_Loader, *_FLOAT, [*_NUMBERS, "."])


def _whole(loader: yaml.SafeLoader, node: yaml.Node) -> int:
    text = str(loader.construct_scalar(cast(yaml.ScalarNode, node))).replace("_", "")
    # YAML 1.1 writes octal as 0644, YAML 1.2 as 0o644; Kubernetes' parser takes both.
    return int(text, 8 if re.fullmatch(r"[-+]?0[0-7]+", text) else 0)


def _decimal(loader: yaml.SafeLoader, node: yaml.Node) -> float:
    return float(str(loader.construct_scalar(cast(yaml.ScalarNode, node))))


_Loader.add_constructor(_INT[0], _whole)
_Loader.add_constructor(_FLOAT[0], _decimal)


class _Dumper(_FastDumper):
    """Quotes whatever any parser might not take for text; texts of several lines are blocks, one line a line."""

    def ignore_aliases(self, data: Any) -> bool:
        # An anchor would tie two unrelated places of an object together.
        return True


def _text(dumper: Any, data: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", data, style="|" if "\n" in data else None)


_Dumper.add_representer(str, _text)
_resolve(_Dumper, *_INT, _NUMBERS)
_resolve(_Dumper, *_FLOAT, [*_NUMBERS, "."])
_resolve(_Dumper, *_BOOL, list("yYnN"))


def to_yaml(value: Any) -> str:
    """The YAML of a value, keys sorted: the same value gives the same bytes."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=True, width=_UNFOLDED, allow_unicode=True)


def from_yaml(text: str) -> list[Any]:
    """Every document of a YAML text that is not empty. Raises TextError."""
    try:
        return [document for document in yaml.load_all(text, Loader=_Loader) if document]
    except yaml.YAMLError as error:
        raise TextError(str(error).replace("\n", " ")) from None

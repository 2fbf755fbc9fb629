"""The one reader and the one writer of stack files."""

import json
from collections.abc import Generator
from collections.abc import Mapping as AnyMapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from base.errors import MeshlabError
from base.goyaml.scalars import NULL, Rules, json_number, plain
from base.goyaml.text import to_yaml
from base.goyaml.tree import Mapping, Node, Scalar, Sequence, TreeError, documents, followed

from .values import PulumiValues, ValueFaultError

PROJECT = "meshlab"
CONFIG = "config"
Config = AnyMapping[str, Any]
"""The `config` of a stack, by whole keys."""


class StackFileError(MeshlabError):
    """A stack file says what Pulumi refuses or what would surprise; one line for each problem."""


@dataclass(frozen=True)
class StackFile:
    """A stack file as Pulumi reads it."""

    name: str
    """The file's name, for messages."""
    content: dict[str, Any]
    """Everything in it; `config` is there, by whole keys: a key `istio` is `meshlab:istio`."""
    sections: dict[str, Node]
    """The nodes of `config`, by the same keys."""

    @property
    def config(self) -> dict[str, Any]:
        """The stack's settings."""
        config: dict[str, Any] = self.content[CONFIG]
        return config


def read(path: Path) -> StackFile:
    """A stack file, which must be there. Raises StackFileError."""
    return parsed(decoded(path), path.name)


def decoded(path: Path) -> str:
    """The text of a file with the ends of its lines as they are. Raises StackFileError."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise StackFileError(
            f"{path.name}: expected UTF-8, got other bytes at {error.start}", "save it as UTF-8"
        ) from None


def parsed(text: str, name: str) -> StackFile:
    """The stack file of a text; `name` is the file's. Raises StackFileError."""
    with _told(name):
        values = PulumiValues()
        entries = values.entries(_root(text))
        content = _beside_config(values, entries)
        sections = _sections(values, _mapping(entries[CONFIG][1], CONFIG)) if CONFIG in entries else {}
        content[CONFIG] = {key: _config_value(values, node) for key, node in sections.items()}
        return StackFile(name, content, sections)


def read_beside_config(path: Path) -> dict[str, Any]:
    """What stands in a stack file beside its settings, such as the salt of its secrets. Raises StackFileError."""
    with _told(path.name):
        values = PulumiValues()
        return _beside_config(values, values.entries(_root(decoded(path))))


def read_project(path: Path) -> dict[str, Any]:
    """The project file, `Pulumi.yaml`, which Pulumi reads by the same rules. Raises StackFileError."""
    with _told(path.name):
        value: dict[str, Any] = PulumiValues().value(_root(decoded(path)))
        return value


def written(content: dict[str, Any]) -> str:
    """A text that Pulumi, helm and we read as the same content."""
    return to_yaml(content, sort_keys=False)


def config_text(value: Any) -> str:
    """A config value as the engine hands it to a program: a text as it is, null as an empty one, else JSON."""
    if value is None:
        return ""
    if isinstance(value, float):
        return json_number(value)
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"))


def config_key(key: str) -> str:
    """A key of `config` with its project: `istio`, `meshlab:istio` and `meshlab:config:istio` are the same."""
    match key.split(":"):
        case [name]:
            return f"{PROJECT}:{name}"
        case [project, "config", name]:
            return f"{project}:{name}"
        case _:
            return key


@contextmanager
def _told(name: str) -> Generator[None]:
    try:
        yield
    except TreeError as error:
        raise StackFileError(f"{name}: line {error.line}: expected YAML, got: {error}") from None
    except ValueFaultError as fault:
        raise StackFileError(f"{name}: line {fault.line}: {fault}") from None


def _beside_config(values: PulumiValues, entries: dict[str, tuple[Node, Node]]) -> dict[str, Any]:
    return {key: values.value(node) for key, (_, node) in entries.items() if key != CONFIG}


def _root(text: str) -> Mapping:
    roots = documents(text)
    for root in roots[1:]:
        if not _is_nothing(root):
            raise ValueFaultError(root, "one document", "another, which Pulumi does not read", "take its --- away")
    return _mapping(roots[0], "the file") if roots else Mapping(1, 0, 0, flow=False)


def _mapping(node: Node, what: str) -> Mapping:
    target = followed(node)
    if isinstance(target, Mapping):
        return target
    if _is_nothing(target):
        return Mapping(node.line, node.start, node.end, flow=False)
    raise ValueFaultError(
        node,
        f"{what} to be a mapping",
        "a list" if isinstance(target, Sequence) else "a text",
        "write KEY: VALUE lines",
    )


def _sections(values: PulumiValues, config: Mapping) -> dict[str, Node]:
    found: dict[str, Node] = {}
    for key, (place, node) in values.entries(config).items():
        whole = config_key(key)
        if whole.count(":") != 1:
            raise ValueFaultError(place, "a key PROJECT:NAME or NAME", key, f"write {PROJECT}:NAME")
        if whole in found:
            raise ValueFaultError(place, "each key once", f"{key}, which is {whole} again", "take one of them away")
        found[whole] = node
    return found


def _config_value(values: PulumiValues, node: Node) -> Any:
    target = followed(node)
    return values.scalar(target, exact=True) if isinstance(target, Scalar) else values.value(target)


def _is_nothing(node: Node) -> bool:
    return isinstance(node, Scalar) and not node.quoted and not node.tag and plain(node.text, Rules.PULUMI)[0] == NULL

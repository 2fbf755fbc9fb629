"""No secret stands where others read it: helm keeps a release's values, and anybody may read a ConfigMap or a pod."""

import re
from collections.abc import Iterator
from typing import Any, cast

import yaml

from ..allowed import allowed
from ..rule import Findings, PolicyRule
from ..secret_keys import holds_a_secret, is_content, is_manifest_of_a_secret, names_a_secret
from ..secret_texts import is_random, secret_in
from ..settings import PackSettings
from ..subjects import DeclaredRelease, Subject, entries
from ..walk import places, texts

NAME = "no-plain-secrets"
_REMEDY = f"put it into a Secret and refer to that (exceptions: allowed/{NAME}.yaml)"
_PLAIN = "in plain sight"
_ARGUMENT = re.compile(r"--?([\w.-]+)(?:[= ](.+))?", re.DOTALL)
_LINE = re.compile(r"""^[ \t{,-]*["']?([\w.-]+)["']?[ \t]*[=:][ \t]*(\S.*)$""", re.MULTILINE)
_STRUCTURE = ("{", "[", "|", ">", "&", "*", "#")
"""How what is no plain value begins, in YAML and JSON."""
# What only the structure of a file tells: which of its keys stand within one of these.
_MARKS = ("secureJsonData", "secureSettings", "slack_configs", "kind: Secret")

Found = Iterator[tuple[str, str]]
"""Where a secret is, and what of it can be told."""


def _check(subject: Subject, settings: PackSettings) -> Findings:
    told: dict[str, str] = {}
    for path, what in _found(subject):
        told.setdefault(path, what)
    for path, what in told.items():
        if not allowed(NAME, subject, path):
            yield f"{path}: expected no secret {what}; {_REMEDY}"
    if isinstance(subject, DeclaredRelease) and subject.value_files:
        yield "valueYamlFiles: expected every value in `values`, where rules can read it, got files beside it"


def _found(subject: Subject) -> Found:
    if isinstance(subject, DeclaredRelease):
        yield from _within(subject.values, "values")
        yield from _files(subject.values, "values")
        yield from _random(subject.values, "values")
    elif subject.kind == "ConfigMap":
        yield from _within(subject.manifest.get("data"), "data")
        yield from _files(subject.manifest.get("data"), "data")
    elif subject.kind not in ("Secret", "CustomResourceDefinition"):
        yield from _within(subject.manifest.get("spec"), "spec")
        yield from _by_text(subject.metadata.get("annotations"), "metadata.annotations")


def _within(value: Any, top: str) -> Found:
    for place in places(value, top):
        if holds_a_secret(place) and is_content(place.value):
            yield place.path, _PLAIN
        elif is_manifest_of_a_secret(place):
            yield from ((inner.path, _PLAIN) for inner in places(place.value, place.path) if is_content(inner.value))
        elif place.key in ("args", "command"):
            yield from _arguments(entries(place.value), place.path)
    yield from _by_text(value, top)


def _arguments(listed: list[Any], path: str) -> Found:
    """`--password=x`, `--password x` in one argument and in two."""
    for number, (one, following) in enumerate(zip(listed, [*listed[1:], ""], strict=True)):
        flag = _ARGUMENT.fullmatch(one) if isinstance(one, str) else None
        if flag and names_a_secret(flag[1]) and is_content(flag[2] or ("" if str(following)[:1] == "-" else following)):
            yield f"{path}[{number}]", f"among arguments, got one after {flag[1]}"


def _by_text(value: Any, top: str) -> Found:
    for path, text in texts(value, top):
        if what := secret_in(text):
            yield path, f"{_PLAIN}, got {what}"


def _files(value: Any, top: str) -> Found:
    """Settings inside the files that values and ConfigMaps hold."""
    for path, text in texts(value, top):
        if "\n" not in text:
            continue
        for line in _LINE.finditer(text):
            if names_a_secret(line[1]) and not line[2].startswith(_STRUCTURE) and is_content(line[2].strip("\"', ")):
                yield f"{path} ({line[1]})", _PLAIN
        if any(mark in text for mark in _MARKS):
            yield from ((f"{path} ({inner})", what) for inner, what in _structured(text))


class _PlainLoader(cast(type[yaml.SafeLoader], getattr(yaml, "CSafeLoader", yaml.SafeLoader))):
    """PyYAML's, but for dates and a bare `=`: it fails at a day that there is not, and no secret is either."""


_PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in resolvers if tag.rsplit(":", 1)[-1] not in ("timestamp", "value")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _structured(text: str) -> Found:
    """A file by its structure; nothing where it has none, such as a template."""
    try:
        documents = list(yaml.load_all(text, Loader=_PlainLoader))
    except (yaml.YAMLError, ValueError):
        # A number without digits, such as `0x_`, is no YAMLError to it.
        return
    for document in documents:
        yield from _within(document, "")


def _random(values: Any, top: str) -> Found:
    for place in places(values, top):
        if isinstance(place.value, str) and is_random(place.key, place.value):
            yield place.path, f"{_PLAIN}, got random characters"


RULE = PolicyRule(NAME, "No secret stands in a release's values, a ConfigMap, an argument or a variable.", _check)

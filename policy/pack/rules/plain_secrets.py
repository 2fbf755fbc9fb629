"""No secret stands where others read it: helm keeps a release's values, and anybody may read a ConfigMap or a pod."""

import re
from collections.abc import Iterator
from typing import Any

from ..rule import Findings, Rule
from ..settings import PolicySettings
from ..subjects import Release, Subject
from ..walk import places, texts

# How the key of a secret ends: adminPassword, client_secret, GF_SECURITY_ADMIN_PASSWORD. What goes on after that is
# something else: passwordKey and tokenFile say where the secret is. `secret` alone is the name of a Secret.
_ENDINGS = tuple(
    tuple(words.split())
    for words in (
        *("password", "passwd", "passphrase", "token", "credential", "credentials", "apikey"),
        *("api key", "access key", "secret key", "private key", "signing key", "encryption key"),
        *("client secret", "app secret", "shared secret", "cookie secret", "session secret", "signing secret"),
    )
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_CONTENT = {
    "a private key": re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----"),
    "a JSON web token": re.compile(r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]+"),
    "a password in an address": re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s/:@$]+:[^\s/@$]+@"),
    "an access key": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
}
_ARGUMENT = re.compile(r"--?([\w.-]+)[= ](.+)", re.DOTALL)
_REFERENCE = re.compile(r"\s*\$[\w({].*", re.DOTALL)
"""Filled in where it is used, from a variable or a file: `$PASSWORD`, `$(PASSWORD)`, `$__file{/etc/password}`."""
_LINE = re.compile(r"^\s*([\w.-]+)\s*[=:]\s*(\S.*)$", re.MULTILINE)
_REMEDY = "put it into a Secret and refer to that"


def _check(subject: Subject, settings: PolicySettings) -> Findings:
    if isinstance(subject, Release):
        yield from _within(subject.values, "values")
        if subject.value_files:
            yield "valueYamlFiles: expected every value in `values`, where rules can read it, got files beside it"
    elif subject.kind == "ConfigMap":
        yield from _within(subject.manifest.get("data"), "data")
        yield from _lines(subject.manifest.get("data"))
    elif subject.kind not in ("Secret", "CustomResourceDefinition"):
        yield from _within(subject.manifest.get("spec"), "spec")


def _within(value: Any, top: str) -> Iterator[str]:
    for place in places(value, top):
        named = place.key
        if named == "value" and isinstance(place.around.get("name"), str):
            # A variable of a container says its name beside its value.
            named = str(place.around["name"])
        if names_a_secret(named) and _is_content(place.value):
            yield f"{place.path}: expected no secret in plain sight; {_REMEDY}"
    for path, text in texts(value, top):
        flag = _ARGUMENT.fullmatch(text)
        if flag and names_a_secret(flag[1]) and _is_content(flag[2]):
            yield f"{path}: expected no secret among arguments, got one after {flag[1]}; {_REMEDY}"
        for what, pattern in _CONTENT.items():
            if pattern.search(text):
                yield f"{path}: expected no secret in plain sight, got {what}; {_REMEDY}"


def _lines(data: Any) -> Iterator[str]:
    """Settings inside the files that a ConfigMap holds."""
    for path, text in texts(data, "data"):
        for line in _LINE.finditer(text):
            if names_a_secret(line[1]) and _is_content(line[2].strip("\"'")):
                yield f"{path} ({line[1]}): expected no secret in plain sight; {_REMEDY}"


def names_a_secret(key: str) -> bool:
    """Whether what stands under `key` is a secret, and not its name, place or age."""
    words = [word.lower() for word in _WORD.findall(key)]
    return any(tuple(words[-len(ending) :]) == ending for ending in _ENDINGS)


def _is_content(value: Any) -> bool:
    if isinstance(value, str):
        return bool(value.strip()) and not _REFERENCE.fullmatch(value)
    return isinstance(value, int) and not isinstance(value, bool)


RULE = Rule(
    "no-plain-secrets", "No secret stands in a release's values, a ConfigMap, an argument or a variable.", _check
)

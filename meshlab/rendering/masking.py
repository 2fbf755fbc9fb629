"""What must not be shown, and what is another value each time a chart is rendered."""

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Mapping
from typing import Any, cast

SECRET = "<secret>"
VARIES = "<another value at each rendering>"

_KEY = secrets.token_bytes(32)


def masked(manifest: Mapping[str, Any]) -> tuple[dict[str, Any], bytes]:
    """A manifest without secret values, and a mark that is equal for equal values.

    The mark is made with a key of this process: it tells two renderings of one run apart and is no digest that could be
    tried against guesses. Charts put a checksum of their Secrets on pods; that would be one, so it is masked too.
    """
    result = cast(dict[str, Any], _without_checksums(manifest))
    if result.get("kind") != "Secret" or "/" in str(result.get("apiVersion")):
        return result, b""
    hidden = {field: result[field] for field in ("data", "stringData") if result.get(field)}
    for field, content in hidden.items():
        # The recorder masks a secret mapping as a whole; the object's form stays valid all the same.
        keys = cast(Mapping[str, Any], content) if isinstance(content, Mapping) else {SECRET: content}
        result[field] = dict.fromkeys(keys, SECRET)
    content = json.dumps(hidden, sort_keys=True).encode()
    return result, hmac.new(_KEY, content, hashlib.sha256).digest() if hidden else b""


def _without_checksums(value: Any) -> Any:
    if isinstance(value, Mapping):
        fields = cast(Mapping[str, Any], value)
        return {
            key: SECRET if _is_secret_checksum(key, entry) else _without_checksums(entry)
            for key, entry in fields.items()
        }
    if isinstance(value, list):
        return [_without_checksums(entry) for entry in cast(list[Any], value)]
    return value


def _is_secret_checksum(key: str, entry: Any) -> bool:
    return isinstance(entry, str) and re.search(r"checksum.*secret|secret.*checksum", key, re.IGNORECASE) is not None


def steady(one: Any, other: Any) -> Any:
    """What two renderings of the same thing agree on, with VARIES for what they do not agree on.

    Of a text of several lines, only the lines that differ are masked.
    """
    if one == other:
        return one
    if isinstance(one, dict) and isinstance(other, dict):
        left, right = cast(dict[str, Any], one), cast(dict[str, Any], other)
        if left.keys() == right.keys():
            return {key: steady(entry, right[key]) for key, entry in left.items()}
    elif isinstance(one, list) and isinstance(other, list):
        rows, others = cast(list[Any], one), cast(list[Any], other)
        if len(rows) == len(others):
            return [steady(entry, opposite) for entry, opposite in zip(rows, others, strict=True)]
    elif isinstance(one, str) and isinstance(other, str) and "\n" in one:
        lines, others = one.split("\n"), other.split("\n")
        if len(lines) == len(others):
            return "\n".join(left if left == right else VARIES for left, right in zip(lines, others, strict=True))
    return VARIES

"""Takes the secrets of a stack out of a text, such as the engine's log at -v9, which traces every call in clear.

The engine cannot be told to leave them out there. It knows them, though: they are in its state, and whoever may decrypt
that can take them out of a log before anybody else reads it.
"""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast
from urllib.parse import quote

from base.pulumi_values import SECRET, SIGNATURE_KEY

REDACTED = "[secret]"
SHORTEST = 8
"""Characters from which on a secret is looked for: shorter ones, such as `admin`, are in every text by chance."""


def secrets_of(state: Any) -> set[str]:
    """Every secret text in exported, decrypted state, but for short ones."""
    return {text for text in _secrets(state) if len(text) >= SHORTEST}


def redacted(text: str, secrets: Iterable[str]) -> tuple[str, int]:
    """The text without the secrets, in whatever form they stand there, and how many places there were."""
    count = 0
    for form in sorted({form for secret in secrets for form in _forms(secret)}, key=len, reverse=True):
        count += text.count(form)
        text = text.replace(form, REDACTED)
    return text, count


def _secrets(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for entry in cast(list[Any], value):
            yield from _secrets(entry)
    elif isinstance(value, Mapping):
        fields = cast(Mapping[str, Any], value)
        if fields.get(SIGNATURE_KEY) == SECRET and "plaintext" in fields:
            yield from _texts(json.loads(fields["plaintext"]))
            return
        for entry in fields.values():
            yield from _secrets(entry)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for entry in cast(list[Any], value):
            yield from _texts(entry)
    elif isinstance(value, Mapping):
        for entry in cast(Mapping[str, Any], value).values():
            yield from _texts(entry)


def _forms(secret: str) -> Iterator[str]:
    yield secret
    for ascii_only in (True, False):
        once = json.dumps(secret, ensure_ascii=ascii_only)[1:-1]
        yield once
        # Logs are JSON themselves, and what they trace is too.
        yield json.dumps(once, ensure_ascii=ascii_only)[1:-1]
    yield quote(secret, safe="")
    raw = secret.encode()
    yield raw.hex()
    yield base64.b64encode(raw).decode()
    for shift in range(3):
        # Within something longer, its base64 depends on where it begins; what first and last bytes share goes.
        padded = base64.b64encode(b"\0" * shift + raw).decode()
        yield padded[-(-shift * 8 // 6) : (shift + len(raw)) * 8 // 6]

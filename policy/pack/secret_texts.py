"""What text gives itself away as a secret, whatever it is called: tokens, keys, addresses with either.

The shapes of tokens are those of detect-secrets, which keeps up with who issues them. Its detectors are asked for what
they find in a text, never to try it on its issuer.
"""

import re
from functools import cache, lru_cache
from typing import Any, cast

from .secret_keys import is_content, names_a_secret

_PATTERNS: dict[str, tuple[tuple[str, ...], re.Pattern[str]]] = {
    "a private key": (("PRIVATE KEY-----",), re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----")),
    "a JSON web token": ((".eyJ",), re.compile(r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]+")),
    "a password in an address": (("://",), re.compile(r"[a-z0-9+.-]://[^\s/:@$]+:[^\s/@$]+@")),
    "an address that lets anybody post": (
        ("hook", "chat.googleapis.com", "api.telegram.org"),
        re.compile(
            r"https://(?:hooks\.slack\.com/(?:services|workflows|triggers)/\w|discord(?:app)?\.com/api/webhooks/\d+/\w|"
            r"(?:[\w-]+\.)*office\.com/webhook\w*/\w|chat\.googleapis\.com/v1/spaces/\S+[?&]key=\w|"
            r"api\.telegram\.org/bot\d+:\w)"
        ),
    ),
    "an authorization": (
        ("Bearer ", "Basic ", "GenieKey "),
        re.compile(r"\b(?:Bearer|Basic|GenieKey) +(?=\S*\d)[\w.~+/-]{16,}=*"),
    ),
}
"""What there is to find: a part of it by which other texts are passed over, and all of it."""
_QUERY = re.compile(r"://[^\s\"'?]+\?([^\s\"'#]+)")
_QUERY_KEYS = frozenset({"token", "key", "sig", "signature", "auth", "secret", "pass"})
_QUERY_LENGTH = 8
"""Characters from which a parameter that is called like a secret is taken for one."""

_RUN = re.compile(r"[A-Za-z0-9]{14,}")
_MIXED = re.compile(r"[A-Za-z]\d+[A-Za-z]|\d[A-Za-z]+\d")
"""Letters and digits that take turns: words do not, not even `v2beta` and `rate5m`."""
_CERTIFICATE = "LS0tLS1CRUdJTiBDRVJU"
"""How `-----BEGIN CERT` begins in base64."""
_AROUND = 120
"""Characters before and after a candidate that a detector may want to see."""
# By key or by address the rule knows better, and not every address or digest is a secret.
_OTHERS = frozenset({"Secret Keyword", "Basic Auth Credentials", "Public IP (ipv4)"})
_RANDOM = ("Base64 High Entropy String", "Hex High Entropy String")
_WHOLE = re.compile(r"[\w+/-]{24,}={0,2}")
_HEX = re.compile(r"[0-9a-fA-F]{32,}")
# What is meant to look random.
_OPEN_KEYS = re.compile(
    r"(?i)(?:digest|sha|sha256|checksum|hash|commit|revision|tag|uid|ca|cert|certificate|crt|bundle)$"
)


@lru_cache(maxsize=4096)
def secret_in(text: str) -> str | None:
    """What secret a text has in it; None where it has none."""
    for what, (parts, pattern) in _PATTERNS.items():
        if any(part in text for part in parts) and pattern.search(text):
            return what
    if "://" in text and _in_query(text):
        return "a secret in an address"
    return _token(text)


def is_random(key: str, text: str) -> bool:
    """Whether a text is nothing but random characters, where none are to be expected."""
    if _OPEN_KEYS.search(key) or not _WHOLE.fullmatch(text):
        return False
    every, hexadecimal = (detectors()[name] for name in _RANDOM)
    detector = hexadecimal if _HEX.fullmatch(text) else every
    return float(detector.calculate_shannon_entropy(text)) > float(detector.entropy_limit)


def _in_query(text: str) -> bool:
    for query in _QUERY.findall(text):
        for parameter in re.split("[&;]", query):
            name, _, value = parameter.partition("=")
            if len(value) >= _QUERY_LENGTH and is_content(value) and (names_a_secret(name) or name in _QUERY_KEYS):
                return True
    return False


def _token(text: str) -> str | None:
    """The first token that a detector knows, by what issues it. Only texts with something like one are shown to it."""
    shown = 0
    for run in () if text.startswith(_CERTIFICATE) else _RUN.finditer(text):
        if run.end() <= shown or not _MIXED.search(run[0]):
            continue
        shown = run.end() + _AROUND
        excerpt = text[max(0, run.start() - _AROUND) : shown]
        for name, detector in detectors().items():
            if name not in _RANDOM and any(True for _ in detector.analyze_string(excerpt)):
                return f"what looks like: {name}"
    return None


@cache
def detectors() -> dict[str, Any]:
    """detect-secrets' detectors by their names. Loaded where a text has something for them."""
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class  # type: ignore

    classes = cast(dict[str, Any], get_mapping_from_secret_type_to_class())
    return {name: kind() for name, kind in classes.items() if name not in _OTHERS}

"""What a scalar stands for by the rules of the two Go libraries that stack files, values and manifests go through."""

import base64
import binascii
import math
import re
from decimal import Decimal
from enum import Enum

from ..errors import MeshlabError
from .times import timestamp

Value = None | bool | int | float | str


class Rules(Enum):
    """Whose rules; the value is what the reader is called in messages."""

    PULUMI = "Pulumi"
    """gopkg.in/yaml.v3, for stack files."""
    HELM = "helm"
    """sigs.k8s.io/yaml, which is yaml.v2: for values files, charts' output and manifests."""


class ScalarError(MeshlabError):
    """A scalar is not of the type that its tag names."""


PREFIX = "tag:yaml.org,2002:"
NULL, BOOL, INT, FLOAT, TEXT, TIME, BINARY, MERGE = (
    f"{PREFIX}{name}" for name in ("null", "bool", "int", "float", "str", "timestamp", "binary", "merge")
)
_BY_FORM = frozenset({"", NULL, BOOL, INT, FLOAT, TIME})

_WORDS: dict[str, tuple[str, Value]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), (NULL, None)),
    **dict.fromkeys(("true", "True", "TRUE"), (BOOL, True)),
    **dict.fromkeys(("false", "False", "FALSE"), (BOOL, False)),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), (FLOAT, math.nan)),
    **{sign + word: (FLOAT, math.inf) for word in (".inf", ".Inf", ".INF") for sign in ("", "+")},
    **{"-" + word: (FLOAT, -math.inf) for word in (".inf", ".Inf", ".INF")},
    "<<": (MERGE, "<<"),
}
_HELM_WORDS: dict[str, tuple[str, Value]] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "on", "On", "ON"), (BOOL, True)),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "off", "Off", "OFF"), (BOOL, False)),
}
_NUMERIC = frozenset("+-.0123456789")

# Underscores are out already, but for a number that begins with a point.
_WHOLE = re.compile(r"[-+]?(?:0[bB][01]+|0[oO][0-7]+|0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)")
_DECIMAL = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_POINT_FIRST = re.compile(r"\.[0-9](?:_?[0-9])*(?:[eE][-+]?[0-9](?:_?[0-9])*)?")
_SIGN_INSIDE = re.compile(r"0([bo])([-+][01234567]+)")
_LONGEST_WHOLE = 80
INT64 = 2**63
_JSON_SMALLEST, _JSON_EXPONENT = 1e-6, 1e21
"""Below and from there on, Go writes a number in JSON with an exponent: no whole number to who reads that."""


def plain(text: str, rules: Rules) -> tuple[str, Value]:
    """Tag and value of a scalar without quotes and without a tag. A time is a text by both rules, but another one."""
    return _by_form(text, rules, times=True)


def tagged(tag: str, text: str, rules: Rules) -> Value:
    """The value of a scalar with a tag of its own. Raises ScalarError where it is not what the tag says."""
    if tag == BINARY:
        try:
            raw = base64.b64decode(text.replace("\r", "").replace("\n", ""), validate=True)
        except binascii.Error:
            raise ScalarError(f"expected base64 after !!binary, got {text}") from None
        return raw.decode("utf-8", "replace")
    if tag not in _BY_FORM:
        return text
    found, value = _by_form(text, rules, times=tag == TIME)
    if tag == FLOAT and found == INT and isinstance(value, int):
        return float(value)
    if found != tag:
        raise ScalarError(f"expected what !!{tag.removeprefix(PREFIX)} says, got {text}")
    return value


def as_json(number: float) -> int | float:
    """A number as it comes out of JSON that Go wrote: a whole one has no fraction, and zeros after its 17th digit."""
    if not math.isfinite(number) or abs(number) >= _JSON_EXPONENT or number != math.floor(number):
        return number
    return int(Decimal(repr(float(number))))


def json_number(number: float) -> str:
    """The text of a number in JSON that Go wrote."""
    if _JSON_SMALLEST <= abs(number) < _JSON_EXPONENT or not number:
        return format(Decimal(repr(as_json(number))), "f")
    mantissa, _, exponent = repr(number).partition("e")
    return f"{mantissa}e{exponent[0]}{exponent[1:].lstrip('0')}"


def _by_form(text: str, rules: Rules, *, times: bool) -> tuple[str, Value]:
    word = _WORDS.get(text) or (_HELM_WORDS.get(text) if rules is Rules.HELM else None)
    if word is not None:
        return word
    if text[0] not in _NUMERIC:
        return TEXT, text
    found = _point_first(text) if text[0] == "." else _number(text, rules, times=times)
    return found or (TEXT, text)


def _point_first(text: str) -> tuple[str, Value] | None:
    return _finite(text.replace("_", "")) if _POINT_FIRST.fullmatch(text) else None


def _number(text: str, rules: Rules, *, times: bool) -> tuple[str, Value] | None:
    time = timestamp(text) if times else None
    if time is not None:
        return TIME, time if rules is Rules.PULUMI else text
    digits = text.replace("_", "")
    whole = _whole(digits)
    if whole is not None:
        return INT, whole
    if _DECIMAL.fullmatch(digits):
        return _finite(digits)
    odd = _SIGN_INSIDE.fullmatch(digits)
    if odd and (odd[1] == "b" or rules is Rules.PULUMI):
        # The prefix is cut off there, and what is left is read as a number with its sign.
        try:
            return INT, int(odd[2], 2 if odd[1] == "b" else 8)
        except ValueError:
            return None
    return None


def _whole(digits: str) -> int | None:
    if len(digits) > _LONGEST_WHOLE or not _WHOLE.fullmatch(digits):
        return None
    unsigned = digits.lstrip("+-")
    octal = len(unsigned) > 1 and unsigned[0] == "0" and unsigned[1].isdigit()
    value = int(digits, 8 if octal else 0)
    # Without a sign, Go goes on to an unsigned number; what is larger still may be one with a fraction.
    fits = -INT64 <= value < INT64 or (unsigned == digits and value < 2 * INT64)
    return value if fits else None


def _finite(digits: str) -> tuple[str, Value] | None:
    value = float(digits)
    return None if math.isinf(value) else (FLOAT, value)

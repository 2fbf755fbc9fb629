"""Secrets in a stack file, which the program's own settings have no place for.

A section reaches the program as one value, in clear, and what becomes of it is a Release's plain values: in the state,
in previews and in the diff of a pull request. So a secret in it is refused, wherever it stands. Charts and Kiali take
secrets by the name of a Secret that is in the cluster already: docs/secrets.md.
"""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from .errors import A_SECRET
from .problem import Problem

SECURE = "secure"
"""What Pulumi writes for a secret: a mapping with this key alone, and the ciphertext."""

HIDDEN: Mapping[str, str] = {SECURE: ""}
"""Stands for a section of which the engine says that it holds a secret, without saying where."""

EXPECTED = "plain values (a secret goes into a Secret of the cluster, which the values name: docs/secrets.md)"


def secrets_in(value: object, path: tuple[str, ...]) -> Iterator[Problem]:
    """A problem for each secret below `path`. None of them says what the secret is."""
    if isinstance(value, Mapping):
        entries = cast(Mapping[str, Any], value)
        if list(entries) == [SECURE] and isinstance(entries[SECURE], str):
            yield Problem(path, EXPECTED, A_SECRET)
            return
        for key, entry in entries.items():
            yield from secrets_in(entry, (*path, str(key)))
    elif isinstance(value, list):
        for place, entry in enumerate(cast(list[Any], value)):
            yield from secrets_in(entry, (*path, str(place)))

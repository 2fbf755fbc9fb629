"""Waiting for what comes by itself."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

LIMIT = 120.0
"""Seconds after which something that takes a few is called broken. No test measures against it."""


def eventually(holds: Callable[[], T], what: str, limit: float = LIMIT) -> T:
    """The first true answer of `holds`; `what` names it where it never comes."""
    end = time.monotonic() + limit
    while not (answer := holds()):
        assert time.monotonic() < end, f"still not so after {limit:g} s: {what}"
        time.sleep(0.25)
    return answer

"""Waiting for what comes by itself, and for a server that is too slow at the moment."""

import http.client
import re
import time
from collections.abc import Callable
from typing import Any, TypeVar, cast

import kubernetes.client as _client

from base.process import CommandFailedError
from kube.api_objects import AccessError, RefusedError

ApiException = cast(Any, _client).ApiException

T = TypeVar("T")

LIMIT = 120.0
"""Seconds after which something that takes a few is called broken. No test measures against it."""
PAUSES = (0.25, 5.0)
"""Seconds between two questions, at least and at most."""
HANGS = 600.0
"""Seconds that something hangs which is to be given up: longer than any slow machine takes to give it up."""


def eventually(holds: Callable[[], T], what: str = "", limit: float = LIMIT) -> T:
    """The first true answer of `holds`; `what` names it where it never comes and the call does not say it."""
    began = time.monotonic()
    end, told = began + limit, f": {what}" if what else ""
    while not (answer := holds()):
        now = time.monotonic()
        assert now < end, f"still not so after {limit:g} s{told}"
        # What costs much is asked less often: whatever is waited for needs the processor too.
        time.sleep(min(max(PAUSES[0], now - began), PAUSES[1], max(PAUSES[0], end - now)))
        began = time.monotonic()
    return answer


SLOW = re.compile(
    r"Error from server \((Timeout|ServerTimeout|TooManyRequests)\)|in the time allotted"
    r"|request timed out|[Rr]ead timed out|TLS handshake timeout|context deadline exceeded"
)
"""What is said where the server had no time: the request was right, and may even have been carried out."""
SLOW_STATUS = (429, 504)
FAILURE = re.compile(r"(?i)^(error|unable)")
PAUSE = 2.0


def patiently(act: Callable[[], T], limit: float = LIMIT, pause: float = PAUSE) -> T:
    """What `act` returns, which is tried again for `limit` seconds where nothing but a slow server stops it.

    A request that was not answered may have been carried out, so that `act` must bear to be repeated.
    """
    end = time.monotonic() + limit
    while True:
        try:
            return act()
        except (CommandFailedError, ApiException, AccessError) as error:
            if not _slow(error) or time.monotonic() >= end:
                raise
        time.sleep(pause)


def _slow(error: Exception) -> bool:
    """Whether the server's slowness is all that an error tells of."""
    if isinstance(error, RefusedError):
        return error.status in SLOW_STATUS or (error.status >= http.client.INTERNAL_SERVER_ERROR and _tells(error))
    if isinstance(error, AccessError):
        return _tells(error)
    if not isinstance(error, CommandFailedError):
        return cast(Any, error).status in SLOW_STATUS
    failures = [line for line in error.completed.stderr.splitlines() if FAILURE.match(line)]
    return bool(failures) and all(SLOW.search(line) for line in failures)


def _tells(error: Exception) -> bool:
    return SLOW.search(str(error)) is not None

"""The calls through the standalone Envoy that show which scenario it runs."""

import json
from typing import Any, cast

from components.envoy_demo import NAMESPACE

from ..results.outcome import Failed, NotApplicable, Seen
from .check import Context
from .reach import Caller, Reply

ENVOY = "http://envoy"
HTTPBIN = "http://httpbin:8000"
ADMIN = "http://envoy:15000"
TIMEOUT_HEADER = "X-Envoy-Expected-Rq-Timeout-Ms"
TAKEN_AWAY = f"a sidecar on the way to httpbin takes the header {TIMEOUT_HEADER} away"
TIMEOUT_BODY = "upstream request timeout"
ROUTE_TIMEOUT, DELAY = 1.0, 5
EARLY = 0.1
"""Seconds that a timer may be early: Envoy's count from the start of its event loop's round."""

PREFIX = "cluster.httpbin_service."
RETRY_STATISTICS = {
    "upstream_rq_retry": 3,
    "retry.upstream_rq_5xx": 3,
    "retry.upstream_rq_500": 3,
    "upstream_rq_retry_limit_exceeded": 1,
    "upstream_rq_retry_success": 0,
}
REQUESTS, REQUESTS_OF_ONE_CALL = "upstream_rq_total", 4
TRIES = 5


def base(context: Context) -> Seen:
    """No timeout in the route: Envoy's own of 15 s."""
    told = _told(Caller(context, NAMESPACE), 15000)
    if told == TAKEN_AWAY:
        raise NotApplicable(told)
    return Seen(told)


def timeout(context: Context) -> Seen:
    """A second for each request, however slow httpbin is."""
    caller = Caller(context, NAMESPACE)
    told = _told(caller, 1000)
    reply = caller.get(f"{ENVOY}/delay/{DELAY}")
    seen = f"/delay/{DELAY} answers {reply.status} after {reply.seconds:.2f} s"
    if reply.status != 504 or reply.body.strip() != TIMEOUT_BODY:
        raise Failed(f"{told}; {seen}, body {reply.body.strip()[:60]!r}")
    if not ROUTE_TIMEOUT - EARLY <= reply.seconds < DELAY:
        raise Failed(f"{told}; {seen}")
    return Seen(f"{told}; {seen}, body {TIMEOUT_BODY!r}")


def retry(context: Context) -> Seen:
    """A failing call is tried three times more, which Envoy's statistics tell.

    They count everybody's calls, so that it is the difference that one call makes which is looked at; where others
    called at the same moment, it is measured again.
    """
    caller = Caller(context, NAMESPACE)
    told = _told(caller, 1000)
    tries = TRIES
    while True:
        before = _statistics(caller)
        reply = caller.get(f"{ENVOY}/status/500")
        after = _statistics(caller)
        made = {name: after.get(name, 0) - before.get(name, 0) for name in (*RETRY_STATISTICS, REQUESTS)}
        others = made.pop(REQUESTS) - REQUESTS_OF_ONE_CALL
        if reply.status == 500 and made == RETRY_STATISTICS:
            return Seen(f"{told}; /status/500 answers 500", _lines(made))
        tries -= 1
        # All tries share the route's second: a 504 tells of a busy machine, not of retries.
        if tries == 0 or (others == 0 and reply.status != 504):
            raise Failed(f"{told}; {_unlike(reply, made, others)}", _lines(made))


def _unlike(reply: Reply, made: dict[str, int], others: int) -> str:
    wrong = [f"{name} +{made[name]}, not +{value}" for name, value in RETRY_STATISTICS.items() if made[name] != value]
    also = f"; other callers made {others} requests meanwhile" if others > 0 else ""
    return f"/status/500 answers {reply.status}; {', '.join(wrong) or 'statistics as expected'}{also}"


def _told(caller: Caller, milliseconds: int) -> str:
    """What httpbin is told that a request may take; Failed where that is something else than `milliseconds`.

    TAKEN_AWAY where the header does not come through, and neither where Envoy is not on the way.
    """
    told = _header(caller.get(f"{ENVOY}/headers"))
    if told is None and _header(caller.get(f"{HTTPBIN}/headers", header=f"{TIMEOUT_HEADER}: {milliseconds}")) is None:
        return TAKEN_AWAY
    if str(told) != str(milliseconds):
        raise Failed(f"header {TIMEOUT_HEADER} is {told or 'not there'}, expected {milliseconds}")
    return f"header {TIMEOUT_HEADER} is {told}"


def _header(reply: Reply) -> str | None:
    """What httpbin's list of the request's headers says that it may take, if anything."""
    try:
        headers = cast(dict[str, Any], json.loads(reply.body)["headers"])
    except (ValueError, KeyError, TypeError):
        raise Failed(f"/headers answers {reply.status} and no headers: {reply.body.strip()[:60]!r}") from None
    return next((str(value) for name, value in headers.items() if name.lower() == TIMEOUT_HEADER.lower()), None)


def _statistics(caller: Caller) -> dict[str, int]:
    """Envoy's counters of its one cluster; one that nothing has counted yet may be missing."""
    text = caller.get(f"{ADMIN}/stats?filter=httpbin_service").body
    pairs = (line.removeprefix(PREFIX).split(": ", 1) for line in text.splitlines() if line.startswith(PREFIX))
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].strip().isdigit()}


def _lines(made: dict[str, int]) -> tuple[str, ...]:
    return tuple(f"{PREFIX}{name}: +{value}" for name, value in made.items())

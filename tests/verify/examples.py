"""Reports to look at."""

from datetime import UTC, datetime, timedelta
from typing import Any

from meshlab.results.outcome import Result, Status
from meshlab.results.report import Commit, Report, Subject

STARTED = datetime(2026, 9, 14, 8, 30, 0, tzinfo=UTC)
SUBJECT = Subject(
    stack="dev",
    cluster="embedded cluster lab (https://127.0.0.1:20123)",
    embedded=True,
    kubernetes="v1.34.4",
    tree=Commit("8c21c99d2f0a4b6e8d1c3f5a7b9e0d2c4f6a8b1e", dirty=False),
    labs=(1, 2, 3),
)


def result(identity: str, status: Status, seen: str = "as it should be", details: tuple[str, ...] = ()) -> Result:
    """One result."""
    return Result(identity, int(identity[3:5]), f"title of {identity}", status, "what is right", seen, details, 0.12)


def report(*checks: Result, **subject: Any) -> Report:
    """A report of these results."""
    about = Subject(**{**{key: getattr(SUBJECT, key) for key in Subject.__dataclass_fields__}, **subject})
    return Report(about, STARTED, STARTED + timedelta(seconds=12.34), checks)


MIXED = report(
    result("lab01.httpbin", Status.PASSED, "ServiceAccount, Service 8000 -> 80, Deployment httpbin, 1 of 1 ready"),
    result("lab01.scenario-base", Status.NOT_APPLICABLE, "pod sleep-0 does not really run"),
    result("lab02.alias", Status.FAILED, "Service istiod also leads to istiod-1-16-0", ("grpc-xds 15010", "443")),
    result("lab02.webhooks", Status.PASSED, details=("one", "two", "three")),
    result("lab03.rules", Status.PASSED),
)

"""Which commits an environment has run: a deployment is green only where verify passed in its job."""

from collections.abc import Iterator
from dataclasses import dataclass

from .gh import call

LOOKED_AT = 30
"""How many deployments back a green one is looked for."""


@dataclass(frozen=True)
class Deployment:
    """A commit that was brought up in an environment and verified there."""

    commit: str
    at: str
    """When, in UTC, as ISO 8601."""
    run: str
    """Address of the run that did it; empty where GitHub does not say."""


def last_green(environment: str, other_than: str) -> Deployment | None:
    """The last deployment that was green and not of the commit `other_than`. Raises MeshlabError."""
    return next(_green(environment, other_than), None)


def _green(environment: str, other_than: str) -> Iterator[Deployment]:
    for item in call(f"deployments?environment={environment}&per_page={LOOKED_AT}"):
        if item["sha"] == other_than:
            continue
        # A later deployment makes an earlier green one inactive: its last status alone does not tell.
        for status in call(f"deployments/{item['id']}/statuses?per_page=100"):
            if status["state"] == "success":
                yield Deployment(
                    item["sha"], status["created_at"], status.get("log_url") or status.get("target_url") or ""
                )
                break

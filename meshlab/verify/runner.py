"""Runs checks one after the other, each within its time, and tells what comes of them as they go."""

import threading
import time
from collections.abc import Callable, Sequence

from kube.api_objects import AccessError
from kube.cluster import Cluster
from settings.models import Settings

from ..results.outcome import Failed, NotApplicable, Result, Seen, Status
from .check import Check, Context, Deadline, Say
from .program import Program
from .web import AnswerError

WIDTH = max(len(status) for status in Status)
GRACE = 5.0
"""Seconds beyond its limit after which a check is given up on that hangs where it cannot look at the clock."""


def run_checks(
    checks: Sequence[Check],
    settings: Settings,
    program: Program,
    cluster: Cluster,
    say: Say,
    begin: Callable[[str], None] = lambda _: None,
) -> list[Result]:
    """The result of each check, in order; a line to `say` for each, and one to `begin` before it runs."""
    results: list[Result] = []
    for number, check in enumerate(checks, 1):
        count = f"{number:>{len(str(len(checks)))}}/{len(checks)}"
        begin(f"{count} {check.id}: {check.title} (up to {check.limit:.0f} s)")
        result = run_check(check, Context(settings, program, cluster, Deadline(check.limit), say))
        results.append(result)
        say(f"{count} {line(result)}")
    return results


def run_check(check: Check, context: Context) -> Result:
    """What comes of one check. Whatever goes wrong in it is its failure; only Ctrl-C passes through."""
    started = time.monotonic()
    answer: list[Result] = []

    def finish(status: Status, seen: str, details: tuple[str, ...] = ()) -> None:
        seconds = round(time.monotonic() - started, 2)
        answer.append(Result(check.id, check.lab, check.title, status, check.expected, seen, details, seconds))

    def work() -> None:
        try:
            outcome: Seen = check.run(context)
        except NotApplicable as reason:
            finish(Status.NOT_APPLICABLE, str(reason))
        except Failed as failed:
            finish(Status.FAILED, str(failed), failed.details)
        except (AccessError, AnswerError) as error:
            finish(Status.FAILED, str(error))
        except Exception as error:
            # An answer of a shape that the check did not foresee: this check's failure, not the end of the others.
            finish(Status.FAILED, f"the check itself broke: {type(error).__name__}: {error}")
        else:
            finish(Status.PASSED, outcome.text, outcome.details)

    worker = threading.Thread(target=work, daemon=True, name=check.id)
    worker.start()
    worker.join(context.deadline.left() + GRACE)
    if not answer:
        finish(Status.FAILED, f"no answer within {check.limit:g} s")
    return answer[0]


def line(result: Result) -> str:
    """One line for a person: what came of it, what was seen, and what was expected."""
    return (
        f"{result.status:<{WIDTH}} {result.id:<32} {result.seen} (expected: {result.expected}; {result.seconds:.1f} s)"
    )

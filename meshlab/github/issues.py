"""The one issue that says which stacks have drifted: opened, written anew, and closed when none has any more."""

from collections.abc import Sequence
from dataclasses import dataclass

from .comments import fenced, mark_of
from .gh import BODY_LIMIT, call, fitted, is_by_bot, listed

KEY = "drift"
TITLE = "Drift: what runs is not what the stack files say"


@dataclass(frozen=True)
class Look:
    """What `meshlab drift` said of one stack."""

    stack: str
    commit: str
    at: str
    """When, in UTC, as ISO 8601."""
    code: int
    """Exit code of drift."""
    text: str

    @property
    def drifted(self) -> bool:
        """Whether something runs otherwise than the stack file says."""
        return self.code == 2

    @property
    def failed(self) -> bool:
        """Whether nothing could be seen."""
        return self.code not in (0, 2)


def tell(looks: Sequence[Look]) -> str:
    """Open, rewrite or close the issue; returns what was done, one line. Raises MeshlabError.

    Where nothing drifted but a stack could not be looked at, an open issue stays as it is and none is opened: the run
    itself is red.
    """
    mark = mark_of(KEY)
    found = [
        issue
        for issue in listed("issues?state=open&per_page=100")
        if is_by_bot(issue) and str(issue.get("body") or "").startswith(mark)
    ]
    drifted = [look for look in looks if look.drifted]
    unseen = [look.stack for look in looks if look.failed]
    if drifted:
        body = {"title": TITLE, "body": fitted(f"{mark}\n{_text(looks)}")}
        issue = call(f"issues/{found[0]['number']}", "PATCH", body) if found else call("issues", "POST", body)
        return f"{', '.join(look.stack for look in drifted)}: drift, told in {issue['html_url']}"
    if unseen:
        return f"{', '.join(unseen)}: not seen; no drift elsewhere"
    for issue in found:
        number = issue["number"]
        call(f"issues/{number}/comments", "POST", {"body": f"No drift any more at {looks[0].at}." if looks else ""})
        call(f"issues/{number}", "PATCH", {"state": "closed", "state_reason": "completed"})
    return "no drift" + (f"; closed {', '.join(str(issue['html_url']) for issue in found)}" if found else "")


def _text(looks: Sequence[Look]) -> str:
    share = BODY_LIMIT // max(1, len(looks)) - 400
    parts = ["docs/pull_requests.md says what to do about it.\n"]
    for look in looks:
        what = "drift" if look.drifted else "could not be looked at" if look.failed else "no drift"
        parts.append(f"### `{look.stack}`: {what}\n\n{look.at}, commit {look.commit}\n")
        if look.drifted or look.failed:
            kept = look.text if len(look.text) <= share else f"{look.text[:share].rpartition(chr(10))[0]}\n..."
            parts.append(fenced(kept))
    return "\n".join(parts)

"""The gh CLI, which finds the repository and the token by itself (GH_REPO, GH_TOKEN, or the checkout's remote)."""

import json
from collections.abc import Mapping
from typing import Any, cast

from base import process
from base.errors import MeshlabError

LIMIT_SECONDS = 60.0
BODY_LIMIT = 65_536
"""Characters that GitHub takes in a comment or an issue."""
REPOSITORY = "repos/{owner}/{repo}"
"""What gh replaces by the repository at hand."""


def call(path: str, method: str = "GET", body: Mapping[str, Any] | None = None) -> Any:
    """Call GitHub's REST API below the repository; returns what it answers. Raises MeshlabError."""
    words = ["gh", "api", f"{REPOSITORY}/{path}", "--method", method]
    text = _run([*words, *(["--input", "-"] if body is not None else [])], json.dumps(body) if body is not None else "")
    return json.loads(text) if text.strip() else None


def listed(path: str) -> list[dict[str, Any]]:
    """Every entry of a list that GitHub gives page by page. Raises MeshlabError."""
    # One entry a line: pages would else come as several JSON documents one after the other.
    text = _run(["gh", "api", f"{REPOSITORY}/{path}", "--method", "GET", "--paginate", "--jq", ".[] | @json"])
    return [cast(dict[str, Any], json.loads(line)) for line in text.splitlines() if line.strip()]


def is_by_bot(entry: Mapping[str, Any]) -> bool:
    """Whether an entry was written by an app, as the workflows' token is: a person's text is never overwritten."""
    return cast(Mapping[str, Any], entry.get("user") or {}).get("type") == "Bot"


def fitted(text: str, limit: int = BODY_LIMIT) -> str:
    """The text, cut at a line's end where GitHub would not take all of it, with a note that says so."""
    if len(text) <= limit:
        return text
    note = "\n\n_Cut, since GitHub takes no more; the run's log has all of it._\n"
    # A fence that is open at the cut is closed, so that the note is not part of the code.
    kept = text[: limit - len(note) - 4].rpartition("\n")[0]
    fence = "\n```" if sum(line.startswith("```") for line in kept.splitlines()) % 2 else ""
    return f"{kept}{fence}{note}"


def _run(words: list[str], stdin: str = "") -> str:
    try:
        return process.run(words, timeout=LIMIT_SECONDS, stdin=stdin, env={"GH_PROMPT_DISABLED": "1"}).stdout
    except process.CommandMissingError:
        raise MeshlabError(
            "gh is not there: expected GitHub's CLI on PATH (it is on GitHub's runners; elsewhere, install it)"
        ) from None
    except process.ProcessError as error:
        raise MeshlabError(f"GitHub: {error}") from None

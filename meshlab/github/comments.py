"""One comment of each kind on a pull request: written anew at every run, so that nobody reads an old one."""

from .gh import call, fitted, is_by_bot, listed


def mark_of(key: str) -> str:
    """The line by which a text of ours is found again; GitHub does not show it."""
    return f"<!-- meshlab:{key} -->"


def put(pull_request: int, key: str, text: str) -> str:
    """Write the comment of this kind, or write it anew; returns its address. Raises MeshlabError."""
    mark = mark_of(key)
    body = {"body": fitted(f"{mark}\n{text}")}
    for comment in listed(f"issues/{pull_request}/comments?per_page=100"):
        if is_by_bot(comment) and str(comment["body"]).startswith(mark):
            return str(call(f"issues/comments/{comment['id']}", "PATCH", body)["html_url"])
    return str(call(f"issues/{pull_request}/comments", "POST", body)["html_url"])


def fenced(text: str) -> str:
    """Text as a block of code that nothing in it can close."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}\n{text.rstrip()}\n{fence}\n"

"""docs/reference/checks.md: the checks of verify."""

from meshlab.verify.checks import LABS, all_checks
from tests.support.stacks import overlaid, settings_of

from .markdown import code, document, table

STACK = "dev"


def page() -> str:
    """The page."""
    settings = settings_of(STACK, overlaid(STACK, {}))
    return document(
        "Checks of verify",
        f"`meshlab verify` runs these checks, in this order, for the stack `{STACK}`. Another stack has other "
        "revisions, namespaces and sizes. [Verify](../verify.md) describes what each check looks at.",
        *(part for lab in LABS for part in (f"## Lab {lab:02}", _table(lab, settings))),
    )


def _table(lab: int, settings: object) -> str:
    found = all_checks(settings, lab)
    return table(
        ["check", "title", "expected", "limit"],
        ((code(check.id), check.title, check.expected, f"{check.limit:g} s") for check in found),
    )

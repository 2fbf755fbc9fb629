"""docs/reference/policies.md: the rules of the policy pack."""

from collections.abc import Iterator, Sequence

from meshlab.consistency import verdict
from meshlab.recording.recorder import ROOT
from policy.pack.rules import RULES, STACK_RULES

from .markdown import code, document, table

ALLOWED = "policy/allowed"


def page() -> str:
    """The page."""
    return document(
        "Policy rules",
        f"The rules apply to every stack. [Policies](../policy.md) describes enforcement, and how to allow an "
        f"exception in `{ALLOWED}/<rule>.yaml`.",
        table(["rule", "applies to", "requirement", "exceptions in this repository"], _rows()),
    )


def _rows() -> Iterator[Sequence[str]]:
    for rule in RULES:
        yield code(rule.name), "each resource", rule.description, _exceptions(rule.name)
    for rule in STACK_RULES:
        yield code(rule.name), "a whole stack", rule.description, _exceptions(rule.name)
    yield code(verdict.RULE), "a whole stack, rendered", verdict.DESCRIPTION, _exceptions(verdict.RULE)


def _exceptions(rule: str) -> str:
    path = f"{ALLOWED}/{rule}.yaml"
    return f"[{code(path)}](../../{path})" if (ROOT / path).exists() else ""

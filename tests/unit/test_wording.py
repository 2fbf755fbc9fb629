"""Numbers in messages have the noun that fits them."""

import re

import pytest

from base.wording import counted
from meshlab.recording.recorder import ROOT


@pytest.mark.parametrize(
    ("number", "noun", "text"),
    [
        (0, "problem", "0 problems"),
        (1, "problem", "1 problem"),
        (2, "repository", "2 repositories"),
        (1, "entry", "1 entry"),
    ],
)
def test_a_noun_follows_its_number(number: int, noun: str, text: str) -> None:
    assert counted(number, noun) == text


def test_no_command_prints_a_number_before_a_fixed_plural() -> None:
    """`1 problems`: a number that is filled in decides about its noun."""
    plural = re.compile(
        r"\{(?:len\([^{}]*\)|counts?\b[^{}]*|number|resources|hooks|pods)\} (?:of \w+ )?(?:\w+ )?[a-z]+s\b"
    )
    commands = [*(ROOT / "meshlab" / "cli").rglob("*.py"), *(ROOT / "meshlab" / "mesh").glob("*.py")]
    found = [
        f"{path.relative_to(ROOT)}: {text}"
        for path in commands
        for text in plural.findall(path.read_text(encoding="utf-8"))
    ]
    assert found == []

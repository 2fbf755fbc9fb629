"""The style in .vale/ reports the wrong words and constructions, and accepts the right ones."""

import pytest

from tests.support.prose import EXEMPT, ROOT, check, pages, rules

BAD = {
    "Terms": ["The object is made anew.", "Recover mends the release.", "Nobody reads it.", "It is taken away."],
    "Wording": ["There is none.", "It says so in the table.", "Use one that fits.", "It is not as it should be."],
    "Inversion": [
        "Of a Helm release it knows only the record.",
        "What the state has is another stack's.",
        "Left alone are paused Deployments.",
    ],
    "Future": ["The next run will fail."],
    "Length": [f"The list has {'one word and ' * 15}the last word."],
}
GOOD = [
    "The API server recreates the object.",
    "Recover repairs the release.",
    "Pulumi knows only the record of a Helm release.",
    "The next run fails.",
    "Run `meshlab redact` or `anew`, see [the page](there-is-none.md).",
    "`make down` removes a stack and reports the leftovers.",
    "    Nobody mends anew: there is none.",
    "```\nNobody mends anew: there is none.\n```",
    "What happens then?",
]


@pytest.mark.parametrize(("rule", "text"), [(rule, text) for rule, texts in BAD.items() for text in texts])
@pytest.mark.parametrize("form", ["{}", "- {}", "1. {}", "| a | {} |", "First line,\nsecond line.\n{}"])
def test_a_wrong_sentence_is_reported_by_its_rule(rule: str, text: str, form: str) -> None:
    page = "# A page\n\n" + form.format(text) + "\n"
    line = page[: page.index(text)].count("\n") + 1
    assert [found for found in check("page.md", page) if found.startswith(f"page.md:{line}: Meshlab.{rule}: ")]


@pytest.mark.parametrize("text", GOOD)
def test_a_plain_sentence_or_code_is_accepted(text: str) -> None:
    assert check("page.md", f"# A page\n\n{text}\n") == []


def test_a_sentence_over_two_lines_is_one() -> None:
    (found,) = check("page.md", "There\nis none.\n")
    assert found.startswith("page.md:1: Meshlab.Wording: ")


def test_each_rule_has_a_wrong_sentence() -> None:
    assert {rule.name for rule in rules()} == set(BAD)


def test_a_line_of_prose_has_a_width() -> None:
    long = " ".join(["word"] * 25)
    (found,) = check("page.md", f"{long}\n\n| {long} |\n\n    {long}\n")
    assert found == "page.md:1: Meshlab.Width: A line has at most 120 characters."
    assert check("page.md", f"`{long}` [{long[:80]}]({long})\n") == []


def test_pages_with_exceptions_exist_and_all_pages_are_checked() -> None:
    assert [name for name in EXEMPT if not (ROOT / name).exists()] == []
    assert {"README.md", "CONTRIBUTING.md", "docs/glossary.md", "docs/doctor.md"} <= set(pages())

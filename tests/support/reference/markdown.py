"""Markdown as the pages of docs/reference/ have it."""

import re
import textwrap
from collections.abc import Iterable, Sequence

WIDTH = 120
NOTE = "<!-- Written by `make reference` from the code. A test compares this page with the code. -->"


def document(title: str, introduction: str, *parts: str) -> str:
    """A page with its title and introduction."""
    return "\n\n".join([f"# {title}", NOTE, textwrap.fill(introduction, WIDTH), *parts]) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a cell is one line, whatever the text was."""
    lines = [head, ["---"] * len(head), *([cell(text) for text in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |".replace("  ", " ") for line in lines)


def cell(text: str) -> str:
    """A text in one line, with its bars and the placeholders outside of code escaped."""
    line = " ".join(text.split()).replace("|", "\\|")
    parts = re.split(r"(`[^`]*`)", line)
    return "".join(part if part.startswith("`") else part.replace("<", "&lt;") for part in parts)


def code(text: str) -> str:
    """In code font; nothing stays nothing."""
    return f"`{text}`" if text else ""


def sentence(text: str) -> str:
    """With a capital at the start and a period at the end."""
    text = " ".join(text.split())
    return f"{text[:1].upper()}{text[1:]}".rstrip(".") + "."

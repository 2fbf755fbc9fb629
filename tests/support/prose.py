"""`python -m tests.support.prose [FILE ...]` checks the documentation with the style in .vale/.

The style is in Vale's format, so that an editor with Vale shows the same findings. `make lint` does not run Vale: its
package on PyPI downloads a binary, and its Go module needs a C compiler. This module reads the three kinds of rules
that the style uses: existence, substitution and occurrence. Without files, it checks every page.
"""

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
STYLE = ROOT / ".vale" / "Meshlab"
EXEMPT = {"docs/glossary.md": {"Terms", "Wording"}, "docs/performance.md": {"Width"}, "CHANGELOG.md": {"Width"}}
"""Rules that a page does not follow. The glossary lists the wrong words; figures fill in the lines of a template."""
WIDTH = 120
"""Characters of a line. Tables, code, links and what cannot be broken may be longer."""

HIDDEN = re.compile(r"`[^`]*`|\]\([^)]*\)|<!--.*?-->|https?://\S+|&\w+;")
"""What is not prose: code, addresses, comments."""
NEW_BLOCK = re.compile(r"\s*(?:#+ |[-*] |\d+\. |\|)")
SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z*(\"\[])")


@dataclass
class Block:
    """A paragraph, list item, heading or table cell, with the line that each part of it comes from."""

    text: str = ""
    starts: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    """Offset in `text` and line number."""

    def add(self, line: str, number: int) -> None:
        """Append a line."""
        self.starts.append((len(self.text), number))
        self.text += line.strip() + " "

    def line(self, offset: int) -> int:
        """The line of a place in the text."""
        return max(number for start, number in self.starts if start <= offset)

    @property
    def prose(self) -> str:
        """The text with everything that is not prose as asterisks, so that offsets stay."""
        return HIDDEN.sub(lambda found: "*" * len(found[0]), self.text).rstrip()


@dataclass(frozen=True)
class Rule:
    """One file of the style."""

    name: str
    message: str
    patterns: tuple[tuple[re.Pattern[str], str], ...]
    """What to look for, and what to write instead; empty where the message has no place for it."""
    sentences: bool
    at_most: int | None
    """How often the pattern may occur; None where each occurrence is a finding."""

    def findings(self, text: str) -> Iterator[tuple[int, str]]:
        """Offset and message of each finding."""
        for pattern, instead in self.patterns:
            found = list(pattern.finditer(text))
            if self.at_most is not None:
                if len(found) > self.at_most:
                    yield 0, self.message
                continue
            for match in found:
                words = (instead, match[0]) if instead else (match[0],)
                yield match.start(), self.message % words


@cache
def rules() -> tuple[Rule, ...]:
    """The style."""
    return tuple(_rule(path.stem, yaml.safe_load(path.read_text())) for path in sorted(STYLE.glob("*.yml")))


def _rule(name: str, content: dict[str, Any]) -> Rule:
    kind, flags = content["extends"], re.IGNORECASE if content.get("ignorecase") else 0
    if kind == "occurrence":
        sources = {content["token"]: ""}
    elif kind == "substitution":
        sources = {rf"\b(?:{wrong})\b": right for wrong, right in content["swap"].items()}
    elif kind == "existence":
        edge = "" if content.get("nonword") else r"\b"
        sources = {f"{edge}(?:{'|'.join(content['tokens'])}){edge}": ""}
    else:
        raise ValueError(f"{name}: expected existence, substitution or occurrence, got {kind}")
    patterns = tuple((re.compile(source, flags), instead) for source, instead in sources.items())
    return Rule(name, content["message"], patterns, content.get("scope") == "sentence", content.get("max"))


def blocks(text: str) -> Iterator[Block]:
    """The prose of a Markdown page, without code blocks."""
    block, fenced, blank = Block(), False, True
    for number, line in enumerate([*text.splitlines(), ""], 1):
        fence = line.lstrip().startswith("```")
        code = fenced or fence or (blank and not block.text and line.startswith("    "))
        fenced ^= fence
        if block.text and (code or not line.strip() or NEW_BLOCK.match(line)):
            yield block
            block = Block()
        if line.lstrip().startswith("|"):
            for cell in re.split(r"(?<!\\)\|", line.strip().strip("|")):
                yield Block(cell.strip(), [(0, number)])
        elif line.strip() and not code:
            block.add(re.sub(r"^\s*(?:#+ |[-*] |\d+\. )", "", line), number)
        # Indented lines after code are code too.
        blank = not line.strip() or code


def sentences(text: str) -> Iterator[tuple[int, str]]:
    """Offset and text of each sentence."""
    start = 0
    for end in SENTENCE_END.finditer(text):
        yield start, text[start : end.start()]
        start = end.end()
    yield start, text[start:]


def too_long(text: str) -> Iterator[int]:
    """The numbers of the lines that could be shorter: in prose, without code and the addresses of links."""
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        fenced ^= line.startswith("```")
        if not fenced and not line.startswith(("|", "    ")) and len(HIDDEN.sub("", line)) > WIDTH:
            yield number


def check(name: str, text: str) -> list[str]:
    """The findings in a page, one line each."""
    found: set[tuple[int, str, str]] = set()
    applied = [rule for rule in rules() if rule.name not in EXEMPT.get(name, ())]
    for block in blocks(text):
        for rule in applied:
            for start, part in sentences(block.prose) if rule.sentences else [(0, block.prose)]:
                found |= {(block.line(start + at), rule.name, message) for at, message in rule.findings(part)}
    if "Width" not in EXEMPT.get(name, ()):
        found |= {(line, "Width", f"A line has at most {WIDTH} characters.") for line in too_long(text)}
    return [f"{name}:{line}: Meshlab.{rule}: {message}" for line, rule, message in sorted(found)]


def pages() -> list[str]:
    """The pages to check, relative to the repository. New files count before they are committed."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    return [name for name in listed if (ROOT / name).is_file()]


def main(files: Sequence[str]) -> int:
    """Print the findings; returns 1 if there are any."""
    found = [line for name in files or pages() for line in check(name, (ROOT / name).read_text(encoding="utf-8"))]
    print("".join(f"{line}\n" for line in found), end="")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Every command that a message or a page prints is one that the command line takes as it is printed."""

import argparse
import ast
import functools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshlab.cli.main import COMMANDS, main, parser_for
from meshlab.recording.recorder import ROOT
from tests.support.packages import PACKAGES, sources

TYPED = re.compile(r"(?<![\w./:-])meshlab (?P<words>[a-z]+(?: [^`\n]*)?)")
"""`meshlab`, a word, and what may be its arguments."""
END = re.compile(r"[),;|`]| \((?!\$)|: |\.$|\. | #|  ")
"""Where the command ends and the sentence around it goes on."""
VALUE = "VALUE"
"""Stands for what a message fills in."""
CODE = sources(*PACKAGES)
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@functools.cache
def texts(path: Path) -> list[tuple[int, str]]:
    """Every text of a program that may reach a user, with its line: none of its docstrings."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    joined = [node for node in nodes if isinstance(node, ast.JoinedStr)]
    prose = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    parts = {id(part) for node in joined for part in ast.walk(node)} - {id(node) for node in joined}
    found: list[tuple[int, str]] = []
    for node in nodes:
        if id(node) in prose or id(node) in parts:
            continue
        if isinstance(node, ast.JoinedStr):
            found.append((node.lineno, "".join(_part(value) for value in node.values)))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.append((node.lineno, node.value))
    return found


def _part(value: ast.expr) -> str:
    if isinstance(value, ast.Constant):
        return str(value.value)
    # An option as a whole, such as ` --cluster CONTEXT`, where nothing parts it from the text before it.
    return VALUE


def commands(text: str) -> Iterator[str]:
    """The commands that a text of a program prints."""
    for found in TYPED.finditer(text):
        command = found["words"].split()[0]
        if command in COMMANDS:
            yield END.split(found["words"])[0].strip()


def remedies() -> Iterator[tuple[str, str]]:
    for path in CODE:
        for line, text in texts(path):
            for command in commands(text):
                yield f"{path.relative_to(ROOT)}:{line}", command


def parsers(parser: argparse.ArgumentParser, words: list[str]) -> Iterator[argparse.ArgumentParser]:
    """The parser that the first of these words leads to, and those of its actions."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction) and words and words[0] in action.choices:
            chosen = action.choices[words[0]]
            yield chosen
            yield from parsers(chosen, words[1:])


def unknown(command: str) -> list[str]:
    """The options of a printed command that the command line does not take."""
    words = command.split()
    taken = {option for parser in parsers(parser_for(words), words) for option in parser._option_string_actions}
    return [word for word in words if word.startswith("--") and word.removesuffix(VALUE) not in taken]


ALL = list(remedies())


def test_messages_print_commands_at_all() -> None:
    assert len(ALL) > 20
    assert {command.split()[0] for _, command in ALL} >= {"doctor", "recover", "up", "drift", "destroy", "charts"}


@pytest.mark.parametrize(("where", "command"), ALL, ids=[f"{where} {command}" for where, command in ALL])
def test_a_command_that_a_message_prints_has_its_options(where: str, command: str) -> None:
    assert unknown(command) == [], where


def test_a_command_with_a_wrong_option_would_be_found() -> None:
    assert unknown("recover --stack dev --holder-gone") == ["--holder-gone"]
    assert unknown("charts lock --form x") == ["--form"]


def pages() -> Iterator[tuple[str, str]]:
    """The lines of code blocks on pages that run `meshlab`."""
    for path in PAGES:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            found = re.match(r" {4}(?:.*(?:&&|# or:) )?meshlab ([a-z].*)", line)
            if found:
                yield f"{path.relative_to(ROOT)}:{number}", re.split(r" [#>|](?: |$)", found[1])[0].strip()


@pytest.mark.parametrize(("where", "line"), list(pages()), ids=str)
def test_a_command_on_a_page_is_one_that_can_be_typed(where: str, line: str) -> None:
    words = shlex.split(re.sub(r"<[^>]+>", "1", re.sub(r"[\[\]]", "", line)))
    assert words[0] in COMMANDS, where
    parser_for(words).parse_args(words)


def test_no_message_and_no_page_has_another_spelling_of_the_command() -> None:
    texts_of_code = [(str(path.relative_to(ROOT)), text) for path in CODE for _, text in texts(path)]
    texts_of_pages = [(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")) for path in PAGES]
    other = [name for name, text in (*texts_of_code, *texts_of_pages) if "python -m meshlab " in text]
    assert other == []


def test_every_make_target_that_a_message_prints_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    named = {
        target
        for path in CODE
        for _, text in texts(path)
        for target in re.findall(r"(?:^|[(:`&] ?)make ([a-z-]+)(?=[),;`]|$| [A-Z]+=)", text)
    }
    assert {"setup", "setup-dev", "up"} <= named <= targets


def test_an_unknown_option_is_refused_with_the_usage_of_its_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["down", "--node", "real"])
    said = capsys.readouterr().err
    assert said.startswith("usage: meshlab down ")
    assert said.endswith("meshlab down: error: unrecognized arguments: --node real\n")

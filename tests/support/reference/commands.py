"""docs/reference/commands.md: every command with its options, from the parsers."""

import argparse
from collections.abc import Iterator, Sequence

from meshlab.cli.main import COMMANDS, PROGRAM, SAME, parser_for
from meshlab.state_folder import STATE

from .markdown import code, document, sentence, table

HELP = ("-h", "--help")


def page() -> str:
    """The page."""
    return document(
        "Commands",
        "This page lists every command of `meshlab` with its options, as `meshlab COMMAND --help` prints them. "
        "[Exit codes](exit_codes.md) has the exit codes.",
        table(["command", "result"], ((f"[{code(name)}](#{PROGRAM}-{name})", text) for name, text in COMMANDS.items())),
        *(part for name in COMMANDS for part in _command(name)),
    )


def _command(name: str) -> Iterator[str]:
    yield f"## {PROGRAM} {name}"
    if name in SAME:
        other = SAME[name]
        yield f"The same as [{code(f'{PROGRAM} {other}')}](#{PROGRAM}-{other})."
        return
    yield sentence(COMMANDS[name])
    yield from _parser(chosen(name))


def _parser(parser: argparse.ArgumentParser) -> Iterator[str]:
    rows = list(_rows(parser))
    if rows:
        yield table(["option", "meaning"], rows)
    for group in _groups(parser):
        about = {action.dest: action.help or "" for action in group._choices_actions}
        for word, inner in group.choices.items():
            yield f"### {inner.prog}"
            yield sentence(about[word])
            yield from _parser(inner)


def chosen(name: str) -> argparse.ArgumentParser:
    """The parser of a command, with its options."""
    return _groups(parser_for([name]))[0].choices[name]


def _groups(parser: argparse.ArgumentParser) -> list["argparse._SubParsersAction[argparse.ArgumentParser]"]:
    return [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]


def _rows(parser: argparse.ArgumentParser) -> Iterator[Sequence[str]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction) or tuple(action.option_strings) == HELP:
            continue
        needed = action.required and action.option_strings
        yield _usage(parser, action), _help(parser, action) + ("; required" if needed else "")


def _usage(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    """An option with what it takes, or an argument, as the usage has it."""
    formatter = parser._get_formatter()
    value = "" if action.nargs == 0 else formatter._format_args(action, _name(action))
    return code(" ".join([*action.option_strings[-1:], *([value] if value else [])]))


def _name(action: argparse.Action) -> str:
    if action.metavar is None and action.choices is None and action.option_strings:
        return action.dest.upper()
    return f"{{{','.join(map(str, action.choices))}}}" if action.metavar is None and action.choices else action.dest


def _help(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    text = parser._get_formatter()._expand_help(action) if action.help else ""
    return text.replace(str(STATE), ".state")

"""docs/reference/ is what `make reference` writes, and has all that the code has."""

import ast
from collections.abc import Iterator

import pytest

from meshlab.cli.exit_codes import COMMON, OWN
from meshlab.cli.main import COMMANDS, SAME
from meshlab.recording.recorder import ROOT
from policy.pack.rules import RULES, STACK_RULES
from settings.models import Settings
from tests.support.reference import PAGES, settings

FOLDER = ROOT / "docs" / "reference"
MODULES = sorted(COMMANDS.keys() - SAME.keys())


@pytest.mark.parametrize("name", PAGES)
def test_a_reference_page_is_current(name: str) -> None:
    assert (FOLDER / f"{name}.md").read_text(encoding="utf-8") == PAGES[name](), "run `make reference`"


def test_no_other_page_is_in_the_folder() -> None:
    assert {path.stem for path in FOLDER.glob("*.md")} == PAGES.keys()


def test_the_page_of_settings_has_each_section_and_each_meaning() -> None:
    page = (FOLDER / "settings.md").read_text(encoding="utf-8")
    for name, field in Settings.model_fields.items():
        assert field.annotation is not None
        assert f"## {settings.model_key(Settings, name)}\n" in page
        rows = list(settings.rows(field.annotation, ""))
        assert rows
        assert all(meaning and kind for _, kind, _, meaning in rows)


def test_the_page_of_policies_has_each_rule() -> None:
    page = (FOLDER / "policies.md").read_text(encoding="utf-8")
    assert [rule.name for rule in (*RULES, *STACK_RULES) if f"| `{rule.name}` |" not in page] == []


def codes(name: str) -> Iterator[int]:
    """The exit codes that the module of a command returns."""
    tree = ast.parse((ROOT / "meshlab" / "cli" / "commands" / f"{name}.py").read_text(encoding="utf-8"))
    named: dict[str, int] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign):
            names, values = ([*getattr(part, "elts", [part])] for part in (node.targets[0], node.value))
            named |= {
                key.id: value.value
                for key, value in zip(names, values, strict=False)
                if isinstance(key, ast.Name) and isinstance(value, ast.Constant) and isinstance(value.value, int)
            }
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and getattr(node.returns, "id", "") == "int":
            for returned in ast.walk(node):
                if isinstance(returned, ast.Return):
                    yield from _numbers(returned.value, named)


def _numbers(value: ast.expr | None, named: dict[str, int]) -> Iterator[int]:
    match value:
        case ast.Constant(value=int() as number):
            yield number
        case ast.Name(id=name) if name in named:
            yield named[name]
        case ast.IfExp(body=body, orelse=orelse):
            yield from _numbers(body, named)
            yield from _numbers(orelse, named)
        case _:
            pass


@pytest.mark.parametrize("name", MODULES)
def test_each_exit_code_of_a_command_has_its_meaning(name: str) -> None:
    found = set(codes(name))
    own = OWN.get(name, {})
    # An error of the user is 1 for every command; any other failure is the command's own.
    assert found <= {0, *own}
    assert {code for code in own if code not in COMMON} == set()


def test_exit_codes_of_the_modules_are_found_at_all() -> None:
    assert set(codes("drift")) == {0, 1, 2}
    assert set(codes("doctor")) == {0, 1}
    assert set(codes("canary")) == {0, 2}
    assert OWN.keys() <= COMMANDS.keys()

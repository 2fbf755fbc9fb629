"""Which errors reach the user as their message alone, and which of them have a class of their own."""

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator

import pytest

import base
import components
import embedded
import kube
import meshlab
import rollout
import settings
from base.errors import MeshlabError
from meshlab.cli import main as cli
from meshlab.recording.recorder import ROOT
from meshlab.results.outcome import Failed, NotApplicable

OUTCOMES = {Failed, NotApplicable}
"""Of verify's checks, which raise them as their result."""


def error_classes() -> Iterator[type[Exception]]:
    """Every exception class that a module of the program or of its command line defines."""
    for package in (base, components, embedded, kube, meshlab, rollout, settings):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if module.name == "meshlab.__main__":
                continue
            for value in vars(importlib.import_module(module.name)).values():
                if inspect.isclass(value) and issubclass(value, Exception) and value.__module__ == module.name:
                    yield value


def caught_names(source: str) -> set[str]:
    """The names of the exception classes that code tells from others: by `except`, `suppress` or `isinstance`."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        kinds: list[ast.expr] = []
        if isinstance(node, ast.ExceptHandler) and node.type is not None:
            kinds = [node.type]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            called = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            kinds = node.args if called == "suppress" else node.args[1:] if called == "isinstance" else []
        for kind in kinds:
            for part in ast.walk(kind):
                if isinstance(part, ast.Name):
                    found.add(part.id)
                elif isinstance(part, ast.Attribute):
                    found.add(part.attr)
    return found


def test_an_error_prints_its_message_and_what_to_do_about_it() -> None:
    error = MeshlabError("./out: expected an empty folder, got files", "choose another --out")
    assert (error.message, error.fix) == ("./out: expected an empty folder, got files", "choose another --out")
    assert str(error) == "./out: expected an empty folder, got files (choose another --out)"
    assert str(MeshlabError("./out: expected a folder")) == "./out: expected a folder"


def test_every_error_of_ours_has_the_one_base() -> None:
    found = set(error_classes())
    assert MeshlabError in found
    assert {
        error_class.__qualname__ for error_class in found - OUTCOMES if not issubclass(error_class, MeshlabError)
    } == set()


def test_an_error_has_a_class_of_its_own_only_where_somebody_catches_it() -> None:
    # Tests do not count: they can match the message.
    folders = ("base", "bench", "components", "embedded", "kube", "meshlab", "plugin", "rollout", "settings")
    sources = [path.read_text(encoding="utf-8") for folder in folders for path in (ROOT / folder).rglob("*.py")]
    caught = set().union(*map(caught_names, sources))
    assert sorted({error_class.__name__ for error_class in error_classes()} - caught) == []


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("try: f()\nexcept A: pass", {"A"}),
        ("try: f()\nexcept (A, m.B) as error: raise C from None", {"A", "m", "B"}),
        ("try: f()\nexcept: pass", set()),
        ("with suppress(A, m.B): f()", {"A", "m", "B"}),
        ("with contextlib.suppress(A): f()", {"A"}),
        ("x = isinstance(error, A | B)", {"A", "B"}),
        ("raise A('text')", set()),
        ("class A(B): pass", set()),
    ],
)
def test_what_counts_as_caught(source: str, names: set[str]) -> None:
    assert caught_names(source) == names


@pytest.mark.parametrize(("error", "code"), [(MeshlabError("what, where"), 1), (ValueError("a fault"), None)])
def test_only_an_error_of_ours_is_printed_without_a_traceback(
    error: Exception, code: int | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(args: object) -> int:
        raise error

    monkeypatch.setattr("meshlab.cli.commands.images.run", fails)
    if code is None:
        with pytest.raises(type(error)):
            cli.main(["images"])
    else:
        assert cli.main(["images"]) == code
        assert capsys.readouterr().err == "what, where\n"

"""Which errors reach the user as their message alone."""

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


def test_every_error_of_ours_has_the_one_base() -> None:
    found = set(error_classes())
    assert len(found) > 30
    assert {one.__qualname__ for one in found - OUTCOMES if not issubclass(one, MeshlabError)} == set()


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

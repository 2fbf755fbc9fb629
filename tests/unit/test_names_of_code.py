"""Names of classes and functions: each class name once, and functions that say what they do."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from meshlab.recording.recorder import ROOT

PACKAGES = ("base", "bench", "components", "dashboards", "embedded", "kube", "meshlab", "policy", "rollout", "settings")
"""All of ours but plugin/: its classes have the components' names on purpose, since those are its type tokens."""


def sources() -> Iterator[tuple[Path, ast.Module]]:
    """Every module of the packages, by its path in the repository."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield path.relative_to(ROOT), ast.parse(path.read_text(encoding="utf-8"))


def repeated(classes: dict[str, list[str]]) -> dict[str, list[str]]:
    """The names that stand in more than one place."""
    return {name: places for name, places in classes.items() if len(places) > 1}


def test_no_two_classes_have_one_name() -> None:
    classes: dict[str, list[str]] = defaultdict(list)
    for path, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                classes[node.name].append(f"{path}:{node.lineno}")
    assert len(classes) > 300
    assert repeated(classes) == {}


def test_names_of_tests_have_70_characters_at_most() -> None:
    names: list[str] = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names += [node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and is_test(node.name)]
    assert len(names) > 1500
    assert [name for name in names if len(name.removeprefix("test_")) > 70] == []


def is_test(name: str) -> bool:
    return name.startswith("test_")

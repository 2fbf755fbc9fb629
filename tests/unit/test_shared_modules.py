"""The tools' go.mod files pin a module that they share in one version, so that Go's build cache compiles it once."""

import re
import tomllib
from collections import defaultdict
from functools import cache
from typing import Any

import pytest

from embedded.tools.pins import TOOLS_FOLDER

FILE = TOOLS_FOLDER / "shared.toml"
REQUIRED = re.compile(r"^(?:require\s+|\t)(\S+) (v\S+)", re.MULTILINE)
REPLACED = re.compile(r"^(?:replace\s+|\t)(\S+)(?: v\S+)? => (\S+)(?: (v\S+))?", re.MULTILINE)


@cache
def allowed() -> dict[str, Any]:
    """shared.toml: reasons by module and by folder."""
    return tomllib.loads(FILE.read_text(encoding="utf-8"))


def pinned(text: str) -> dict[str, str]:
    """What a go.mod builds with: the version of each module, or what stands in its place."""
    versions: dict[str, str] = dict(REQUIRED.findall(text))
    for module, by, version in REPLACED.findall(text):
        if module in versions:
            versions[module] = f"{by} {version}".strip().removeprefix(f"{module} ")
    return versions


@cache
def folders() -> dict[str, dict[str, str]]:
    return {file.parent.name: pinned(file.read_text(encoding="utf-8")) for file in TOOLS_FOLDER.glob("*/go.mod")}


def apart() -> set[str]:
    """The folders whose modules may differ: those that are named, and those of another minor, such as `tool-1.35`."""
    return {name for name in folders() if name in allowed()["folder"] or re.fullmatch(r".+-\d+\.\d+", name)}


def different(names: set[str]) -> dict[str, dict[str, str]]:
    """The modules that these folders pin in more than one version, and each folder's."""
    versions: dict[str, dict[str, str]] = defaultdict(dict)
    for name in sorted(names):
        for module, version in folders()[name].items():
            versions[module][name] = version
    return {module: found for module, found in sorted(versions.items()) if len(set(found.values())) > 1}


def test_requirements_and_what_replaces_them_are_read() -> None:
    text = (
        "module a\n\nrequire a.example/one v1.0.0\n\nreplace a.example/one => a.example/one v0.9.0\n\n"
        "require (\n\ta.example/two v2.0.0 // indirect\n\ta.example/four v4.0.0\n)\n\n"
        "replace (\n\ta.example/two => ./two\n\ta.example/four v4.0.0 => b.example/four v4.0.1\n)\n"
    )
    assert pinned(text) == {
        "a.example/one": "v0.9.0",
        "a.example/two": "./two",
        "a.example/four": "b.example/four v4.0.1",
    }
    assert len(folders()) >= 12
    assert "k8s.io/client-go" in folders()["kubernetes"]


def test_tools_share_modules_in_one_version_or_say_why_not() -> None:
    together = set(folders()) - apart()
    unnamed = {module: found for module, found in different(together).items() if module not in allowed()["module"]}
    assert not unnamed, f"pin them in one version, or name them in {FILE.name} with the reason"


def test_a_module_is_named_only_while_its_versions_differ() -> None:
    together = set(folders()) - apart()
    assert set(allowed()["module"]) - set(different(together)) == set()


@pytest.mark.parametrize("name", sorted(allowed()["folder"]))
def test_a_folder_is_named_only_while_it_differs_from_the_rest(name: str) -> None:
    together = set(folders()) - apart()
    others = set(different(together))
    assert set(different(together | {name})) - others, f"{name} differs from no other any more"


def test_each_exception_has_a_reason() -> None:
    reasons = [*allowed()["module"].values(), *allowed()["folder"].values()]
    assert all(len(reason.split()) >= 3 for reason in reasons)

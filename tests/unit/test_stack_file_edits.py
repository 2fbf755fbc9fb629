"""A move of `promote` changes its own value in the text of a stack file, and no other byte."""

import difflib
from pathlib import Path
from typing import Any

import pytest

from meshlab.promote.moves import Move
from meshlab.promote.stack_file import EditedStackFile
from meshlab.stackfile.reading import StackFileError, parsed

FILE = """\
# Why this stack is as it is: é, \U0001f600.
encryptionsalt: v1:abc=
config:
    meshlab:istio:   # four columns, on purpose
        revisions:
            1-30: # until spring
                version:   "1.30.2"   # quoted
                # as large as it must be

                replicas: 0x2
                values: {pilot: {env: {A: ~, B: [ 1,2 ]}}}
            1-29: {version: '1.29.1', replicas: 1} # leaves
        tags: {}
    meshlab:monitoring:
        version: 88.5.3
        values:
            prometheus:
            - name: a
              list:
                - 1
                -   two
                - ~
              nothing:
              nulled: null
            -
              - deep
            -   {a: 1,
                 b: 2}
            text: |
                one

                two
            folded: >-
                a
                b
            tilde: ~
            long: "%s"


    # About Kiali:
    meshlab:kiali: {version: 2.29.0, authStrategy: token}
    envoyDemo:
        scenario: base
    meshlab:meshMonitors:
        thresholds:
            errorBudgetRatio: .02
""" % ("word " * 60)


class Files:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "Pulumi.prod.yaml"

    def edited(self, move: Move, text: str = FILE) -> str:
        self.path.write_bytes(text.encode())
        file = EditedStackFile("prod", self.path.parent)
        file.make([move])
        assert self.path.read_bytes() == text.encode()
        file.write()
        assert self.path.read_bytes() == file.text().encode()
        return self.path.read_bytes().decode()

    def changes(self, move: Move, text: str = FILE) -> list[str]:
        """Lines that went and came."""
        lines = difflib.ndiff(text.splitlines(keepends=True), self.edited(move, text).splitlines(keepends=True))
        return [line for line in lines if line[0] in "+-"]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


REVISION = ("istio", "revisions", "1-30", "version")


def test_a_value_keeps_its_quotes_its_columns_and_its_comment(files: Files) -> None:
    assert files.changes(Move(REVISION, "1.30.2", "1.30.3")) == [
        '-                 version:   "1.30.2"   # quoted\n',
        '+                 version:   "1.30.3"   # quoted\n',
    ]
    assert files.changes(Move(("istio", "revisions", "1-29", "version"), "1.29.1", "1.29.2")) == [
        "-             1-29: {version: '1.29.1', replicas: 1} # leaves\n",
        "+             1-29: {version: '1.29.2', replicas: 1} # leaves\n",
    ]


def test_a_value_in_braces_and_one_of_a_short_key_are_changed_in_place(files: Files) -> None:
    assert files.changes(Move(("kiali", "version"), "2.29.0", "2.30.0")) == [
        "-     meshlab:kiali: {version: 2.29.0, authStrategy: token}\n",
        "+     meshlab:kiali: {version: 2.30.0, authStrategy: token}\n",
    ]
    assert files.changes(Move(("envoyDemo", "scenario"), "base", "retry")) == [
        "-         scenario: base\n",
        "+         scenario: retry\n",
    ]


def test_a_new_value_comes_last_and_comments_after_it_stay_below(files: Files) -> None:
    assert files.changes(Move(("monitoring", "crdsVersion"), None, "31.0.1")) == ["+         crdsVersion: 31.0.1\n"]
    assert files.changes(Move(("istio", "tags", "stable"), None, "1-30")) == [
        "-         tags: {}\n",
        "+         tags: {stable: 1-30}\n",
    ]
    assert files.changes(Move(("kiali", "namespace"), None, "a, b")) == [
        "-     meshlab:kiali: {version: 2.29.0, authStrategy: token}\n",
        '+     meshlab:kiali: {version: 2.29.0, authStrategy: token, namespace: "a, b"}\n',
    ]
    assert files.changes(Move(("sampleApps", "enabled"), None, False)) == [
        "+     meshlab:sampleApps:\n",
        "+       enabled: false\n",
    ]


def test_a_new_control_plane_is_its_neighbour_without_comments(files: Files) -> None:
    config = parsed(FILE, "f").config["meshlab:istio"]["revisions"]
    over = {**config["1-30"], "version": "1.31.0"}
    assert files.changes(Move(("istio", "revisions", "1-31"), None, over, like="1-30")) == [
        "+             1-31:\n",
        '+                 version:   "1.31.0"\n',
        "+                 replicas: 0x2\n",
        "+                 values: {pilot: {env: {A: ~, B: [ 1,2 ]}}}\n",
    ]
    over = {**config["1-29"], "version": "1.31.0"}
    assert files.changes(Move(("istio", "revisions", "1-31"), None, over, like="1-29")) == [
        "+             1-31: {version: '1.31.0', replicas: 1}\n",
    ]


def test_a_key_that_goes_takes_nothing_else_along(files: Files) -> None:
    assert files.changes(Move(("meshMonitors", "thresholds", "errorBudgetRatio"), 0.02, 0.01, drop=True)) == [
        "-     meshlab:meshMonitors:\n",
        "-         thresholds:\n",
        "-             errorBudgetRatio: .02\n",
    ]
    assert files.changes(Move(("kiali", "version"), "2.29.0", None, drop=True)) == [
        "-     meshlab:kiali: {version: 2.29.0, authStrategy: token}\n",
        "+     meshlab:kiali: {authStrategy: token}\n",
    ]
    assert files.changes(Move(("kiali", "authStrategy"), "token", None, drop=True)) == [
        "-     meshlab:kiali: {version: 2.29.0, authStrategy: token}\n",
        "+     meshlab:kiali: {version: 2.29.0}\n",
    ]
    assert files.changes(Move(("kiali", "namespace"), None, None, drop=True)) == []


@pytest.mark.parametrize("section", ["", " ~", " null", " {}"])
def test_a_section_with_nothing_in_it_gets_its_first_value(files: Files, section: str) -> None:
    text = f"config:\n  meshlab:kiali:{section} # none\n  meshlab:mesh: {{}}\n"
    assert files.changes(Move(("kiali", "version"), None, "2.29.0"), text) == [
        f"-   meshlab:kiali:{section} # none\n",
        "+   meshlab:kiali: {version: 2.29.0} # none\n",
    ]


def test_line_ends_of_windows_and_its_mark_stay(files: Files) -> None:
    text = "\ufeff" + FILE.replace("\n", "\r\n")
    assert files.edited(Move(REVISION, "1.30.2", "1.30.3"), text) == text.replace("1.30.2", "1.30.3")
    added = files.edited(Move(("sampleApps", "enabled"), None, False), text)
    assert added == f"{text}    meshlab:sampleApps:\r\n      enabled: false\r\n"


def test_a_file_whose_last_line_has_no_end_gets_one_before_a_new_line(files: Files) -> None:
    text = "config:\n  meshlab:kiali:\n    version: 2.29.0"
    assert files.edited(Move(("kiali", "namespace"), None, "k"), text) == f"{text}\n    namespace: k\n"


SHARED: dict[str, tuple[str, Any]] = {
    "an anchored value": ("{version: &v 2.29.0, spec: {v: *v}}", "2.30.0"),
    "a mapping elsewhere": ("&k {version: 2.29.0}\n  meshlab:other: *k", "2.30.0"),
}


@pytest.mark.parametrize("how", SHARED)
def test_what_would_change_other_places_as_well_is_refused(files: Files, how: str) -> None:
    text, value = SHARED[how]
    with pytest.raises(StackFileError, match=r"^Pulumi\.prod\.yaml: meshlab:kiali\.version: expected a value that can"):
        files.edited(Move(("kiali", "version"), "2.29.0", value), f"config:\n  meshlab:kiali: {text}\n")


def test_a_merged_value_is_given_its_own_line_and_an_alias_its_own_value(files: Files) -> None:
    text = "config:\n  meshlab:a: &a {version: 2.29.0}\n  meshlab:kiali:\n    <<: *a\n"
    assert files.changes(Move(("kiali", "version"), "2.29.0", "2.30.0"), text) == ["+     version: 2.30.0\n"]
    text = "config:\n  meshlab:a: &a 2.29.0\n  meshlab:kiali:\n    version: *a # the same\n"
    assert files.changes(Move(("kiali", "version"), "2.29.0", "2.30.0"), text) == [
        "-     version: *a # the same\n",
        "+     version: 2.30.0 # the same\n",
    ]

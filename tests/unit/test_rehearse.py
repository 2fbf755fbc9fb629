"""What a rehearsal tells, and with which settings it runs. That it runs is shown by tests/engine/test_rehearse.py."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from embedded.tools import kubernetes
from kube.deprecations import warning_text
from meshlab.cli.commands.rehearse import asked_minors
from meshlab.cli.main import main
from meshlab.rehearse.objects import requested
from meshlab.rehearse.outcome import SKIPPED, Cell, Rehearsal, RehearsalResult, RehearsedCheck, document, lines
from meshlab.rehearse.rehearsal import on_minor
from tests.support.stacks import with_config

GOOD = Rehearsal(
    "1.35",
    "v1.35.4",
    {**dict.fromkeys(RehearsedCheck, Cell(RehearsalResult.OK)), RehearsedCheck.UP: Cell(RehearsalResult.OK, "85")},
    61.2,
)
BAD = Rehearsal(
    "1.36",
    "v1.36.3",
    {
        **dict.fromkeys(RehearsedCheck, SKIPPED),
        RehearsedCheck.UP: Cell(RehearsalResult.FAILED, "see below", ("no matches for kind", "pulumi up stopped")),
        RehearsedCheck.DEPRECATED: Cell(
            RehearsalResult.WARNING, "1 warnings", ("v1 Endpoints is deprecated: Endpoints default/a",)
        ),
    },
    12.0,
)


def test_the_table_has_a_column_for_each_minor_and_says_what_is_not_well() -> None:
    assert lines("staging", [GOOD, BAD]) == [
        "                                    v1.35.4  v1.36.3",
        "Istio supports it                   ok       skipped",
        "comes up                            ok: 85   FAILED: see below",
        "previews clean                      ok       skipped",
        "its API versions are served         ok       skipped",
        "its objects are not deprecated      ok       warning: 1 warnings",
        "its programs ask no deprecated API  ok       skipped",
        "comes down                          ok       skipped",
        "",
        "v1.36.3 comes up: FAILED: see below",
        "  no matches for kind",
        "  pulumi up stopped",
        "",
        "v1.36.3 its objects are not deprecated: warning: 1 warnings",
        "  v1 Endpoints is deprecated: Endpoints default/a",
        "",
        "staging on Kubernetes v1.35.4: well (61 s)",
        "staging on Kubernetes v1.36.3: NOT WELL: comes up (12 s)",
    ]


def test_what_is_deprecated_is_a_warning_and_works() -> None:
    warned = Rehearsal(
        "1.35", "v1.35.4", {**GOOD.cells, RehearsedCheck.REQUESTS: Cell(RehearsalResult.WARNING, "1 APIs", ("a",))}, 1.0
    )
    assert warned.well
    assert lines("staging", [warned])[-1] == "staging on Kubernetes v1.35.4: well, with warnings (1 s)"


def test_the_document_has_the_same() -> None:
    read = json.loads(document("staging", [GOOD, BAD]))
    assert [(minor["minor"], minor["kubernetes"], minor["well"], minor["seconds"]) for minor in read["minors"]] == [
        ("1.35", "v1.35.4", True, 61.2),
        ("1.36", "v1.36.3", False, 12.0),
    ]
    assert read["minors"][1]["checks"][1] == {
        "check": "up",
        "result": "failed",
        "text": "see below",
        "details": ["no matches for kind", "pulumi up stopped"],
    }


@pytest.mark.parametrize(
    ("header", "text"),
    [
        ('299 - "v1 Endpoints is deprecated in v1.33+"', "v1 Endpoints is deprecated in v1.33+"),
        (r'299 - "a \"quoted\" word and a \\"', 'a "quoted" word and a \\'),
        ("something else", "something else"),
    ],
)
def test_a_warning_header_is_read(header: str, text: str) -> None:
    assert warning_text(header) == text


def test_only_deprecated_apis_that_the_stack_has_brought_are_told() -> None:
    before = {"endpoints/v1": ""}
    assert requested(before, before) == Cell(RehearsalResult.OK)
    after = {**before, "jobs.batch/v1beta1": "1.37", "things.example.com/v1alpha1": ""}
    assert requested(before, after).details == ("jobs.batch/v1beta1, gone in 1.37", "things.example.com/v1alpha1")


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        (None, {}),
        ({"kubernetes": "1.31", "clusterUid": "1234"}, {"kubernetes": "1.35"}),
        ({"clusterUid": "1234", "imageRegistry": "mirror.example"}, {"imageRegistry": "mirror.example"}),
    ],
)
def test_a_stack_that_names_its_cluster_is_rehearsed_as_on_that_minor(
    section: Mapping[str, Any] | None, expected: Mapping[str, Any]
) -> None:
    config = {"meshlab:istio": {}, **({} if section is None else {"meshlab:cluster": section})}
    stack = with_config("staging", {**config, "meshlab:charts": {"source": "/charts"}})
    assert on_minor(stack, "1.35").config == {
        "meshlab:istio": {},
        "meshlab:cluster": expected,
        "meshlab:charts": {"source": "/charts"},
        "meshlab:kiali": {"awaitReady": False},
    }


def test_minors_are_taken_once_each_and_all_where_none_is_named() -> None:
    first, *_, last = kubernetes.minors()
    assert asked_minors(f"{last}, {first},{last}") == [last, first]
    assert asked_minors(None) == kubernetes.minors()


@pytest.mark.parametrize("command", ["rehearse", "up", "cluster up"])
def test_a_minor_that_cannot_be_had_is_one_line_before_anything_begins(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command.split(), "--kubernetes", "1.99"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1
    assert told.err.startswith("Kubernetes '1.99': expected one of ")


def test_a_named_cluster_has_its_own_kubernetes(capsys: pytest.CaptureFixture[str]) -> None:
    minor = kubernetes.pinned()
    assert main(["up", "--cluster", "theirs", "--kubernetes", minor]) == 1
    assert capsys.readouterr().err == (
        "--kubernetes: the cluster of context theirs has its own; leave one of the two out\n"
    )

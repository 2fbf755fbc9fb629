"""Nothing is promoted from a stack that has not shown that it works as it is now."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from base.errors import MeshlabError
from meshlab.engine.backends import backend_for
from meshlab.promote.evidence import Evidence, read_report, refusals
from meshlab.promote.updates import Update, last_update
from meshlab.results.report import Commit
from tests.support import pretended_pulumi

HERE, OTHER = "a" * 40, "b" * 40
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
FILE = Path("dev.json")
GOOD: Mapping[str, Any] = {
    "stack": "dev",
    "commit": HERE,
    "dirty": False,
    "labs": [1, 2, 3],
    "started": "2026-11-24T12:30:00Z",
    "result": "passed",
    "checks": [{"id": "lab01.headers", "status": "passed"}],
}
SEEN = Evidence(Commit(HERE, dirty=True), file_changed=False, update=Update(NOON), labs=frozenset({1, 2, 3}))


def refused(report: Mapping[str, Any] | None, seen: Evidence = SEEN) -> list[str]:
    return list(refusals("dev", report, FILE, seen))


def test_a_passed_verify_of_this_commit_after_the_last_update_is_enough() -> None:
    assert refused(GOOD) == []


def test_a_missing_report_is_refused() -> None:
    assert refused(None) == [
        "dev.json: expected the last verify report of dev, got none (make one: meshlab verify --stack dev)"
    ]


def test_a_red_report_is_refused_with_the_checks_that_failed() -> None:
    failed = [{"id": f"lab03.{n}", "status": "failed"} for n in range(5)]
    assert refused({**GOOD, "result": "failed", "checks": failed}) == [
        "dev: expected its last verify to have passed, got failed: lab03.0, lab03.1, lab03.2 and 2 more "
        "(fix it, then: meshlab verify --stack dev)"
    ]
    assert "got inconclusive (fix it" in refused({**GOOD, "result": "inconclusive", "checks": []})[0]


def test_a_report_of_some_labs_is_refused_unless_the_stack_has_no_others() -> None:
    part = {**GOOD, "labs": [2, 3]}
    assert refused(part) == [
        "dev: expected a verify of every lab, got one of lab 2, 3 only (do it whole: meshlab verify --stack dev)"
    ]
    assert refused(part, replace(SEEN, labs=frozenset({2, 3}))) == []


def test_a_report_of_another_commit_is_refused() -> None:
    assert refused({**GOOD, "commit": OTHER}) == [
        "dev: expected a verify of this commit, aaaaaaa, got one of bbbbbbb "
        "(bring dev up from this commit, then: meshlab verify --stack dev)"
    ]


def test_a_report_of_files_that_were_not_committed_is_refused() -> None:
    (line,) = refused({**GOOD, "dirty": True})
    assert line.startswith("dev: expected a verify of committed files, got one of aaaaaaa with changes beside it (")


def test_a_stack_file_that_changed_since_is_refused() -> None:
    (line,) = refused(GOOD, replace(SEEN, file_changed=True))
    assert line.startswith("Pulumi.dev.yaml: expected what was verified, got changes that are not committed (")


def test_a_tree_without_git_is_refused() -> None:
    (line,) = refused(GOOD, replace(SEEN, tree=Commit(None, None)))
    assert line.endswith("got none (promote from a clone)")


@pytest.mark.parametrize(("started", "fine"), [("11:59:59", False), ("12:00:00", True)])
def test_a_report_from_before_the_last_update_is_refused(started: str, fine: bool) -> None:
    lines = refused({**GOOD, "started": f"2026-11-24T{started}Z"})
    expected = (
        "dev: expected a verify after its last update at 2026-11-24 12:00:00 UTC, got one that began at "
        "2026-11-24 11:59:59 UTC (do it again: meshlab verify --stack dev)"
    )
    assert lines == ([] if fine else [expected])


def test_a_verify_that_began_during_an_update_is_refused_however_late_it_ended() -> None:
    assert refused({**GOOD, "started": "2026-11-24T11:59:00Z", "finished": "2026-11-24T12:10:00Z"})


@pytest.mark.parametrize(
    ("update", "told"),
    [
        (None, "dev: expected to know of its last update, got no state of it here (bring it up: meshlab up"),
        (Update(NOON, removed=True), "dev: expected a stack that runs, got one that was removed at 2026-11-24 12:00"),
        (Update(NOON, interrupted=True), "dev: expected a finished update, got one that was broken off at 2026-11-24"),
    ],
)
def test_a_stack_that_is_unknown_gone_or_half_updated_is_refused(update: Update | None, told: str) -> None:
    (line,) = refused(GOOD, replace(SEEN, update=update))
    assert line.startswith(told)


def test_every_reason_is_a_line_of_its_own_with_what_to_do() -> None:
    lines = refused({**GOOD, "result": "failed", "commit": OTHER, "started": "2026-11-24T01:00:00Z"})
    assert len(lines) == 3
    for line in lines:
        assert "\n" not in line
        assert "expected" in line
        assert line.endswith(")")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "it lacks JSON"),
        ("[]", "it lacks JSON"),
        ("{}", "it lacks checks, commit, dirty, labs, result, stack, started"),
        (json.dumps({**GOOD, "stack": "prod"}), "it lacks stack dev, got prod"),
    ],
)
def test_a_file_that_is_no_report_of_the_stack_is_named(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "dev.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(MeshlabError) as caught:
        read_report(file, "dev")
    assert str(caught.value) == f"{file}: expected a report that `meshlab verify --stack dev` wrote; {told}"
    assert read_report(tmp_path / "none.json", "dev") is None


# When a stack was last updated


@pytest.fixture
def pulumi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A CLI whose `stack export` says what lies beside it; its path is the folder."""
    folder = tmp_path / "bin"
    pretended_pulumi.cli(
        folder,
        otherwise=f'echo "$PULUMI_BACKEND_URL $*" >> {folder}/asked\n'
        f"cat {folder}/error >&2 2>/dev/null && exit 255\n"
        f"cat {folder}/state\n",
    )
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://state")
    return folder


def keep(folder: Path, **deployment: Any) -> None:
    (folder / "state").write_text(json.dumps({"version": 3, "deployment": deployment}), encoding="utf-8")


def found(tmp_path: Path) -> Update | None:
    return last_update("dev", print, backend_for(tmp_path, embedded=False))


def test_the_engines_state_says_when_a_stack_was_last_updated(pulumi: Path, tmp_path: Path) -> None:
    keep(pulumi, manifest={"time": "2026-11-24T12:00:00.123456789Z"}, resources=[{"urn": "x"}])
    assert found(tmp_path) == Update(datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=UTC))
    asked = (pulumi / "asked").read_text(encoding="utf-8")
    assert asked == "s3://state --non-interactive stack export --stack dev\n"


def test_an_interrupted_update_and_a_removed_stack_are_told_by_the_state(pulumi: Path, tmp_path: Path) -> None:
    manifest = {"time": "2026-11-24T13:00:00+01:00"}
    keep(pulumi, manifest=manifest, resources=[{"urn": "x"}], pending_operations=[{"type": "creating"}])
    assert found(tmp_path) == Update(NOON, interrupted=True)
    keep(pulumi, manifest=manifest)
    assert found(tmp_path) == Update(NOON, removed=True)


def test_a_stack_that_was_never_up_has_no_last_update(pulumi: Path, tmp_path: Path) -> None:
    keep(pulumi, manifest={})
    assert found(tmp_path) is None
    (pulumi / "error").write_text("error: no stack named 'dev' found", encoding="utf-8")
    assert found(tmp_path) is None


def test_an_unreachable_backend_is_an_error_not_a_stack_without_updates(pulumi: Path, tmp_path: Path) -> None:
    (pulumi / "error").write_text("error: no such bucket", encoding="utf-8")
    with pytest.raises(
        MeshlabError, match=r"^s3://state \(PULUMI_BACKEND_URL\): the state of dev cannot be read: no such bucket$"
    ):
        found(tmp_path)


def test_where_no_engine_ever_ran_none_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PULUMI_BACKEND_URL", raising=False)
    monkeypatch.setattr("meshlab.promote.updates.find_cli", lambda say: pytest.fail("looked for the CLI"))
    assert found(tmp_path) is None

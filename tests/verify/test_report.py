"""The report for programs: what it says, where it is kept, and what the tree was."""

import json
from datetime import timedelta, timezone
from pathlib import Path

import pytest

from base import process
from meshlab.results.outcome import Status
from meshlab.results.report import Commit, Report, RunVerdict, commit_of, forget, keep, report_file
from tests.verify.examples import MIXED, STARTED, report, result

PASSED, FAILED, SILENT = Status.PASSED, Status.FAILED, Status.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("statuses", "verdict", "code"),
    [
        ([PASSED], RunVerdict.PASSED, 0),
        ([PASSED, SILENT], RunVerdict.PASSED, 0),
        ([PASSED, FAILED], RunVerdict.FAILED, 1),
        ([SILENT, FAILED], RunVerdict.FAILED, 1),
        ([SILENT, SILENT], RunVerdict.INCONCLUSIVE, 2),
        ([], RunVerdict.INCONCLUSIVE, 2),
    ],
)
def test_only_a_run_in_which_something_passed_and_nothing_failed_is_green(
    statuses: list[Status], verdict: RunVerdict, code: int
) -> None:
    finished = report(*(result(f"lab01.check-{number}", status) for number, status in enumerate(statuses)))
    assert (finished.verdict, finished.verdict.exit_code) == (verdict, code)


def test_the_document_has_every_field_that_the_page_describes() -> None:
    document = json.loads(MIXED.json())
    assert {key: value for key, value in document.items() if key != "checks"} == {
        "schema": 1,
        "stack": "dev",
        "cluster": "embedded cluster lab (https://127.0.0.1:20123)",
        "embedded": True,
        "kubernetes": "v1.34.4",
        "commit": "8c21c99d2f0a4b6e8d1c3f5a7b9e0d2c4f6a8b1e",
        "dirty": False,
        "labs": [1, 2, 3],
        "started": "2026-09-14T08:30:00Z",
        "finished": "2026-09-14T08:30:12Z",
        "seconds": 12.3,
        "result": "failed",
        "counts": {"passed": 3, "failed": 1, "not_applicable": 1},
    }
    assert document["checks"][2] == {
        "id": "lab02.alias",
        "lab": 2,
        "title": "title of lab02.alias",
        "status": "failed",
        "expected": "what is right",
        "seen": "Service istiod also leads to istiod-1-16-0",
        "details": ["grpc-xds 15010", "443"],
        "seconds": 0.12,
    }
    page = (Path(__file__).parents[2] / "docs" / "verify.md").read_text(encoding="utf-8")
    assert [key for key in (*document, *document["checks"][0], *document["counts"]) if f"`{key}`" not in page] == []


def test_moments_are_told_in_utc_wherever_the_machine_is() -> None:
    elsewhere = STARTED.astimezone(timezone(timedelta(hours=5)))
    finished = Report(MIXED.subject, elsewhere, elsewhere, MIXED.checks)
    assert finished.document()["started"] == "2026-09-14T08:30:00Z"


def test_the_last_report_is_readable_by_its_owner_only_and_can_be_forgotten(tmp_path: Path) -> None:
    path = keep(MIXED, tmp_path)
    assert path == report_file("dev", tmp_path) == tmp_path / "verify" / "dev.json"
    assert json.loads(path.read_text(encoding="utf-8")) == MIXED.document()
    assert path.stat().st_mode & 0o077 == 0
    keep(report(), tmp_path)
    assert json.loads(path.read_text(encoding="utf-8"))["result"] == "inconclusive"
    forget("dev", tmp_path)
    forget("dev", tmp_path)
    assert not path.exists()


def test_a_summary_says_how_many_of_what_and_names_what_failed() -> None:
    lines = MIXED.summary()
    assert "5 checks of dev" in lines[0]
    assert "3 passed, 1 failed, 1 not applicable here (12.3 s)" in lines[0]
    assert lines[1] == "FAILED: lab02.alias"


def test_a_run_that_shows_nothing_says_that_it_is_no_pass() -> None:
    assert (
        report(result("lab01.a", SILENT)).summary()[1]
        == "NOTHING SHOWN: no check applies here, so that this is no pass"
    )


def test_a_pass_with_gaps_says_that_there_are_gaps() -> None:
    assert report(result("lab01.a", PASSED)).summary()[1] == "PASSED"
    gaps = report(result("lab01.a", PASSED), result("lab01.b", SILENT))
    assert gaps.summary()[1] == "PASSED, as far as can be seen here"


def test_the_commit_is_told_and_whether_the_tree_was_changed_since(tmp_path: Path) -> None:
    assert commit_of(tmp_path) == Commit(None, None)
    author = ("-c", "user.name=test", "-c", "user.email=test@example.invalid", "-c", "commit.gpgsign=false")

    def git(*args: str) -> str:
        return process.run(["git", "-C", tmp_path, *args], timeout=30).stdout.strip()

    git("init", "--quiet")
    git(*author, "commit", "--quiet", "--allow-empty", "--message", "first")
    assert commit_of(tmp_path) == Commit(git("rev-parse", "HEAD"), dirty=False)
    (tmp_path / "new").touch()
    assert commit_of(tmp_path).dirty is True

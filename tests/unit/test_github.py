"""What the workflows tell people, before a GitHub of our own: a gh on PATH that keeps comments and issues in a file."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from meshlab.cli import main as cli
from meshlab.cli.commands import nightly
from meshlab.cli.commands import rollback as rollback
from meshlab.github.comments import fenced
from meshlab.github.gh import BODY_LIMIT, fitted
from meshlab.recording.recorder import ROOT
from meshlab.results.report import commit_of

FAKE = """#!{python}
import json, re, sys
from pathlib import Path
store = Path({store!r})
data = json.loads(store.read_text())
words = sys.argv[1:]
path, method = words[1].removeprefix("repos/{{owner}}/{{repo}}/"), words[words.index("--method") + 1]
body = json.load(sys.stdin) if "--input" in words else None
data["asked"].append([method, path])
bot = {{"type": "Bot", "login": "github-actions[bot]"}}
def find(kind, number):
    return next(entry for entry in data[kind] if entry["id"] == int(number))
if data.get("refuses"):
    sys.exit("gh: Resource not accessible by integration (HTTP 403)")
answer = None
if m := re.match(r"issues/(\\d+)/comments", path):
    if method == "GET":
        answer = [entry for entry in data["comments"] if entry["issue"] == int(m[1])]
    else:
        number = 1 + len(data["comments"])
        answer = {{"id": number, "issue": int(m[1]), "user": bot, "html_url": f"https://gh.test/c{{number}}", **body}}
        data["comments"].append(answer)
elif m := re.match(r"issues/comments/(\\d+)", path):
    answer = find("comments", m[1])
    answer.update(body)
elif m := re.match(r"issues/(\\d+)$", path):
    answer = find("issues", m[1])
    answer.update(body)
elif path.startswith("issues"):
    if method == "GET":
        answer = [entry for entry in data["issues"] if entry["state"] == "open"]
    else:
        number = 1 + len(data["issues"])
        answer = {{"id": number, "number": number, "state": "open", "user": bot,
                  "html_url": f"https://gh.test/i{{number}}", **body}}
        data["issues"].append(answer)
elif m := re.match(r"deployments/(\\d+)/statuses", path):
    answer = find("deployments", m[1])["statuses"]
elif m := re.match(r"deployments\\?environment=(\\w+)", path):
    answer = [entry for entry in data["deployments"] if entry["environment"] == m[1]]
store.write_text(json.dumps(data))
if "--jq" in words:
    for entry in answer:
        print(json.dumps(entry))
else:
    print(json.dumps(answer))
"""


class GitHub:
    """What the fake keeps."""

    def __init__(self, store: Path) -> None:
        self.store = store
        self.keep(comments=[], issues=[], deployments=[], asked=[])

    def keep(self, **data: Any) -> None:
        before = json.loads(self.store.read_text(encoding="utf-8")) if self.store.is_file() else {}
        self.store.write_text(json.dumps({**before, **data}), encoding="utf-8")

    def __getitem__(self, kind: str) -> list[Any]:
        return json.loads(self.store.read_text(encoding="utf-8"))[kind]


@pytest.fixture
def github(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GitHub:
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "gh"
    store = tmp_path / "github.json"
    program.write_text(FAKE.format(python=sys.executable, store=str(store)), encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return GitHub(store)


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "diff.md").write_text("### `dev`: 1 added\n", encoding="utf-8")
    (folder / "preview-dev.txt").write_text("+ create ```x\n", encoding="utf-8")
    return folder


def test_each_text_is_one_comment_and_is_written_anew_the_next_time(github: GitHub, texts: Path) -> None:
    assert cli.main(["comment", str(texts), "--pull-request", "7"]) == 0
    assert [comment["body"] for comment in github["comments"]] == [
        "<!-- meshlab:diff -->\n### `dev`: 1 added\n",
        "<!-- meshlab:preview-dev -->\n### Preview dev\n\n````\n+ create ```x\n````\n",
    ]
    (texts / "diff.md").write_text("nothing changes\n", encoding="utf-8")
    assert cli.main(["comment", str(texts), "--pull-request", "7"]) == 0
    assert [comment["body"].splitlines()[1] for comment in github["comments"]] == ["nothing changes", "### Preview dev"]
    assert {comment["issue"] for comment in github["comments"]} == {7}


def test_a_persons_comment_with_the_same_mark_is_left_alone(github: GitHub, texts: Path) -> None:
    forged = {"id": 1, "issue": 7, "user": {"type": "User"}, "body": "<!-- meshlab:diff -->\nall is well"}
    github.keep(comments=[forged])
    assert cli.main(["comment", str(texts), "--pull-request", "7"]) == 0
    assert github["comments"][0] == forged
    assert len(github["comments"]) == 3


def test_a_folder_without_texts_is_refused(github: GitHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["comment", str(tmp_path / "none"), "--pull-request", "7"]) == 1
    assert capsys.readouterr().err.endswith("none: expected a folder with texts to comment, got none\n")
    assert github["asked"] == []


def test_what_github_refuses_is_one_line(github: GitHub, texts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    github.keep(refuses=True)
    assert cli.main(["comment", str(texts), "--pull-request", "7"]) == 1
    assert capsys.readouterr().err == (
        "GitHub: gh api failed with exit code 1: gh: Resource not accessible by integration (HTTP 403)\n"
    )


def test_without_gh_it_is_said_what_is_missing(
    texts: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert cli.main(["comment", str(texts), "--pull-request", "7"]) == 1
    assert capsys.readouterr().err.startswith("gh is not there: expected GitHub's CLI on PATH")


def test_a_text_that_github_would_not_take_is_cut_at_a_line_and_says_so() -> None:
    assert fitted("short") == "short"
    cut = fitted("head\n" + fenced("line\n" * 20_000))
    assert len(cut) <= BODY_LIMIT
    assert cut.startswith("head\n```\nline\n")
    # The fence is closed before the note.
    assert cut.endswith("line\n```\n\n_Cut, since GitHub takes no more; the run's log has all of it._\n")


# Drift


def look(folder: Path, stack: str, code: int, text: str = "") -> None:
    folder.mkdir(exist_ok=True)
    seen = {"stack": stack, "commit": "abc1234", "at": "2026-11-24T03:17:00Z", "code": code, "text": text}
    (folder / f"{stack}.json").write_text(json.dumps(seen), encoding="utf-8")


def tell(folder: Path) -> int:
    return cli.main(["nightly", "tell", str(folder)])


def test_drift_opens_one_issue_which_the_next_night_rewrites(github: GitHub, tmp_path: Path) -> None:
    folder = tmp_path / "drift"
    look(folder, "dev", 0)
    look(folder, "prod", 2, "~ istiod: replicas 2 -> 1")
    assert tell(folder) == 0
    (issue,) = github["issues"]
    assert issue["title"] == "Drift: what runs is not what the stack files say"
    assert issue["body"].startswith("<!-- meshlab:drift -->\n")
    assert "### `dev`: no drift" in issue["body"]
    assert (
        "### `prod`: drift\n\n2026-11-24T03:17:00Z, commit abc1234\n\n```\n~ istiod: replicas 2 -> 1\n```"
        in issue["body"]
    )
    look(folder, "prod", 2, "~ istiod: replicas 2 -> 0")
    assert tell(folder) == 0
    (issue,) = github["issues"]
    assert "2 -> 0" in issue["body"]
    assert "2 -> 1" not in issue["body"]


def test_the_issue_is_closed_when_nothing_drifts_any_more(github: GitHub, tmp_path: Path) -> None:
    look(tmp_path / "drift", "prod", 2, "x")
    tell(tmp_path / "drift")
    look(tmp_path / "drift", "prod", 0)
    assert tell(tmp_path / "drift") == 0
    assert [issue["state"] for issue in github["issues"]] == ["closed"]
    assert [comment["body"] for comment in github["comments"]] == ["No drift any more at 2026-11-24T03:17:00Z."]


def test_a_stack_that_could_not_be_seen_neither_opens_nor_closes_the_issue(
    github: GitHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    look(tmp_path / "drift", "prod", 1, "no such context")
    assert tell(tmp_path / "drift") == 0
    assert github["issues"] == []
    assert capsys.readouterr().out == "prod: not seen; no drift elsewhere\n"
    look(tmp_path / "drift", "dev", 2, "x")
    tell(tmp_path / "drift")
    assert "### `prod`: could not be looked at" in github["issues"][0]["body"]
    look(tmp_path / "drift", "dev", 0)
    tell(tmp_path / "drift")
    assert [issue["state"] for issue in github["issues"]] == ["open"]


def test_a_persons_issue_about_drift_is_left_alone(github: GitHub, tmp_path: Path) -> None:
    theirs = {"id": 1, "number": 1, "state": "open", "user": {"type": "User"}, "body": "<!-- meshlab:drift -->"}
    github.keep(issues=[theirs])
    look(tmp_path / "drift", "prod", 0)
    tell(tmp_path / "drift")
    assert github["issues"] == [theirs]


def test_much_drift_in_every_stack_is_told_of_all_of_them(github: GitHub, tmp_path: Path) -> None:
    for stack in ("dev", "prod", "staging"):
        look(tmp_path / "drift", stack, 2, f"~ {stack} changed\n" * 20_000)
    assert tell(tmp_path / "drift") == 0
    body = github["issues"][0]["body"]
    assert len(body) <= BODY_LIMIT
    assert [stack for stack in ("dev", "prod", "staging") if f"~ {stack} changed" in body] == ["dev", "prod", "staging"]


@pytest.mark.parametrize("text", [None, "{", "{}"])
def test_a_folder_without_what_look_kept_is_refused(
    tmp_path: Path, text: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    if text is not None:
        (tmp_path / "x.json").write_text(text, encoding="utf-8")
    assert tell(tmp_path) == 1
    assert f"{tmp_path}: expected what `meshlab nightly look` kept, got" in capsys.readouterr().err


@pytest.mark.parametrize(("code", "answered"), [(0, 0), (2, 0), (1, 1)])
def test_look_keeps_what_drift_said_and_is_red_only_where_it_could_not_see(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], code: int, answered: int
) -> None:
    # A drift that says which arguments it got, on both streams, and ends as asked.
    program = tmp_path / "python"
    program.write_text(f'#!/bin/sh\necho "ran $*"\necho trouble >&2\nexit {code}\n', encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setattr(nightly.sys, "executable", str(program))
    out = tmp_path / "out"
    assert cli.main(["nightly", "look", "--stack", "dev", "--cluster", "lab", "--out", str(out)]) == answered
    kept = json.loads((out / "dev.json").read_text(encoding="utf-8"))
    assert (kept["stack"], kept["code"], kept["commit"]) == ("dev", code, commit_of(ROOT).commit)
    assert sorted(kept["text"].splitlines()) == ["ran -m meshlab drift --stack dev --cluster lab", "trouble"]
    assert "ran -m meshlab drift" in capsys.readouterr().out


# The way back


def deployed(number: int, sha: str, *states: str) -> dict[str, Any]:
    statuses = [
        {"state": state, "created_at": f"2026-11-2{number}T10:00:00Z", "log_url": f"https://gh.test/run/{number}"}
        for state in states
    ]
    return {"id": number, "environment": "prod", "sha": sha, "statuses": statuses}


def said_by_rollback(capsys: pytest.CaptureFixture[str], *more: str) -> str:
    assert cli.main(["rollback", "--stack", "prod", *more]) == 0
    return capsys.readouterr().out


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(rollback, "STATE", tmp_path / ".state")
    (tmp_path / ".state" / "verify").mkdir(parents=True)
    return tmp_path / ".state" / "verify" / "prod.json"


def test_the_way_back_leads_to_the_last_commit_that_was_green_there(
    github: GitHub, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    now = commit_of(ROOT).commit or ""
    github.keep(
        deployments=[
            deployed(5, now, "success"),
            deployed(4, "c" * 40, "failure", "in_progress"),
            # A later deployment made it inactive: it was green all the same.
            deployed(3, "b" * 40, "inactive", "success"),
            deployed(2, "a" * 40, "inactive", "success"),
        ]
    )
    said = said_by_rollback(capsys, "--cluster", "prod-cluster")
    assert f"Last commit that was brought up and verified in prod: {'b' * 40} (2026-11-23T10:00:00Z)." in said
    assert f"git revert --no-edit {'b' * 40}..{now}" in said
    assert "https://gh.test/run/3 (Re-run all jobs)" in said
    assert f"       git checkout {'b' * 40}\n       meshlab up --stack prod --cluster prod-cluster\n" in said


def test_the_way_back_says_what_failed(github: GitHub, state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    failed = {"id": "lab03.targets", "status": "failed", "seen": "2 down", "expected": "all up"}
    report = {"stack": "prod", "commit": "x", "dirty": False, "labs": [1], "started": "", "result": "failed"}
    state.write_text(json.dumps({**report, "checks": [failed]}), encoding="utf-8")
    assert "- `lab03.targets`: 2 down (expected: all up)\n" in said_by_rollback(capsys)


def test_where_nothing_was_ever_green_that_is_said(
    github: GitHub, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = said_by_rollback(capsys)
    assert "is not known (no deployment before it was green); put it in place of COMMIT" in said
    assert "- It did not come to the end of verify" in said
    github.keep(refuses=True)
    assert "is not known (GitHub: gh api failed with exit code 1" in said_by_rollback(capsys)


def test_the_stacks_after_it_are_said_to_be_as_they_were(
    github: GitHub, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["rollback", "--stack", "next"]) == 0
    assert "- staging, prod: not touched by this run.\n" in capsys.readouterr().out
    assert "not touched" not in said_by_rollback(capsys)

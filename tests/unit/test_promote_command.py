"""`meshlab promote` from the command line, on a repository of its own: what it says, writes, and refuses."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from meshlab.charts.choice import Charts
from meshlab.cli import main as cli
from meshlab.cli.commands import promote
from meshlab.promote.pins import ORDER
from meshlab.recording.recorder import ROOT
from meshlab.render.stack import Renderer
from meshlab.results.report import report_file
from meshlab.stackfile.reading import read
from tests.support import pretended_pulumi
from tests.support.pins import pin
from tests.support.stacks import wanted_charts

DIFF = "diff --git a/prod/x.yaml b/prod/x.yaml"


class Repository:
    """A commit of the stack files, and the state of stacks that were brought up and verified from it."""

    def __init__(self, root: Path) -> None:
        self.root, self.state = root, root / ".state"
        (root / ".gitignore").write_text(".state/\n", encoding="utf-8")
        for path in ROOT.glob("Pulumi*.yaml"):
            shutil.copy(path, root)
        for stack in ORDER[1:]:
            pin(stack, root)
        self.git("init", "--quiet")
        self.commit()

    def git(self, *words: str) -> str:
        who = ["-c", "user.name=t", "-c", "user.email=t@example.test", "-c", "commit.gpgsign=false"]
        done = subprocess.run(["git", *who, *words], cwd=self.root, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "x")

    def config(self, stack: str) -> dict[str, Any]:
        return read(self.root / f"Pulumi.{stack}.yaml").config

    def edit(self, stack: str, old: str, new: str) -> None:
        path = self.root / f"Pulumi.{stack}.yaml"
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    def verified(self, stack: str, **over: Any) -> None:
        """As `up` and then `verify` leave it."""
        deployment = {"manifest": {"time": "2026-11-24T12:00:00Z"}, "resources": [{"urn": "x"}]}
        file = self.state / "pulumi" / ".pulumi" / "stacks" / "meshlab" / f"{stack}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"version": 3, "deployment": deployment}), encoding="utf-8")
        good = {
            "stack": stack,
            "embedded": False,
            "commit": self.git("rev-parse", "HEAD"),
            "dirty": False,
            "labs": [1, 2, 3],
            "started": "2999-01-01T00:00:00Z",
            "result": "passed",
            "checks": [],
        }
        report = report_file(stack, self.state)
        report.parent.mkdir(exist_ok=True)
        report.write_text(json.dumps({**good, **over}), encoding="utf-8")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.setattr(promote, "ROOT", tmp_path)
    monkeypatch.setattr(promote, "STATE", tmp_path / ".state")
    monkeypatch.delenv("PULUMI_BACKEND_URL", raising=False)
    # It hands out the state of the stack that is the last word, as `stack export` does.
    states = tmp_path / ".state" / "pulumi" / ".pulumi" / "stacks" / "meshlab"
    pretended_pulumi.cli(tmp_path / ".state" / "bin", otherwise=f'for stack; do :; done; cat "{states}/$stack.json"')
    monkeypatch.setenv("PATH", f"{tmp_path}/.state/bin:{os.environ['PATH']}")
    # What is rendered is shown by tests/render; here, that it is asked for.
    rendered = SimpleNamespace(rendered=SimpleNamespace(charts=SimpleNamespace(notes=("stand-ins",))))
    monkeypatch.setattr(promote, "renderer_of", lambda args, say: Renderer(Charts(None, print)))
    monkeypatch.setattr(promote, "comparison", lambda stack, after, target: rendered)
    monkeypatch.setattr(promote, "unified", lambda comparisons: DIFF)
    return Repository(tmp_path)


@pytest.fixture
def behind(repository: Repository) -> Repository:
    """Prod runs an older Kiali and Istio patch than staging, which was verified."""
    repository.edit("prod", "2.29.0", "2.28.0")
    repository.edit("prod", "1.30.3", "1.30.2")
    repository.commit()
    repository.verified("staging")
    return repository


def test_the_pins_are_written_and_nothing_else(behind: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    file = behind.root / "Pulumi.prod.yaml"
    before = file.read_text(encoding="utf-8")
    assert cli.main(["promote", "staging", "prod"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[:3] == [
        "meshlab:istio.revisions.1-30.version: 1.30.2 -> 1.30.3",
        "meshlab:kiali.version: 2.28.0 -> 2.29.0",
        "",
    ]
    assert said[3:5] == [DIFF, "Pulumi.prod.yaml: 2 pins of staging"]
    assert behind.git("diff", "--stat", "--summary").endswith("2 insertions(+), 2 deletions(-)")
    assert file.read_text(encoding="utf-8") == before.replace("1.30.2", "1.30.3").replace("2.28.0", "2.29.0")


def test_a_dry_run_shows_the_diff_and_writes_nothing(behind: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["promote", "staging", "prod", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert DIFF in said
    assert said.endswith("dry run: Pulumi.prod.yaml is as it was\n")
    assert behind.git("status", "--porcelain") == ""


def test_a_dry_run_also_says_why_it_would_be_refused(behind: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    behind.verified("staging", result="failed")
    assert cli.main(["promote", "staging", "prod", "--dry-run"]) == 1
    captured = capsys.readouterr()
    assert DIFF in captured.out
    assert "staging: expected its last verify to have passed, got failed" in captured.err
    assert behind.git("status", "--porcelain") == ""


@pytest.mark.parametrize(
    ("over", "told"),
    [
        ({"result": "failed"}, "staging: expected its last verify to have passed, got failed"),
        ({"started": "2000-01-01T00:00:00Z"}, "staging: expected a verify after its last update at "),
        ({"commit": "b" * 40}, "staging: expected a verify of this commit, "),
    ],
)
def test_an_unverified_stack_is_refused_and_nothing_is_rendered_or_written(
    behind: Repository, capsys: pytest.CaptureFixture[str], over: dict[str, Any], told: str
) -> None:
    behind.verified("staging", **over)
    assert cli.main(["promote", "staging", "prod"]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith(told)
    assert captured.err.count("\n") == 1
    assert DIFF not in captured.out
    assert behind.git("status", "--porcelain") == ""


def test_a_missing_report_is_refused(behind: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    report_file("staging", behind.state).unlink()
    assert cli.main(["promote", "staging", "prod"]) == 1
    assert "expected the last verify report of staging, got none (make one: " in capsys.readouterr().err


def test_a_stack_file_that_changed_since_the_commit_is_refused(
    behind: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    behind.edit("staging", "88.5.3", "88.5.4")
    behind.edit("staging", "version: 88.5.4", "version: 88.5.4\n    crdsVersion: 31.0.1")
    assert cli.main(["promote", "staging", "prod", "--only", "kiali"]) == 1
    assert capsys.readouterr().err.startswith("Pulumi.staging.yaml: expected what was verified, got changes")


def test_a_report_from_elsewhere_can_be_named(behind: Repository, tmp_path: Path) -> None:
    kept = report_file("staging", behind.state)
    elsewhere = kept.rename(behind.state / "downloaded.json")
    assert cli.main(["promote", "staging", "prod", "--report", str(elsewhere)]) == 0
    assert behind.config("prod")["meshlab:kiali"]["version"] == "2.29.0"


def test_a_verify_where_no_pod_runs_is_pointed_out(behind: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    behind.verified("staging", embedded=True)
    assert cli.main(["promote", "staging", "prod"]) == 0
    assert capsys.readouterr().out.startswith("note: staging was verified on the embedded cluster, where no pod ")


def test_going_back_is_refused_with_every_pin_that_would(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.edit("prod", "2.29.0", "2.29.1")
    repository.edit("prod", "1.30.3", "1.30.4")
    repository.edit("staging", "88.5.3", "88.5.2")
    repository.verified("staging")
    before = repository.git("status", "--porcelain")
    assert cli.main(["promote", "staging", "prod"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(": expected nothing newer than staging's ")[0] for line in lines] == [
        "Pulumi.prod.yaml: meshlab:istio.revisions.1-30.version",
        "Pulumi.prod.yaml: meshlab:monitoring.version",
        "Pulumi.prod.yaml: meshlab:kiali.version",
    ]
    assert repository.git("status", "--porcelain") == before


def test_a_section_can_be_promoted_by_itself(behind: Repository) -> None:
    istio = behind.config("prod")["meshlab:istio"]
    assert cli.main(["promote", "staging", "prod", "--only", "kiali"]) == 0
    assert behind.config("prod")["meshlab:kiali"]["version"] == "2.29.0"
    assert behind.config("prod")["meshlab:istio"] == istio


def test_a_promotion_that_makes_a_wrong_stack_file_is_refused(
    behind: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    # Prod installs from a folder, and nobody has put the newer charts there yet.
    charts = behind.state / "charts"
    charts.mkdir()
    for chart, versions in wanted_charts("prod", behind.config("prod")).items():
        for version in versions:
            (charts / f"{chart}-{version}.tgz").touch()
    behind.edit("prod", "config:\n", f"config:\n  meshlab:charts:\n    source: {charts}\n")
    behind.commit()
    behind.verified("staging")
    assert cli.main(["promote", "staging", "prod"]) == 1
    assert capsys.readouterr().err.startswith(
        "Pulumi.prod.yaml: meshlab:charts.source: expected a folder with base-1.30.3.tgz, istiod-1.30.3.tgz, "
        "kiali-operator-2.29.0.tgz, got"
    )
    assert behind.git("status", "--porcelain") == ""


@pytest.mark.parametrize("pair", [[], ["next"], ["next", "prod"], ["prod", "staging"], ["prod", "nope"]])
def test_only_a_stack_and_the_one_after_it_make_a_promotion(
    repository: Repository, pair: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["promote", *pair]) == 1
    assert capsys.readouterr().err == (
        "promote: expected a stack and the one after it (next staging or staging prod) or --status, "
        f"got {' '.join(pair) or 'nothing'}\n"
    )


@pytest.mark.parametrize("pair", [["dev", "staging"], ["next", "dev"]])
def test_dev_is_promoted_nowhere_and_one_line_says_so(
    repository: Repository, pair: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["promote", *pair]) == 1
    assert capsys.readouterr().err == (
        "promote: expected a stack and the one after it (next staging or staging prod) or --status, "
        f"got {' '.join(pair)}; dev keeps versions of its own and is not promoted\n"
    )


def test_nothing_to_promote_is_said_and_nothing_written(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.verified("staging")
    assert cli.main(["promote", "staging", "prod"]) == 0
    assert capsys.readouterr().out == "prod has every pin of staging: nothing to promote\n"


def test_status_shows_the_stacks_in_order_and_their_last_verify(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.verified("staging")
    assert cli.main(["promote", "--status"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["pin", "next", "staging", "prod"]
    commit = repository.git("rev-parse", "HEAD")[:7]
    assert [line.split()[3:] for line in lines if line.startswith("last verify here")] == [
        ["-", "passed", "at", commit, "-"]
    ]
    assert lines[-1] == "prod has every pin of staging"

"""verify reads Grafana's password to sign in; neither its report nor what it says has it."""

from datetime import UTC, datetime

import pytest

from meshlab.results import report
from meshlab.results.outcome import Status
from meshlab.verify import html
from meshlab.verify.checks import all_checks
from meshlab.verify.program import Program
from meshlab.verify.runner import run_checks
from settings.models import Settings
from tests.support.canary import CANARY, sightings
from tests.verify import good_lab
from tests.verify.running_pods import World


@pytest.mark.parametrize("refused", [False, True], ids=["signed in", "refused"])
def test_grafanas_password_is_in_no_report_and_no_line(
    program: Program, settings: Settings, monkeypatch: pytest.MonkeyPatch, refused: bool
) -> None:
    monkeypatch.setattr(good_lab, "PASSWORD", CANARY)
    world, said = World(program, settings), list[str]()
    if refused:
        world.password = "of its first start"
    # Only what needs the password asks for it: where people look without one, the checks sign in nowhere.
    checks = [check for check in all_checks(settings, lab=3) if "grafana" in check.id or "dashboard" in check.id]
    with world.running() as cluster:
        results = run_checks(checks, settings, program, cluster, said.append, said.append)
    assert results
    assert any(result.status is Status.FAILED for result in results) == refused
    subject = report.Subject("dev", "test", True, "v1.34.4", report.Commit("x", False), report.labs_of(results))
    done = report.Report(subject, datetime.now(UTC), datetime.now(UTC), tuple(results))
    seen = {
        "JSON report": done.json(),
        "HTML report": html.page(done),
        "progress": "\n".join(said),
        "summary": "\n".join(done.summary()),
    }
    assert sightings(CANARY, seen) == []

"""How often a run that changes nothing asks the API server, without an engine: exact, by kind of request."""

from pathlib import Path

import pytest
from meshlab.engineless import EnginelessDriver

from tests.support.counts import counted_requests, hold
from tests.support.lab import running_lab


def test_an_up_that_changes_nothing_asks_as_often_as_committed(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What kubectl and helm keep of the API's kinds is of this cluster alone, and complete after the first two runs.
    monkeypatch.setenv("KUBECACHEDIR", str(tmp_path / "kubectl-cache"))
    with running_lab(tmp_path, "requests") as lab, counted_requests(lab.cluster, tmp_path) as requests:
        driver = EnginelessDriver(requests.target, lab.stack, lab.config(), lab.say, state=lab.folder)
        driver.up()
        assert driver.up().changed == []
        requests.count()
        assert driver.up().changed == []
        counted = requests.count()
        assert counted["PATCH"] > 0
        hold("requests of an up without engine that changes nothing", counted, request, "make counts")

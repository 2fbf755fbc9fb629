"""What runs that change nothing cost under the real engine: chart loads and API requests, exact."""

from pathlib import Path

import pytest

from meshlab.engine.driver import EngineDriver
from meshlab.engine.programs import find_engine
from meshlab.recording.recorder import Recording
from meshlab.recording.releases import RELEASE
from tests.support.charts import chart_folder
from tests.support.counts import DISCOVERY, counted_charts, counted_requests, hold
from tests.support.lab import running_lab


def test_a_run_that_changes_nothing_loads_and_asks_as_often_as_committed(
    tmp_path: Path, dev: Recording, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HELM_CACHE_HOME", str(tmp_path / "helm-cache"))
    with (
        running_lab(tmp_path, "counts") as lab,
        counted_requests(lab.cluster, tmp_path) as requests,
        counted_charts(chart_folder(lab.stack), tmp_path) as repository,
    ):
        stack = lab.declared(charts={"source": repository.address})
        driver = EngineDriver(find_engine(lab.say), requests.target, stack, lab.say, state=lab.folder)
        driver.up()
        assert requests.count()["POST"] > 0

        def held(name: str) -> None:
            loads, asked = repository.count(), requests.count()
            # Version and schema, and both lists of groups where a custom object's kind is in no chart as the provider
            # looks for it: so with the stand-ins, and not with the real charts.
            assert asked.pop(DISCOVERY) <= 4
            counted = {"chart loads": loads, "requests for objects": asked}
            assert sum(loads.values()) >= len(dev.of_type(RELEASE))
            hold(f"{name} under the engine that changes nothing", counted, request, "make counts")

        repository.count()
        driver.stack.preview(expect_no_changes=True)
        held("a preview")
        assert driver.up().changed == []
        held("an up")

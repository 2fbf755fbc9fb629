"""Four hundred workloads follow a tag on the real engine: planned in one preview, interrupted once. In file order."""

import threading
from collections.abc import Iterator

import pytest

from kube.cluster import Cluster
from meshlab.cli.commands.recover import RecoverOptions, recover
from meshlab.engine.driver import EngineDriver
from meshlab.mesh.plan import roll_plan
from tests.support import many_workloads as many
from tests.support import meshed
from tests.support.interruption import kill_engine
from tests.support.lab import Lab, changed
from tests.support.lab import driver as engine_driver
from tests.support.rolling_record import RollingRecord
from tests.support.stacks import settings_of

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with many.running_many(tmp_path_factory.mktemp("rolling"), driver) as lab:
        yield lab


def driver(lab: Lab, tag: str) -> EngineDriver:
    return engine_driver(lab, **many.stack(tag))


def test_the_plan_counts_what_would_roll_and_how_many_at_a_time(lab: Lab) -> None:
    api, settings = Cluster(lab.cluster.kubeconfig), settings_of("dev", lab.config(**many.stack(many.NEW)))
    (planned, *_) = roll_plan(api, settings)
    assert planned == "400 workloads of 40 namespaces would roll, 20 at a time:"


def test_moving_the_tag_is_two_changes_in_one_preview(lab: Lab) -> None:
    assert changed(driver(lab, many.NEW).preview()) - {"default"} == {"istio-tag-stable", "mesh-rollout-workloads"}


def test_a_killed_move_goes_on_where_it_stopped_and_stays_within_the_limit(lab: Lab) -> None:
    with RollingRecord(lab.cluster, set(many.TEAMS)) as record:
        failed: list[Exception] = []

        def up() -> None:
            try:
                driver(lab, many.NEW).up()
            except Exception as error:
                failed.append(error)

        running = threading.Thread(target=up)
        running.start()
        many.await_begun(record, lambda: not running.is_alive())
        assert kill_engine(whole=True)
        running.join()
        begun = len(record.order)
        assert failed
        assert len(meshed.status(lab.cluster).behind) >= 400 - begun - 1
        told: list[str] = []
        assert recover(RecoverOptions(lab.stack, lab.target, lab.folder), lambda: True, told.append)
        assert told
        outcome = driver(lab, many.NEW).up()

    print(f"{begun} begun when it was killed, {record.most_at_once} at a time; recover: {told}")
    assert changed(outcome) == {"mesh-rollout-workloads"}
    many.have_rolled_once(lab.cluster, record, begun)
    assert record.order == sorted(record.order)


def test_a_second_run_changes_nothing(lab: Lab) -> None:
    driver(lab, many.NEW).stack.preview(expect_no_changes=True)
    assert changed(driver(lab, many.NEW).up()) == set()
    assert set(many.generations(lab.cluster).values()) == {2}

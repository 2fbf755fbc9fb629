"""Four hundred workloads follow a tag, without an engine: within the limit, and on from where a killed run stopped."""

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest
from meshlab.engineless import EnginelessDriver

from components.cluster_api import ClusterApi
from meshlab.canary.plan import roll_plan
from meshlab.lab import settings_of
from meshlab.recorder import ROOT
from tests.support import many_workloads as many
from tests.support import meshed
from tests.support.lab import Lab, changed
from tests.support.rolling_record import RollingRecord


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with many.running_many(tmp_path_factory.mktemp("rolling"), driver) as lab:
        yield lab


def driver(lab: Lab, tag: str) -> EnginelessDriver:
    return EnginelessDriver(lab.target, lab.stack, lab.config(**many.stack(tag)), lab.say, state=lab.folder)


def killed_up(lab: Lab, tag: str, record: RollingRecord) -> None:
    """An `up` in a process of its own, which is killed once many workloads have begun to roll."""
    given = json.dumps([str(lab.cluster.kubeconfig), lab.stack, dict(lab.config(**many.stack(tag))), str(lab.folder)])
    program = (
        "import json, sys; from pathlib import Path\n"
        "from meshlab.engineless import EnginelessDriver; from meshlab.lab import Target\n"
        "kubeconfig, stack, config, state = json.loads(sys.stdin.read())\n"
        "target = Target(Path(kubeconfig), True, 'test')\n"
        "EnginelessDriver(target, stack, config, lambda line: None, state=Path(state)).up()\n"
    )
    running = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, cwd=ROOT, text=True)
    assert running.stdin is not None
    running.stdin.write(given)
    running.stdin.close()
    many.await_begun(record, lambda: running.poll() is not None)
    assert running.poll() is None
    running.kill()
    running.wait()


def test_they_all_roll_once_within_the_limit_although_the_run_was_killed_in_between(lab: Lab) -> None:
    api, settings = ClusterApi(lab.cluster.kubeconfig), settings_of("dev", lab.config(**many.stack(many.NEW)))
    (planned, *_) = roll_plan(api, settings)
    assert planned == "400 workloads of 40 namespaces would roll, 20 at a time:"

    with RollingRecord(lab.cluster, set(many.TEAMS)) as record:
        killed_up(lab, many.NEW, record)
        begun = len(record.order)
        assert len(meshed.status(lab.cluster).behind) >= 400 - begun - 1
        outcome = driver(lab, many.NEW).up()

    assert changed(outcome) == {"mesh-rollout-workloads"}
    many.have_rolled_once(lab.cluster, record, begun)
    assert record.order == sorted(record.order)


def test_what_is_where_it_belongs_does_not_roll_again(lab: Lab) -> None:
    assert changed(driver(lab, many.NEW).up()) == set()
    assert set(many.generations(lab.cluster).values()) == {2}

"""`meshlab rehearse` on the pin and one more minor, beside an embedded cluster that has nothing to do with it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from base.environment import settled
from embedded import cluster as clusters
from embedded.cluster import CLUSTER_TOOLS, record
from embedded.cluster.record import MARK
from embedded.tools import kubernetes, toolchain
from meshlab.recording.recorder import ROOT
from meshlab.rehearse.outcome import RehearsalResult, RehearsedCheck
from meshlab.stack import Stack
from settings.versions import supports
from tests.support.charts import chart_folder
from tests.support.command_apart import meshlab

STACK = "staging"
OTHER = [minor for minor in kubernetes.minors() if minor != kubernetes.pinned()][-1]
MINORS = (OTHER, kubernetes.pinned())
NOT_WELL, INTERRUPTED = 2, 130


@pytest.fixture(scope="module")
def state_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A state folder with an embedded cluster that runs."""
    try:
        programs = [key for minor in MINORS for key in kubernetes.keys(CLUSTER_TOOLS, minor).values()]
        toolchain.ensure([*programs, "helm", "pilot-discovery"])
    except toolchain.ToolsMissingError as missing:
        pytest.skip(str(missing))
    folder = tmp_path_factory.mktemp("rehearse")
    clusters.up(folder, "lab")
    yield folder
    assert clusters.down(folder, "lab")


def words(*minors: str) -> list[str]:
    """A rehearsal to type."""
    return ["rehearse", "--stack", STACK, "--charts", str(chart_folder(STACK)), "--kubernetes", ",".join(minors)]


def supported(minor: str) -> bool:
    """Whether each Istio of the stack supports a minor."""
    revisions = Stack.load(STACK).settings.istio.revisions.values()
    return all(supports(revision.version, minor) for revision in revisions)


def assert_nothing_is_left(state_dir: Path) -> None:
    """No cluster and no file of a rehearsal, and the cluster that ran before as it was."""
    folder = state_dir / "rehearsals"
    assert [file.name for file in folder.rglob("*") if file.is_file()] == [".lock"]
    assert clusters.status(folder) == []
    assert [(cluster.name, cluster.running) for cluster in clusters.status(state_dir)] == [("lab", True)]


@pytest.fixture(scope="module")
def done(state_dir: Path) -> Any:
    """Exit code and document of a rehearsal on both."""
    ran = meshlab(*words(*MINORS), "--json", env={"MESHLAB_STATE": str(state_dir)})
    return ran.code, json.loads(ran.stdout or "{}"), ran.stderr


def test_the_stack_comes_up_previews_clean_and_comes_down_on_each_minor(done: Any) -> None:
    _, document, told = done
    assert [minor["kubernetes"] for minor in document["minors"]] == [kubernetes.release(minor) for minor in MINORS], (
        told
    )
    for minor in document["minors"]:
        cells = {cell["check"]: cell for cell in minor["checks"]}
        assert list(cells) == [check.value for check in RehearsedCheck]
        for check in (RehearsedCheck.UP, RehearsedCheck.PREVIEW, RehearsedCheck.SERVED, RehearsedCheck.DOWN):
            assert cells[check]["result"] == RehearsalResult.OK, cells[check]
        assert int(cells[RehearsedCheck.UP]["text"].split()[0]) > 70
        assert int(cells[RehearsedCheck.SERVED]["text"].split()[0]) > 100
        for check in (RehearsedCheck.DEPRECATED, RehearsedCheck.REQUESTS):
            assert cells[check]["result"] in (RehearsalResult.OK, RehearsalResult.WARNING), "it was looked at"


def test_the_exit_code_follows_what_istio_supports(done: Any) -> None:
    code, document, _ = done
    seen = {minor["minor"]: minor["checks"][0] for minor in document["minors"]}
    for minor in MINORS:
        assert seen[minor]["result"] == (RehearsalResult.OK if supported(minor) else RehearsalResult.FAILED)
    assert code == (0 if all(supported(minor) for minor in MINORS) else NOT_WELL)


def test_nothing_is_left_and_the_embedded_cluster_is_as_it_was(done: Any, state_dir: Path) -> None:
    assert_nothing_is_left(state_dir)


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, INTERRUPTED), (signal.SIGTERM, 128 + signal.SIGTERM)])
def test_an_interrupted_rehearsal_ends_at_once_and_leaves_nothing(
    state_dir: Path, how: signal.Signals, code: int
) -> None:
    command = [sys.executable, "-m", "tests.support.command_apart", *words(kubernetes.pinned())]
    environment = {**settled(os.environ), "MESHLAB_STATE": str(state_dir)}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stderr
        assert any("create" in line for line in running.stderr), "the engine is at work"
        (held,) = record.read_all(state_dir / "rehearsals")
        assert len(held.processes()) > len(CLUSTER_TOOLS), "the engine ends with the cluster"
        running.send_signal(how)
        said = running.stderr.read()
        assert running.wait(60) == code
    if how == signal.SIGINT:
        assert said.endswith("meshlab: interrupted: nothing of the rehearsal is left\n")
    assert held.processes() == []
    assert not held.folder.exists()
    assert_nothing_is_left(state_dir)
    assert MARK not in os.environ

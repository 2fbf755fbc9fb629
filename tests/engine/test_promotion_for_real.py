"""next is brought up, verified and promoted to staging by the commands, in a repository of its own. In file order.

next is on the embedded cluster of that repository; staging on another one, first as it is shipped. Its Istio then goes
the way of docs/promotion.md: the new revision beside the old one, the tag, the default revision.
"""

import json
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from base import process
from embedded.tools import toolchain
from meshlab.engine.driver import EngineDriver
from meshlab.engine.outcome import Outcome
from meshlab.engine.programs import find_engine
from meshlab.mesh import report
from meshlab.promote.pins import ORDER
from meshlab.promote.plan import Promotion, plan
from meshlab.recording.recorder import stack_config
from meshlab.stack import Stack
from tests.render.history import History, project
from tests.support import meshed
from tests.support.charts import chart_folder
from tests.support.command_apart import meshlab
from tests.support.lab import Lab, changed, running_lab
from tests.support.stacks import with_config

SOURCE, TARGET = next(pairwise(ORDER))
MESHED = {"default", "istioinaction"}
PROMOTED = f"Promote {SOURCE} to {TARGET}"


@dataclass(frozen=True)
class Desk:
    """A repository with the stacks as they are shipped, and the two clusters that they run on."""

    history: History
    lab: Lab
    first: Future[process.Completed]
    """The `up` of next, which began before staging was brought up."""

    def run(self, command: str, *words: str) -> process.Completed:
        return command_in(self.history, self.lab.folder, command, *words)

    def config(self, stack: str) -> dict[str, Any]:
        return stack_config(stack, self.history.root)

    def istio(self, stack: str) -> dict[str, Any]:
        return self.config(stack)["meshlab:istio"]

    def edit(self, old: str, new: str) -> None:
        """Change the one place in staging's file that has `old`, and commit it."""
        file = self.history.root / f"Pulumi.{TARGET}.yaml"
        text = file.read_text(encoding="utf-8")
        assert text.count(old) == 1
        file.write_text(text.replace(old, new), encoding="utf-8")
        self.history.commit()

    def driver(self) -> EngineDriver:
        """Staging on its cluster, with the repository's file."""
        config = self.config(TARGET)
        config["meshlab:charts"] = {"source": self.lab.charts}
        config["meshlab:kiali"]["awaitReady"] = False
        lab = self.lab
        return EngineDriver(find_engine(lab.say), lab.target, with_config(TARGET, config), lab.say, state=lab.folder)


@dataclass(frozen=True)
class Shipped:
    """What staging is to get of next, by the files as they are here."""

    plan: Promotion
    old: str
    new: str
    """Istio's revisions."""


def command_in(history: History, folder: Path, command: str, *words: str) -> process.Completed:
    env = {"MESHLAB_STATE": str(folder / "next"), "PYTHONDONTWRITEBYTECODE": "1"}
    return meshlab(command, *words, env=env, root=history.root)


@pytest.fixture(scope="module")
def shipped() -> Shipped:
    (old,), (new,) = (stack_config(stack)["meshlab:istio"]["revisions"] for stack in (TARGET, SOURCE))
    found = plan(Stack.load(SOURCE), Stack.load(TARGET))
    if {move.key[0] for move in found.moves} < {"istio", "monitoring", "kiali"}:
        pytest.skip(f"{TARGET} has been promoted to some of what {SOURCE} runs: not as it is shipped")
    return Shipped(found, old, new)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, shipped: Shipped) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("promotion")
    try:
        toolchain.ensure(["pilot-discovery", "helm"])
    except toolchain.ToolsMissingError as missing:
        pytest.skip(str(missing))
    (charts,) = {chart_folder(stack) for stack in (SOURCE, TARGET)}
    history = project(folder / "project", charts, whole=True)
    words = ("up", "--stack", SOURCE, "--charts", str(charts))
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(command_in, history, folder, *words)
        try:
            with running_lab(folder, "promotion", TARGET) as lab:
                yield Desk(history, lab, first)
        finally:
            first.result()
            command_in(history, folder, "cluster", "down")


def step(desk: Desk, *, moves: bool, default: str) -> Outcome:
    """One `up` of staging: its workloads roll or do not, and everything fits."""
    before = meshed.pods_by_workload(desk.lab.cluster, MESHED)
    outcome = desk.driver().up()
    after = meshed.pods_by_workload(desk.lab.cluster, MESHED)
    assert after.keys() == before.keys()
    rolled = {name for name, pods in after.items() if pods != before[name]}
    assert bool(rolled) is moves
    seen = meshed.status(desk.lab.cluster)
    assert (seen.behind, seen.orphans) == ((), ())
    meshed.every_namespace_has_its_injector(desk.lab.cluster, MESHED)
    meshed.each_istiod_is_seen_once(desk.lab.cluster)
    meshed.the_default_revision_is(desk.lab.cluster, default)
    assert desk.lab.unavailable_deployments() == []
    return outcome


def proxies(desk: Desk) -> dict[str, bool]:
    """Whether any proxy is on it, by revision of staging."""
    return {
        control_plane.revision: bool(control_plane.proxies)
        for control_plane in meshed.status(desk.lab.cluster).control_planes
    }


def test_staging_and_next_come_up_as_they_are_shipped(desk: Desk, shipped: Shipped) -> None:
    assert desk.driver().up().steps
    done = desk.first.result()
    assert done.code == 0, done.stdout + done.stderr
    assert proxies(desk) == {shipped.old: True}


def test_nothing_is_promoted_before_it_is_verified(desk: Desk) -> None:
    done = desk.run("promote", SOURCE, TARGET, "--charts", desk.lab.charts)
    assert done.code == 1
    assert "expected the last verify report of next, got none (make one: meshlab verify --stack next)" in done.stderr


def test_verify_reports_what_runs_of_the_very_commit(desk: Desk) -> None:
    done = desk.run("verify", "--stack", SOURCE, "--json")
    assert done.code == 0, done.stdout + done.stderr
    made = json.loads(done.stdout)
    assert (made["result"], made["labs"], made["dirty"]) == ("passed", [1, 2, 3], False)
    assert made["commit"] == desk.history.git("rev-parse", "HEAD").strip()
    assert made["counts"]["passed"] > 20


def test_promote_gives_staging_what_next_runs(desk: Desk, shipped: Shipped) -> None:
    sizes = {key: value for key, value in desk.istio(TARGET)["revisions"][shipped.old].items() if key != "version"}
    done = desk.run("promote", SOURCE, TARGET, "--charts", desk.lab.charts)
    assert done.code == 0, done.stdout + done.stderr
    assert done.stdout.startswith("note: next was verified on the embedded cluster, where no pod really runs\n")
    assert f"meshlab:istio.tags.stable: {shipped.old} -> {shipped.new}\n" in done.stdout
    assert f"Pulumi.{TARGET}.yaml: {len(shipped.plan.moves)} pins of {SOURCE}\n" in done.stdout
    assert desk.history.git("status", "--porcelain").split() == ["M", f"Pulumi.{TARGET}.yaml"]

    source, target = desk.config(SOURCE), desk.config(TARGET)
    for section in ("meshlab:monitoring", "meshlab:kiali"):
        assert target[section]["version"] == source[section]["version"]
    version = source["meshlab:istio"]["revisions"][shipped.new]["version"]
    assert target["meshlab:istio"]["revisions"][shipped.new] == {"version": version, **sizes}
    assert plan(with_config(SOURCE, source), with_config(TARGET, target)).moves == ()


def test_the_pull_request_shows_what_moves_in_staging(desk: Desk, shipped: Shipped) -> None:
    desk.history.commit(PROMOTED)
    done = desk.history.diff("--stack", TARGET, "--exit-code")
    assert done.returncode == 2, done.stderr
    added = [line.removeprefix("+++ b/") for line in done.stdout.splitlines() if line.startswith("+++ b/")]
    assert [path for path in added if f"istiod-{shipped.new}" in path]
    for version in (desk.config(SOURCE)[f"meshlab:{section}"]["version"] for section in ("monitoring", "kiali")):
        assert [line for line in done.stdout.splitlines() if line.startswith("+") and version in line]
    assert {path.split("/")[0] for path in added} == {TARGET}


def test_the_new_revision_comes_up_beside_the_old_one_and_moves_nobody(desk: Desk, shipped: Shipped) -> None:
    for key in ("stable", "defaultRevision"):
        desk.edit(f"{key}: {shipped.new}", f"{key}: {shipped.old}")
    outcome = step(desk, moves=False, default=shipped.old)
    assert {f"istio-istiod-{shipped.new}", "monitoring-stack", "kiali-release"} <= changed(outcome)
    assert "istio-tag-stable" not in changed(outcome)
    desk.driver().stack.preview(expect_no_changes=True)
    assert proxies(desk) == {shipped.old: True, shipped.new: False}


def test_the_tag_takes_the_workloads_along(desk: Desk, shipped: Shipped) -> None:
    desk.edit(f"stable: {shipped.old}", f"stable: {shipped.new}")
    outcome = step(desk, moves=True, default=shipped.old)
    assert "istio-tag-stable" in changed(outcome)
    assert proxies(desk) == {shipped.old: False, shipped.new: True}


def test_promoted_again_the_default_revision_is_what_is_left(desk: Desk, shipped: Shipped) -> None:
    again = ("promote", SOURCE, TARGET, "--charts", desk.lab.charts)
    refused = desk.run(*again)
    assert refused.code == 1
    assert "next: expected a verify of this commit, " in refused.stderr
    assert desk.run("verify", "--stack", SOURCE).code == 0
    done = desk.run(*again)
    assert done.code == 0, done.stdout + done.stderr
    assert [line for line in done.stdout.splitlines() if line.startswith("meshlab:")] == [
        f"meshlab:istio.defaultRevision: {shipped.old} -> {shipped.new}"
    ]
    outcome = step(desk, moves=False, default=shipped.new)
    assert {"mesh-rollout-istiod", "mesh-rollout-default-validator"} <= changed(outcome)
    desk.driver().stack.preview(expect_no_changes=True)
    assert report.lines(meshed.status(desk.lab.cluster))[-1].startswith("every workload of the mesh")


def test_staging_is_then_what_the_first_promotion_said(desk: Desk) -> None:
    commit = desk.history.git("log", "-1", "--format=%H", f"--grep=^{PROMOTED}$").strip()
    promoted = desk.history.git("show", f"{commit}:Pulumi.{TARGET}.yaml")
    assert (desk.history.root / f"Pulumi.{TARGET}.yaml").read_text(encoding="utf-8") == promoted

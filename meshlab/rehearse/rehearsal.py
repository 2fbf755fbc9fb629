"""One stack on one minor of Kubernetes, on an embedded cluster and a state of its own, of which nothing is left."""

import os
import signal
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from base.errors import MeshlabError
from embedded.cluster import Cluster
from embedded.tools import kubernetes as minors
from kube.cluster import Cluster as Live

from ..doctor.plan import planned
from ..engine.driver import EngineDriver
from ..engine.programs import Engine
from ..lab import NO_OPERATOR, STATE, Config, Say, overlaid, settings_of, target_of
from ..preflight.cluster import Reached, kubernetes
from ..preflight.finding import Level
from ..recording.recorder import ProgramError
from ..remove.removal import Removal
from ..stackfile.reading import PROJECT
from .objects import deprecated, requested, served
from .outcome import SKIPPED, Cell, Check, Rehearsal, Result

SECTION = f"{PROJECT}:cluster"
FOLDER = "rehearsals"
"""Of the state folder: where the clusters of rehearsals are, and with them their states."""


@dataclass(frozen=True)
class Subject:
    """What is rehearsed, and with what."""

    stack: str
    charts: Mapping[str, Any]
    """The overlay that says where charts come from."""
    asked: str | None
    """The folder of charts to render from, where it is a folder."""
    engine: Engine
    say: Say


def rehearse(subject: Subject, minor: str) -> Rehearsal:
    """Bring the stack up on this minor, look at it there, and take it down again.

    What fails is a cell of the result. Raises MeshlabError where the cluster's programs cannot be had, and ClusterError
    where it does not start: of the stack, neither says anything.
    """
    started = time.monotonic()
    cells = dict.fromkeys(Check, SKIPPED)
    config = config_for(subject.stack, subject.charts, minor)
    try:
        settings = settings_of(subject.stack, config)
    except ProgramError as error:  # its own `cluster.kubernetes` is held to what Istio supports
        cells[Check.SUPPORT] = Cell(Result.FAILED, "settings", (str(error),))
    else:
        cells[Check.SUPPORT] = _support(settings, minors.release(minor))
        _on_cluster(subject, minor, config, settings.cluster.adopt_namespaces, cells)
    return Rehearsal(minor, minors.release(minor), cells, time.monotonic() - started)


def config_for(stack: str, charts: Mapping[str, Any], minor: str) -> dict[str, Any]:
    """The stack's config for a rehearsal: where it names its cluster, or that one's version, this one is meant."""
    config = overlaid(stack, {**charts, **NO_OPERATOR})
    section: dict[str, Any] = {**(config.get(SECTION) or {})}
    section.pop("clusterUid", None)
    if "kubernetes" in section:
        section["kubernetes"] = minor
    return {**config, SECTION: section}


def _support(settings: Any, version: str) -> Cell:
    findings = [one for one in kubernetes(settings, Reached("", "", version)) if one.level > Level.NOTE]
    if not findings:
        return Cell(Result.OK)
    failed = any(one.level is Level.PROBLEM for one in findings)
    details = tuple(f"{one.text} ({one.fix})" for one in findings)
    return Cell(Result.FAILED if failed else Result.WARNING, "not this version", details)


def _on_cluster(subject: Subject, minor: str, config: Config, adopted: list[str], cells: dict[Check, Cell]) -> None:
    name = f"rehearsal-{minor.replace('.', '-')}-{os.getpid()}"
    subject.say(f"rehearse: {subject.stack} on Kubernetes {minors.release(minor)}")
    with ExitStack() as ending:
        cluster = Cluster.up(name, state_dir=STATE / FOLDER, injection=True, kubernetes=minor, progress=subject.say)
        ending.enter_context(cluster)
        ending.enter_context(_ended_by_signals(cluster))
        ending.enter_context(cluster.taking_along())
        for namespace in adopted:
            cluster.kubectl("create", "namespace", namespace)
        _Run(subject, cluster, config, cells).run()


class _Run:
    """The steps on a cluster that runs."""

    def __init__(self, subject: Subject, cluster: Cluster, config: Config, cells: dict[Check, Cell]) -> None:
        self._subject, self._cluster, self._cells = subject, cluster, cells
        self._live = Live(cluster.kubeconfig)
        # Inside of the cluster's folder, so that it goes with it, whoever ends that.
        self._folder = cluster.kubeconfig.parent / "state"
        self._folder.mkdir()
        target = target_of(cluster)
        self._driver = EngineDriver(subject.engine, target, subject.stack, config, subject.say, self._folder)

    def run(self) -> None:
        """Up, a look, and down again."""
        before = self._live.deprecated_requests()
        self._step(Check.UP, self._up)
        if self._cells[Check.UP].result is Result.OK:
            self._step(Check.PREVIEW, self._preview)
        self._step(Check.REQUESTS, lambda: requested(before, self._live.deprecated_requests()))
        self._look()
        self._step(Check.DOWN, self._down)

    def _step(self, check: Check, step: Callable[[], Cell]) -> None:
        try:
            self._cells[check] = step()
        except MeshlabError as error:
            self._cells[check] = Cell(Result.FAILED, "see below", tuple(str(error).splitlines()))

    def _up(self) -> Cell:
        started = time.monotonic()
        outcome = self._driver.up()
        return Cell(Result.OK, f"{len(outcome.steps)} resources, {time.monotonic() - started:.0f} s")

    def _preview(self) -> Cell:
        changed = self._driver.preview().changed
        if not changed:
            return Cell(Result.OK)
        details = tuple(f"{step.action} {step.name}" for step in changed)
        return Cell(Result.FAILED, f"{len(changed)} would change", details)

    def _look(self) -> None:
        """Hold the objects that helm and the program render for this version to the API server."""
        subject = self._subject
        try:
            version = self._cluster.kubernetes.removeprefix("v")
            plan = planned(subject.stack, version, subject.asked, self._folder / "plan", subject.say)
            kinds = self._live.kinds()
        except MeshlabError as error:
            self._cells[Check.SERVED] = Cell(Result.FAILED, "see below", (str(error),))
            return
        self._step(Check.SERVED, lambda: served(kinds, plan.objects))
        self._step(Check.DEPRECATED, lambda: deprecated(self._live, kinds, plan.objects))

    def _down(self) -> Cell:
        started = time.monotonic()
        removal = Removal(self._driver, self._subject.stack, self._cluster.kubeconfig, self._subject.say)
        removed = removal.run()
        if removed.leftovers:
            return Cell(Result.FAILED, f"{len(removed.leftovers)} left", tuple(one.label for one in removed.leftovers))
        return Cell(Result.OK, f"{len(removed.outcome.steps)} resources, {time.monotonic() - started:.0f} s")


@contextmanager
def _ended_by_signals(cluster: Cluster) -> Generator[None]:
    """Ends the cluster, and the engine that works on it, at once where somebody interrupts this process.

    The engine would wait for what it has begun, which may be minutes.
    """

    def end(signum: int, frame: FrameType | None) -> None:
        cluster.down()
        if signum == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + signum)

    before: dict[signal.Signals, Any] = {}
    with suppress(ValueError):  # only the main thread can
        before = {one: signal.signal(one, end) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def folder_of(state: Path = STATE) -> Path:
    """Where the clusters of rehearsals are."""
    return state / FOLDER

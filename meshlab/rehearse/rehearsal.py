"""One stack on one minor of Kubernetes, on an embedded cluster and a state of its own, of which nothing is left."""

import os
import signal
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any

from base.errors import MeshlabError
from base.say import Say
from embedded.cluster import EmbeddedCluster
from embedded.tools import kubernetes as minors
from kube.cluster import Cluster as Live

from ..doctor.plan import planned
from ..engine.driver import EngineDriver
from ..engine.programs import Engine
from ..preflight.cluster import Reached, kubernetes
from ..preflight.finding import Level
from ..recording.recorder import ProgramError
from ..remove.removal import Removal
from ..stack import Stack
from ..stackfile.reading import PROJECT
from ..state_folder import STATE
from ..target import NO_OPERATOR, target_of
from .objects import deprecated, requested, served
from .outcome import SKIPPED, Cell, Rehearsal, RehearsalResult, RehearsedCheck

SECTION = f"{PROJECT}:cluster"
FOLDER = "rehearsals"
"""Of the state folder: where the clusters of rehearsals are, and with them their states."""
INTERRUPTED = "nothing of the rehearsal is left"


@dataclass(frozen=True)
class RehearsedStack:
    """What is rehearsed, and with what."""

    stack: Stack
    """As it is installed: with the charts that were chosen."""
    engine: Engine
    say: Say


def rehearse(subject: RehearsedStack, minor: str) -> Rehearsal:
    """Bring the stack up on this minor, look at it there, and take it down again.

    What fails is a cell of the result. Raises MeshlabError where the cluster's programs cannot be had, and ClusterError
    where it does not start: of the stack, neither says anything.
    """
    started = time.monotonic()
    cells = dict.fromkeys(RehearsedCheck, SKIPPED)
    stack = on_minor(subject.stack, minor)
    try:
        settings = stack.settings
    except ProgramError as error:  # its own `cluster.kubernetes` is held to what Istio supports
        cells[RehearsedCheck.SUPPORT] = Cell(RehearsalResult.FAILED, "settings", (str(error),))
    else:
        cells[RehearsedCheck.SUPPORT] = _support(settings, minors.release(minor))
        _on_cluster(replace(subject, stack=stack), minor, settings.cluster.adopt_namespaces, cells)
    return Rehearsal(minor, minors.release(minor), cells, time.monotonic() - started)


def on_minor(stack: Stack, minor: str) -> Stack:
    """The stack for a rehearsal: where it names its cluster, or that one's version, this one is meant."""
    section: dict[str, Any] = {**(stack.config.get(SECTION) or {})}
    section.pop("clusterUid", None)
    if "kubernetes" in section:
        section["kubernetes"] = minor
    return stack.variant({**stack.config, SECTION: section}, NO_OPERATOR)


def _support(settings: Any, version: str) -> Cell:
    findings = [finding for finding in kubernetes(settings, Reached("", "", version)) if finding.level > Level.NOTE]
    if not findings:
        return Cell(RehearsalResult.OK)
    failed = any(finding.level is Level.PROBLEM for finding in findings)
    details = tuple(f"{finding.text} ({finding.fix})" for finding in findings)
    return Cell(RehearsalResult.FAILED if failed else RehearsalResult.WARNING, "not this version", details)


def _on_cluster(subject: RehearsedStack, minor: str, adopted: list[str], cells: dict[RehearsedCheck, Cell]) -> None:
    name = f"rehearsal-{minor.replace('.', '-')}-{os.getpid()}"
    subject.say(f"rehearse: {subject.stack.name} on Kubernetes {minors.release(minor)}")
    with ExitStack() as ending:
        cluster = EmbeddedCluster.up(
            name, state_dir=STATE / FOLDER, injection=True, kubernetes=minor, progress=subject.say
        )
        ending.enter_context(cluster)
        ending.enter_context(_ended_by_signals(cluster))
        ending.enter_context(cluster.taking_along())
        for namespace in adopted:
            cluster.kubectl("create", "namespace", namespace)
        _Run(subject, cluster, cells).run()


class _Run:
    """The steps on a cluster that runs."""

    def __init__(self, subject: RehearsedStack, cluster: EmbeddedCluster, cells: dict[RehearsedCheck, Cell]) -> None:
        self._subject, self._cluster, self._cells = subject, cluster, cells
        self._live = Live(cluster.kubeconfig)
        # Inside of the cluster's folder, so that it goes with it, whoever ends that.
        self._folder = cluster.kubeconfig.parent / "state"
        self._folder.mkdir()
        target = target_of(cluster)
        self._driver = EngineDriver(subject.engine, target, subject.stack, subject.say, self._folder)

    def run(self) -> None:
        """Up, a look, and down again."""
        before = self._live.deprecated_requests()
        self._step(RehearsedCheck.UP, self._up)
        if self._cells[RehearsedCheck.UP].result is RehearsalResult.OK:
            self._step(RehearsedCheck.PREVIEW, self._preview)
        self._step(RehearsedCheck.REQUESTS, lambda: requested(before, self._live.deprecated_requests()))
        self._look()
        self._step(RehearsedCheck.DOWN, self._down)

    def _step(self, check: RehearsedCheck, step: Callable[[], Cell]) -> None:
        try:
            self._cells[check] = step()
        except MeshlabError as error:
            self._cells[check] = Cell(RehearsalResult.FAILED, "see below", tuple(str(error).splitlines()))

    def _up(self) -> Cell:
        started = time.monotonic()
        outcome = self._driver.up()
        return Cell(RehearsalResult.OK, f"{len(outcome.steps)} resources, {time.monotonic() - started:.0f} s")

    def _preview(self) -> Cell:
        changed = self._driver.preview().changed
        if not changed:
            return Cell(RehearsalResult.OK)
        details = tuple(f"{step.action} {step.name}" for step in changed)
        return Cell(RehearsalResult.FAILED, f"{len(changed)} would change", details)

    def _look(self) -> None:
        """Hold the objects that helm and the program render for this version to the API server."""
        try:
            version = self._cluster.kubernetes.removeprefix("v")
            plan = planned(self._subject.stack, version, self._folder / "plan")
            kinds = self._live.kinds()
        except MeshlabError as error:
            self._cells[RehearsedCheck.SERVED] = Cell(RehearsalResult.FAILED, "see below", (str(error),))
            return
        self._step(RehearsedCheck.SERVED, lambda: served(kinds, plan.objects))
        self._step(RehearsedCheck.DEPRECATED, lambda: deprecated(self._live, kinds, plan.objects))

    def _down(self) -> Cell:
        started = time.monotonic()
        removal = Removal(self._driver, self._subject.stack.name, self._cluster.kubeconfig, self._subject.say)
        removed = removal.run()
        if removed.leftovers:
            return Cell(
                RehearsalResult.FAILED,
                f"{len(removed.leftovers)} left",
                tuple(leftover.label for leftover in removed.leftovers),
            )
        return Cell(RehearsalResult.OK, f"{len(removed.outcome.steps)} resources, {time.monotonic() - started:.0f} s")


@contextmanager
def _ended_by_signals(cluster: EmbeddedCluster) -> Generator[None]:
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
        before = {signum: signal.signal(signum, end) for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(INTERRUPTED) from None
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


def folder_of(state: Path = STATE) -> Path:
    """Where the clusters of rehearsals are."""
    return state / FOLDER

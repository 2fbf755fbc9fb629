"""Runs the checks of every subject, those that wait for others side by side, and returns the findings in one order."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from base.errors import MeshlabError
from base.say import Say
from base.wording import counted
from kube.api_objects import AccessError
from kube.cluster import Cluster
from kube.objects import NAMESPACES
from settings.models import Settings

from ..charts.lock import ChartLock
from ..engine.backends import Backend, BackendError, backend_for
from ..engine.programs import cli_here
from ..engine.state import ReleaseKey
from ..engine.state_backend import StackBackend
from ..engine.unfinished_destroy import note_file, noted_records
from ..preflight.cluster import Reached, cluster, kubernetes, reach
from ..preflight.finding import Finding, Level, table
from ..render.stack import default_kubernetes
from ..stack import Stack
from ..stackfile.reading import PROJECT
from ..target import LabError, Target
from .admission import admission
from .blockers import blockers
from .crds import crds
from .images import images
from .injection import injection
from .known import Known, known_of
from .namespaces import namespaces
from .objects import objects
from .permissions import permissions
from .plan import Demands, planned
from .programs import programs
from .releases import releases
from .repositories import repositories
from .retired import in_cluster, in_stack
from .revisions import revisions
from .state import state


@dataclass(frozen=True)
class Question:
    """What to examine."""

    stack: Stack
    target: Target | None
    """The cluster; None where there is none yet, and `up` is going to make one."""
    folder: Path
    """Where our own files lie."""
    ask_registries: bool = False
    quick: bool = False
    """Only what is seen within a second, and the objects where a change may have touched them: for `up` on an embedded
    cluster, where the rest is as we made it."""

    backend: Backend | None = None
    """The backend of the state in `folder`, where it is known."""
    named: bool = False
    """Whether a cluster was named, also where it could not be found."""

    @property
    def embedded(self) -> bool:
        """Whether the cluster is the embedded one, or would be."""
        return self.target.embedded if self.target is not None else not self.named

    @property
    def on(self) -> str:
        """`Target.option` of the cluster."""
        return self.target.option if self.target else ""


def examine(question: Question, say: Say) -> list[Finding]:
    """Every finding. Raises ProgramError where the stack's settings are wrong: there is nothing to examine then."""
    examination = _Examination(question, question.stack.settings, say)
    with ThreadPoolExecutor(8) as pool:
        running = [pool.submit(_told, subject, check) for subject, check in examination.checks()]
        return [finding for future in running for finding in future.result()]


def stop_at_problems(question: Question, say: Say) -> None:
    """For `up`: tell warnings, and raise LabError where there is a problem, before anything is changed."""
    findings = examine(question, say)
    for line in table(finding for finding in findings if finding.level is Level.WARNING):
        say(line)
    problems = [finding for finding in findings if finding.level is Level.PROBLEM]
    if problems:
        asked = f"meshlab doctor --stack {question.stack.name}{question.on}"
        raise LabError("\n".join([*table(problems), f"nothing was changed ({asked} looks at everything)"]))


class _Examination:
    """The checks of one question."""

    def __init__(self, question: Question, settings: Settings, say: Say) -> None:
        self._question, self._settings, self._say = question, settings, say
        kubeconfig = question.target.kubeconfig if question.target else Path()
        self._cli = "" if question.quick else cli_here()
        self._state_fault = ""
        backend = question.backend or backend_for(
            question.folder, embedded=question.embedded, project=question.stack.project
        )
        self._backend = StackBackend(self._cli, question.stack.name, question.folder, kubeconfig, backend)

    def checks(self) -> list[tuple[str, Callable[[], Iterable[Finding]]]]:
        """Subjects and their checks, in the order of the table. Those of the cluster share a look at it."""
        quick = self._question.quick
        found: list[tuple[str, Callable[[], Iterable[Finding]]]] = []
        if not quick:
            found += [("tools", programs), ("charts", lambda: repositories(self._question.stack.charts))]
            found.append(("addresses", lambda: in_stack(self._question.stack.config, ChartLock.load())))
        elif self._question.target is not None:
            found.append(("objects", self._objects))
        return [*found, ("state", self._state), ("cluster", self._cluster)]

    def _objects(self) -> Iterator[Finding]:
        """For an embedded cluster, whose version is known without asking it."""
        question = self._question
        kubernetes = (question.target.kubernetes if question.target else "") or default_kubernetes()
        yield from objects(planned(question.stack, kubernetes, question.folder / "doctor"))

    @cached_property
    def _known(self) -> Known:
        try:
            known = known_of(self._question.stack.name, self._backend, ask=bool(self._cli))
        except BackendError as error:
            self._state_fault = str(error)
            return Known(exists=False, readable=False)
        return replace(known, leaving=noted_records(note_file(self._question.stack.name, self._question.folder)))

    def _state(self) -> Iterator[Finding]:
        known, question = self._known, self._question
        if self._state_fault:
            yield Finding("state", Level.PROBLEM, self._state_fault, "see docs/backends.md")
            return
        yield from state(question.stack.name, question.folder, self._backend, known, question.on)

    def _cluster(self) -> Iterator[Finding]:
        target = self._question.target
        if target is None:
            yield Finding("cluster", Level.NOTE, "the embedded cluster does not run; `up` starts it")
            return
        try:
            live = Cluster(target.kubeconfig)
            reached = reach(live)
        except AccessError as error:
            fix = "name a cluster that answers: --cluster CONTEXT (kubectl config get-contexts lists them)"
            yield Finding("cluster", Level.PROBLEM, f"{target.label}: {error}", fix)
            return
        yield from cluster(self._settings, target.label, reached)
        yield from kubernetes(self._settings, reached)
        yield from revisions(self._settings, live)
        yield from injection(self._settings, live)
        if self._question.quick:
            yield from releases(live, self._question.stack.name, set(), self._known, self._question.on)
        else:
            yield from self._planned(live, reached)

    def _namespaces(self, live: Cluster, plan: Demands) -> Iterator[Finding]:
        known = self._known
        if known.readable:
            me = f"{PROJECT}/{self._question.stack.name}"
            yield from namespaces(live.list(NAMESPACES), plan.owned, known.namespaces, me)

    def _planned(self, live: Cluster, reached: Reached) -> Iterator[Finding]:
        question = self._question
        plan = planned(question.stack, reached.kubernetes, question.folder / "doctor")
        wanted = {ReleaseKey(namespace, name) for namespace, name in plan.releases}
        with ThreadPoolExecutor(4) as pool:
            checks: list[tuple[str, Callable[[], Iterable[Finding]]]] = [
                ("rights", lambda: permissions(live, plan)),
                ("releases", lambda: releases(live, question.stack.name, wanted, self._known, question.on)),
                ("objects", lambda: objects(plan)),
                ("namespaces", lambda: self._namespaces(live, plan)),
                ("admission", lambda: admission(live, plan)),
                ("crds", lambda: crds(live, plan, downgrade_allowed=self._settings.monitoring.allow_crd_downgrade)),
                ("addresses", lambda: in_cluster(live)),
                ("in the way", lambda: blockers(live, plan)),
            ]
            if question.ask_registries:
                checks.append(("images", lambda: images(plan.images)))
            running = [pool.submit(_told, subject, check) for subject, check in checks]
            for future in running:
                yield from future.result()
        if not question.ask_registries:
            yield Finding(
                "images",
                Level.NOTE,
                f"{counted(len(plan.images), 'image')}, not asked for (--images asks their registries)",
            )


def _told(subject: str, check: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """The findings of a check; an error that is meant for the user becomes one, so that the others still show."""
    try:
        return list(check())
    except MeshlabError as error:
        return [Finding(subject, Level.PROBLEM, str(error), "fix that first: the rest could not be looked at")]

"""The Pulumi engine, by its Automation API: it runs the program inline, on the backend of the cluster or the caller."""

import json
import sys
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from pulumi import automation as auto
from pulumi.automation._stack import StackInitMode  # the constructors that need no mode make no class of ours

from base import process
from base.environment import reaching
from base.files import write_private
from base.say import Say
from kube.cluster import Cluster
from policy.pack.rules import violations
from policy.pack.settings import PROJECT, SECTION, settings_of
from policy.pack.subjects import subject_of

from ..recording.recorder import PASSWORD, ROOT, ProgramError, Recording
from ..stack import Stack
from ..stackfile.reading import read_beside_config, written
from ..stackfile.stack_names import reference_of
from ..state_folder import STATE, stack_folder
from ..target import LabError, Target
from .backends import Backend, backend_for, readable_deployment
from .events import EventLog, log_file
from .inline import InlineStack
from .interruption import WAITING, interruptible
from .operations import EngineStep
from .outcome import Outcome
from .programs import Engine
from .secrets import PASSPHRASE_FILE, SALT, named_provider, passphrase_environment
from .unfinished_destroy import LOOKING, Resources, UnfinishedDestroy, lacks_release, last_is_destroy, note_file
from .watch import Watch

STATE_LIMIT_SECONDS = 60.0
"""How long the backend may take to answer."""


@dataclass(frozen=True)
class Reviewed(Outcome):
    """What a preview found."""

    operations: tuple[EngineStep, ...]


class EngineDriver:
    """One stack on the real engine. State, passphrase and the effective stack file lie in the state folder."""

    def __init__(
        self,
        engine: Engine,
        target: Target,
        stack: Stack,
        say: Say,
        state: Path = STATE,
        backend: Backend | None = None,
    ) -> None:
        """`backend` is the one that `place` returned with the folder `state`; without it, it is looked for here."""
        self._say, self._declared = say, stack
        self._kubeconfig = target.kubeconfig
        self.options = f"--stack {reference_of(stack.name)}{target.option}"
        """What a command to type needs to mean this stack on this cluster."""
        self._folder = stack_folder(state, stack.name)
        self._log = log_file(stack.name, state)
        self.backend = backend or backend_for(state, embedded=target.embedded, project=stack.project)
        source = stack.file.content
        passphrase = passphrase_environment(stack.name, source, state, self.backend)
        # With a passphrase of ours, the salt that is committed for the team's does not go.
        self._write_project(engine, without=(SALT,) if PASSPHRASE_FILE in passphrase else ())
        env = {
            **self.backend.environment(),
            **passphrase,
            **reaching(target.kubeconfig),
            "PULUMI_PYTHON_CMD": sys.executable,
            "PYTHONPATH": str(ROOT),
        }
        if engine.older:
            # All that it does to these commands: the engine does not compare a provider's version with its SDK's.
            env["PULUMI_DEV"] = "true"
        self._file = self.backend.state_file(stack.name)
        command = engine.command
        command.on_interrupt = lambda: say(WAITING)
        self._workspace = _Workspace(
            work_dir=str(self._folder),
            pulumi_command=command,
            env_vars=env,
            secrets_provider=named_provider(source),
        )
        self._workspace.exists = self._file is not None and self._file.is_file()
        self.stack: InlineStack = self._opened(reference_of(stack.name))
        self.stack.environment = reaching(target.kubeconfig)
        self.stack.unread = self._unread
        self._looked = False
        """Whether it is known if there is something to settle: a backend of the caller's takes a command to tell."""
        self._settled: bool | None = None
        """Whether all was gone that an unfinished `down` was deleting; None where nothing had to be settled."""
        self._unfinished = UnfinishedDestroy(
            note_file(stack.name, state), lambda: Cluster(target.kubeconfig), self._stored
        )
        self._policy = settings_of(stack.config.get(f"{PROJECT}:{SECTION}"))

    def _opened(self, reference: str) -> InlineStack:
        try:
            return InlineStack(reference, self._workspace, StackInitMode.CREATE_OR_SELECT)
        except auto.CommandError as error:
            why = self.backend.fault(str(error))
            raise LabError(f"{self.backend.told()}: stack {reference} cannot be selected there: {why}") from None

    def _unread(self, error: auto.CommandError) -> LabError:
        why = self.backend.fault(str(error))
        return LabError(f"{self.backend.told()}: the state of {self.stack.name} cannot be read: {why}")

    @property
    def recording(self) -> Recording:
        """What the program registers with these settings; in place of what is secret, a mark.

        Raises LabError where it refuses them.
        """
        try:
            return self._declared.recording
        except ProgramError as error:
            raise LabError(f"{error}\nnothing was changed") from None

    def up(self, plan: Path | None = None) -> Outcome:
        """Run `pulumi up`, and keep when each resource was begun and done. With a plan of the engine's, by that.

        Raises LabError before anything is changed where the program refuses its settings or breaks a mandatory policy,
        and with what the engine reported where it fails.
        """
        self._judge()
        with EventLog(self._log) as log:
            watch = Watch(self._say, log, self._explained)
            self.settle()
            # A plan comes from a preview that looked at the cluster first, so that this looks as well.
            refresh = self._settled is not None or plan is not None
            with watch.failures("up"), self._interruptible("up"):
                self.stack.up(on_event=watch.see, color="never", refresh=refresh, **_file("plan", plan))
            if self._settled is not False:
                self._unfinished.end()
            self._looked, self._settled = False, None
        return Outcome(watch.steps(), watch.outputs())

    def preview(self, *, expect_no_changes: bool = False, plan: Path | None = None) -> Reviewed:
        """Run `pulumi preview`, with what changes inside each resource where there is something to compare with.

        With a file for the engine's plan, it looks at the cluster first, and says what other hands have changed.

        Raises LabError as `up` does, and where it was to find no changes and did.
        """
        self._judge()
        watch = Watch(None)
        refresh = self._after_unfinished_destroy() or plan is not None
        if refresh and plan is None:
            self._unfinished.await_deletions(self._say)
        with watch.failures("preview"):
            result = self.stack.preview(
                on_event=watch.see,
                color="never",
                diff=self._was_up(),
                expect_no_changes=expect_no_changes,
                refresh=refresh,
                **_file("plan", plan),
            )
        self._say(result.stdout)
        return Reviewed(watch.steps(), {}, watch.operations())

    def settle(self) -> None:
        """Delete what an unfinished `down` owes, and wait for what it has begun, as `up` does first.

        For who looks at the cluster before `up`. Changes nothing where the last `down` came to its end.
        """
        if self._looked:
            return
        if self._after_unfinished_destroy():
            with self._interruptible("up"):
                self._unfinished.pay()
                self._settled = self._unfinished.await_deletions(self._say)
        self._looked = True

    @property
    def deployment(self) -> Mapping[str, Any]:
        """The stack's state, empty where it has none.

        Secrets are locked where it is read from its file, in no time; the CLI, which tells of a state that it cannot
        read, takes a third of a second.
        """
        found = readable_deployment(self._file)
        return cast(Mapping[str, Any], self.stack.export_stack().deployment or {}) if found is None else found

    @property
    def unfinished_down(self) -> bool:
        """Whether a `down` from this machine did not come to its end, and no `up` from here after it."""
        return self._unfinished.noted

    def begin_down(self) -> None:
        """Say that what the stack has is going to be deleted, also by other hands than the engine's.

        Until `down` or `up` has come to its end, the state does not count as what the cluster has.
        """
        self._unfinished.begin(self._stored())

    def down(self) -> Outcome:
        """Run `pulumi destroy`; in a backend of ours, forget the empty stack.

        From a caller's, its history and who may see it would go with it: that is for the caller to do.
        """
        self._looked = False
        before = self._stored()
        self._refuse_protected(before)
        watch = Watch(self._say, explain=self._explained)
        with watch.failures("destroy"), self._interruptible("down"), self._unfinished.of(before):
            # The provider fails at a release that other hands have uninstalled; a refresh forgets it.
            refresh = lacks_release(self._kubeconfig, before)
            self.stack.destroy(on_event=watch.see, color="never", refresh=refresh)
            self._refuse_unfinished()
        if self.backend.own:
            self._workspace.remove_stack(self.stack.name)
        return Outcome(watch.steps(), {})

    def restore(self, names: Collection[str]) -> Outcome:
        """Put resources back, by their logical names, that other hands have changed or deleted in the cluster."""
        watch = Watch(self._say, explain=self._explained)
        with watch.failures("up"), self._interruptible("drift --fix"):
            self.stack.up(target=self._urns(names), refresh=True, on_event=watch.see, color="never")
        return Outcome(watch.steps(), {})

    def passwords(self) -> dict[str, str]:
        """What the stack's state has of generated passwords, in clear, by the logical names of their resources."""
        found = {
            resource["urn"].rsplit("::", 1)[-1]: resource
            for resource in self._resources()
            if resource["type"] == PASSWORD
        }
        return {name: json.loads(one["outputs"]["result"]["plaintext"]) for name, one in found.items()}

    def _interruptible(self, command: str) -> AbstractContextManager[None]:
        return interruptible(self.backend, self._declared.name, self.options, command)

    def _judge(self) -> None:
        """Hold the program to the policies. A broken rule that only `up` met would stop it half-way."""
        subjects = [subject_of(resource.type, resource.inputs, resource.urn) for resource in self.recording.resources]
        broken = violations([subject for subject in subjects if subject is not None], self._policy)
        lines = [f"{violation.rule}: {violation.subject.label}: {violation.message}" for violation in broken]
        if lines and self._policy.enforcement == "mandatory":
            raise LabError("\n".join([*lines, "nothing was changed: these policies are mandatory here"]))
        for line in lines:
            self._say(f"  policy (advisory) {line}")

    def _after_unfinished_destroy(self) -> bool:
        """Whether this run has to look at the cluster, since a destroy has left the state unlike it. Says so."""
        # A backend of ours is beside the note.
        found = self._unfinished.noted or (not self.backend.own and last_is_destroy(self.stack) and self._stored())
        if found:
            self._say(LOOKING)
        return bool(found)

    def _explained(self, urns: Collection[str]) -> list[str]:
        """What the cluster says of resources that failed.."""
        from .reasons import reasons  # needed after a failure alone

        names = {urn.rpartition("::")[2] for urn in urns}
        return reasons(self._kubeconfig, [resource for resource in self.recording.resources if resource.name in names])

    def _was_up(self) -> bool:
        """Whether there is something to compare with. The SDK would ask twice, for what is secret as well."""
        if self._file is not None:
            return self._file.is_file() and '"resources"' in self._file.read_text(encoding="utf-8")
        asked = [self._workspace.pulumi_command.command, "stack", "output", "--json", "--stack", self.stack.name]
        answer = process.run(asked, timeout=STATE_LIMIT_SECONDS, cwd=self._folder, env=self._workspace.env_vars)
        return bool(json.loads(answer.stdout))

    def _refuse_protected(self, resources: Resources) -> None:
        """The engine stops at a protected resource only when it comes to it, with half of the others gone."""
        protected = [item["urn"].rsplit("::", 1)[-1] for item in resources if item.get("protect")]
        if protected:
            raise LabError(
                f"{self.stack.name}: protected: {', '.join(protected)}; nothing was removed",
                "to remove them: set cluster.protectNamespaces to false, bring the stack up once, then again",
            )

    def _refuse_unfinished(self) -> None:
        """An engine that somebody else has interrupted reports success (findings/pulumi_interrupted_destroy.sh)."""
        left = [resource["urn"].rsplit("::", 1)[-1] for resource in self._stored()]
        if left:
            raise LabError(
                f"the engine stopped before its end; resources left in the state: {len(left)}, such as {left[0]}",
                f"to go on: meshlab down {self.options}",
            )

    def _stored(self) -> list[dict[str, Any]]:
        return cast(list[dict[str, Any]], self.deployment.get("resources") or [])

    def _resources(self) -> list[dict[str, Any]]:
        deployment = cast(dict[str, Any], self.stack.export_stack().deployment or {})
        return cast(list[dict[str, Any]], deployment.get("resources") or [])

    def _urns(self, names: Collection[str]) -> list[str]:
        return [resource["urn"] for resource in self._resources() if resource["urn"].rsplit("::", 1)[-1] in names]

    def _write_project(self, engine: Engine, without: Collection[str]) -> None:
        """A project folder that leads back to the program, so that the committed stack file is never written to.

        `without` names what is not taken over of that one.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        program = self._folder / "program"
        if not program.is_symlink():
            program.symlink_to(ROOT)
        stack = self._declared
        project = dict(stack.project)
        project["main"] = "program"
        project["runtime"] = {"name": "python", "options": {"toolchain": "pip", "virtualenv": str(ROOT / ".venv")}}
        # Of what it finds on PATH, the engine tells at every run that it did.
        project["plugins"] = {
            "providers": [{"name": name, "path": str(folder)} for name, folder in sorted(engine.plugins.items())]
        }
        (self._folder / "Pulumi.yaml").write_text(written(project), encoding="utf-8")
        own = self._folder / f"Pulumi.{stack.name}.yaml"
        # The salt of the secrets is the engine's: it writes it into the stack file and needs it again.
        before = read_beside_config(own) if own.is_file() else {}
        source = {key: value for key, value in stack.file.content.items() if key not in without}
        write_private(own, written({**before, **source, "config": dict(stack.config)}))


def _file(option: str, path: Path | None) -> dict[str, Any]:
    """An option of the SDK's that stands for itself where it is not given."""
    return {option: str(path)} if path is not None else {}


class _Workspace(auto.LocalWorkspace):
    """A workspace that asks no backend whether a stack is there that lies before its eyes."""

    exists = False

    def select_stack(self, stack_name: str) -> None:
        """Nothing that a later command rests on: each names its stack."""
        if not self.exists:
            super().select_stack(stack_name)

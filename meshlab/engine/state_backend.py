"""The engine's backend of one stack, by the engine's own CLI: no provider starts, and no program runs."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from base import process
from base.environment import reaching
from base.files import write_private

from ..stack import Stack
from ..stackfile.reading import PROJECT, written
from ..stackfile.stack_names import reference_of
from ..state_folder import stack_folder
from .backends import NOT_THERE, Backend, BackendError, readable_deployment
from .locks import Lock, attributes_of, locks_of
from .secrets import passphrase_environment

CLI_LIMIT_SECONDS = 120.0


class StackBackend:
    """Where one stack's state is kept."""

    def __init__(self, pulumi: str, stack: str, state: Path, kubeconfig: Path, backend: Backend) -> None:
        self._pulumi, self._stack, self._state, self._kubeconfig = pulumi, stack, state, kubeconfig
        self._folder = stack_folder(state, stack)
        self.backend = backend

    @property
    def url(self) -> str:
        """The backend's address."""
        return self.backend.url

    @property
    def files(self) -> Path | None:
        """The folder of a file backend; None for any other, whose locks only its own tools can read."""
        return self.backend.folder

    def locks(self) -> list[Lock]:
        """The locks on the stack, as far as they can be looked at."""
        return locks_of(self.files, self._stack) if self.files is not None else []

    def half_written(self) -> list[Path]:
        """Side files and drafts of the stack's state that a full disk or a kill left, and the backend stumbles over."""
        state = self.backend.state_file(self._stack)
        if self.files is None or state is None:
            return []
        meta = self.files / ".pulumi" / "meta.yaml"
        beside = [attributes_of(file) for file in (state, state.with_name(f"{state.name}.bak"), meta)]
        drafts = list(state.parent.glob(f"{state.name}*.tmp"))
        return [
            *drafts,
            *(file for file in (*beside, *(attributes_of(lock.file) for lock in self.locks())) if _broken(file)),
        ]

    def exists(self) -> bool:
        """Whether this stack was ever brought up, as far as can be seen: a backend elsewhere is to be asked."""
        state = self.backend.state_file(self._stack)
        if state is None:
            return True
        known = not self.backend.own or (self._folder / "Pulumi.yaml").is_file()
        return known and (bool(self.locks()) or state.is_file())

    def export(self) -> dict[str, Any]:
        """The state, secrets encrypted; an empty one where a run was killed before it wrote any.

        Raises BackendError where the backend refuses or does not answer.
        """
        file = self.backend.state_file(self._stack)
        if file is not None and not file.is_file():
            return {}
        try:
            # Nothing is decrypted, and no passphrase is needed.
            said = self._run("export", self.backend.environment())
        except process.CommandFailedError as error:
            if NOT_THERE in error.completed.stderr:
                return {}
            why = self.backend.fault(error.completed.stderr)
            raise BackendError(f"{self.backend.told()}: {reference_of(self._stack)} cannot be read: {why}") from None
        return cast(dict[str, Any], json.loads(said.stdout))

    def deployment(self) -> Mapping[str, Any]:
        """What the state has: from its file, whatever became of the one beside it; else exported."""
        found = readable_deployment(self.backend.state_file(self._stack))
        return self.export().get("deployment") or {} if found is None else found

    def import_(self, document: dict[str, Any]) -> None:
        """Replace the state; takes the stack's lock for as long as that takes."""
        self._run("import", self._environment(), stdin=json.dumps(document))

    def _environment(self) -> dict[str, str]:
        content = Stack.load(self._stack).file.content
        return {
            **self.backend.environment(),
            **passphrase_environment(self._stack, content, self._state, self.backend),
            **reaching(self._kubeconfig),
        }

    def _run(self, command: str, environment: Mapping[str, str], stdin: str = "") -> process.Completed:
        return process.run(
            [self._pulumi, "stack", command, "--stack", reference_of(self._stack), "--non-interactive"],
            timeout=CLI_LIMIT_SECONDS,
            cwd=self._project(),
            env=environment,
            stdin=stdin,
        )

    def _project(self) -> Path:
        """A folder whose project is this one; made where another machine brought the stack up."""
        project = self._folder / "Pulumi.yaml"
        if not project.is_file():
            self._folder.mkdir(parents=True, exist_ok=True)
            project.write_text(f"name: {PROJECT}\nruntime: python\n", encoding="utf-8")
            secrets = {key: value for key, value in Stack.load(self._stack).file.content.items() if key != "config"}
            write_private(self._folder / f"Pulumi.{self._stack}.yaml", written(secrets))
        return self._folder


def _broken(file: Path) -> bool:
    if not file.is_file():
        return False
    try:
        json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        return True
    return False

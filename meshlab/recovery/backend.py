"""The engine's backend of one stack, by the engine's own CLI: no provider starts, and no program runs."""

import json
import os
from pathlib import Path
from typing import Any, cast

from .. import process
from ..engine import backend_folder, engine_environment, state_file
from ..engine_secrets import BACKEND, key_service, passphrase_environment
from ..environment import reaching
from ..recorder import stack_file
from .locks import Lock, attributes_of, locks_of

CLI_LIMIT_SECONDS = 120.0


class Backend:
    """Where one stack's state is kept."""

    def __init__(self, pulumi: str, stack: str, state: Path, kubeconfig: Path) -> None:
        self._pulumi, self._stack, self._state, self._kubeconfig = pulumi, stack, state, kubeconfig
        self._folder = state / "stacks" / stack

    @property
    def url(self) -> str:
        """The backend's address, as runs on it have it in their environment."""
        return os.environ.get(BACKEND) or (self._state / "pulumi").as_uri()

    @property
    def files(self) -> Path | None:
        """The folder of a file backend; None for any other, whose locks only its own tools can read."""
        return backend_folder(self.url)

    def locks(self) -> list[Lock]:
        """The locks on the stack, as far as they can be looked at."""
        return locks_of(self.files, self._stack) if self.files is not None else []

    def half_written(self) -> list[Path]:
        """Side files and drafts of the stack's state that a full disk or a kill left, and the backend stumbles over."""
        if self.files is None:
            return []
        state, meta = state_file(self.files, self._stack), self.files / ".pulumi" / "meta.yaml"
        beside = [attributes_of(file) for file in (state, state.with_name(f"{state.name}.bak"), meta)]
        drafts = list(state.parent.glob(f"{state.name}*.tmp"))
        return [
            *drafts,
            *(file for file in (*beside, *(attributes_of(one.file) for one in self.locks())) if _broken(file)),
        ]

    def exists(self) -> bool:
        """Whether this stack was ever brought up from here."""
        project = self._folder / "Pulumi.yaml"
        return project.is_file() and (
            self.files is None or bool(self.locks()) or state_file(self.files, self._stack).is_file()
        )

    def export(self) -> dict[str, Any]:
        """The state, secrets encrypted; an empty one where a run was killed before it wrote any."""
        if self.files is not None and not state_file(self.files, self._stack).is_file():
            return {}
        said = self._run("export")
        return cast(dict[str, Any], json.loads(said.stdout))

    def import_(self, document: dict[str, Any]) -> None:
        """Replace the state; takes the stack's lock for as long as that takes."""
        self._run("import", stdin=json.dumps(document))

    def _environment(self) -> dict[str, str]:
        service = key_service(stack_file(self._stack).content)
        return {
            **engine_environment(self._state),
            **passphrase_environment(self._stack, service, self._state),
            **reaching(self._kubeconfig),
        }

    def _run(self, command: str, stdin: str = "") -> process.Completed:
        return process.run(
            [self._pulumi, "stack", command, "--stack", self._stack, "--non-interactive"],
            timeout=CLI_LIMIT_SECONDS,
            cwd=self._folder,
            env=self._environment(),
            stdin=stdin,
        )


def _broken(file: Path) -> bool:
    if not file.is_file():
        return False
    try:
        json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        return True
    return False

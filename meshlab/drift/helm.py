"""What helm itself does to put a release back: an upgrade to the stack's values, or a rollback to where it is."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from base import process
from base.environment import reaching

from ..recording.recorder import Recorded

LIMIT_SECONDS = 300.0
"""How long helm waits for what it rolled back."""
MORE_SECONDS = 60.0
"""What it takes beside its own waiting."""


class ReleaseReader:
    """helm on one cluster, never on the user's current one."""

    def __init__(self, program: Path, kubeconfig: Path) -> None:
        self._program, self._env = program, reaching(kubeconfig)

    def install(self, release: Recorded) -> None:
        """Bring a release to the chart and values that the stack has, and wait for it."""
        inputs = release.inputs
        repository = cast(Mapping[str, str], inputs.get("repositoryOpts") or {})
        timeout = int(inputs["timeout"])
        self._run(
            [
                *("upgrade", "--install", inputs["name"], inputs["chart"]),
                *("--namespace", inputs["namespace"], "--version", inputs["version"], "--skip-crds"),
                *(("--repo", repository["repo"]) if repository else ()),
                *("--values", "-", "--wait", "--timeout", f"{timeout}s"),
            ],
            timeout=timeout + MORE_SECONDS,
            stdin=json.dumps(inputs.get("values") or {}),
        )

    def roll_back(self, name: str, namespace: str, revision: int) -> None:
        """Have helm apply a revision of a release again, and wait for it; hooks do not run."""
        limit = f"{LIMIT_SECONDS:g}s"
        self._run(
            ["rollback", name, str(revision), "--namespace", namespace, "--no-hooks", "--wait", "--timeout", limit],
            timeout=LIMIT_SECONDS + MORE_SECONDS,
        )

    def _run(self, words: list[Any], *, timeout: float, stdin: str = "") -> None:
        process.run([self._program, *words], timeout=timeout, env=self._env, stdin=stdin)

"""The real readers of a stack file: the Pulumi CLI, a program that its engine runs, and helm."""

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pulumi import automation as auto
from pulumi.runtime.config import CONFIG

from base import process

LIMIT_SECONDS = 60.0
STACK = "dev"
# Encoded: helm reads what its templates write, and refuses some of the characters that values may have.
_TEMPLATE = "values: {{ toJson .Values | b64enc }}\n"
_PROGRAM = """\
import pulumi
from pulumi.runtime.config import CONFIG

pulumi.export("seen", dict(CONFIG.get()))
"""


@dataclass(frozen=True)
class Readers:
    """A project in a folder of its own, with a state of its own, and a chart beside it."""

    folder: Path
    cli: str
    helm: Path

    @classmethod
    def made(cls, folder: Path, cli: str, helm: Path) -> "Readers":
        """Make the project, the chart and an empty stack."""
        (folder / "project").mkdir(parents=True)
        (folder / "state").mkdir()
        (folder / "project" / "Pulumi.yaml").write_text("name: meshlab\nruntime: python\n", encoding="utf-8")
        (folder / "project" / "__main__.py").write_text(_PROGRAM, encoding="utf-8")
        (folder / "chart" / "templates").mkdir(parents=True)
        (folder / "chart" / "Chart.yaml").write_text("apiVersion: v2\nname: c\nversion: 0.1.0\n", encoding="utf-8")
        (folder / "chart" / "templates" / "all.yaml").write_text(_TEMPLATE, encoding="utf-8")
        made = cls(folder, cli, helm)
        made.pulumi("stack", "init", STACK)
        return made

    @property
    def project(self) -> Path:
        """The folder of the project."""
        return self.folder / "project"

    @property
    def file(self) -> Path:
        """The stack file."""
        return self.project / f"Pulumi.{STACK}.yaml"

    def environment(self) -> dict[str, str]:
        """Where the CLI keeps its state, and what locks its secrets."""
        return {
            "PULUMI_BACKEND_URL": (self.folder / "state").as_uri(),
            "PULUMI_HOME": str(self.folder / "home"),
            "PULUMI_CONFIG_PASSPHRASE": "of the test",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PATH": f"{Path(self.cli).parent}:{os.environ['PATH']}",
        }

    def pulumi(self, *words: str, check: bool = True) -> process.Completed:
        """A command of the CLI in the project."""
        return process.run(
            [self.cli, "--non-interactive", *words],
            timeout=LIMIT_SECONDS,
            cwd=self.project,
            env=self.environment(),
            check=check,
        )

    def config(self, content: str | bytes) -> dict[str, Any]:
        """What `pulumi config` says of a stack file: texts, and JSON where it calls a value an object."""
        self.file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return json.loads(self.pulumi("config", "--json", "--stack", STACK).stdout)

    def refused(self, content: str) -> bool:
        """Whether the CLI refuses a stack file."""
        self.file.write_text(content, encoding="utf-8")
        return self.pulumi("config", "--json", "--stack", STACK, check=False).code != 0

    def program(self, content: str) -> dict[str, str]:
        """What a program finds as its config, run inline by the engine."""
        self.file.write_text(content, encoding="utf-8")
        seen: dict[str, str] = {}
        options = auto.LocalWorkspaceOptions(work_dir=str(self.project), env_vars=self.environment())
        before = dict(os.environ)
        os.environ.update(self.environment())
        try:
            # Not by the workspace's stack settings: they lose what is below a key.
            stack = auto.select_stack(STACK, "meshlab", lambda: seen.update(CONFIG.get()), opts=options)
            stack.preview()
        finally:
            os.environ.clear()
            os.environ.update(before)
        return seen

    def values(self, content: str) -> Mapping[str, Any]:
        """What helm hands to a template."""
        file = self.folder / "values.yaml"
        file.write_text(content, encoding="utf-8")
        said = process.run(
            [self.helm, "template", "c", self.folder / "chart", "--values", file], timeout=LIMIT_SECONDS
        ).stdout
        return json.loads(base64.b64decode(said.split("values: ")[1]))

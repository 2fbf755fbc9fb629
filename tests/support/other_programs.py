"""Programs that are not the lab's own, on the real engine: a project folder each, and a cluster of the lab's."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from pulumi import automation as auto
from pulumi.automation._stack import StackInitMode

from base.environment import reaching
from meshlab.engine.backends import backend_for
from meshlab.engine.inline import program
from meshlab.engine.programs import Engine, find_engine
from meshlab.recording.recorder import ROOT
from meshlab.stackfile.reading import read_project, written

from .by_hand import own_host
from .lab import Lab

EXAMPLE = ROOT / "examples" / "two_components"
PACKAGE = ROOT / "plugin"
STACK = "dev"


class OtherProgram:
    """One project with one stack. Plain `pulumi` commands find a language host in its environment."""

    def __init__(self, lab: Lab, name: str, source: Path | None = None) -> None:
        """`source` is a folder with a project and its program; without it, the project has neither."""
        self._lab, self._source = lab, source
        self.folder = lab.folder / name
        if source is not None:
            shutil.copytree(source, self.folder)
        else:
            self.folder.mkdir()
        self.engine = find_engine(lab.say)
        self.project = self._write_project(name, self.engine)
        self.env = {
            **backend_for(lab.folder / f"{name}-state", embedded=True).environment(),
            **reaching(lab.cluster.kubeconfig),
            # Pulumi's own host would install the package's dependencies first.
            "PATH": f"{own_host(lab.folder)}{os.pathsep}{os.environ['PATH']}",
            "PULUMI_CONFIG_PASSPHRASE": "of a test",
            "PYTHONPATH": str(ROOT),
            # No word about providers that are older than their SDK.
            "PULUMI_DEV": "true",
        }
        workspace = auto.LocalWorkspace(
            work_dir=str(self.folder), pulumi_command=self.engine.command, env_vars=self.env
        )
        self.stack = auto.Stack(STACK, workspace, StackInitMode.CREATE_OR_SELECT)

    def configure(self, section: str, value: Any) -> None:
        """Set one section of the stack file."""
        file = self.folder / f"Pulumi.{STACK}.yaml"
        content = yaml.safe_load(file.read_text(encoding="utf-8")) if file.is_file() else {}
        content.setdefault("config", {})[f"{self.project}:{section}"] = value
        file.write_text(written(content), encoding="utf-8")

    def up(self, run: Callable[[], None] | None = None) -> auto.OutputMap:
        """`pulumi up` of the source's program, or of `run`, in this process; returns the stack's outputs."""
        with program(reaching(self._lab.cluster.kubeconfig), self._source or ROOT) as ours:
            return self.stack.up(program=run or ours, color="never", on_output=self._lab.say).outputs

    def preview_without_changes(self) -> None:
        """`pulumi preview` of the source's program; raises where anything would change."""
        with program(reaching(self._lab.cluster.kubeconfig), self._source or ROOT) as ours:
            self.stack.preview(program=ours, color="never", expect_no_changes=True)

    def destroy(self) -> None:
        """`pulumi destroy`."""
        self.stack.destroy(color="never")

    def _write_project(self, name: str, engine: Engine) -> str:
        file = self.folder / "Pulumi.yaml"
        content = read_project(file) if file.is_file() else {"name": name}
        content["runtime"] = {"name": "python", "options": {"toolchain": "pip", "virtualenv": str(ROOT / ".venv")}}
        folders = {**engine.plugins, "meshlab": PACKAGE}
        content["plugins"] = {"providers": [{"name": key, "path": str(path)} for key, path in sorted(folders.items())]}
        file.write_text(written(content), encoding="utf-8")
        return str(content["name"])

"""helmfile: releases as a file, installed in the order of their needs, and only those that differ."""

import shlex
from pathlib import Path
from typing import Any

import yaml

from base.errors import MeshlabError
from embedded.tools import pins, toolchain

from ..field import Field
from .helm import ensure_helm
from .releases import ReleaseFile, namespaces, releases
from .tool import MeasuredTool, Script, ToolAbsentError

_PROGRAMS = ("helmfile", "helm-diff")
_VERBS = {"up": "sync", "no-op": "diff", "change": "apply", "upgrade": "apply", "destroy": "destroy"}


class Helmfile(MeasuredTool):
    """helmfile with helm-diff, which tells it what has changed."""

    name, label = "helmfile", "helmfile"
    note = (
        "`helmfile sync` first, then `diff` as no-op, `apply` for changes (a diff, then the releases that differ), and "
        "`destroy`, each with helm's wait. It skips CRDs of charts for all releases of a file or for no release. "
        "Therefore base has a separate file, which runs before the others (after them on removal)."
    )

    @classmethod
    def ensure(cls) -> dict[str, str]:
        versions = ensure_helm()
        try:
            toolchain.ensure(_PROGRAMS)
        except MeshlabError as error:
            raise ToolAbsentError(str(error)) from None
        return {**versions, **{name: pins.table()[name].release.removeprefix("v") for name in _PROGRAMS}}

    def __init__(self, field: Field) -> None:
        self._field = field
        tools = toolchain.ensure([*_PROGRAMS, "helm", "kubectl"])
        self._helm, self._kubectl, self._helmfile = (str(tools[name]) for name in ("helm", "kubectl", "helmfile"))
        homes = {kind: field.folder / "helm" / kind.lower() for kind in ("CACHE", "CONFIG", "DATA")}
        _install_plugin(homes["DATA"] / "plugins" / "diff", tools["helm-diff"])
        self._env = {
            "KUBECONFIG": str(field.cluster.kubeconfig),
            "HELMFILE_CACHE_HOME": str(field.folder / "helmfile"),
            "HELMFILE_UPGRADE_NOTICE_DISABLED": "true",
            **{f"HELM_{kind}_HOME": str(folder) for kind, folder in homes.items()},
        }

    def script(self, phase: str) -> Script:
        wanted = releases(self._field, phase)
        # In the order of installation; on removal the other way round.
        parts = [
            [file for file in wanted if file.crds_as_templates],
            [file for file in wanted if not file.crds_as_templates],
        ]
        files = [self._write(phase, number, part) for number, part in enumerate(parts)]
        lines = [self._line(phase, file) for file in (files[::-1] if phase == "destroy" else files)]
        if phase == "destroy":
            lines.append(shlex.join([self._kubectl, "delete", "namespace", *namespaces(wanted)]))
        return Script(lines, env=self._env)

    def _line(self, phase: str, file: Path) -> str:
        # Its children are helm's; without this it would look for one on PATH.
        options = ["--helm-binary", self._helm, "--kubeconfig", self._env["KUBECONFIG"], "--file", str(file)]
        wait = ["--deleteWait"] if phase == "destroy" else []
        return shlex.join([self._helmfile, *options, _VERBS[phase], *wait])

    def _write(self, phase: str, number: int, part: list[ReleaseFile]) -> Path:
        names = {file.name for file in part}
        state: dict[str, Any] = {
            "helmDefaults": {
                "wait": True,
                "timeout": 900,
                "createNamespace": True,
                "skipCRDs": all(file.crds_as_templates for file in part),
            },
            "releases": [
                {
                    "name": file.name,
                    "namespace": file.namespace,
                    "chart": file.chart,
                    "values": [str(file.values)],
                    "needs": [f"{file.namespace}/{need}" for need in file.needs if need in names],
                }
                for file in part
            ],
        }
        file = self._field.folder / f"{phase}-helmfile-{number}.yaml"
        file.write_text(yaml.safe_dump(state, sort_keys=False), encoding="utf-8")
        return file


def _install_plugin(folder: Path, program: Path) -> None:
    folder.mkdir(parents=True)
    version = pins.table()["helm-diff"].release.removeprefix("v")
    about = {"name": "diff", "version": version, "usage": "diff", "description": "diff", "command": str(program)}
    (folder / "plugin.yaml").write_text(yaml.safe_dump(about), encoding="utf-8")

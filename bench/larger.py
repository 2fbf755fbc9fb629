"""Larger labs than the committed stacks: more namespaces, more revisions, more monitors and dashboards."""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from base.assets import DASHBOARDS, MANIFESTS
from meshlab.recording.recorder import ROOT
from meshlab.stack import Stack

from .course import NEWER, STACK

WORKLOADS = 10
"""Workloads in each added namespace. They are none of the program's, but what finds them there has to look at them."""
PANELS = 4
"""How much of a real dashboard a generated one has: a few kilobytes."""
_COPIED = ("base", "components", "kube", "rollout", "settings", "manifests", "Pulumi.yaml", f"Pulumi.{STACK}.yaml")


@dataclass(frozen=True)
class Dimension:
    """One way in which a lab grows."""

    name: str
    unit: str
    """What one more of it is."""
    values: tuple[int, ...]
    overlay: Callable[[int], Mapping[str, Any]]
    """What is laid over the stack's settings."""
    copies: bool = False
    """Whether it takes another tree of files: the program has no setting for it."""


def _namespaces(number: int) -> dict[str, Any]:
    mesh = Stack.load(STACK).config["meshlab:mesh"]["namespaces"]
    (revision,) = set(mesh.values())
    return {"mesh": {"namespaces": {**mesh, **dict.fromkeys(added_namespaces(number), revision)}}}


def _revisions(number: int) -> dict[str, Any]:
    known = {
        name: revision["version"]
        for stack in (STACK, NEWER)
        for name, revision in Stack.load(stack).config["meshlab:istio"]["revisions"].items()
    }
    # The versions in turn: one control plane of each, then a second one of each.
    names = [f"{name}{suffix}" for suffix in ("", "-b", "-c") for name in known][:number]
    revisions = {name: {"version": known[name.removesuffix("-b").removesuffix("-c")]} for name in names}
    return {"istio": {"revisions": revisions, "defaultRevision": names[0]}}


DIMENSIONS = (
    Dimension("namespaces", f"namespace in the mesh, of {WORKLOADS} workloads", (1, 4, 16, 64), _namespaces),
    Dimension("revisions", "revision of Istio", (1, 2, 4), _revisions),
    Dimension("monitors", "monitor and dashboard", (10, 100, 1000), lambda number: {}, copies=True),
)


def added_namespaces(number: int) -> list[str]:
    """Names of the namespaces that a lab has in its mesh beside its own."""
    return [f"team-{index:02}" for index in range(1, number + 1)]


def workloads(number: int) -> str:
    """The added namespaces and their Deployments, as YAML. Nothing of them runs: they ask for no pod."""
    objects: list[dict[str, Any]] = []
    for namespace in added_namespaces(number):
        objects.append({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        objects += [_deployment(namespace, f"app-{index}") for index in range(1, WORKLOADS + 1)]
    return yaml.safe_dump_all(objects)


def _deployment(namespace: str, name: str) -> dict[str, Any]:
    labels = {"app": name}
    container = {"name": "app", "image": "registry.invalid/app:1"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


def tree_with(number: int, folder: Path) -> Path:
    """A copy of the program's tree in `folder` with `number` more monitors and as many more dashboards.

    Dashboards are found by their folder; the monitors' files are listed in the program, so the copy's main program
    adds to that list before it goes on as the original.
    """
    for name in _COPIED:
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy2
        copy(source, folder / name)
    (folder / DASHBOARDS.name).mkdir()
    for file in DASHBOARDS.glob("*.json"):
        shutil.copy2(file, folder / DASHBOARDS.name)
    extra = [f"extra-monitor-{index:04}" for index in range(1, number + 1)]
    monitor = yaml.safe_load((MANIFESTS / "mesh_monitors" / "envoy-stats-monitor.yaml").read_text(encoding="utf-8"))
    dashboard = json.loads(min(DASHBOARDS.glob("*.json")).read_text(encoding="utf-8"))
    for index, name in enumerate(extra, 1):
        monitor["metadata"]["name"] = name
        (folder / "manifests" / "mesh_monitors" / f"{name}.yaml").write_text(yaml.safe_dump(monitor), encoding="utf-8")
        title = f"extra-{index:04}"
        smaller = {**dashboard, "uid": title, "title": title, "panels": dashboard["panels"][:PANELS]}
        (folder / "dashboards" / f"{title}.json").write_text(json.dumps(smaller), encoding="utf-8")
    main = (ROOT / "__main__.py").read_text(encoding="utf-8")
    listed = f"from components import mesh_monitors\n\nmesh_monitors.MONITORS += {tuple(extra)!r}\n"
    (folder / "__main__.py").write_text(listed + main, encoding="utf-8")
    return folder

"""Records a program without its charts. Runs in this process, or in one of its own with another tree's program.

As a script: `python -P chartless.py <our tree> <project folder> <result file> <generated> <stack> [<stack> ...]`,
with that folder on PYTHONPATH, so that `components` is the other tree's while the recorder is ours. A password that the
program generates is shown as `<generated>`.
"""

import dataclasses
import importlib
import json
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any, cast

CHARTS = "meshlab:charts"
"""The section of a stack file that says where charts come from."""
MONITORING = "meshlab:monitoring"
"""The section that says which kube-prometheus-stack there is."""


def chartless(config: Mapping[str, Any], asked: str | None = None) -> tuple[dict[str, Any] | None, str | None]:
    """What to lay over a stack's config so that it says nothing of where charts come from, and what it said.

    A folder of charts may be out of reach for who records, or `asked` for instead of the stack's. One thing of it the
    program reads, and is told then: which CRDs are of the operator of a kube-prometheus-stack.
    """
    section = cast(dict[str, Any], config.get(CHARTS) or {})
    source = section.get("source")
    over: dict[str, Any] = {}
    if source is not None:
        over[CHARTS] = {key: value for key, value in section.items() if key != "source"}
    monitoring = config.get(MONITORING)
    crds = _crds_of(monitoring, asked or source) if isinstance(monitoring, dict) else None
    if crds is not None:
        over[MONITORING] = {**cast(dict[str, Any], monitoring), "crdsVersion": crds}
    return over or None, None if source is None else str(source)


def _crds_of(monitoring: Any, source: Any) -> str | None:
    """What the program would find out from a folder of charts; None where it is no folder, or the setting says it."""
    for package in ("settings", "components"):  # the second in trees from before there were layers
        with suppress(ImportError):
            charts = importlib.import_module(f"{package}.charts")
            crds_of = importlib.import_module(f"{package}.operator_crds").crds_of
            break
    else:  # another tree's program, from before it looked
        return None
    ChartSource = charts.ChartSource  # noqa: N806 - a class of the tree that is recorded
    if source is None or monitoring.get("crdsVersion") is not None or ChartSource(str(source)).folder is None:
        return None
    try:
        return crds_of(str(monitoring.get("version")), ChartSource(str(source)))
    except ValueError:  # no exact version: the settings say so
        return None


def _main(ours: str, project: str, result: str, generated: str, *stacks: str) -> None:
    recorder = load_recorder(Path(ours))
    strict = Path(project).resolve() == recorder.ROOT
    found: dict[str, Any] = {}
    for stack in stacks:
        try:
            over, source = chartless(recorder.stack_config(stack, Path(project), strict=strict))
            where = {"project_dir": Path(project), "config": over, "strict": strict}
            recording = recorder.record(stack, **where, generated=generated, masked=True)
        except recorder.ProgramError as error:
            found[stack] = {"error": str(error)}
        else:
            found[stack] = {
                "source": source,
                "resources": [dataclasses.asdict(resource) for resource in recording.resources],
            }
    Path(result).write_text(json.dumps(found), encoding="utf-8")


def load_recorder(tree: Path) -> ModuleType:
    """The recorder of a tree, for the program of another one.

    The other tree may have packages of the same names. So the recorder is imported whole, and then its packages are
    forgotten: the program's own imports find the program's.
    """
    sys.path.insert(0, str(tree))
    try:
        recorder = importlib.import_module("meshlab.recording.recorder")
    finally:
        sys.path.remove(str(tree))
    for name in list(sys.modules):
        if (tree / name.partition(".")[0] / "__init__.py").exists():
            del sys.modules[name]
    importlib.invalidate_caches()
    return recorder


if __name__ == "__main__":
    _main(*sys.argv[1:])

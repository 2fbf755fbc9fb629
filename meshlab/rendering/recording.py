"""Records a program without its charts. Runs in this process, or in one of its own with another tree's program.

As a script: `python -P recording.py <recorder.py> <project folder> <result file> <generated> <stack> [<stack> ...]`,
with that folder on PYTHONPATH, so that `components` is the other tree's while the recorder is ours. A password that the
program generates is shown as `<generated>`.
"""

import dataclasses
import importlib.util
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, cast

CHARTS = "meshlab:charts"
"""The section of a stack file that says where charts come from."""


def chartless(config: Mapping[str, Any]) -> tuple[dict[str, Any] | None, str | None]:
    """What to lay over a stack's config so that it says nothing of where charts come from, and what it said.

    Which charts there are does not hang on where they come from, and another tree's folder may be out of reach.
    """
    section = cast(dict[str, Any], config.get(CHARTS) or {})
    source = section.get("source")
    if source is None:
        return None, None
    return {CHARTS: {key: value for key, value in section.items() if key != "source"}}, str(source)


def _main(recorder_file: str, project: str, result: str, generated: str, *stacks: str) -> None:
    recorder = _load(recorder_file)
    found: dict[str, Any] = {}
    for stack in stacks:
        try:
            over, source = chartless(recorder.stack_config(stack, Path(project)))
            where = {"project_dir": Path(project), "config": over}
            recording = recorder.record(stack, **where, generated=generated, masked=True)
        except recorder.ProgramError as error:
            found[stack] = {"error": str(error)}
        else:
            found[stack] = {"source": source, "resources": [dataclasses.asdict(one) for one in recording.resources]}
    Path(result).write_text(json.dumps(found), encoding="utf-8")


def _load(file: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location("meshlab_recorder", file)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    _main(*sys.argv[1:])

"""Every stack's resources with inputs and edges, as files that a pull request shows."""

import json
from pathlib import Path
from typing import Any

import pytest

from meshlab.recording.recorder import Recorded, Recording, record
from tests.support.stacks import STACKS

HERE = Path(__file__).parent
LONG_TEXT = 400


def dump(recording: Recording) -> str:
    """The recording as sorted JSON; long texts as their length, since their own files show what changed in them."""
    names = {resource.urn: f"{resource.type}::{resource.name}" for resource in recording.resources}
    resources = {names[resource.urn]: _entry(resource, names) for resource in recording.resources}
    return json.dumps({"resources": resources, "outputs": recording.outputs}, indent=2, sort_keys=True) + "\n"


def _entry(resource: Recorded, names: dict[str, str]) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "parent": names.get(resource.parent, ""),
        "inputs": _shortened(resource.inputs),
        "dependsOn": sorted(names[urn] for urn in resource.depends_on),
        "provider": resource.provider.rsplit("::", 2)[-2] if resource.provider else "",
        **resource.options,
    }
    return {key: value for key, value in entry.items() if value not in ("", [], {})}


def _shortened(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shortened(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_shortened(entry) for entry in value]
    if isinstance(value, str) and len(value) > LONG_TEXT:
        return f"<{len(value)} characters>"
    return value


@pytest.mark.parametrize("stack", STACKS)
def test_a_change_to_what_a_stack_registers_shows_in_its_golden_file(
    stack: str, request: pytest.FixtureRequest
) -> None:
    path = HERE / f"{stack}.json"
    now = dump(record(stack))
    if request.config.getoption("--update-golden"):
        path.write_text(now, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == now, "run `make golden`, read the diff, and commit it"


def test_two_runs_record_the_same(dev: Recording) -> None:
    assert dump(record("dev")) == dump(dev)

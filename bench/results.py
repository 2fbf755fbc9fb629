"""The file of results. What was measured last stands beside what was not measured again: each part has its own date."""

import json
from typing import Any, cast

from meshlab.recording.recorder import ROOT

FILE = ROOT / "docs" / "performance.json"
PARTS = ("comparison", "where", "program", "growth", "first-run")


def load() -> dict[str, Any]:
    """Every part that was ever measured, by its name."""
    return json.loads(FILE.read_text(encoding="utf-8")) if FILE.is_file() else {}


def save(part: str, machine: dict[str, Any], charts: str, measured: dict[str, Any]) -> None:
    """Replace one part: `charts` says which ones it was measured with."""
    found = load()
    found[part] = {"machine": machine, "charts": charts, **measured}
    ordered = {name: found[name] for name in PARTS if name in found}
    FILE.write_text(json.dumps(_rounded(ordered), indent=1) + "\n", encoding="utf-8")


def _rounded(value: Any) -> Any:
    """Seconds to the millisecond: more would only make the file's differences longer."""
    if isinstance(value, dict):
        return {key: _rounded(entry) for key, entry in cast(dict[str, Any], value).items()}
    if isinstance(value, list):
        return [_rounded(entry) for entry in cast(list[Any], value)]
    return round(value, 3) if isinstance(value, float) else value

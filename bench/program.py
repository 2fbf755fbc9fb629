"""What the program and the command line cost by themselves: no cluster, no engine."""

import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from base import process
from base.say import Say
from meshlab.recording.recorder import ROOT

from .course import STACK
from .measure import measured

RECORD_LIMIT_SECONDS = 300.0
MEASURES: Mapping[str, str] = {
    "program": "import and registration of the whole program, recorded in a separate process",
    "help": "`meshlab --help`",
    "render": "`meshlab render`, with the charts",
}


def measure(charts: Path, repetitions: int, say: Say) -> dict[str, Any]:
    """One run for each measure and repetition, in turns: seconds, cpu_seconds and memory_bytes."""
    runs: list[dict[str, Any]] = []
    for repetition in range(repetitions):
        for name in MEASURES:
            run: dict[str, Any] = {"measure": name, "repetition": repetition, **_measures(charts, name)}
            runs.append(run)
            say(f"{repetition + 1} {name}: {run['seconds']:.2f} s, {run['memory_bytes'] / 1e6:.0f} MB")
    return {"repetitions": repetitions, "runs": runs}


def _measures(charts: Path, name: str) -> dict[str, Any]:
    if name == "program":
        return recorded(ROOT, {})
    with tempfile.TemporaryDirectory(prefix="meshlab-bench-") as folder:
        words = {
            "help": ["--help"],
            "render": ["render", "--stack", STACK, "--charts", str(charts), "--out", f"{folder}/rendered"],
        }[name]
        usage = measured([sys.executable, "-m", "meshlab", *words], cwd=ROOT)
    return asdict(usage)


def recorded(project: Path, over: Mapping[str, Any]) -> dict[str, Any]:
    """Record the program of the folder `project` with `over` laid over its stack's config, in a process of its own.

    `seconds` from before the first import of ours to the last registration, `cpu_seconds` and `memory_bytes` (its
    peak) of the whole process, `resources` how many were registered.
    """
    # -P and the path: the `components` of that folder, and nothing else of this one, is what the program imports.
    done = process.run(
        [sys.executable, "-P", ROOT / "bench" / "recording.py", ROOT, project, STACK],
        timeout=RECORD_LIMIT_SECONDS,
        cwd=project,
        env={"PYTHONPATH": str(project)},
        stdin=json.dumps(over),
    )
    return json.loads(done.stdout)

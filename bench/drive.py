"""The lab's engine driver as a command that can be measured: `python -m bench.drive up|preview|down TASK`.

TASK is a JSON file: kubeconfig, stack, config, and the folder of its state.
"""

import json
import sys
from pathlib import Path

from meshlab.engine.driver import EngineDriver
from meshlab.engine.programs import find_engine
from meshlab.stack import Stack
from meshlab.target import LabError, Target


def main(method: str, task_file: str) -> int:
    """Do what `method` says; the engine's errors go to standard error, with exit code 1."""
    task = json.loads(Path(task_file).read_text(encoding="utf-8"))
    target = Target(Path(task["kubeconfig"]), embedded=True, label="bench")
    try:
        driver = EngineDriver(
            find_engine(print),
            target,
            Stack.load(task["stack"]).variant(task["config"]),
            print,
            state=Path(task["state"]),
        )
        outcome = {"up": driver.up, "preview": driver.preview, "down": driver.down}[method]()
    except LabError as error:
        print(error, file=sys.stderr)
        return 1
    if method == "preview" and outcome.changed:
        print(f"error: expected no changes, got {len(outcome.changed)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

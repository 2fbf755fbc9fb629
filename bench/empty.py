"""A Pulumi program without a resource, run as the driver runs its own: `python -m bench.empty up|preview|down FOLDER`.

What the engine and the Automation API cost by themselves.
"""

import sys
from pathlib import Path

from pulumi import automation as auto

from meshlab.engine.backends import backend_for
from meshlab.engine.programs import find_engine

PROJECT = "empty"
_FILE = f"name: {PROJECT}\nruntime: python\n"


def main(method: str, folder: str) -> int:
    """Do what `method` says with the stack whose state lies in `folder`."""
    work = Path(folder) / PROJECT
    work.mkdir(exist_ok=True)
    (work / "Pulumi.yaml").write_text(_FILE, encoding="utf-8")
    ours = backend_for(Path(folder), embedded=True)
    workspace = auto.LocalWorkspace(
        work_dir=str(work),
        pulumi_command=find_engine(print).command,
        env_vars={
            **ours.environment(),
            "PULUMI_CONFIG_PASSPHRASE": "nothing to keep",
        },
    )
    stack = auto.Stack.create_or_select(PROJECT, workspace)
    operation = {"up": stack.up, "preview": stack.preview, "down": stack.destroy}[method]
    operation(program=lambda: None, color="never")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

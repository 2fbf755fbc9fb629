"""One command of meshlab in a process of its own, as `python -m meshlab` runs it, where no pod really runs."""

import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from base import process
from base.environment import settle
from meshlab import session, stack
from meshlab.cli import main as cli
from meshlab.recording.recorder import ROOT
from meshlab.stack import Stack
from meshlab.target import NO_OPERATOR

LIMIT_SECONDS = 600.0


def meshlab(*words: str, env: Mapping[str, str | None], root: Path = ROOT) -> process.Completed:
    """Run a command of the tree in `root` to its end, with `env` laid over this process's environment."""
    return process.run(apart(*words), timeout=LIMIT_SECONDS, cwd=root, env=env, check=False)


def apart(*words: str) -> list[str]:
    """What to run for a command."""
    return [sys.executable, "-m", __name__, *words]


def _load(name: str, **how: Any) -> Stack:
    # No operator runs in these clusters to report Kiali as ready.
    return Stack.load(name, **how).overlaid(NO_OPERATOR)


if __name__ == "__main__":
    settle()
    session.Stack = SimpleNamespace(load=_load)
    stack.check_folder = lambda folder, charts: None  # stand-ins have no digest in charts.lock
    sys.exit(cli.main(sys.argv[1:]))

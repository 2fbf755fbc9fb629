"""One command of meshlab in a process of its own, as `python -m meshlab` runs it, where no pod really runs."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from base import process
from base.environment import settle
from meshlab import lab, session
from meshlab.cli import main as cli
from meshlab.lab import Config, overlaid
from meshlab.recording.recorder import ROOT

LIMIT_SECONDS = 600.0


def meshlab(*words: str, env: Mapping[str, str | None], root: Path = ROOT) -> process.Completed:
    """Run a command of the tree in `root` to its end, with `env` laid over this process's environment."""
    command = [sys.executable, "-m", __name__, *words]
    return process.run(command, timeout=LIMIT_SECONDS, cwd=root, env=env, check=False)


def _overlaid(stack: str, overlay: Config) -> dict[str, Any]:
    # No operator runs in these clusters to report Kiali as ready.
    return overlaid(stack, {**overlay, "kiali": {"awaitReady": False}})


if __name__ == "__main__":
    settle()
    session.overlaid = _overlaid
    lab.check_folder = lambda folder, versions: None  # stand-ins have no digest in charts.lock
    sys.exit(cli.main(sys.argv[1:]))

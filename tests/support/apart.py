"""An `up` in a process of its own, for a network namespace: gRPC's threads of this process may be in another one."""

import json
import sys
from pathlib import Path

from base import process
from meshlab.engine.driver import EngineDriver
from meshlab.engine.programs import find_engine
from meshlab.recording.recorder import ROOT
from meshlab.stackfile.reading import Config
from meshlab.target import Target

from .stacks import with_config

LIMIT_SECONDS = 600.0


def up_apart(kubeconfig: Path, config: Config, state: Path) -> None:
    """Bring the stack dev up. Raises ProcessError with the last line that was said."""
    given = json.dumps([str(kubeconfig), dict(config), str(state)])
    process.run([sys.executable, "-m", __name__], timeout=LIMIT_SECONDS, cwd=ROOT, stdin=given)


def main() -> None:
    """Do it, as standard input says."""
    kubeconfig, config, state = json.load(sys.stdin)
    target = Target(Path(kubeconfig), embedded=True, label="apart")
    EngineDriver(find_engine(print), target, with_config("dev", config), print, Path(state)).up()


if __name__ == "__main__":
    main()

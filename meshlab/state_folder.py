"""The folder of all that outlives a command."""

import os
from pathlib import Path

from base.assets import ROOT

STATE_VARIABLE = "MESHLAB_STATE"


def state_folder() -> Path:
    """Where all lies that outlives a command: the folder that MESHLAB_STATE names, else .state in the checkout."""
    named = os.environ.get(STATE_VARIABLE)
    return Path(named).expanduser().absolute() if named else ROOT / ".state"


def stack_folder(state: Path, stack: str) -> Path:
    """What is kept of one stack in a folder of states, beside the engine's own state."""
    return state / "stacks" / stack


STATE = state_folder()

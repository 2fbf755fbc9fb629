"""Saves a preview to be reviewed, and applies one that was, if it still is what would happen."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from ..engine.driver import Reviewed
from ..engine.operations import differences
from ..engine.outcome import Outcome
from ..session import Session
from .saved import SavedPlan, check_writable, origin

ENGINE_FILE = "engine.json"


def save(session: Session, path: Path) -> Reviewed:
    """Preview, and keep it. Raises MeshlabError, LabError; changes nothing."""
    made_from = origin(session.stack)
    check_writable(path)
    with TemporaryDirectory() as folder:
        plan = Path(folder) / ENGINE_FILE
        found = session.driver.preview(plan=plan)
        SavedPlan(made_from, found.operations, json.loads(plan.read_text(encoding="utf-8"))).write(path)
    return found


def apply(session: Session, saved: SavedPlan) -> Outcome:
    """Bring the stack up as it was reviewed. Raises MeshlabError, with nothing changed, where that differs by now.

    What changes between this look and the engine's own step, the engine holds to its plan.
    """
    saved.check_origin(origin(session.stack))
    with TemporaryDirectory() as folder:
        plan, now = Path(folder) / ENGINE_FILE, Path(folder) / "now.json"
        found = session.driver.preview(plan=now)
        saved.check_operations(list(differences(saved.operations, found.operations)))
        plan.write_text(json.dumps(saved.engine), encoding="utf-8")
        return session.driver.up(plan)

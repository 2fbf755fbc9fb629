"""Real sidecar injection on an embedded cluster, as those who start and stop clusters see it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from base import process
from base.errors import MeshlabError
from base.say import Say

from ..tools import pins, toolchain
from . import egress, record
from .istiod import PROGRAM
from .real_node import RealNode
from .record import ClusterRecord

START_LIMIT = 60.0
SUPERVISOR = "embedded.cluster.supervisor"
ROOT = Path(__file__).resolve().parents[2]


def start(mine: ClusterRecord, progress: Say) -> None:
    """Starts what keeps an istiod beside the cluster for each installed revision, where it does not run yet.

    The cluster has to be made for it. Where istiod's program cannot be had, says so in one line and starts nothing;
    where it has to be built, that is done meanwhile. Raises MeshlabError.
    """
    if not (mine.folder / egress.FILE).exists():
        progress(
            f"cluster: {mine.name} was made without injection, so no namespace in the mesh gets pods; create it again"
        )
        return
    node = RealNode.of(mine)
    if node.runs(SUPERVISOR) if node else egress.served(mine.identifier):
        return
    if toolchain.find(PROGRAM) is None:
        if shutil.which("go") is None:
            missing = toolchain.missing_text([pins.table()[PROGRAM]])
            progress(f"cluster: no namespace in the mesh gets pods here, for want of istiod: {missing}")
            return
        progress("cluster: building istiod beside it, once for this machine; pods in the mesh wait for it some minutes")
    try:
        process.run(
            [*(node.entering if node else ()), sys.executable, "-m", SUPERVISOR, mine.folder],
            timeout=START_LIMIT,
            cwd=ROOT,
            env={record.MARK: mine.identifier},
        )
    except process.ProcessError as error:
        raise MeshlabError(f"embedded cluster {mine.name} got no istiod beside it: {error}") from None

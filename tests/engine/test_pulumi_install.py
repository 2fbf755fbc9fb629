"""`pulumi install` in a clone: the program runs with what it installs, and nothing else.

It needs Pulumi's language host for Python on PATH, and a package index. What of it is ours, the lock file and the
project file, is tested in tests/unit/test_packaging.py everywhere.
"""

import os
import shutil
from pathlib import Path

import pytest

from base import process
from meshlab.engine.programs import find_cli
from meshlab.recording.recorder import ROOT
from tests.support.by_hand import HOST

LIMIT_SECONDS = 600.0
PROGRAM = "import settings.models, components.kube_prometheus_stack, components.mesh_rollout, pulumi_kubernetes"


@pytest.mark.skipif(shutil.which(HOST) is None, reason=f"needs {HOST} on PATH")
def test_the_program_runs_in_what_pulumi_install_makes_of_a_clone(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    process.run(["git", "clone", "--quiet", ROOT, clone], timeout=60)
    env = {**os.environ, "PULUMI_HOME": str(tmp_path / "home"), "PULUMI_SKIP_UPDATE_CHECK": "true"}
    # The providers are Pulumi's downloads, which have nothing to do with the clone.
    process.run([find_cli(print), "install", "--no-plugins"], timeout=LIMIT_SECONDS, cwd=clone, env=env)
    process.run([clone / ".venv" / "bin" / "python", "-c", PROGRAM], timeout=60, cwd=clone)

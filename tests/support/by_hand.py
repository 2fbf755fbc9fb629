"""The plain `pulumi` command on a stack of the driver's, as somebody with a CLI and a language host runs it."""

import os
import shutil
import sys
from pathlib import Path

from base import process
from meshlab.engine.driver import EngineDriver

HOST = "pulumi-language-python"
LIMIT_SECONDS = 300.0


def pulumi(driver: EngineDriver, folder: Path, *words: str, **more: str) -> str:
    """Run `pulumi` in the stack's project folder; returns what it wrote. `folder` is for the tests' language host, and
    `more` what else is in the environment."""
    workspace = driver.stack.workspace
    done = process.run(
        [workspace.pulumi_command.command, *words, "--non-interactive", "--stack", driver.stack.name],
        timeout=LIMIT_SECONDS,
        cwd=Path(workspace.work_dir),
        # The event log is an option for those who look for it.
        env={
            **workspace.env_vars,
            "PULUMI_DEBUG_COMMANDS": "true",
            **more,
            "PATH": f"{_host(folder)}{os.pathsep}{os.environ['PATH']}",
        },
    )
    return done.stdout + done.stderr


def _host(folder: Path) -> Path:
    """The folder of Pulumi's language host, where it is on PATH; else of the tests' own."""
    found = shutil.which(HOST)
    if found is not None:
        return Path(found).parent
    return own_host(folder)


def own_host(folder: Path) -> Path:
    """The folder of the tests' own language host, which installs nothing."""
    own = folder / "language-host" / HOST
    own.parent.mkdir(exist_ok=True, parents=True)
    script = Path(__file__).with_name("language_host.py")
    own.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}" "$@"\n', encoding="utf-8")
    own.chmod(0o755)
    return own.parent

"""A repository with the project's files, and the command as somebody in it would run it."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from base import process
from meshlab.recording.recorder import ROOT
from meshlab.stackfile.reading import read, written

DEV = "Pulumi.dev.yaml"
# All of the project but what only its developers read; a folder that is new here is a part of it all the same.
LEFT_OUT = ("tests", "docs")
HALF_WRITTEN = "*.pyc.*"
"""What Python is compiling elsewhere, and gives its name once it is whole."""
AUTHOR = {"name": "Somebody", "email": "somebody@example.org"}


@dataclass(frozen=True)
class History:
    """A repository whose branch `main` has the project, checked out on a branch of its own."""

    root: Path
    charts: Path

    def git(self, *words: str) -> str:
        # Nobody's own settings: they may sign commits or call the first branch otherwise.
        mine = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        identity = [word for key, value in AUTHOR.items() for word in ("-c", f"user.{key}={value}")]
        return process.run(["git", *identity, *words], timeout=60, cwd=self.root, env=mine).stdout

    def commit(self, message: str = "change") -> str:
        """Commit everything; returns the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD").strip()

    def set(self, section: str, stack: str = "dev", **fields: Any) -> None:
        """Lay fields over a section of a stack's file."""
        file = self.root / f"Pulumi.{stack}.yaml"
        content = read(file).content
        content["config"].setdefault(f"meshlab:{section}", {}).update(fields)
        file.write_text(written(content), encoding="utf-8")

    def diff(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `meshlab diff` in the repository."""
        return subprocess.run(
            [sys.executable, "-m", "meshlab", "diff", *words, "--charts", str(self.charts)],
            cwd=self.root,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )


def project(root: Path, charts: Path, *, whole: bool = False) -> History:
    """The project as it is here, committed in `root`; `whole`, with every stack, and what only its developers read."""
    root.mkdir()
    for source in ROOT.iterdir():
        another_stack = source.match("Pulumi.*.yaml") and source.name != DEV
        if source.name.startswith(".") or (not whole and (source.name in LEFT_OUT or another_stack)):
            continue
        if source.is_dir():
            shutil.copytree(source, root / source.name, ignore=shutil.ignore_patterns(HALF_WRITTEN))
        else:
            shutil.copy(source, root / source.name)
    history = History(root, charts)
    history.git("init", "--quiet", "--initial-branch", "main")
    # The copy has what Python has compiled, so that the command starts in half the time; no commit has it.
    exclude = root / ".git" / "info" / "exclude"
    exclude.parent.mkdir(exist_ok=True)
    exclude.write_text("__pycache__/\n", encoding="utf-8")
    history.commit("the project")
    history.git("switch", "--quiet", "--create", "work")
    return history

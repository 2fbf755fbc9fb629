"""meshlab's commands on a lab with a real node, as a person types them, and the processes of its pods."""

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from embedded.cluster import record
from embedded.node import cgroups
from meshlab.target import EMBEDDED

PROJECT = Path(__file__).resolve().parents[2]
LIMIT = 600
SETTLED = ("passed", "not applicable here")
"""The statuses of checks that have not failed."""


class Commands:
    """meshlab with a state folder of its own."""

    def __init__(self, state: Path) -> None:
        self.state = state

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "meshlab", *words, "--stack", "dev"]
        env = {**os.environ, "MESHLAB_STATE": str(self.state)}
        return subprocess.run(command, capture_output=True, text=True, cwd=PROJECT, env=env, timeout=LIMIT, check=False)

    def ok(self, *words: str) -> str:
        done = self.run(*words)
        assert done.returncode == 0, f"{words}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout

    def verified(self, *words: str) -> dict[str, dict[str, Any]]:
        """The results of verify by check."""
        return {check["id"]: check for check in json.loads(self.run("verify", "--json", *words).stdout)["checks"]}

    @property
    def record(self) -> record.ClusterRecord:
        found = record.read(self.state, EMBEDDED)
        assert found
        return found

    def remove(self) -> None:
        """Take the cluster away, if it is still there."""
        left = record.read(self.state, EMBEDDED)
        if left:
            left.remove()


def processes(cluster: record.ClusterRecord, uid: str, program: str) -> list[int]:
    """The processes of a pod that run a program, by its name."""
    groups = [file for top in cgroups.existing(cluster.identifier) for file in top.rglob("cgroup.procs")]
    found: set[int] = set()
    for group in groups:
        if uid in str(group):
            with suppress(OSError):  # the group of a container that has just ended
                found.update(map(int, group.read_text(encoding="ascii").split()))
    return sorted(pid for pid in found if Path(program_of(pid)).name == program)


def parts(cluster: record.ClusterRecord) -> dict[str, int]:
    """The cluster's own processes by the name of their program."""
    return {Path(program).name: pid for pid in cluster.processes() if (program := program_of(pid))}


def unlike(results: dict[str, dict[str, Any]], *statuses: str) -> dict[str, str]:
    """What came of the checks that have none of these statuses."""
    return {
        name: f"{result['status']}: {result['seen']}"
        for name, result in results.items()
        if result["status"] not in statuses
    }


def program_of(pid: int) -> str:
    """What a process runs; empty where it has ended."""
    try:
        return os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0])
    except OSError:  # it ended meanwhile
        return ""

"""The node's namespaces: network, mounts and process numbers. They have no name and end with their first process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from base import process
from base.environment import settled

from .first_process import READY
from .layout import CONTAINERD_SOCKET
from .requirements import NodeError

ROOT = Path(__file__).resolve().parents[2]
PYTHON = [sys.executable, "-m"]
START_LIMIT = 60.0
RELAY_LIMIT = 20.0


def start(folder: Path, mark: Mapping[str, str]) -> int:
    """Start the first process, and return the number of its parent, which shares the network and the mounts with it.

    `mark` goes into the environment of all that it starts. Returns when containerd answers. Raises NodeError.
    """
    (folder / READY).unlink(missing_ok=True)
    log = folder / "node.log"
    # The mounts of other processes stay as they are, and the first process ends with its parent.
    apart = ["unshare", "--net", "--mount", "--propagation=private", "--pid", "--fork", "--kill-child", "--mount-proc"]
    with log.open("ab") as sink:
        child = subprocess.Popen(
            [*apart, *PYTHON, "embedded.node.first_process", str(folder)],
            cwd=ROOT,
            env={**settled(os.environ), **mark},
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
        )
    limit = time.monotonic() + START_LIMIT
    while not ((folder / READY).exists() and Path(f"/proc/{child.pid}/root{CONTAINERD_SOCKET}").exists()):
        if child.poll() is not None or time.monotonic() > limit:
            raise NodeError(f"the real node did not start: {_last_words(folder)} (log: {log})")
        time.sleep(0.05)
    return child.pid


def holder(pids: Iterable[int]) -> int | None:
    """The process that `start` has returned, of the processes of a cluster; None where it is gone."""
    for pid in pids:
        said = words(pid)
        if said and Path(os.fsdecode(said[0])).name == "unshare" and b"embedded.node.first_process" in said:
            return pid
    return None


def words(pid: int) -> list[bytes]:
    """The command line of a process; empty where it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return []


def entering(pid: int) -> list[str]:
    """The beginning of a command that is to run in the node's network, and elsewhere as this process does.

    Not `ip netns exec`: that hides the mounts of cgroups.
    """
    return ["nsenter", f"--net=/proc/{pid}/ns/net", "--"]


def relay(port: int, pid: int, mark: Mapping[str, str], log: Path) -> None:
    """Lead a port of this machine's loopback to the same port in the node's network. Raises NodeError."""
    try:
        process.run(
            [*PYTHON, "embedded.node.relay", str(port), str(pid), str(log)], timeout=RELAY_LIMIT, cwd=ROOT, env=mark
        )
    except process.ProcessError as error:
        raise NodeError(f"the real node's network could not be reached: {error}") from None


def _last_words(folder: Path) -> str:
    for name in ("containerd.log", "node.log"):
        log = folder / name
        lines = log.read_text(encoding="utf-8", errors="replace").split("\n") if log.is_file() else []
        said = next((line.strip() for line in reversed(lines) if line.strip()), "")
        if said:
            return said
    return "it said nothing"

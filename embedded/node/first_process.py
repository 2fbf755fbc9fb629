"""The first process of the node's namespaces: makes its mounts and its network, and keeps its programs running.

`python -m embedded.node.first_process <the node's folder>`, as process 1. With its end the kernel ends every other
process of the node, and then its mounts, links and rules are gone as well. So nothing has to be cleaned up one by one.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .layout import INSIDE, Ranges

READY = "ready"
POLL = 0.1
AGAIN_AFTER = 1.0
"""Seconds from the end of a program to its next start."""


def mounts(folder: Path) -> None:
    """Make everything that the node's programs write to the node's own, nothing of it the machine's."""
    # The folder may lie in /run itself, which is about to be hidden.
    handle = os.open(folder, os.O_PATH)
    _run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    INSIDE.mkdir()
    _run("mount", "--bind", f"/proc/self/fd/{handle}", str(INSIDE), keep=handle)
    os.close(handle)
    # kubelet and the plugins have places in /var that no setting moves.
    upper, work = Path("/run/var"), Path("/run/var-work")
    upper.mkdir()
    work.mkdir()
    _run("mount", "-t", "overlay", "-o", f"lowerdir=/var,upperdir={upper},workdir={work}", "overlay", "/var")
    # What a pod mounts may be seen by the containers that ask for it; on the machine nobody sees it.
    _run("mount", "--make-rshared", "/")


def network(ranges: Ranges) -> None:
    """Give the namespace its addresses and routes. It has no link to the outside, so nothing can leave it."""
    _run("ip", "link", "set", "lo", "up")
    for address in (ranges.node, ranges.api_server):
        _run("ip", "address", "add", f"{address}/32", "dev", "lo")
    # Something has to be the way to a Service before the rules of kube-proxy send it elsewhere.
    _run("ip", "route", "add", ranges.services, "dev", "lo", "src", ranges.node)
    # Whoever calls a pod that is not there has to hear so at once.
    _run("ip", "route", "add", "unreachable", ranges.simulated)
    # By default a caller that a network policy refuses hears so a few times, and then once a second.
    Path("/proc/sys/net/ipv4/icmp_ratelimit").write_text("0", encoding="ascii")
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1", encoding="ascii")


@dataclass
class NodeProgram:
    """One program of the node."""

    name: str
    command: list[str]
    after: list[Path]
    child: subprocess.Popen[bytes] | None = None
    not_before: float = 0.0

    def start_if_due(self) -> None:
        if self.child or time.monotonic() < self.not_before or not all(path.exists() for path in self.after):
            return
        with (INSIDE / f"{self.name}.log").open("ab") as log:
            self.child = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        print(f"{self.name}: started", flush=True)

    def ended(self, pid: int, status: int) -> None:
        if self.child and self.child.pid == pid:
            print(f"{self.name}: ended ({os.waitstatus_to_exitcode(status)}), is started again", flush=True)
            self.child.returncode = status
            self.child, self.not_before = None, time.monotonic() + AGAIN_AFTER


def keep(parts: list[NodeProgram]) -> None:
    """Start each program when it is due and again when it has ended, and take the ends of all orphans."""
    while True:
        for part in parts:
            part.start_if_due()
        while ended := _next_end():
            for part in parts:
                part.ended(*ended)
        time.sleep(POLL)


def _next_end() -> tuple[int, int] | None:
    try:
        pid, status = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return None
    return (pid, status) if pid else None


def _run(*words: str, keep: int | None = None) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False, pass_fds=() if keep is None else (keep,))
    if done.returncode != 0:
        sys.exit(f"{' '.join(words)}: {done.stderr.strip()}")


def main(folder: Path) -> None:
    """Never returns."""
    # As process 1 it ignores what it has no handler for.
    signal.signal(signal.SIGTERM, lambda number, frame: os._exit(0))
    told: dict[str, Any] = json.loads((folder / "network.json").read_text(encoding="utf-8"))
    parts: list[dict[str, Any]] = json.loads((folder / "parts.json").read_text(encoding="utf-8"))
    network(Ranges(**told["ranges"]))
    mounts(folder)
    (INSIDE / READY).touch()
    keep([NodeProgram(part["name"], part["command"], [Path(path) for path in part["after"]]) for part in parts])


if __name__ == "__main__":
    main(Path(sys.argv[1]))

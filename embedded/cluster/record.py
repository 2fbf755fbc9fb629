"""What is known about each embedded cluster beyond its life: its folder, who owns it, and which processes are its own.

Each cluster has a folder `clusters/<name>` in the state folder. Its `cluster.json` is written before the first process
starts and has an identifier that every process of the cluster carries in its environment. So a later process finds all
that a killed one left, whenever it was killed, and can end nothing else.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from uuid import uuid4

import psutil

from base.process import ProcessId

from ..node import cgroups

MARK = "MESHLAB_CLUSTER"


@dataclass(frozen=True)
class Owner:
    """The process that a cluster lives and dies with. `namespace` is that of its process number: a number from another
    container says nothing here."""

    pid: int
    started: int
    namespace: str

    @classmethod
    def this_process(cls) -> Owner:
        process = ProcessId.of(os.getpid())
        assert process is not None
        return cls(process.pid, process.started, _pid_namespace())

    def dead(self) -> bool:
        """True where the owner is known to be gone; an owner in another container may be alive."""
        return self.namespace == _pid_namespace() and not ProcessId(self.pid, self.started).alive()


@dataclass(frozen=True)
class ClusterRecord:
    """One cluster's folder and its cluster.json. `owner` is None for a cluster that stays until it is taken down."""

    folder: Path
    identifier: str
    owner: Owner | None
    kubernetes: str = ""
    """The version that it was made with, such as `v1.36.3`; records of an older meshlab have none."""

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    def save(self) -> None:
        data = {
            "identifier": self.identifier,
            "owner": asdict(self.owner) if self.owner else None,
            "kubernetes": self.kubernetes,
        }
        unfinished = self.folder / "cluster.json.new"
        unfinished.write_text(json.dumps(data, indent=1), encoding="utf-8")
        unfinished.replace(self.folder / "cluster.json")

    def disowned(self) -> ClusterRecord:
        """The same cluster, to stay until somebody takes it down."""
        record = replace(self, owner=None)
        record.save()
        return record

    def processes(self) -> list[int]:
        """The process numbers of the cluster's parts."""
        return [process.pid for process in self._parts()]

    def clear(self) -> None:
        """Ends what has been started and empties the folder, but keeps the name."""
        self.remove()
        self.folder.mkdir(mode=0o700)
        self.save()

    def end_processes(self) -> None:
        """Kills the cluster's processes and waits for their end. Etcd's file outlives that."""
        # Until none is left: kwokctl may be starting one more.
        while found := self._parts():
            for process in found:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(found, timeout=10.0)

    def remove(self) -> None:
        """Ends the cluster's processes and removes its folder. Safe to repeat, and on a half-made cluster."""
        self.end_processes()
        cgroups.remove(self.identifier)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _parts(self) -> list[psutil.Process]:
        return [process for process in psutil.process_iter() if self._carries_mark(process)]

    def _carries_mark(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get(MARK) == self.identifier
        except psutil.Error:  # gone, or another user's
            return False


def read(state_dir: Path, name: str) -> ClusterRecord | None:
    """The cluster of that name; None where there is none."""
    folder = clusters_folder(state_dir) / name
    try:
        data = json.loads((folder / "cluster.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    owner = Owner(**data["owner"]) if data["owner"] else None
    return ClusterRecord(folder, data["identifier"], owner, data.get("kubernetes", ""))


def read_all(state_dir: Path) -> list[ClusterRecord]:
    """All clusters of the state folder, by name."""
    folders = sorted(clusters_folder(state_dir).glob("*/"))
    return [record for folder in folders if (record := read(state_dir, folder.name))]


def create(state_dir: Path, name: str, kubernetes: str = "") -> ClusterRecord | None:
    """Takes the name for this process, for a cluster of this version; None where a cluster has it."""
    with _lock(state_dir):
        folder = clusters_folder(state_dir) / name
        if read(state_dir, name):
            return None
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        record = ClusterRecord(folder, uuid4().hex, Owner.this_process(), kubernetes)
        record.save()
        return record


def sweep(state_dir: Path) -> list[str]:
    """Removes what dead owners left and returns the names. Clusters without an owner or with a living one stay."""
    with _lock(state_dir):
        left = [record for record in read_all(state_dir) if record.owner and record.owner.dead()]
        for record in left:
            record.remove()
        return [record.name for record in left]


def clusters_folder(state_dir: Path) -> Path:
    return state_dir.resolve() / "clusters"


def _pid_namespace() -> str:
    return str(Path("/proc/self/ns/pid").readlink())


@contextmanager
def _lock(state_dir: Path) -> Generator[None]:
    clusters_folder(state_dir).mkdir(parents=True, exist_ok=True)
    with (clusters_folder(state_dir) / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield

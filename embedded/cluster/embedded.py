"""Embedded clusters as the rest of meshlab sees them: start one, use it, and be sure that nothing of it is left."""

from __future__ import annotations

import atexit
import os
import re
import signal
import sys
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from base import process
from base.errors import MeshlabError
from base.say import Say

from ..images import Image
from ..node import NODE_TOOLS, requirements
from ..tools import kubernetes as minors
from ..tools import toolchain
from . import boot, layout, record
from . import injection as injectors
from .layout import Network
from .real_node import NETWORK as NODE_NETWORK
from .real_node import RealNode
from .record import ClusterRecord

CLUSTER_TOOLS = (
    "kubectl",
    "kwok",
    "kwokctl",
    "etcd",
    "kube-scheduler",
    "kube-apiserver",
    "kube-controller-manager",
)
# A cluster that was made has the others in its own folder.
START_AGAIN_TOOLS = ("kubectl", "kwokctl")


@dataclass(frozen=True)
class ClusterStatus:
    """What `status` tells of a cluster; `owner` is the number of the process that it ends with, None where it stays."""

    name: str
    server: str
    kubeconfig: Path
    running: bool
    owner: int | None
    kubernetes: str
    """Its version, such as `v1.36.3`; empty where an older meshlab has made it."""
    builds_images: bool = False
    """Whether it has a real node with the images that are built here, and none that somebody gave it."""
    abandoned: bool = False
    """Whether the process that it ends with is gone, as after a kill; the next `up` or `down` removes it."""


@dataclass
class EmbeddedCluster:
    """A running embedded cluster: `server` is its URL on loopback, `kubeconfig` has one context, called as it is."""

    name: str
    kubeconfig: Path
    server: str
    _record: ClusterRecord
    _kubectl: Path
    _term_before: Any = field(default=None, repr=False)

    @classmethod
    def up(
        cls,
        name: str,
        nodes: int = 3,
        *,
        state_dir: Path,
        network: Network | None = None,
        injection: bool = False,
        kubernetes: str | None = None,
        real_node: bool = False,
        images: Sequence[Path] = (),
        progress: Say = print,
    ) -> EmbeddedCluster:
        """Starts a cluster that ends with this process at the latest; its nodes are ready when it returns.

        `kubernetes` is one of `embedded.tools.kubernetes.minors`, by default the pin's.

        With `injection`, every revision of Istio that is installed there has a real istiod, see `injection.start`.
        With `real_node`, one more node is a real one; `images` are archives of container images, and the pods that
        need no others run there.

        Clears away what dead processes left in `state_dir` first. Raises MeshlabError where its programs or
        that minor cannot be had, the name is in use, the cluster does not start, or this machine cannot have a real
        node.
        """
        _check_name(name)
        if real_node:
            requirements.check()
        keys = minors.keys((*CLUSTER_TOOLS, *(NODE_TOOLS if real_node else ())), kubernetes)
        found = toolchain.ensure(keys.values(), progress)
        tools = {name: found[key] for name, key in keys.items()}
        for left in record.sweep(state_dir):
            progress(f"cluster: removed {left}, whose owner is gone")
        mine = record.create(state_dir, name, minors.release(kubernetes))
        if mine is None:
            raise MeshlabError(_in_use(state_dir, name))
        try:
            addresses = network or (NODE_NETWORK if real_node else Network())
            server = boot.start(mine, nodes, addresses, tools, injection, images if real_node else None)
            if injection:
                injectors.start(mine, progress)
        except BaseException:
            mine.remove()
            raise
        cluster = cls(name, mine.kubeconfig, server, mine, tools["kubectl"])
        atexit.register(cluster._down_at_exit)
        return cluster

    @property
    def kubernetes(self) -> str:
        """Its version, such as `v1.36.3`; empty where an older meshlab has made it."""
        return self._record.kubernetes

    def down(self) -> None:
        """Ends the cluster and removes its folder. Safe to repeat."""
        atexit.unregister(self._down_at_exit)
        self._record.remove()

    def keep(self) -> None:
        """Lets the cluster outlive this process, until `down`."""
        atexit.unregister(self._down_at_exit)
        self._record = self._record.disowned()

    @property
    def real_node(self) -> bool:
        """Whether it was made with a real node."""
        return RealNode.of(self._record) is not None

    @property
    def given_images(self) -> bool:
        """Whether it has a real node with images that somebody gave it, so that none is built for it."""
        return RealNode(self._record).given

    def load_images(self, archives: Sequence[Path]) -> list[str]:
        """Loads archives of container images into the real node and returns the names of all that it has. Pods that
        are created from then on run there where these are all that they need. Raises NodeError."""
        return RealNode(self._record).load(archives)

    def kubectl(self, *args: str, stdin: str = "", timeout: float = 60.0, check: bool = True) -> process.Completed:
        """Runs kubectl on this cluster; `timeout` is seconds. Raises as `process.run`."""
        return boot.kubectl(self._kubectl, self.kubeconfig, *args, stdin=stdin, timeout=timeout, check=check)

    @contextmanager
    def taking_along(self) -> Generator[None]:
        """Has programs that are started meanwhile, and theirs, end with the cluster at the latest."""
        os.environ[record.MARK] = self._record.identifier
        try:
            yield
        finally:
            del os.environ[record.MARK]

    def __enter__(self) -> EmbeddedCluster:
        # Python dies of SIGTERM without a word to anybody. Only the main thread can change that (ValueError), and only
        # where the program has not yet is it ours to change.
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            try:
                self._term_before = signal.signal(signal.SIGTERM, _exit_on_signal)
            except ValueError:
                self._term_before = None
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self.down()
        if self._term_before is not None:
            signal.signal(signal.SIGTERM, self._term_before)
            self._term_before = None

    def _down_at_exit(self) -> None:
        # A forked child runs the same exit functions and must not take its parent's cluster away.
        if self._record.owner and self._record.owner.pid == os.getpid():
            self.down()


def up(
    state_dir: Path,
    name: str,
    nodes: int = 3,
    *,
    injection: bool = False,
    kubernetes: str | None = None,
    real_node: bool = False,
    images: Sequence[Path] = (),
    progress: Say = print,
) -> EmbeddedCluster:
    """Starts a cluster that stays until `down`; where it is there already, starts what has stopped (the machine was
    restarted) and returns it, with a real node if it was made with one. Raises as `EmbeddedCluster.up`, and
    MeshlabError where it is there with another minor than `kubernetes` (without one, whatever it has is right) or
    without a real node that is asked for."""
    existing = record.read(state_dir, name)
    if existing is None or existing.owner:
        cluster = EmbeddedCluster.up(
            name,
            nodes,
            state_dir=state_dir,
            injection=injection,
            kubernetes=kubernetes,
            real_node=real_node,
            images=images,
            progress=progress,
        )
        cluster.keep()
        return cluster
    _refuse_another_minor(existing, kubernetes)
    node = RealNode.of(existing)
    if real_node and not node:
        raise boot.in_the_way(name, "was made without a real node: end it")
    if node:
        requirements.check()
    tools = toolchain.ensure([*START_AGAIN_TOOLS, *(NODE_TOOLS if node else ())], progress)
    if not _running(existing):
        progress(f"cluster: starting {name} again, as it was")
        boot.resume(existing, tools)
    if node and images:
        node.load(images)
    if injection:
        injectors.start(existing, progress)
    return EmbeddedCluster(name, existing.kubeconfig, _server(existing), existing, tools["kubectl"])


def build_images(state_dir: Path, name: str, images: Iterable[str], progress: Say = print) -> list[Image]:
    """Builds what stands in for images, by their names, and gives it to the real node of a cluster that runs; an image
    that cannot be had has a reason. Raises MeshlabError."""
    existing = record.read(state_dir, name)
    node = RealNode.of(existing) if existing else None
    if node is None:
        raise MeshlabError(f"embedded cluster {name}: expected one with a real node, got none")
    return node.build(images, progress)


def exists(state_dir: Path, name: str) -> bool:
    """Whether `up` would find a cluster of that name, running or not, and not make a new one."""
    found = record.read(state_dir, name)
    return found is not None and found.owner is None


def wanted_tools(state_dir: Path, name: str, kubernetes: str | None = None) -> list[str]:
    """What `toolchain.ensure` calls the programs that `up` is going to need. Raises MeshlabError."""
    names = START_AGAIN_TOOLS if exists(state_dir, name) else CLUSTER_TOOLS
    return list(minors.keys(names, kubernetes).values())


def down(state_dir: Path, name: str) -> bool:
    """Ends a cluster and removes its folder; false where there is none. Raises MeshlabError where it belongs to a
    process that still runs."""
    record.sweep(state_dir)
    existing = record.read(state_dir, name)
    if existing is None:
        return False
    if existing.owner:
        raise MeshlabError(_in_use(state_dir, name))
    existing.remove()
    return True


def status(state_dir: Path) -> list[ClusterStatus]:
    """The clusters of the state folder, by name, those of dead owners included."""
    return [
        ClusterStatus(
            recorded.name,
            _server(recorded),
            recorded.kubeconfig,
            _running(recorded) and not _abandoned(recorded),
            recorded.owner.pid if recorded.owner else None,
            recorded.kubernetes,
            (node := RealNode.of(recorded)) is not None and not node.given,
            _abandoned(recorded),
        )
        for recorded in record.read_all(state_dir)
    ]


def _abandoned(recorded: ClusterRecord) -> bool:
    return recorded.owner is not None and recorded.owner.dead()


def _refuse_another_minor(existing: ClusterRecord, kubernetes: str | None) -> None:
    if kubernetes is None or existing.kubernetes.startswith(f"v{minors.checked(kubernetes)}."):
        return
    runs = f"runs Kubernetes {existing.kubernetes}" if existing.kubernetes else "is of an older meshlab"
    raise boot.in_the_way(existing.name, f"{runs}, expected {kubernetes}: end that one")


def _running(one: ClusterRecord) -> bool:
    """Whether all parts run: a cluster that lacks one of them is of no use. What runs beside them does not count."""
    node = RealNode.of(one)
    return {_program(pid) for pid in one.processes()} >= set(layout.COMPONENTS) and (node is None or node.running)


def _program(pid: int) -> str:
    try:
        return Path(Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").split("\0")[0]).name
    except OSError:  # it ended meanwhile
        return ""


def _server(one: ClusterRecord) -> str:
    try:
        return boot.server_of(one)
    except FileNotFoundError:  # it is still starting, or never came so far
        return ""


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", name):
        raise MeshlabError(f"cluster name: expected lower-case letters, digits and dashes, at most 40, got {name!r}")


def _in_use(state_dir: Path, name: str) -> str:
    existing = record.read(state_dir, name)
    owner = f"ends with process {existing.owner.pid}" if existing and existing.owner else "stays until `down`"
    return f"embedded cluster {name} exists already in {record.clusters_folder(state_dir)} and {owner}"


def _exit_on_signal(signum: int, frame: FrameType | None) -> None:
    sys.exit(128 + signum)

"""Bringing one cluster's control plane up with kwokctl, and its nodes to where pods can run."""

from __future__ import annotations

import base64
import os
import re
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from base import process
from base.environment import reaching
from base.errors import MeshlabError
from base.goyaml.text import document, to_yaml
from base.process import ProcessId

from ..node import requirements
from ..tools import pins
from . import egress, layout, real_node, record
from .api import ApiConnection
from .layout import Network
from .real_node import RealNode
from .record import ClusterRecord

T = TypeVar("T")

# Warm it takes seconds; this is for a machine that does much else at the time.
START_LIMIT = 120.0
ASK_LIMIT = 10.0
# A port that was free when we looked may be taken when its owner comes, and on a very busy machine a part may give up
# before the API server answers; another try helps both.
START_TRIES = 3
ANSWER_LIMIT = 60.0
"""Seconds without a byte of an answer."""
PAUSE = 0.1
RESUME_PAUSE = 1.0
DEFAULT_ACCOUNT = "/api/v1/namespaces/default/serviceaccounts/default"
# A proxy would get the API server's calls to webhooks, and kwokctl takes settings from the caller's environment.
FOREIGN_SETTINGS = re.compile(r"(?i)^((https?|all|no)_proxy|KWOK_.*|KUBERNETES_.*)$")


def start(
    mine: ClusterRecord,
    count: int,
    network: Network,
    tools: Mapping[str, Path],
    injection: bool,
    archives: Sequence[Path] | None = None,
) -> str:
    """Makes the cluster in its empty folder, with its kubeconfig and its nodes, and returns the API server's URL.
    With `injection`, the API server asks `egress.Proxy` for its way into the cluster. With `archives`, the cluster has
    a real node beside the simulated ones, which has the images of these archives."""
    return _tried(
        mine, "did not start", lambda: _bring_up(mine, count, network, tools, injection, archives), mine.clear
    )


def resume(mine: ClusterRecord, tools: Mapping[str, Path]) -> None:
    """Starts a cluster again that had stopped, with all that was in it. Raises MeshlabError."""
    _refuse_another_kwok(mine)
    # A killed process is gone from /proc before the kernel has closed its ports.
    _tried(mine, "did not start again", lambda: _start_again(mine, tools), lambda: time.sleep(RESUME_PAUSE))


def _tried(mine: ClusterRecord, how: str, act: Callable[[], T], between: Callable[[], object]) -> T:
    """What `act` returns, which is tried again where a part of the cluster gave up; `between` comes before that."""
    for attempt in range(1, START_TRIES + 1):
        try:
            return act()
        except requirements.NodeError as error:
            raise _failed(mine, how, error) from None
        except process.ProcessError as error:
            if attempt == START_TRIES or isinstance(error, process.CommandTimeoutError):
                raise _failed(mine, how, error) from None
            between()
    raise AssertionError("the last try returns or raises")


def _start_again(mine: ClusterRecord, tools: Mapping[str, Path]) -> None:
    mine.end_processes()
    node = RealNode.of(mine)
    # kwokctl believes in the numbers that it wrote down; after a restart of the machine they are other processes'.
    for file in (_home(mine) / "pids").glob("*.pid"):
        file.unlink()
    if node:
        node.start(tools, ())
    _kwokctl(mine, tools, "start", "cluster")
    if node:
        _join(mine, node)
    kubectl(tools["kubectl"], mine.kubeconfig, "wait", "--for=condition=Ready", "nodes", "--all", "--timeout=60s")


def kubectl(
    program: Path, kubeconfig: Path, *args: str, stdin: str = "", timeout: float = 60.0, check: bool = True
) -> process.Completed:
    """Runs kubectl with this kubeconfig and no other. Raises as `process.run`."""
    return process.run([program, *args], timeout=timeout, env=reaching(kubeconfig), stdin=stdin, check=check)


def _bring_up(
    mine: ClusterRecord,
    count: int,
    network: Network,
    tools: Mapping[str, Path],
    injection: bool,
    archives: Sequence[Path] | None,
) -> str:
    way_in = egress.configure(mine.folder, mine.identifier) if injection else None
    node = RealNode(mine) if archives is not None else None
    if node:
        node.start(tools, archives or ())
    config = layout.kwokctl_files(mine.folder, network, tools, way_in, _pki(mine) if node else None)
    _kwokctl(mine, tools, "create", "cluster", "--config", str(config), "--kubeconfig=")
    server = _write_kubeconfig(mine)
    if node:
        _join(mine, node)
    objects = [*layout.nodes(count, network), *(real_node.name_service() if node else ())]
    # Not by kubectl, whose start takes several times as long as each answer.
    with ApiConnection(own_kubeconfig(mine), ANSWER_LIMIT) as api:
        _patiently(mine, lambda: _add(api, objects))
        _patiently(mine, lambda: _refuse_incomplete(api, count + (node is not None)))
    return server


def _join(mine: ClusterRecord, node: RealNode) -> None:
    node.join(int(server_of(mine).rpartition(":")[2]), _pki(mine))


def _kwokctl(mine: ClusterRecord, tools: Mapping[str, Path], *args: str) -> None:
    """Runs kwokctl to its end. It starts the parts and waits for the server for minutes, whether or not they still
    run; we look at that ourselves."""
    log = mine.folder / "kwokctl.log"
    env = {
        **{key: None for key in os.environ if FOREIGN_SETTINGS.match(key)},
        record.MARK: mine.identifier,
        "HOME": str(mine.folder),
        "KUBECONFIG": None,
        "KWOK_WORKDIR": str(_workdir(mine)),
        # kwokctl takes the first kubectl on PATH, whatever its configuration says.
        "PATH": f"{tools['kubectl'].parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
    }
    limit = time.monotonic() + START_LIMIT
    node = RealNode.of(mine)
    command = [*(node.entering if node else ()), tools["kwokctl"], *args, "--name", mine.name]
    with process.background(command, log=log, cwd=mine.folder, env=env) as child:
        while child.poll() is None:
            _check_parts(mine)
            if time.monotonic() > limit:
                raise process.CommandTimeoutError(f"kwokctl was not done after {START_LIMIT:g} s: {_last_line(log)}")
            time.sleep(0.05)
    if child.returncode != 0:
        raise process.ProcessError(f"kwokctl failed with exit code {child.returncode}: {_last_line(log)}")


def _check_parts(mine: ClusterRecord) -> None:
    """Raises ProcessError with a part's last words where one that was started runs no more."""
    for file in (_home(mine) / "pids").glob("*.pid"):
        number = file.read_text(encoding="ascii")
        if number and ProcessId.of(int(number)) is None:
            raise process.ProcessError(f"{file.stem} ended: {_last_line(_home(mine) / 'logs' / f'{file.stem}.log')}")


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n") if log.is_file() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "it wrote nothing")


def _patiently(mine: ClusterRecord, act: Callable[[], None]) -> None:
    """Repeats `act` until it raises no MeshlabError. A refusal is no end: the API server answers before it has read all
    that it keeps. Raises ProcessError where a part of the cluster ends, or too much time goes by."""
    limit = time.monotonic() + START_LIMIT
    while True:
        try:
            return act()
        except MeshlabError as error:
            _check_parts(mine)
            if time.monotonic() > limit:
                raise process.CommandTimeoutError(f"{error}, after {START_LIMIT:g} s") from None
        time.sleep(PAUSE)


def _add(api: ApiConnection, objects: Iterable[tuple[str, dict[str, Any]]]) -> None:
    for path, new in objects:
        api.create(path, new)


def _refuse_incomplete(api: ApiConnection, count: int) -> None:
    """Raises MeshlabError with what is missing before pods can be created and scheduled: all nodes ready and without
    their first taint, and the default service account."""
    ready = sum(map(_schedulable, api.list(layout.NODES)))
    if ready < count:
        raise MeshlabError(f"{ready} of {count} nodes are ready")
    if api.get(DEFAULT_ACCOUNT) is None:
        raise MeshlabError("namespace default has no service account")


def _schedulable(node: dict[str, Any]) -> bool:
    conditions = {condition["type"]: condition["status"] for condition in node["status"].get("conditions", [])}
    return conditions.get("Ready") == "True" and not node["spec"].get("taints")


def _write_kubeconfig(mine: ClusterRecord) -> str:
    """Makes of kwokctl's kubeconfig one that needs no other file, so that it can be copied, and returns the server."""
    theirs = document(own_kubeconfig(mine).read_text(encoding="utf-8"))
    cluster, user = theirs["clusters"][0]["cluster"], theirs["users"][0]["user"]
    for data in (cluster, user):
        for key in [key for key in data if key in ("certificate-authority", "client-certificate", "client-key")]:
            data[f"{key}-data"] = base64.b64encode(Path(data.pop(key)).read_bytes()).decode("ascii")
    ours = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": mine.name,
        "clusters": [{"name": mine.name, "cluster": cluster}],
        "users": [{"name": mine.name, "user": user}],
        "contexts": [{"name": mine.name, "context": {"cluster": mine.name, "user": mine.name}}],
    }
    mine.kubeconfig.touch(mode=0o600)
    mine.kubeconfig.write_text(to_yaml(ours), encoding="utf-8")
    return str(cluster["server"])


def _failed(mine: ClusterRecord, how: str, error: Exception) -> MeshlabError:
    """The error for the user. The logs go to where they outlive the cluster's folder."""
    kept = mine.folder.parent.parent / "failed-clusters" / mine.name
    shutil.rmtree(kept, ignore_errors=True)
    logs = _home(mine) / "logs"
    if logs.is_dir():
        shutil.copytree(logs, kept)
    for log in (mine.folder / real_node.FOLDER).glob("*.log"):
        kept.mkdir(parents=True, exist_ok=True)
        shutil.copy(log, kept)
    return MeshlabError(f"embedded cluster {mine.name} {how}: {error} (logs: {kept})")


def in_the_way(name: str, why: str) -> MeshlabError:
    """That a cluster is not the one that is asked for; `why` ends with the words `end it` or the like."""
    return MeshlabError(
        f"embedded cluster {name} {why} first, with all that is on it", f"meshlab cluster down --name {name}"
    )


def _refuse_another_kwok(mine: ClusterRecord) -> None:
    """A cluster keeps its programs and their configuration; kwokctl of another release starts no kwok that works."""
    pin, program = pins.table()["kwok"], _home(mine) / "bin" / "kwok-controller"
    try:
        version = pins.parse_version(process.run([program, *pin.ask], timeout=ASK_LIMIT, check=False).stdout)
    except process.CommandMissingError:
        version = None
    if version is None or not pin.fits(version):
        found = f"kwok {'.'.join(map(str, version))}" if version else "no kwok any more"
        raise in_the_way(mine.name, f"cannot start again: it has {found}, expected {pin.wanted()}: end it")


def _workdir(mine: ClusterRecord) -> Path:
    return mine.folder / "kwok"


def _home(mine: ClusterRecord) -> Path:
    """The folder that kwokctl makes for the cluster."""
    return _workdir(mine) / "clusters" / mine.name


def _pki(mine: ClusterRecord) -> Path:
    """The folder of the certificates that kwokctl makes for the cluster."""
    return _home(mine) / "pki"


def server_of(mine: ClusterRecord) -> str:
    """The API server's URL. Raises FileNotFoundError where the cluster has no kubeconfig yet."""
    return str(document(mine.kubeconfig.read_text(encoding="utf-8"))["clusters"][0]["cluster"]["server"])


def own_kubeconfig(mine: ClusterRecord) -> Path:
    """Kwokctl's kubeconfig, which names the files of its certificates."""
    return _home(mine) / "kubeconfig.yaml"

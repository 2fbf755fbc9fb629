"""What `up`, `preview` and `down` share: which cluster, which charts, and what brings the resources up on it."""

import hashlib
import os
import secrets
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from base.errors import MeshlabError
from embedded import cluster
from embedded.tools import kubernetes as minors
from kube import kubeconfig
from settings.models import Settings
from settings.reading import parse_settings
from settings.rules import needed_charts
from settings.versions import newest_for

from .charts import repositories
from .charts.lock import check_folder, flat
from .charts.source import STAND_INS_FOLDER, announce, pack_stand_ins
from .recording.recorder import ROOT, ProgramError, stack_config
from .stackfile.reading import PROJECT

STATE_VARIABLE = "MESHLAB_STATE"
EMBEDDED = "lab"
"""Name of the embedded cluster that `make up` starts and `make down` ends."""
NO_OPERATOR: Mapping[str, Any] = MappingProxyType({"kiali": {"awaitReady": False}})
"""The overlay for an embedded cluster: no operator runs there to report Kiali as ready."""

Say = Callable[[str], None]
Config = Mapping[str, Any]


def state_folder() -> Path:
    """Where all lies that outlives a command: the folder that MESHLAB_STATE names, else .state in the checkout."""
    named = os.environ.get(STATE_VARIABLE)
    return Path(named).expanduser().absolute() if named else ROOT / ".state"


STATE = state_folder()


class LabError(MeshlabError):
    """The lab cannot be brought up, changed or removed as asked; the message is one line for the person who asked."""


@dataclass(frozen=True)
class Step:
    """One resource that a driver has dealt with."""

    name: str
    action: str
    """What was done: create, update, replace, delete, or same."""
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """What a driver did."""

    steps: tuple[Step, ...]
    outputs: Mapping[str, Any]

    @property
    def changed(self) -> list[Step]:
        """The steps that changed something."""
        return [step for step in self.steps if step.action != "same"]


@dataclass(frozen=True)
class Target:
    """The cluster that the stack is for."""

    kubeconfig: Path
    """A file with one context in it, current."""
    embedded: bool
    """True for the embedded cluster, whose pods do not really run."""
    label: str
    context: str = ""
    """What the caller's kubeconfig calls it; empty for the embedded cluster."""
    kubernetes: str = ""
    """Its version, as `1.36.3`, where that is known without asking: of an embedded cluster."""
    real_node: bool = False
    """True for an embedded cluster with a node on which pods do run."""

    @property
    def option(self) -> str:
        """` --cluster CONTEXT` for a command to type that means this cluster; nothing for the embedded one."""
        return f" --cluster {shlex.quote(self.context)}" if self.context else ""

    def __post_init__(self) -> None:
        """Raise LabError where the file's path is not one to every program."""
        if os.pathsep in str(self.kubeconfig):
            raise LabError(f"{STATE_VARIABLE}: expected a folder without {os.pathsep!r}, got {self.kubeconfig.parent}")


def embedded_target(
    say: Say,
    state: Path = STATE,
    kubernetes: str | None = None,
    *,
    real_node: bool = False,
    images: Sequence[Path] = (),
) -> Target:
    """The embedded cluster, started where it does not run. Raises MeshlabError.

    `kubernetes` is the minor that it must have; without one, a cluster that runs is right, else it is the pin's.
    With `real_node`, it has a node on which pods run; `images` are archives that this node gets.
    """
    running = cluster.up(
        state, EMBEDDED, injection=True, kubernetes=kubernetes, real_node=real_node, images=images, progress=say
    )
    return target_of(running)


def target_of(running: cluster.Cluster) -> Target:
    """An embedded cluster as a stack's target."""
    with_node = " with a real node" if running.real_node else ""
    return Target(
        running.kubeconfig,
        embedded=True,
        label=f"embedded cluster {running.name}{with_node} ({running.server})",
        kubernetes=running.kubernetes.removeprefix("v"),
        real_node=running.real_node,
    )


def minor_for(settings: Settings) -> str:
    """The minor of Kubernetes for a new embedded cluster, where nobody has named one.

    The stack's own; else the newest that can be had and all its Istios support; else, as for one out of support, the
    pin's.
    """
    if settings.cluster.kubernetes in minors.minors():
        return settings.cluster.kubernetes
    istios = [one.version for one in settings.istio.revisions.values()]
    return newest_for(istios, minors.minors()) or minors.pinned()


def running_embedded(state: Path = STATE) -> cluster.ClusterStatus | None:
    """The embedded cluster, if it runs."""
    return next((one for one in cluster.status(state) if one.name == EMBEDDED and one.running), None)


def no_cluster(command: str) -> str:
    """What to say where `meshlab <command>` was given no context, and the embedded cluster does not run either."""
    return (
        "expected the embedded cluster to run, or a context of your kubeconfig, got neither "
        f"(start the one: make up; name the other: meshlab {command} --cluster CONTEXT)"
    )


def named_target(context: str, state: Path = STATE) -> Target:
    """The cluster of a context of the user's kubeconfig, copied so that nothing else can become current meanwhile.

    Every program gets this copy, and so acts as the same one. Raises AccessError.
    """
    found = kubeconfig.read(context)
    # A context may be called whatever one likes, and contexts of one name in several kubeconfigs are several.
    who = "\0".join((context, str(found.cluster["server"]), str(found.context.get("user") or "")))
    path = state / "contexts" / f"{hashlib.sha256(who.encode()).hexdigest()[:16]}.yaml"
    write_private(path, found.text())
    return Target(path, embedded=False, label=f"context {context}", context=context)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.touch(mode=0o600)
    draft.chmod(0o600)
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def passphrase_file(state: Path = STATE) -> Path:
    """The passphrase that locks the secrets of a state of our own; made once, and only its owner can read it."""
    path = state / "passphrase"
    if not path.exists():
        write_private(path, secrets.token_urlsafe(32))
    return path


def overlaid(stack: str, overlay: Config) -> dict[str, Any]:
    """The stack file's config with the sections of `overlay` laid over it, key by key."""
    config = stack_config(stack)
    for section, values in overlay.items():
        key = f"{PROJECT}:{section}"
        config[key] = {**(config.get(key) or {}), **values}
    return config


def settings_of(stack: str, config: Config) -> Settings:
    """The settings of a stack's config. Raises ProgramError with every problem."""
    prefix = f"{PROJECT}:"
    raw = {key.removeprefix(prefix): value for key, value in config.items() if key.startswith(prefix)}
    try:
        return parse_settings(raw, project=PROJECT, stack=stack)
    except Exception as error:
        raise ProgramError(str(error)) from None


def wanted_charts(settings: Settings) -> dict[str, list[str]]:
    """Versions by chart name that a stack installs."""
    wanted: dict[str, list[str]] = {}
    sections = (settings.charts, settings.istio, settings.monitoring, settings.kiali)
    for chart, version in sorted(needed_charts(sections)):
        wanted.setdefault(chart, []).append(version)
    return wanted


def asked_charts(folder: str | None) -> dict[str, Any]:
    """The overlay for a folder of charts that the user named, if any."""
    return {"charts": {"source": str(Path(folder).expanduser().resolve())}} if folder is not None else {}


def chosen_charts(stack: str, folder: str | None, say: Say) -> tuple[dict[str, Any], list[str]]:
    """Where charts come from: the overlay for the settings, and what there is to announce.

    A folder that was asked for comes first, then what the stack says, then upstream; where that does not answer, the
    stand-in charts. Raises MeshlabError where a folder has a chart that is not the one of charts.lock.
    """
    overlay = asked_charts(folder)
    settings = settings_of(stack, overlaid(stack, overlay))
    if overlay:
        _hold_to_lock(settings)
        return overlay, []
    if settings.charts.source is not None:
        _hold_to_lock(settings)
        return {}, []
    silent = [answer for answer in repositories.probe(settings.charts.chart_source) if not answer.ok]
    if not silent:
        return {}, []
    wanted = wanted_charts(settings)
    packed = pack_stand_ins(STAND_INS_FOLDER, wanted, say)
    told = ", ".join(f"{answer.url}: {answer.reason}" for answer in silent)
    reason = f"Charts: not every repository answers ({told}); using stand-ins:"
    return {"charts": {"source": str(packed)}}, [reason, *announce(packed, wanted)]


def _hold_to_lock(settings: Settings) -> None:
    folder = settings.charts.chart_source.folder
    if folder is not None:
        check_folder(folder, flat(wanted_charts(settings)))

"""Brings the recorded resources up with helm and kubectl, for where no Pulumi engine can be had.

Same objects, same order, same waits as the program has them; no diff, no drift, no history. What was applied is kept in
a file, so that a later run removes what the program no longer has.
"""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, cast

from components import rollout
from components.cluster_api import ClusterApi
from components.mesh_workloads import ROLLOUT

from . import toolchain
from .event_log import EventLog, log_file
from .helm_kubectl import Cli
from .lab import PROJECT, STATE, Outcome, Say, Step, Target, passphrase_file, write_private
from .recorder import Recorded, record

WORKERS = 8
RELEASE = "kubernetes:helm.sh/v3:Release"
PASSWORD_LENGTH = 24
CONTENTS = ("data", "stringData", "values")
"""Inputs that are not kept: a Secret's content, and what goes with it."""


class EnginelessDriver:
    """One stack, applied in the order of its recorded edges, as many resources at a time as those allow."""

    def __init__(self, target: Target, stack: str, config: Mapping[str, Any], say: Say, state: Path = STATE) -> None:
        tools = toolchain.ensure(["helm", "kubectl"], say)
        self._kubeconfig = target.kubeconfig
        self._cli = Cli(tools["helm"], tools["kubectl"], target.kubeconfig)
        self._stack, self._config, self._say, self._state = stack, config, say, state
        self._file = state_file(stack, state)

    def up(self) -> Outcome:
        """Apply everything, then remove what an earlier run applied and the program no longer has."""
        recording = record(self._stack, config=self._config, generated=self.password())
        resources = {resource.urn: resource for resource in recording.resources}
        known = cast(Mapping[str, Any], self._load().get("applied", {}))
        wanted = {_identity(resource): _entry(resource) for resource in recording.resources if _applies(resource)}
        # What was begun counts as applied: an interrupted run must not forget it, nor how it was before.
        self._save({**wanted, **known})

        def apply(one: Recorded) -> Step | None:
            before = cast(Mapping[str, Any], known.get(_identity(one), {}) if _applies(one) else {})
            return self._apply(one, log, cast(Mapping[str, Any], before.get("inputs", {})))

        with EventLog(log_file(self._stack, self._state)) as log:
            steps = _in_order(resources, lambda resource: resource.depends_on, apply)
            gone = [_resource(entry) for identity, entry in known.items() if identity not in wanted]
            removed = [self._remove(resource) for resource in reversed(gone)]
        self._save(wanted)
        return Outcome((*steps, *(step for step in removed if step)), recording.outputs)

    def preview(self) -> Outcome:
        """List what would be applied; without an engine there is no diff."""
        recording = record(self._stack, config=self._config)
        return Outcome(
            tuple(Step(resource.name, "apply", 0) for resource in recording.resources if resource.custom), {}
        )

    def down(self) -> Outcome:
        """Remove what was applied, dependents first; what the program keeps on destroy stays."""
        entries = cast(Mapping[str, Any], self._load().get("applied", {}))
        resources = {resource.urn: resource for resource in map(_resource, entries.values())}
        dependents: dict[str, list[str]] = {urn: [] for urn in resources}
        for urn, resource in resources.items():
            for dependency in resource.depends_on:
                if dependency in dependents:
                    dependents[dependency].append(urn)
        steps = _in_order(resources, lambda resource: dependents[resource.urn], self._remove)
        self._file.unlink(missing_ok=True)
        return Outcome(tuple(steps), {})

    def _apply(self, resource: Recorded, log: EventLog, before: Mapping[str, Any]) -> Step | None:
        """`before`: inputs of the same thing as an earlier run applied it, if one did."""
        if not _applies(resource):
            return None
        started = time.monotonic()
        # Whether it changes anything shows only afterwards.
        log.begun(resource.urn, "update")
        try:
            changed = self._changed(resource, before)
        except Exception:
            log.failed(resource.urn, "update")
            raise
        action = "update" if changed else "same"
        log.done(resource.urn, action)
        return self._step(resource, action, started)

    def _changed(self, resource: Recorded, before: Mapping[str, Any]) -> bool:
        if resource.type == ROLLOUT:
            rolled = rollout.follow(ClusterApi(self._kubeconfig), before, resource.inputs)
            for line in rolled.left:
                self._say(f"  left to its owner: {line}")
            return rolled.count > 0
        return self._cli.install(resource) if resource.type == RELEASE else self._cli.apply(resource)

    def _remove(self, resource: Recorded) -> Step | None:
        if not _applies(resource) or resource.options.get("retainOnDelete"):
            return None
        started = time.monotonic()
        if resource.type == RELEASE:
            self._cli.uninstall(resource)
        elif resource.type != ROLLOUT:
            self._cli.delete(resource)
        return self._step(resource, "delete", started)

    def _step(self, resource: Recorded, action: str, started: float) -> Step:
        step = Step(resource.name, action, time.monotonic() - started)
        self._say(f"  {step.action:7} {step.name} ({step.seconds:.1f} s)")
        return step

    def _load(self) -> dict[str, Any]:
        return cast(dict[str, Any], json.loads(self._file.read_text(encoding="utf-8"))) if self._file.is_file() else {}

    def _save(self, applied: Mapping[str, Any]) -> None:
        write_private(self._file, json.dumps({"applied": applied}, indent=1))

    def password(self) -> str:
        """What stands in for generated passwords: the same at every run, and kept nowhere but in the cluster.

        It follows from the passphrase that also locks the engine's secrets.
        """
        key = passphrase_file(self._state).read_bytes()
        digest = hmac.new(key, f"{PROJECT}/{self._stack}/generated".encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).decode()[:PASSWORD_LENGTH]


def state_file(stack: str, state: Path = STATE) -> Path:
    """Where the driver keeps what it applied: written as an update begins and as it ends, gone with the stack."""
    return state / "engineless" / f"{stack}.json"


def _applies(resource: Recorded) -> bool:
    """Whether the resource is something in the cluster: not a component, a provider or a generated value."""
    return resource.custom and (resource.type.startswith("kubernetes:") or resource.type == ROLLOUT)


def _identity(resource: Recorded) -> str:
    """What makes it the same thing in the cluster: another name or namespace is another object."""
    if resource.type == ROLLOUT:
        return ROLLOUT
    metadata = cast(Mapping[str, Any], resource.inputs.get("metadata") or resource.inputs)
    return f"{resource.type} {metadata.get('namespace', '')}/{metadata['name']}"


def _entry(resource: Recorded) -> dict[str, Any]:
    """What removing the resource later takes: which it is, and none of what a Secret or a chart's values hold."""
    entry = {key: getattr(resource, key) for key in Recorded.__dataclass_fields__}
    return {**entry, "inputs": {key: value for key, value in resource.inputs.items() if key not in CONTENTS}}


def _resource(entry: Mapping[str, Any]) -> Recorded:
    fields: dict[str, Any] = {**entry, "depends_on": tuple(cast(list[str], entry["depends_on"]))}
    return Recorded(**fields)


def _in_order(
    resources: Mapping[str, Recorded],
    waits_for: Callable[[Recorded], Iterable[str]],
    act: Callable[[Recorded], Step | None],
) -> list[Step]:
    """Act on every resource once all that it waits for is done. The first failure stops what has not begun."""
    edges = {urn: [other for other in waits_for(resource) if other in resources] for urn, resource in resources.items()}
    order = TopologicalSorter(edges)
    order.prepare()
    steps: list[Step] = []
    running: dict[Future[Step | None], str] = {}
    with ThreadPoolExecutor(WORKERS) as pool:
        while order.is_active():
            for urn in order.get_ready():
                running[pool.submit(act, resources[urn])] = urn
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                urn = running.pop(future)
                try:
                    step = future.result()
                except BaseException:
                    pool.shutdown(cancel_futures=True)
                    raise
                steps += [step] if step else []
                order.done(urn)
    return steps

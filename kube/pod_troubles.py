"""Why a pod is not ready, as its status says it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .api_objects import Manifest, entries, mapping
from .objects import is_ready, labels_of, name_of

ON_THE_WAY = (None, "ContainerCreating", "PodInitializing")
"""Reasons of a container that waits which say nothing but that it is about to start."""


def troubles_of(pod: Manifest) -> Iterator[str]:
    """Why a pod is not scheduled, and which of its containers do not run and why; nothing where it is on its way."""
    status = mapping(pod.get("status"))
    for condition in entries(status.get("conditions")):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            # The event of the same news is FailedScheduling, which more people know.
            yield f"FailedScheduling ({condition.get('reason')}): {condition.get('message')}"
    for container in (*entries(status.get("initContainerStatuses")), *entries(status.get("containerStatuses"))):
        state = mapping(container.get("state"))
        waiting, ended = mapping(state.get("waiting")), _end(mapping(state.get("terminated")))
        last = _end(mapping(mapping(container.get("lastState")).get("terminated")))
        before = f" (it {last})" if last else ""
        if waiting.get("reason") not in ON_THE_WAY:
            yield f"container {container['name']}: {waiting['reason']}: {waiting.get('message', '')}{before}"
        elif ended:
            yield f"container {container['name']} {ended}"
        elif last and not container.get("ready"):
            yield f"container {container['name']} is not ready yet{before}"


def troubles(pods: Iterable[Manifest], selector: Mapping[str, str]) -> Iterator[str]:
    """The troubles of the pods that a selector of labels finds and that are not ready, each told once."""
    told: dict[str, list[str]] = {}
    for pod in pods:
        if selector and selector.items() <= labels_of(pod).items() and not is_ready(pod):
            for why in troubles_of(pod):
                told.setdefault(why, []).append(name_of(pod))
    for why, names in told.items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        yield f"Pod {names[0]}{more}: {why}"


def _end(terminated: Mapping[str, Any]) -> str:
    """How a container ended; empty where it did not, or did as it was to."""
    code = terminated.get("exitCode", 0)
    return f"ended with exit code {code}, {terminated.get('reason')}" if code else ""

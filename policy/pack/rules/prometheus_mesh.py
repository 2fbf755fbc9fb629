"""Prometheus scrapes from outside of the mesh: with a sidecar of its own it could not reach what it has to scrape."""

from collections.abc import Iterable, Iterator, Sequence

from ..rule import StackRule
from ..subjects import MONITORING_STACK, DeclaredRelease, Object, Subject, mapping
from ..walk import is_true, places

_REVISION, _INJECTION, _INJECT = "istio.io/rev", "istio-injection", "sidecar.istio.io/inject"
_HOLDERS = ("labels", "annotations", "podLabels", "podAnnotations")
_EVERYWHERE = "enableNamespacesByDefault"


def _check(subjects: Sequence[Subject]) -> Iterator[tuple[Subject, str]]:
    homes = {
        subject.namespace
        for subject in subjects
        if isinstance(subject, DeclaredRelease) and subject.chart == MONITORING_STACK
    }
    for subject in subjects:
        messages: Iterable[str] = ()
        if isinstance(subject, Object) and subject.kind == "Namespace":
            messages = _labels(subject) if subject.name in homes else ()
        elif subject.namespace in homes:
            messages = _pods(subject)
        elif isinstance(subject, DeclaredRelease) and homes:
            messages = _everywhere(subject)
        yield from ((subject, message) for message in messages)


def _everywhere(istiod: DeclaredRelease) -> Iterator[str]:
    for place in places(*istiod.content):
        if place.key == _EVERYWHERE and is_true(place.value):
            yield f"{place.path}: expected false, got true, which meshes every namespace, that of Prometheus too"


def _labels(namespace: Object) -> Iterator[str]:
    labels = mapping(namespace.metadata.get("labels"))
    if labels.get(_REVISION):
        yield f"metadata.labels.{_REVISION}: expected none where Prometheus runs, got {labels[_REVISION]}"
    if labels.get(_INJECTION) == "enabled":
        yield f"metadata.labels.{_INJECTION}: expected none or disabled where Prometheus runs, got enabled"


def _pods(subject: Subject) -> Iterator[str]:
    """Labels and annotations of pods that ask for a sidecar, wherever the subject has them: in templates, in values."""
    for place in places(*subject.content):
        holder = place.path.removesuffix(f'."{place.key}"').rpartition(".")[2]
        # An object's own label only says whose it is, and one in a selector what it looks for.
        if place.path.startswith("metadata.") or holder not in _HOLDERS:
            continue
        if (place.key == _INJECT and is_true(place.value)) or place.key == _REVISION:
            yield f"{place.path}: expected no sidecar where Prometheus runs, got {place.value}"


RULE = StackRule("prometheus-outside-mesh", "The namespace of Prometheus and its pods are never in the mesh.", _check)

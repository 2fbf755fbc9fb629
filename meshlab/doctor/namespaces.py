"""Namespaces that the stack wants to make or to adopt, and that are not as it wants them."""

from collections.abc import Iterator, Sequence

from kube.api_objects import Manifest
from kube.objects import annotations_of, name_of
from settings.names import OWNER_ANNOTATION

from ..ownership.strangers import StackNamespaces, strange_namespaces
from ..preflight.finding import Finding, Level


def namespaces(live: Sequence[Manifest], wanted: StackNamespaces, known: StackNamespaces, me: str) -> Iterator[Finding]:
    """One finding for each such namespace among those that are `live`; `known` are those of the stack's state."""
    owners = {name_of(item): annotations_of(item).get(OWNER_ANNOTATION, "") for item in live}
    found = [
        Finding("namespaces", Level.PROBLEM, found.text, found.fix)
        for found in strange_namespaces(wanted, known, owners, me)
    ]
    if not found:
        made = f"{len(wanted.made & owners.keys())} of {len(wanted.made)} there, all made by this stack"
        adopted = f"; adopted: {', '.join(sorted(wanted.adopted))}" if wanted.adopted else ""
        found = [Finding("namespaces", Level.OK, f"{made}{adopted}")]
    yield from found

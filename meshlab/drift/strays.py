"""What failed upgrades have left in the cluster, whatever became of their release since.

Helm compares an upgrade with the last revision that stood. What a failed one in between had added is in no manifest
that is compared with anything, and helm has set it: neither an upgrade nor who wrote the field tells it from the rest.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from base.goyaml.text import from_yaml
from kube.api_objects import Manifest, RefusedError, Resource
from kube.cluster import Cluster
from kube.discovery import Kinds
from kube.fields import Steps, are_named, escaped, removals, text_of
from kube.objects import name_of

from ..comparison.declared import differences
from ..comparison.finding import Difference
from ..ownership.records import ReleaseRecord

Identity = tuple[str, str, str, str]
"""apiVersion, kind, namespace and name."""


@dataclass(frozen=True)
class Strays:
    """What revisions that failed were to bring."""

    objects: Mapping[Identity, Sequence[tuple[ReleaseRecord, Manifest]]] = field(default_factory=dict)  # type: ignore[assignment]
    hooks: Mapping[Identity, ReleaseRecord] = field(default_factory=dict)  # type: ignore[assignment]

    @classmethod
    def of(cls, failures: Iterable[ReleaseRecord], kinds: Kinds) -> "Strays":
        """Those of some failed revisions, on a cluster of these kinds."""
        objects: dict[Identity, list[tuple[ReleaseRecord, Manifest]]] = {}
        hooks: dict[Identity, ReleaseRecord] = {}
        for record in failures:
            for manifest in from_yaml(record.manifest):
                objects.setdefault(_identity(manifest, record, kinds), []).append((record, manifest))
            for text in record.hooks:
                hooks |= {_identity(manifest, record, kinds): record for manifest in from_yaml(text)}
        return cls(objects, hooks)

    def kinds(self) -> set[tuple[str, str]]:
        """apiVersion and kind of everything that they were to bring."""
        return {(api, kind) for api, kind, _, _ in (*self.objects, *self.hooks)}


def fields(
    cluster: Cluster,
    resource: Resource,
    live: Manifest,
    wanted: Manifest,
    brought: Sequence[tuple[ReleaseRecord, Manifest]],
) -> list[Difference]:
    """The fields of an object that a failed revision has set and that the stack says nothing of."""
    found: dict[str, Difference] = {}
    for record, manifest in brought:
        found |= {difference.pointer: difference for difference in _left(manifest, wanted, live, _by(record))}
    if not found:
        return []
    back = _coming_back(cluster, resource, live, wanted, [manifest for _, manifest in brought], found)
    return [difference for difference in found.values() if difference.path not in back]


def _coming_back(
    cluster: Cluster,
    resource: Resource,
    live: Manifest,
    wanted: Manifest,
    failed: Iterable[Manifest],
    pointers: Collection[str],
) -> set[str]:
    """The fields that the API server sets by itself where they are taken away: those say nothing."""
    try:
        without = cluster.patch_unchanged(resource, live, removals(pointers), dry_run=True)
    except RefusedError:
        return set()  # something must be there, and whether the stack has another value, the dry run of it tells
    return {difference.path for manifest in failed for difference in _left(manifest, wanted, without, "")}


def _by(record: ReleaseRecord) -> str:
    return f"left by revision {record.revision} of release {record.name}, which failed"


def _left(failed: Any, wanted: Any, live: Any, by: str, at: Steps = (), pointer: str = "") -> Iterator[Difference]:
    """What is still as the failed manifest has it where the wanted one has nothing."""
    if isinstance(failed, Mapping) and isinstance(wanted, Mapping) and isinstance(live, Mapping):
        brought, said = cast(Mapping[str, Any], failed), cast(Mapping[str, Any], wanted)
        there = cast(Mapping[str, Any], live)
        for key in (key for key in brought if key in there and brought[key] is not None):
            below = f"{pointer}/{escaped(key)}"
            yield from _item(brought[key], said.get(key), there[key], by, (*at, key), below)
    elif isinstance(failed, list) and isinstance(wanted, list) and isinstance(live, list):
        brought, said, there = cast(list[Any], failed), cast(list[Any], wanted), cast(list[Any], live)
        if not (are_named(brought) and are_named(said) and are_named(there)):
            return  # a list that is compared as a whole, by the dry run
        before, ours = ({item["name"]: item for item in items} for items in (brought, said))
        for index, item in enumerate(there):
            name = item["name"]
            if name in before:
                yield from _item(before[name], ours.get(name), item, by, (*at, f"[name={name}]"), f"{pointer}/{index}")


def _item(failed: Any, wanted: Any, live: Any, by: str, at: Steps, pointer: str) -> Iterator[Difference]:
    if wanted is not None:
        yield from _left(failed, wanted, live, by, at, pointer)
    elif not any(differences(failed, live)):
        yield Difference(text_of(at), live, None, by, declared=False, pointer=pointer, steps=at)


def _identity(manifest: Manifest, record: ReleaseRecord, kinds: Kinds) -> Identity:
    api, kind = str(manifest["apiVersion"]), str(manifest["kind"])
    served = kinds.of(api, kind)
    namespace = str(manifest["metadata"].get("namespace") or record.namespace) if served and served.namespaced else ""
    return api, kind, namespace, name_of(manifest)

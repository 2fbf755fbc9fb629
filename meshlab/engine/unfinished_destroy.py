"""A destroy that does not come to its end leaves a state that is not what the cluster has.

- A provider that is interrupted, or whose time limit is over, no longer waits for a deletion, which goes on. The engine
  keeps such an object in the state, and an `up` that compares with the state alone leaves the stack without it.
- The engine forgets at once what goes with its namespace, while the namespace is still there. The next `up` would
  create such an object beside the one that exists, and stop at a conflict or at the name of a release.

So a note is kept from the beginning of a destroy to its end, of what the state had. It outlives a killed process.
"""

import json
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

from pulumi import automation as auto

from base.errors import MeshlabError
from base.files import write_private
from base.say import Say
from kube.api_objects import AccessError, Manifest, MissingError
from kube.cluster import Cluster
from kube.helm_records import OWNED
from kube.objects import SECRETS

from ..state_folder import stack_folder
from .places import NAMESPACE
from .state import RELEASE, ReleaseKey

LIMIT_SECONDS, POLL_SECONDS = 60.0, 0.5
UNFINISHED = "the last down did not come to its end"
LOOKING = f"{UNFINISHED}: looking at the cluster first"
IDENTITY = ("apiVersion", "kind", "name", "namespace")
METADATA = ("name", "namespace", "uid")
NAMESPACE_TYPES = (NAMESPACE, f"{NAMESPACE}Patch")

Resources = Sequence[Mapping[str, Any]]
"""The resources of a stack's state."""


def note_file(stack: str, state: Path) -> Path:
    """The note of a stack, in the folder of its state."""
    return stack_folder(state, stack) / "unfinished-destroy.json"


def noted_records(file: Path) -> frozenset[str]:
    """The uids of helm's records that go with an unfinished destroy, by its note; none where there is no note."""
    return frozenset(str(uid) for one in _noted(file) for uid in one.get("records") or ())


def _noted(file: Path) -> list[dict[str, Any]]:
    # One that cannot be read still says that a destroy has begun.
    with suppress(ValueError, FileNotFoundError):
        found: Any = json.loads(file.read_text(encoding="utf-8"))
        entries = cast(list[Any], found) if isinstance(found, list) else []
        return [entry for entry in entries if isinstance(entry, dict) and {"urn", "type"} <= entry.keys()]
    return []


class UnfinishedDestroy:
    """The note of one stack, and what follows from it."""

    def __init__(self, file: Path, cluster: Callable[[], Cluster], stored: Callable[[], Resources]) -> None:
        """`stored` reads the state as it is now."""
        self._file, self._cluster, self._stored = file, cluster, stored

    @property
    def noted(self) -> bool:
        """Whether a destroy has begun that did not come to its end."""
        return self._file.is_file()

    def begin(self, resources: Resources) -> None:
        """Note what the state has, beside what an earlier destroy has noted."""
        found = [{**_identified(one), "records": self._records(one)} for one in resources]
        noted = {str(one["urn"]): one for one in [*_noted(self._file), *found]}
        write_private(self._file, json.dumps(list(noted.values())))

    def end(self) -> None:
        """The state is what the cluster has again."""
        self._file.unlink(missing_ok=True)

    @contextmanager
    def of(self, resources: Resources) -> Generator[None]:
        """A destroy of what the state has. What it owes when it does not come to its end is deleted at once."""
        self.begin(resources)
        try:
            yield
        except BaseException:
            # What went wrong first is what is told. The next `up` tries again.
            with suppress(MeshlabError, auto.CommandError):
                self.pay()
            raise
        self.end()

    def pay(self) -> None:
        """Delete what the engine has forgotten and not deleted. Raises MeshlabError and CommandError."""
        cluster, before, after = self._cluster(), _noted(self._file), self._stored()
        for manifest in owed(before, after):
            _delete(cluster, manifest)
        for release, uids in owed_records(before, after):
            for record in _records_of(cluster, release):
                if record["metadata"]["uid"] in uids:
                    cluster.delete(SECRETS, record)

    def await_deletions(self, say: Say, limit: float = LIMIT_SECONDS) -> bool:
        """Wait until none of the state's objects is being deleted; whether that came.

        After `limit` seconds, tell which one still is. That is no error: what would end it may be what the next `up`
        brings back, such as an operator.
        """
        cluster, left = self._cluster(), [cast(Manifest, one["outputs"]) for one in self._stored() if _is_object(one)]
        end = time.monotonic() + limit
        while left := [manifest for manifest in left if _is_being_deleted(cluster, manifest)]:
            if time.monotonic() > end:
                for manifest in left:
                    say(f"{manifest['kind']} {manifest['metadata']['name']}: still being deleted after {limit:g} s")
                return False
            time.sleep(POLL_SECONDS)
        return True

    def _records(self, resource: Mapping[str, Any]) -> list[str]:
        """The uids of helm's records of a release whose objects stay: a later record of that name is another's."""
        release = _release(resource) if resource.get("retainOnDelete") else None
        if release is None:
            return []
        with suppress(AccessError):  # a destroy tells of it better
            return [str(record["metadata"]["uid"]) for record in _records_of(self._cluster(), release)]
        return []


def lacks_release(kubeconfig: Path, resources: Resources) -> bool:
    """Whether helm does not know a release that the state has."""
    keys = {key for one in resources if (key := _release(one)) is not None}
    with suppress(AccessError):  # a destroy tells of it better
        cluster = Cluster(kubeconfig)
        return any(not _records_of(cluster, key) for key in keys)
    return False


def last_is_destroy(stack: auto.Stack) -> bool:
    """Whether the stack's last operation was a destroy, as far as its backend tells.

    For a machine that has no note of it. It takes a command of the CLI. The result is no help: one that was interrupted
    may have "succeeded" (findings/pulumi_interrupted_destroy.sh).
    """
    try:
        last = next(iter(stack.history(page_size=1, show_secrets=False)), None)
    except auto.CommandError:
        return False  # a backend that does not answer is told of by what follows
    return last is not None and last.kind == "destroy"


def owed(before: Resources, after: Resources) -> list[Manifest]:
    """The objects, as the state had them, that it has no more though what they are deleted with is still in it."""
    left, known = {str(one["urn"]) for one in after}, {_uid(one) for one in after}
    gone = [one for one in before if one["urn"] not in left and one.get("deletedWith") in left]
    # One whose resource has another name by now is no loss.
    return [cast(Manifest, one["outputs"]) for one in gone if _is_object(one) and _uid(one) not in known]


def owed_records(before: Resources, after: Resources) -> Iterator[tuple[ReleaseKey, list[str]]]:
    """The releases whose objects stay, with the uids of the records that go with a namespace the state still has."""
    left, known = {str(one["urn"]) for one in after}, {_release(one) for one in after}
    namespaces = {one["outputs"]["metadata"]["name"] for one in after if one["type"] in NAMESPACE_TYPES}
    for one in before:
        key = _release(one) if one["urn"] not in left and one.get("retainOnDelete") else None
        if key is not None and key not in known and key.namespace in namespaces:
            yield key, list(one.get("records") or [])


def _identified(resource: Mapping[str, Any]) -> dict[str, Any]:
    """What it takes to know a resource and its object again, without what may be secret."""
    kept = {key: resource[key] for key in ("urn", "type", "deletedWith", "retainOnDelete") if key in resource}
    outputs = _outputs(resource)
    metadata = cast(Mapping[str, Any], outputs.get("metadata") or {})
    kept["outputs"] = {key: outputs[key] for key in IDENTITY if key in outputs}
    if metadata:
        kept["outputs"]["metadata"] = {key: metadata[key] for key in METADATA if key in metadata}
    return kept


def _outputs(resource: Mapping[str, Any]) -> Mapping[str, Any]:
    return resource.get("outputs") or {}


def _is_object(resource: Mapping[str, Any]) -> bool:
    return {"kind", "metadata"} <= _outputs(resource).keys()


def _uid(resource: Mapping[str, Any]) -> str:
    return str(_outputs(resource)["metadata"].get("uid")) if _is_object(resource) else ""


def _release(resource: Mapping[str, Any]) -> ReleaseKey | None:
    outputs = _outputs(resource)
    return ReleaseKey.of(outputs) if resource["type"] == RELEASE and "name" in outputs else None


def _records_of(cluster: Cluster, release: ReleaseKey) -> Sequence[Manifest]:
    """Their metadata only: helm's records are megabytes."""
    return cluster.metadata(SECRETS, release.namespace, f"{OWNED},name={release.name}")


def _live(cluster: Cluster, manifest: Manifest) -> tuple[Any, Manifest] | None:
    kind = cluster.kind(str(manifest["apiVersion"]), str(manifest["kind"]))
    metadata = manifest["metadata"]
    with suppress(MissingError):
        if kind is not None:
            live = cluster.get(kind.resource, str(metadata["name"]), str(metadata.get("namespace") or ""))
            return kind.resource, live
    return None


def _delete(cluster: Cluster, manifest: Manifest) -> None:
    found = _live(cluster, manifest)
    if found is not None and found[1]["metadata"]["uid"] == manifest["metadata"]["uid"]:
        cluster.delete(*found)


def _is_being_deleted(cluster: Cluster, manifest: Manifest) -> bool:
    found = _live(cluster, manifest)
    return found is not None and "deletionTimestamp" in found[1]["metadata"]

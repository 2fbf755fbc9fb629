"""What an unfinished destroy owes: the engine forgets what goes with its namespace before the namespace is gone.

The next `up` would create such an object beside the one that is still there, and stop at a conflict wherever the API
server has filled in fields of it.
"""

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

from pulumi import automation as auto

from base.errors import MeshlabError
from kube.api_objects import Manifest, MissingError
from kube.cluster import Cluster

Resources = Sequence[dict[str, Any]]
"""The resources of a stack's state."""


@contextmanager
def paid(kubeconfig: Path, before: Resources, stored: Callable[[], Resources]) -> Generator[None]:
    """A destroy: where it does not come to its end, delete what it has forgotten and not deleted.

    `before` is the state at its beginning, `stored` reads the one at its end.
    """
    try:
        yield
    except BaseException:
        # What went wrong first is what is told.
        with suppress(MeshlabError, auto.CommandError):
            _delete(Cluster(kubeconfig), owed(before, stored()))
        raise


def owed(before: Resources, after: Resources) -> list[Manifest]:
    """The objects, as the state had them, that it has no more though what they are deleted with is still in it."""
    left = {str(resource["urn"]) for resource in after}
    gone = [resource for resource in before if resource["urn"] not in left and resource.get("deletedWith") in left]
    return [cast(Manifest, resource["outputs"]) for resource in gone if "kind" in resource.get("outputs", {})]


def _delete(cluster: Cluster, manifests: Iterable[Manifest]) -> None:
    for manifest in manifests:
        kind = cluster.kind(str(manifest["apiVersion"]), str(manifest["kind"]))
        if kind is None:
            continue
        metadata = manifest["metadata"]
        with suppress(MissingError):
            live = cluster.get(kind.resource, str(metadata["name"]), str(metadata["namespace"]))
            if live["metadata"]["uid"] == metadata["uid"]:
                cluster.delete(kind.resource, live)

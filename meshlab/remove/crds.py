"""The CRDs that a stack leaves: which would go with a release, whose objects would go with them, and their removal."""

import time
from collections import Counter
from collections.abc import Iterable, Sequence

from base.errors import MeshlabError
from base.say import Say
from kube.api_objects import Manifest
from kube.cluster import Cluster
from kube.objects import CRDS, annotations_of, name_of

from ..ownership.leftovers import custom_objects
from ..ownership.owned import CRD, Ours

KEEP = "helm.sh/resource-policy"
GONE_LIMIT_SECONDS = 60.0
SHOWN = 3


def names_deleted_by_helm(manifests: Iterable[Manifest]) -> list[str]:
    """Names of the CRDs among a release's manifests that helm deletes with the release."""
    crds = (manifest for manifest in manifests if manifest.get("kind") == CRD)
    return sorted(name_of(crd) for crd in crds if annotations_of(crd).get(KEEP, "").strip() != "keep")


def refuse_loss(cluster: Cluster, ours: Ours, leaving: Sequence[str]) -> None:
    """Raise MeshlabError where a CRD that is about to go has objects that are not the stack's."""
    crds = [crd for crd in cluster.list(CRDS) if name_of(crd) in leaving]
    lost = {name: strangers(ours, ones) for name, ones in custom_objects(cluster, crds).items()}
    for name, ones in lost.items():
        if ones:
            raise MeshlabError(
                f"CRD {name}: its chart does not keep it, and with it would go {described(ones)}, which this "
                "stack does not own",
                "move or delete them first, or let them go: meshlab destroy --purge-crds",
            )


def strangers(ours: Ours, objects: Iterable[Manifest]) -> list[Manifest]:
    """The objects that are not the stack's."""
    return [object_ for object_ in objects if not ours.mark(object_)]


def described(objects: Sequence[Manifest]) -> str:
    """How many there are of each kind, and some by name."""
    counts = Counter(str(object_["kind"]) for object_ in objects)
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    names = [f"{object_['metadata'].get('namespace', '')}/{name_of(object_)}".lstrip("/") for object_ in objects]
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{kinds} ({', '.join(names[:SHOWN])}{more})"


def purge(cluster: Cluster, crds: Sequence[Manifest], say: Say, limit: float = GONE_LIMIT_SECONDS) -> None:
    """Delete CRDs and with them every object of their kinds. Raises MeshlabError where one is not gone in time."""
    for crd in crds:
        cluster.delete(CRDS, crd)
    end = time.monotonic() + limit
    going = {name_of(crd) for crd in crds}
    while left := going & {name_of(crd) for crd in cluster.metadata(CRDS)}:
        if time.monotonic() > end:
            held = custom_objects(cluster, [cluster.get(CRDS, name) for name in sorted(left)])
            stuck = [item for ones in held.values() for item in ones]
            raise MeshlabError(
                f"CRD {', '.join(sorted(left))}: not gone within {limit:g} s; these hold it by a finalizer that nobody "
                f"takes away: {described(stuck) if stuck else 'none that shows'}"
            )
        time.sleep(0.5)
    say(f"removed {len(crds)} CRDs")

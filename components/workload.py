"""An application of the lab: the ServiceAccount, Service and Deployment of one manifest file."""

from collections.abc import Sequence

import pulumi

from .assets import Manifest
from .images import Images
from .objects import create, in_namespace, logical_name, not_awaited, rolled_by_revision


def workload(
    component: pulumi.Resource,
    name: str,
    manifests: Sequence[Manifest],
    *,
    namespace: str,
    revision: str | None,
    images: Images,
    after: Sequence[pulumi.Resource] = (),
    pods_after: Sequence[pulumi.Resource] = (),
) -> None:
    """Register `manifests` in `namespace` as children of `component`, whose logical name is `name`.

    Containers pull from `images`. Everything waits for `after`. Pods wait for `pods_after` and their ServiceAccount as
    well: one that starts before the injector is ready comes up without its sidecar.
    """
    accounts: list[pulumi.Resource] = []
    for manifest in sorted(manifests, key=lambda manifest: manifest["kind"] != "ServiceAccount"):
        needed = (*after, *pods_after, *accounts) if manifest["kind"] == "Deployment" else after
        resource = create(
            logical_name(name, manifest),
            in_namespace(_changed(manifest, revision, images), namespace),
            pulumi.ResourceOptions(parent=component, depends_on=needed),
        )
        if manifest["kind"] == "ServiceAccount":
            accounts.append(resource)


def _changed(manifest: Manifest, revision: str | None, images: Images) -> Manifest:
    """What the program makes of a manifest of its kind."""
    if manifest["kind"] == "Deployment":
        return images.within(rolled_by_revision(manifest, revision))
    return not_awaited(manifest) if manifest["kind"] == "Service" else manifest

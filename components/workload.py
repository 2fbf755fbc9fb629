"""An application of the lab: the ServiceAccount, Service and Deployment of one manifest file."""

from collections.abc import Sequence

import pulumi

from .assets import Manifest
from .images import Images
from .istio_control_plane import IstioControlPlane
from .objects import create, in_namespace, logical_name, not_awaited, rolled_by_revision


def workload(
    component: pulumi.Resource,
    name: str,
    manifests: Sequence[Manifest],
    *,
    namespace: str,
    istio: IstioControlPlane | None,
    images: Images,
    after: Sequence[pulumi.Resource] = (),
    pods_after: Sequence[pulumi.Resource] = (),
) -> None:
    """Register `manifests` in `namespace` as children of `component`, whose logical name is `name`.

    Containers pull from `images`. Everything waits for `after`. Pods wait for `pods_after` and their ServiceAccount as
    well. Where `istio` has the namespace in its mesh, they also wait for their injector, without which they would come
    up with no sidecar, and for their turn. Without `istio` they stay outside.
    """
    accounts: list[pulumi.Resource] = []
    for manifest in sorted(manifests, key=lambda manifest: manifest["kind"] != "ServiceAccount"):
        pods = manifest["kind"] == "Deployment"
        injection = istio.pods_after(namespace) if pods and istio is not None else []
        resource = create(
            logical_name(name, manifest),
            in_namespace(_changed(manifest, istio.revision(namespace) if istio else None, images), namespace),
            pulumi.ResourceOptions(
                parent=component, depends_on=[*after, *pods_after, *accounts, *injection] if pods else after
            ),
        )
        if pods and istio is not None:
            istio.rolls(namespace, resource)
        if manifest["kind"] == "ServiceAccount":
            accounts.append(resource)


def _changed(manifest: Manifest, revision: str | None, images: Images) -> Manifest:
    """What the program makes of a manifest of its kind."""
    if manifest["kind"] == "Deployment":
        return images.within(rolled_by_revision(manifest, revision))
    return not_awaited(manifest) if manifest["kind"] == "Service" else manifest

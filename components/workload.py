"""An application of the lab: the ServiceAccount, Service and Deployment of one manifest file."""

from collections.abc import Sequence

import pulumi

from .assets import Manifest
from .images import Images
from .objects import create, in_namespace, logical_name, rolled_by_revision


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
    well: one that starts before the injector is ready comes up without its sidecar. They do not wait for their Service,
    which waits for them.
    """
    accounts: list[pulumi.Resource] = []
    for manifest in sorted(manifests, key=lambda manifest: manifest["kind"] != "ServiceAccount"):
        pods = manifest["kind"] == "Deployment"
        resource = create(
            logical_name(name, manifest),
            in_namespace(images.within(rolled_by_revision(manifest, revision)) if pods else manifest, namespace),
            pulumi.ResourceOptions(parent=component, depends_on=[*after, *((*pods_after, *accounts) if pods else ())]),
        )
        if manifest["kind"] == "ServiceAccount":
            accounts.append(resource)

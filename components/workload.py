"""An application of the lab: the ServiceAccount, Service and Deployment of one manifest file."""

from collections.abc import Sequence

import pulumi

from base.assets import Manifest
from settings.models import ClusterSettings
from settings.sizes import Resources

from .istio_control_plane import IstioControlPlane
from .namespaces import inside
from .objects import create, in_namespace, logical_name, not_awaited, rolled_by_revision, without_sidecar


def workload(
    component: pulumi.Resource,
    name: str,
    manifests: Sequence[Manifest],
    *,
    namespace: str,
    istio: IstioControlPlane | None,
    cluster: ClusterSettings,
    resources: Resources | None,
    own: pulumi.Resource | None = None,
    pods_after: Sequence[pulumi.Resource] = (),
) -> list[pulumi.Resource]:
    """Register `manifests` in `namespace` as children of `component`, whose logical name is `name`.

    Images and what else pods need are of `cluster`; `resources` stand for those of each container. `own` is the
    namespace's resource where it is the program's: everything waits for it. Pods also wait for `pods_after`, for their
    ServiceAccount and, where `istio` has the namespace in its mesh, for their injector: without it they would come up
    without a sidecar. Without `istio` they stay outside. Returns the Deployments that are in the mesh.
    """
    meshed = istio if istio is not None and istio.label(namespace) is not None else None

    def given(manifest: Manifest) -> Manifest:
        return cluster.pod_needs.within(cluster.images.within(manifest), resources)

    after = [] if own is None else [own]
    accounts: list[pulumi.Resource] = []
    in_mesh: list[pulumi.Resource] = []
    for manifest in sorted(manifests, key=lambda manifest: manifest["kind"] != "ServiceAccount"):
        pods = manifest["kind"] == "Deployment"
        injection = meshed.injection(namespace) if meshed is not None else []
        resource = create(
            logical_name(name, manifest),
            in_namespace(given(_changed(manifest, meshed, namespace)), namespace),
            inside(component, own)
            if own is not None and not pods
            else pulumi.ResourceOptions(
                parent=component, depends_on=[*after, *pods_after, *accounts, *injection] if pods else ()
            ),
        )
        if pods and meshed is not None:
            in_mesh.append(resource)
        if manifest["kind"] == "ServiceAccount":
            accounts.append(resource)
    return in_mesh


def _changed(manifest: Manifest, istio: IstioControlPlane | None, namespace: str) -> Manifest:
    """What the program makes of a manifest of its kind, in the mesh of `istio` or outside of any."""
    if manifest["kind"] == "Service":
        return not_awaited(manifest)
    if manifest["kind"] != "Deployment":
        return manifest
    if istio is None:
        return without_sidecar(manifest)
    revision = istio.revision(namespace)
    # What MeshRollout rolls must not roll by itself as well: the provider would not keep to the limit, since it takes
    # a Deployment for done while its old pods are still there.
    return manifest if revision is None or istio.rolls_workloads else rolled_by_revision(manifest, revision)

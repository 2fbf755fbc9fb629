"""The last steps of a move from revision to revision: workloads roll, and then the default revision follows."""

from collections.abc import Sequence
from typing import TypedDict

import pulumi

from base.assets import Manifest, load_manifests
from settings.models import ClusterSettings, IstioSettings, MeshSettings
from settings.names import ISTIO_NAMESPACE, REVISION_LABEL, RevisionNames

from .istio_control_plane import IstioControlPlane
from .objects import create, in_namespace


class MeshRolloutArgs(TypedDict):
    """What MeshRollout needs."""

    settings: MeshSettings
    """How many workloads may roll at a time, and how long one may take."""
    istio_settings: IstioSettings
    """Where tags lead to."""
    cluster: ClusterSettings
    """Where the workloads of others are."""
    istio: IstioControlPlane
    """Revisions, tags, and the labels of namespaces."""
    workloads: Sequence[pulumi.Resource]
    """The program's own Deployments in the mesh."""


class MeshRollout(pulumi.ComponentResource):
    """All workloads of the mesh, the validation webhook of the default revision, and the Service `istiod`."""

    def __init__(self, name: str, args: MeshRolloutArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("meshlab:index:MeshRollout", name, None, opts)
        istio = args["istio"]
        self._name, self._istio = name, istio
        workloads = self._rolled(args)
        default = istio.revisions[istio.default_revision]
        create(
            f"{name}-default-validator",
            args["cluster"].webhook_marks.on(self._validator()),
            pulumi.ResourceOptions(parent=self, depends_on=[istio.base, default, *workloads]),
        )
        create(
            f"{name}-istiod",
            self._alias(),
            pulumi.ResourceOptions(
                parent=self,
                depends_on=[istio.namespace, *workloads],
                # Until the default came to move last, it was the control plane's.
                aliases=[pulumi.Alias(name="istio-alias", parent=istio)],
            ),
        )
        self.register_outputs({"default_revision": istio.default_revision})

    def _rolled(self, args: MeshRolloutArgs) -> Sequence[pulumi.Resource]:
        """What is done once all workloads that the program rolls are on their revision."""
        settings, istio = args["settings"], self._istio
        if settings.roll_at_once is None:
            return args["workloads"]
        # Dynamic providers and what they are written down with take time to import that most programs need not spend.
        from .rollout_provider import Rollout

        rollout = Rollout(
            f"{self._name}-workloads",
            {
                "leadsTo": args["istio_settings"].leads_to,
                "installed": sorted(istio.revisions),
                # A namespace that changes its label has its workloads rolled, though nothing else has changed.
                "namespaces": dict(settings.namespaces),
                "atOnce": settings.roll_at_once,
                "timeoutSeconds": settings.roll_timeout_seconds,
                "context": args["cluster"].context,
            },
            pulumi.ResourceOptions(
                parent=self,
                depends_on=[
                    *istio.revisions.values(),
                    *istio.tags.values(),
                    *istio.namespace_labels.values(),
                    *args["workloads"],
                ],
            ),
        )
        return [rollout]

    def _validator(self) -> Manifest:
        """The webhook that validates Istio's objects, by the default revision."""
        (manifest,) = load_manifests("istio_control_plane", "default-validator.yaml")
        revision = self._istio.default_revision
        manifest["metadata"]["labels"][REVISION_LABEL] = revision
        manifest["webhooks"][0]["clientConfig"]["service"]["name"] = RevisionNames(revision).istiod
        return manifest

    def _alias(self) -> Manifest:
        """The Service `istiod`, for clients that know no revision. Not awaited: its endpoints come with a release."""
        (manifest,) = load_manifests("istio_control_plane", "istiod-alias-service.yaml")
        service = in_namespace(manifest, ISTIO_NAMESPACE)
        service["spec"]["selector"][REVISION_LABEL] = self._istio.default_revision
        return service

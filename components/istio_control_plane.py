"""Lab 02: Istio, installed by revision, and the namespaces that are in its mesh."""

from typing import TypedDict

import pulumi
import pulumi_kubernetes as k8s

from .assets import load_manifests
from .charts import ChartSource
from .names import ISTIO_NAMESPACE, REVISION_LABEL, RevisionNames
from .objects import create, in_namespace, merged
from .releases import release
from .settings import IstioSettings, MeshSettings, RevisionSettings


class IstioControlPlaneArgs(TypedDict):
    """What IstioControlPlane needs."""

    settings: IstioSettings
    """Revisions, their versions, and which one is the default."""
    mesh: MeshSettings
    """Namespaces that get a revision's label."""
    charts: ChartSource
    """Where the charts base and istiod come from."""
    owned_namespaces: frozenset[str]
    """Namespaces that the program creates itself: they carry the label from birth and are not patched here."""


class IstioControlPlane(pulumi.ComponentResource):
    """CRDs by the base chart, one istiod release a revision, the Service `istiod`, the labels of meshed namespaces."""

    namespace: pulumi.Output[str]
    """Name of the control plane's namespace."""
    base: k8s.helm.v3.Release
    """The release that brings Istio's CRDs and the validation webhook of the default revision."""
    revisions: dict[str, k8s.helm.v3.Release]
    """The istiod release of each revision; what needs its injector depends on it."""
    namespace_labels: dict[str, k8s.core.v1.NamespacePatch]
    """The label on each meshed namespace that the program does not own."""
    default_revision: str
    """The revision that the Service `istiod` and the validation webhook point at."""

    def __init__(self, name: str, args: IstioControlPlaneArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("meshlab:index:IstioControlPlane", name, None, opts)
        self._name, self._args = name, args
        settings = args["settings"]
        self.default_revision = settings.default

        namespace = k8s.core.v1.Namespace(
            f"{name}-namespace",
            metadata=k8s.meta.v1.ObjectMetaArgs(name=ISTIO_NAMESPACE),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.namespace = namespace.metadata.name.apply(str)
        self.base = release(
            f"{name}-base",
            release_name="istio-base",
            namespace=ISTIO_NAMESPACE,
            chart=args["charts"].ref("base", settings.base_version),
            # CRDs as templates are upgraded by helm and owned by the release; from crds/ they would be neither.
            values={"defaultRevision": settings.default, "base": {"enableCRDTemplates": True}},
            timeout_seconds=settings.timeout_seconds,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[namespace]),
        )
        self.revisions = {key: self._revision(key, revision) for key, revision in settings.revisions.items()}
        self._alias_service(namespace)
        self.namespace_labels = {
            key: self._namespace_label(key, revision)
            for key, revision in args["mesh"].namespaces.items()
            if key not in args["owned_namespaces"]
        }
        self.register_outputs({"namespace": self.namespace, "default_revision": self.default_revision})

    def injection(self, namespace: str) -> list[pulumi.Resource]:
        """What must be in place before a pod of `namespace` gets its sidecar; nothing outside the mesh."""
        revision = self._args["mesh"].namespaces.get(namespace)
        if revision is None:
            return []
        label = self.namespace_labels.get(namespace)
        return [self.revisions[revision], *([label] if label is not None else [])]

    def _revision(self, revision: str, settings: RevisionSettings) -> k8s.helm.v3.Release:
        values = {
            "revision": revision,
            # The chart scales istiod by a HorizontalPodAutoscaler, whose minimum is what decides.
            "pilot": {"replicaCount": settings.replicas, "autoscaleMin": settings.replicas},
            "meshConfig": {
                "enablePrometheusMerge": True,
                "defaultConfig": {"proxyMetadata": {"ISTIO_META_DNS_CAPTURE": "true"}},
            },
        }
        names = RevisionNames(revision)
        return release(
            f"{self._name}-{names.istiod}",
            release_name=names.istiod,
            namespace=ISTIO_NAMESPACE,
            chart=self._args["charts"].ref("istiod", settings.version),
            values=merged(values, settings.values),
            timeout_seconds=self._args["settings"].timeout_seconds,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.base]),
        )

    def _alias_service(self, namespace: k8s.core.v1.Namespace) -> None:
        """The Service `istiod`, for clients that know no revision. Not awaited: its endpoints come with a release."""
        (manifest,) = load_manifests("istio_control_plane", "istiod-alias-service.yaml")
        service = in_namespace(manifest, ISTIO_NAMESPACE)
        service["spec"]["selector"][REVISION_LABEL] = self.default_revision
        create(f"{self._name}-alias", service, pulumi.ResourceOptions(parent=self, depends_on=[namespace]))

    def _namespace_label(self, namespace: str, revision: str) -> k8s.core.v1.NamespacePatch:
        """The revision's label on a namespace of somebody else, and nothing but that label."""
        return k8s.core.v1.NamespacePatch(
            f"{self._name}-mesh-{namespace}",
            metadata=k8s.meta.v1.ObjectMetaPatchArgs(name=namespace, labels={REVISION_LABEL: revision}),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.revisions[revision]]),
        )

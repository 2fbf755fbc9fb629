"""Lab 02: Istio, installed by revision, and the namespaces that are in its mesh."""

from typing import TypedDict

import pulumi

from base.merging import merged
from settings.charts import ChartSource
from settings.models import ClusterSettings, IstioSettings, MeshSettings, RevisionSettings
from settings.names import ISTIO_NAMESPACE, REVISION_LABEL, RevisionNames

from .istiod_values import istiod_values
from .namespaces import PodSecurity, namespace, network_policies
from .objects import create
from .releases import release
from .revision_tags import revision_tag


class IstioControlPlaneArgs(TypedDict):
    """What IstioControlPlane needs."""

    settings: IstioSettings
    """Revisions, their versions, which one is the default, and the tags that lead to them."""
    cluster: ClusterSettings
    """Where images come from, and whether namespaces are protected."""
    mesh: MeshSettings
    """Namespaces that get a revision's label."""
    pod_security: PodSecurity
    """Level of istio-system: restricted as far as istiod goes, but Kiali's pods are there too."""
    charts: ChartSource
    """Where the charts base and istiod come from."""
    owned_namespaces: frozenset[str]
    """Namespaces that the program creates itself: they carry the label from birth and are not patched here."""


class IstioControlPlane(pulumi.ComponentResource):
    """The base chart with its CRDs, one istiod release a revision, tags, labels of namespaces."""

    namespace: pulumi.CustomResource
    """The control plane's namespace."""
    base: pulumi.CustomResource
    """The release that brings Istio's CRDs."""
    revisions: dict[str, pulumi.CustomResource]
    """The istiod release of each revision; what needs its injector depends on it."""
    tags: dict[str, pulumi.CustomResource]
    """The injector of each tag."""
    namespace_labels: dict[str, pulumi.CustomResource]
    """The label on each meshed namespace that the program does not own."""
    default_revision: str
    """The revision that the Service `istiod` and the validation webhook point at, once all workloads are there."""

    def __init__(self, name: str, args: IstioControlPlaneArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("meshlab:index:IstioControlPlane", name, None, opts)
        self._name, self._args = name, args
        settings = args["settings"]
        self.default_revision = settings.default

        self.namespace = namespace(
            f"{name}-namespace",
            ISTIO_NAMESPACE,
            pod_security=args["pod_security"],
            cluster=args["cluster"],
            opts=pulumi.ResourceOptions(parent=self),
        )
        network_policies(self, name, "istio_control_plane", ISTIO_NAMESPACE, self.namespace)
        self.base = release(
            f"{name}-base",
            release_name="istio-base",
            namespace=ISTIO_NAMESPACE,
            chart=args["charts"].ref("base", settings.base_version),
            # CRDs as templates are upgraded by helm and owned by the release; from crds/ they would be neither.
            # The default revision is DefaultRevision's, since it moves last and this chart comes first.
            values={"defaultRevision": "", "base": {"enableCRDTemplates": True}},
            timeout_seconds=settings.timeout_seconds,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.namespace]),
        )
        self.revisions = {key: self._revision(key, revision) for key, revision in settings.revisions.items()}
        self.tags = {tag: self._tag(tag, revision) for tag, revision in settings.tags.items()}
        self.namespace_labels = {
            key: self._namespace_label(key) for key in args["mesh"].namespaces if key not in args["owned_namespaces"]
        }
        self.register_outputs({"namespace": ISTIO_NAMESPACE, "default_revision": self.default_revision})

    def label(self, namespace_name: str) -> str | None:
        """The value of the label that puts a namespace into the mesh, a revision or a tag; None outside the mesh."""
        return self._args["mesh"].namespaces.get(namespace_name)

    def revision(self, namespace_name: str) -> str | None:
        """The revision that injects into a namespace, by itself or by its tag; None outside the mesh."""
        label = self.label(namespace_name)
        return None if label is None else self._args["settings"].leads_to[label]

    @property
    def rolls_workloads(self) -> bool:
        """Whether MeshRollout rolls all workloads of the mesh, so many at a time: else each of ours rolls by itself."""
        return self._args["mesh"].roll_at_once is not None

    def injection(self, namespace_name: str) -> list[pulumi.Resource]:
        """What must be in place before a pod of a namespace gets its sidecar; nothing outside the mesh."""
        labelled = self.namespace_labels.get(namespace_name)
        return [*self._injector(namespace_name), *([labelled] if labelled is not None else [])]

    def _injector(self, namespace_name: str) -> list[pulumi.Resource]:
        """The release of a namespace's revision, and the tag if the namespace follows one."""
        label, revision = self.label(namespace_name), self.revision(namespace_name)
        if label is None or revision is None:
            return []
        return [self.revisions[revision], *([self.tags[label]] if label in self.tags else [])]

    def _revision(self, revision: str, settings: RevisionSettings) -> pulumi.CustomResource:
        names = RevisionNames(revision)
        return release(
            f"{self._name}-{names.istiod}",
            release_name=names.istiod,
            namespace=ISTIO_NAMESPACE,
            chart=self._args["charts"].ref("istiod", settings.version),
            values=merged(istiod_values(revision, settings, self._args["cluster"]), settings.values),
            timeout_seconds=self._args["settings"].timeout_seconds,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.base]),
        )

    def _tag(self, tag: str, revision: str) -> pulumi.CustomResource:
        """A tag leads to a revision once that answers: to move it earlier would leave its namespaces without pods."""
        return create(
            f"{self._name}-tag-{tag}",
            self._args["cluster"].webhook_marks.on(revision_tag(tag, revision)),
            pulumi.ResourceOptions(parent=self, depends_on=[self.revisions[revision]]),
        )

    def _namespace_label(self, namespace_name: str) -> pulumi.CustomResource:
        """The label on a namespace of somebody else, and nothing but that label."""
        metadata = {"name": namespace_name, "labels": {REVISION_LABEL: self.label(namespace_name) or ""}}
        return create(
            f"{self._name}-mesh-{namespace_name}",
            {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata},
            pulumi.ResourceOptions(parent=self, depends_on=self._injector(namespace_name)),
            patch=True,
        )

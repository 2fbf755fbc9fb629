"""What a stack file may say: one model a section."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from .alert_rules import AlertThresholds
from .charts import ChartSource
from .helm_values import HelmValues
from .images import Images
from .injection import DEFAULT
from .istiod_spelling import least_replicas, scaling_below_replicas, values_in_vain
from .kiali_spelling import addresses_of_another_version
from .names import NAMESPACE_INJECTION_LABEL, REVISION_LABEL
from .object_rules import DriftRule
from .pod_needs import PodNeeds, Toleration
from .problem import Problem, shown
from .section import Section
from .sizes import Resources, Storage
from .texts import (
    Digest,
    DnsLabel,
    Duration,
    MinorVersion,
    ObjectName,
    ObjectUid,
    Registry,
    RegistryHost,
    Revision,
    StackRelease,
    Version,
)
from .validators import refuse
from .versions import parse_version
from .webhook_marks import WebhookMarks


class ClusterSettings(Section):
    """Which cluster the program talks to, and what that cluster asks of everything in it."""

    context: str | None = None
    """Context of the kubeconfig in force; without it, the kubeconfig's current context."""
    cluster_uid: ObjectUid | None = None
    """UID of namespace kube-system, which tells one cluster from any other: `meshlab` works on no other one then."""
    kubernetes: MinorVersion | None = None
    """Kubernetes version of the cluster, such as `1.34`; then every Istio of the stack has to support it."""
    image_registry: Registry | None = None
    """Registry of every image, as `registry.example:5000/mirror`, with the paths of upstream; else the public ones."""
    image_registries: dict[RegistryHost, Registry] = Field(default_factory=dict[str, str])
    """The same for the images of one registry, as `docker.io: mirror.example/hub`; goes before `imageRegistry`."""
    image_digests: dict[str, Digest] = Field(default_factory=dict[str, str])
    """`sha256:...` by image of the program's own manifests, as it stands there; what is listed is pulled by digest."""
    image_pull_secrets: list[ObjectName] = Field(default_factory=list[str])
    """Names of Secrets to pull images with, which have to be in each namespace of the stack."""
    tolerations: list[Toleration] = Field(default_factory=list[Toleration])
    """Taints of nodes that each pod of the stack tolerates, as Kubernetes has them."""
    webhook_labels: dict[str, str] = Field(default_factory=dict[str, str])
    """Labels of the program's webhook configurations, beside their own."""
    webhook_annotations: dict[str, str] = Field(default_factory=dict[str, str])
    """The same for annotations, and where its chart has a value for them, of istiod's injector: for example
    `admissions.enforcer/disabled: "true"`, which keeps AKS from writing into them."""
    namespace_labels: dict[str, str] = Field(default_factory=dict[str, str])
    """Labels of each namespace that the program makes, such as `team`; what the program sets itself wins."""
    namespace_annotations: dict[str, str] = Field(default_factory=dict[str, str])
    """The same for annotations."""
    adopt_namespaces: list[DnsLabel] = Field(default_factory=list[str])
    """Namespaces of the program that are there before it, with what their owners gave them: the program uses them,
    neither makes nor deletes them, and leaves labels, quotas and Pod Security level to their owners."""
    protect_namespaces: bool = False
    """Whether `destroy` refuses to delete the program's namespaces until somebody unprotects them."""

    @model_validator(mode="after")
    def _labels_of_namespaces_choose_no_revision(self) -> Self:
        expected = "no label that injects (mesh.namespaces says which namespaces are in the mesh)"
        chosen = [key for key in (REVISION_LABEL, NAMESPACE_INJECTION_LABEL) if key in self.namespace_labels]
        refuse(Problem(("namespaceLabels", key), expected, shown(self.namespace_labels[key])) for key in chosen)
        return self

    @property
    def webhook_marks(self) -> WebhookMarks:
        """Labels and annotations of webhook configurations, in the form that components use."""
        return WebhookMarks(self.webhook_labels, self.webhook_annotations)

    @property
    def pod_needs(self) -> PodNeeds:
        """What the cluster asks of pods, in the form that components use."""
        tolerations = [one.model_dump(by_alias=True, exclude_none=True) for one in self.tolerations]
        return PodNeeds(tuple(self.image_pull_secrets), tuple(tolerations))

    @property
    def images(self) -> Images:
        """Where images come from, in the form that components use."""
        return Images(self.image_registry, self.image_digests, self.image_registries)


class ChartsSettings(Section):
    """Where Helm charts come from."""

    source: str | None = None
    """A folder of `<name>-<version>.tgz` or a mirror (`oci://...`, `https://...`); else the upstream repositories."""

    @property
    def chart_source(self) -> ChartSource:
        """The source in the form that components use."""
        return ChartSource(self.source)


class RevisionSettings(Section):
    """One control plane, installed beside the others under its revision."""

    version: Version
    """Istio version of the istiod chart, exact."""
    replicas: Annotated[int, Field(ge=1)] = 1
    """How many istiod pods. From 2 on they are spread over nodes and kept by a disruption budget."""
    resources: Resources | None = None
    """What an istiod pod may use; else the chart's own request, without a limit."""
    values: HelmValues = Field(default_factory=dict[str, Any])
    """Merged over the istiod chart's values."""

    @property
    def least_replicas(self) -> int:
        """How many istiod pods there are at least, by the values where they say it."""
        return least_replicas(self.values, self.replicas)

    @model_validator(mode="after")
    def _values_do_something(self) -> Self:
        problems = *values_in_vain(self.version, self.values), *scaling_below_replicas(self.values, self.replicas)
        refuse(Problem(("values", *one.path), one.expected, one.got) for one in problems)
        return self


class IstioSettings(Section):
    """The Istio control planes."""

    revisions: Annotated[dict[Revision, RevisionSettings], Field(min_length=1)]
    """Control planes by revision name, for example `1-17`."""
    tags: dict[Revision, str] = Field(default_factory=dict[str, str])
    """Revision by tag: names such as `stable` that namespaces can follow instead of a revision."""
    default_revision: str | None = None
    """The revision that validates and that the Service `istiod` points at; may be left out where there is only one."""
    timeout_seconds: Annotated[int, Field(ge=30)] = 600
    """Seconds that each Istio release may take to become ready."""

    @model_validator(mode="after")
    def _revisions_and_tags_fit(self) -> Self:
        refuse(self._problems())
        return self

    def _problems(self) -> Iterator[Problem]:
        installed = ", ".join(sorted(self.revisions))
        if DEFAULT in self.revisions:
            expected = f"a revision of another name (`{DEFAULT}` is a tag's: istio.tags.{DEFAULT} may lead to it)"
            yield Problem(("revisions", DEFAULT), expected, shown(DEFAULT))
        if self.default_revision is None and len(self.revisions) > 1:
            expected = f"one of the revisions {installed}, since there is more than one"
            yield Problem(("defaultRevision",), expected, "nothing")
        if self.default_revision is not None and self.default_revision not in self.revisions:
            yield Problem(("defaultRevision",), f"one of the revisions {installed}", shown(self.default_revision))
        for tag, revision in self.tags.items():
            if tag in self.revisions:
                yield Problem(("tags", tag), f"a tag that is none of the revisions {installed}", shown(tag))
            if revision not in self.revisions:
                yield Problem(("tags", tag), f"one of the revisions {installed}", shown(revision))

    @property
    def default(self) -> str:
        """The default revision, given or the only one."""
        return self.default_revision or next(iter(self.revisions))

    @property
    def leads_to(self) -> dict[str, str]:
        """Revision by the label that a namespace of the mesh may carry: each revision itself, and each tag."""
        return {**{revision: revision for revision in self.revisions}, **self.tags}

    @property
    def base_version(self) -> str:
        """Version of the base chart: the newest revision's, since CRDs must be as new as any control plane."""
        return max((revision.version for revision in self.revisions.values()), key=parse_version)


class MeshSettings(Section):
    """Which namespaces are in the mesh."""

    namespaces: dict[DnsLabel, str] = Field(default_factory=dict[str, str])
    """Revision or tag by namespace. A namespace that is not listed is left alone."""
    roll_at_once: Annotated[int, Field(ge=1)] | None = None
    """How many workloads, ours and others, roll at a time to another revision; without it, others are left alone."""
    roll_timeout_seconds: Annotated[int, Field(ge=30)] = 600
    """Seconds that one workload may take to roll."""


class EnvoyDemoSettings(Section):
    """Lab 01: httpbin, sleep and a standalone Envoy in namespace default."""

    enabled: bool = True
    """Whether the demo is there."""
    scenario: Literal["base", "timeout", "retry"] = "base"
    """Which Envoy file of manifests/envoy_demo/scenarios/ is in force."""
    resources: Resources | None = None
    """What each container of the demo may use; else what its manifest says."""


class SampleAppsSettings(Section):
    """Lab 02: the sample applications in namespace istioinaction."""

    enabled: bool = True
    """Whether the applications are there."""
    resources: Resources | None = None
    """What each of their containers may use; else what its manifest says."""


class AlertmanagerSettings(Section):
    """Alertmanager, within the monitoring stack."""

    replicas: Annotated[int, Field(ge=1)] = 1
    """How many Alertmanager pods; they know of each other. From 2 on with a disruption budget."""
    storage: Storage | None = None
    """Claim for silences and notifications; else they are lost with the pod."""


class StackResources(Section):
    """What the pods of the monitoring stack may use; a part that is left out keeps its chart's defaults."""

    alertmanager: Resources | None = None
    """Alertmanager."""
    config_reloader: Resources | None = None
    """Each of the containers that hand Prometheus and Alertmanager their changed configuration."""
    grafana: Resources | None = None
    """Grafana."""
    grafana_sidecars: Resources | None = None
    """Each of the two containers beside Grafana that load dashboards and data sources."""
    kube_state_metrics: Resources | None = None
    """kube-state-metrics."""
    node_exporter: Resources | None = None
    """node-exporter, on each node."""
    operator: Resources | None = None
    """The Prometheus operator."""
    prometheus: Resources | None = None
    """Prometheus."""


class MonitoringSettings(Section):
    """kube-prometheus-stack: Prometheus, Alertmanager and Grafana by their operator."""

    version: Version
    """Version of the chart kube-prometheus-stack, exact."""
    crds_version: Version | None = None
    """Version of the chart prometheus-operator-crds; else the one of the same operator as `version`."""
    allow_crd_downgrade: bool = False
    """Whether the operator's CRDs may become older than the cluster's: fields that only the newer have are lost."""
    namespace: DnsLabel = "prometheus"
    """Namespace of the stack; created by the program, never in the mesh."""
    release: StackRelease = "prom"
    """Name of the Helm release; Prometheus selects monitors and rules by it."""
    replicas: Annotated[int, Field(ge=1)] = 1
    """How many Prometheus pods, each of which scrapes everything. From 2 on spread, and with a disruption budget."""
    retention: Duration = "10d"
    """How long Prometheus keeps samples, as a Prometheus duration."""
    storage: Storage | None = None
    """Claim for each Prometheus pod's samples; else they are lost with the pod."""
    alertmanager: AlertmanagerSettings = AlertmanagerSettings()
    """Size of Alertmanager."""
    resources: StackResources = StackResources()
    """What each part of the stack may use."""
    scrape_interval: Duration = "30s"
    """Prometheus' default interval, for monitors that set none, as a Prometheus duration."""
    grafana_anonymous: bool = False
    """Whether Grafana shows dashboards (role Viewer) to people who have not signed in."""
    timeout_seconds: Annotated[int, Field(ge=30)] = 900
    """Seconds that the release may take to become ready."""
    values: HelmValues = Field(default_factory=dict[str, Any])
    """Merged over the chart's values."""


class MeshMonitorsSettings(Section):
    """The monitors that make Prometheus scrape the mesh."""

    interval: Duration = "15s"
    """How often istiod, the sidecars and the standalone Envoy are scraped, as a Prometheus duration."""
    thresholds: AlertThresholds = AlertThresholds()
    """When the mesh's alerts fire; its fields stand in settings/alert_rules.py."""
    own_rules: str = ""
    """Folder below the project's with Prometheus rule files of one's own; each file becomes a PrometheusRule."""
    runbooks: str = ""
    """Address of the folder that holds docs/runbooks/, for the alerts' links; else the path in this repository."""


class KialiSettings(Section):
    """The Kiali operator and its Kiali."""

    version: Version
    """Version of the chart kiali-operator, exact: `1.59` would be a range."""
    namespace: DnsLabel = "kiali-operator"
    """Namespace of the operator; Kiali itself runs beside the control plane."""
    await_ready: bool = True
    """Whether `up` waits until the operator reports Kiali as reconciled; false where no pod really runs."""
    ready_timeout_seconds: Annotated[int, Field(ge=30)] = 600
    """Seconds that Kiali may take to become ready, or to go on destroy."""
    auth_strategy: Literal["anonymous", "token", "openid", "openshift", "header"] = "token"
    """How people sign in to Kiali. Where nobody has to, it is view-only."""
    resources: Resources | None = None
    """What Kiali may use; else the operator's defaults."""
    operator_resources: Resources | None = None
    """What the operator may use; else its chart's request, without a limit."""
    values: HelmValues = Field(default_factory=dict[str, Any])
    """Merged over the kiali-operator chart's values."""
    spec: dict[str, Any] = Field(default_factory=dict[str, Any])
    """Merged over the Kiali object's spec."""

    @model_validator(mode="after")
    def _fields_are_this_versions(self) -> Self:
        problems = addresses_of_another_version(self.version, self.spec)
        refuse(Problem(("spec", *one.path), one.expected, one.got) for one in problems)
        return self


class PolicySettings(Section):
    """What the policy pack in policy/ asks of the stack, and how strictly."""

    enforcement: Literal["advisory", "mandatory"] = "mandatory"
    """Whether what breaks a rule is only told, or stops `preview` and `up`."""
    allow_anonymous: bool = False
    """Whether Grafana and Kiali may let people look who have not signed in."""
    allow_unlimited: bool = False
    """Whether containers may go without requests and limits of cpu and memory."""


class DriftSettings(Section):
    """What `meshlab drift` does not report, beside what it knows itself."""

    ignore: list[DriftRule] = Field(default_factory=list[DriftRule])
    """Rules by kinds, names, namespaces, fields and managers, each with its reason; docs/drift.md explains them."""


class Settings(Section):
    """A whole stack file."""

    cluster: ClusterSettings
    charts: ChartsSettings
    istio: IstioSettings
    mesh: MeshSettings
    envoy_demo: EnvoyDemoSettings
    sample_apps: SampleAppsSettings
    monitoring: MonitoringSettings
    mesh_monitors: MeshMonitorsSettings
    kiali: KialiSettings
    policy: PolicySettings
    drift: DriftSettings

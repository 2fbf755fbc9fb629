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
    """The cluster of the stack, and what it requires of every object."""

    context: str | None = None
    """Context of the kubeconfig; the current context by default."""
    cluster_uid: ObjectUid | None = None
    """UID of namespace kube-system. If it is set, `meshlab` refuses every other cluster."""
    kubernetes: MinorVersion | None = None
    """Kubernetes version of the cluster, such as `1.34`. If it is set, an Istio version that does not support it is an
    error."""
    image_registry: Registry | None = None
    """Registry of every image, such as `registry.example:5000/mirror`, with the upstream paths below it; the public
    registries by default."""
    image_registries: dict[RegistryHost, Registry] = Field(default_factory=dict[str, str])
    """Mirror of one registry, such as `docker.io: mirror.example/hub`; takes precedence over `imageRegistry`."""
    image_digests: dict[str, Digest] = Field(default_factory=dict[str, str])
    """Digest `sha256:...` of an image, by its name in the program's own manifests. A listed image is pulled by
    digest."""
    image_pull_secrets: list[ObjectName] = Field(default_factory=list[str])
    """Names of Secrets to pull images with. They have to exist in each namespace of the stack."""
    tolerations: list[Toleration] = Field(default_factory=list[Toleration])
    """Taints of nodes that every pod of the stack tolerates, as in a pod spec."""
    webhook_labels: dict[str, str] = Field(default_factory=dict[str, str])
    """Additional labels of the program's webhook configurations."""
    webhook_annotations: dict[str, str] = Field(default_factory=dict[str, str])
    """Additional annotations of these, and of istiod's injector if its chart has a value for them. For example,
    `admissions.enforcer/disabled: "true"` keeps AKS from changing the webhooks."""
    namespace_labels: dict[str, str] = Field(default_factory=dict[str, str])
    """Labels of each namespace that the program creates, such as `team`. The program's own labels take precedence."""
    namespace_annotations: dict[str, str] = Field(default_factory=dict[str, str])
    """Annotations of these namespaces, by the same rule."""
    adopt_namespaces: list[DnsLabel] = Field(default_factory=list[str])
    """Namespaces of the program that already exist. The program uses them, but neither creates nor deletes them, and
    does not change their labels, quotas and Pod Security level."""
    protect_namespaces: bool = False
    """Whether `destroy` refuses to delete the program's namespaces until they are unprotected in the state."""

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
        tolerations = [toleration.model_dump(by_alias=True, exclude_none=True) for toleration in self.tolerations]
        return PodNeeds(tuple(self.image_pull_secrets), tuple(tolerations))

    @property
    def images(self) -> Images:
        """Where images come from, in the form that components use."""
        return Images(self.image_registry, self.image_digests, self.image_registries)


class ChartsSettings(Section):
    """Where Helm charts come from."""

    source: str | None = None
    """A folder of `<name>-<version>.tgz`, or a mirror (`oci://...`, `https://...`); the upstream repositories by
    default."""

    @property
    def chart_source(self) -> ChartSource:
        """The source in the form that components use."""
        return ChartSource(self.source)


class RevisionSettings(Section):
    """One control plane, installed beside the others under its revision."""

    version: Version
    """Exact version of the istiod chart."""
    replicas: Annotated[int, Field(ge=1)] = 1
    """Number of istiod pods. With 2 or more they are spread over nodes, and have a disruption budget."""
    resources: Resources | None = None
    """Requests and limits of an istiod pod; the chart's request without a limit by default."""
    values: HelmValues = Field(default_factory=dict[str, Any])
    """Helm values, merged over the program's values for the istiod chart."""

    @property
    def least_replicas(self) -> int:
        """How many istiod pods there are at least, by the values where they say it."""
        return least_replicas(self.values, self.replicas)

    @model_validator(mode="after")
    def _values_do_something(self) -> Self:
        problems = *values_in_vain(self.version, self.values), *scaling_below_replicas(self.values, self.replicas)
        refuse(Problem(("values", *problem.path), problem.expected, problem.got) for problem in problems)
        return self


class IstioSettings(Section):
    """The Istio control planes."""

    revisions: Annotated[dict[Revision, RevisionSettings], Field(min_length=1)]
    """Control planes by revision, for example `1-17`."""
    tags: dict[Revision, str] = Field(default_factory=dict[str, str])
    """Revision by tag. A tag such as `stable` is a name that namespaces can use instead of a revision."""
    default_revision: str | None = None
    """The revision that validates Istio objects and that the Service `istiod` selects. Required with more than one
    revision."""
    timeout_seconds: Annotated[int, Field(ge=30)] = 600
    """Seconds that each Istio release has to become ready."""

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
    """Revision or tag by namespace. The program does not change a namespace that is not listed."""
    roll_at_once: Annotated[int, Field(ge=1)] | None = None
    """Number of workloads that roll to another revision at the same time, including workloads of other owners. Without
    it, other owners roll theirs."""
    roll_timeout_seconds: Annotated[int, Field(ge=30)] = 600
    """Seconds that one workload has to roll."""


class EnvoyDemoSettings(Section):
    """Lab 01: httpbin, sleep and a standalone Envoy in namespace default."""

    enabled: bool = True
    """Whether the program creates the demo."""
    scenario: Literal["base", "timeout", "retry"] = "base"
    """The active Envoy file of manifests/envoy_demo/scenarios/."""
    resources: Resources | None = None
    """Requests and limits of each container of the demo; those of its manifest by default."""


class SampleAppsSettings(Section):
    """Lab 02: the sample applications in namespace istioinaction."""

    enabled: bool = True
    """Whether the program creates the applications."""
    resources: Resources | None = None
    """Requests and limits of each of their containers; those of its manifest by default."""


class AlertmanagerSettings(Section):
    """Alertmanager, part of the monitoring release."""

    replicas: Annotated[int, Field(ge=1)] = 1
    """Number of Alertmanager pods, which form a cluster. With 2 or more they have a disruption budget."""
    storage: Storage | None = None
    """Claim for silences and notifications. Without it, they are lost with the pod."""


class StackResources(Section):
    """Requests and limits of the monitoring release's parts; the chart's defaults for a part that is not set."""

    alertmanager: Resources | None = None
    """Alertmanager."""
    config_reloader: Resources | None = None
    """Each container that passes a changed configuration to Prometheus or Alertmanager."""
    grafana: Resources | None = None
    """Grafana."""
    grafana_sidecars: Resources | None = None
    """Each of the two containers beside Grafana that load dashboards and data sources."""
    kube_state_metrics: Resources | None = None
    """Metrics of Kubernetes objects (kube-state-metrics)."""
    node_exporter: Resources | None = None
    """Metrics of nodes (node-exporter), on each node."""
    operator: Resources | None = None
    """The Prometheus operator."""
    prometheus: Resources | None = None
    """Prometheus."""


class MonitoringSettings(Section):
    """The release of kube-prometheus-stack: Prometheus, Alertmanager, Grafana and their operator."""

    version: Version
    """Exact version of the chart kube-prometheus-stack."""
    crds_version: Version | None = None
    """Exact version of the chart prometheus-operator-crds; by default the version with the same operator as
    `version`."""
    allow_crd_downgrade: bool = False
    """Whether the operator's CRDs may become older than the CRDs in the cluster. Fields that only the newer CRDs have
    are lost."""
    namespace: DnsLabel = "prometheus"
    """Namespace of the release. The program creates it, and it is never in the mesh."""
    release: StackRelease = "prom"
    """Name of the Helm release. Prometheus selects monitors and rules by it."""
    replicas: Annotated[int, Field(ge=1)] = 1
    """Number of Prometheus pods. Each scrapes all targets. With 2 or more they are spread over nodes, and have a
    disruption budget."""
    retention: Duration = "10d"
    """Time that Prometheus keeps samples, as a Prometheus duration."""
    storage: Storage | None = None
    """Claim for the samples of each Prometheus pod. Without it, they are lost with the pod."""
    alertmanager: AlertmanagerSettings = AlertmanagerSettings()
    """Size of Alertmanager."""
    resources: StackResources = StackResources()
    """Requests and limits of the release's parts."""
    scrape_interval: Duration = "30s"
    """Scrape interval of monitors that do not set another one, as a Prometheus duration."""
    grafana_anonymous: bool = False
    """Whether users can view dashboards in Grafana without sign-in (role Viewer)."""
    timeout_seconds: Annotated[int, Field(ge=30)] = 900
    """Seconds that the release has to become ready."""
    values: HelmValues = Field(default_factory=dict[str, Any])
    """Helm values, merged over the program's values for the chart."""


class MeshMonitorsSettings(Section):
    """The monitors that make Prometheus scrape the mesh."""

    interval: Duration = "15s"
    """Scrape interval of istiod, the sidecars and the standalone Envoy, as a Prometheus duration."""
    thresholds: AlertThresholds = AlertThresholds()
    """Thresholds of the mesh's alerts (settings/alert_rules.py)."""
    own_rules: str = ""
    """Folder below the project with Prometheus rule files of the team. Each file becomes a PrometheusRule."""
    runbooks: str = ""
    """Address of the folder that contains docs/runbooks/, for links in alerts; the path in this repository by
    default."""


class KialiSettings(Section):
    """The Kiali operator and its Kiali."""

    version: Version
    """Exact version of the chart kiali-operator; `1.59` would be a range."""
    namespace: DnsLabel = "kiali-operator"
    """Namespace of the operator. Kiali itself runs beside the control plane."""
    await_ready: bool = True
    """Whether `up` waits until the operator reports Kiali as reconciled. False if pods are simulated."""
    ready_timeout_seconds: Annotated[int, Field(ge=30)] = 600
    """Seconds that Kiali has to become ready, and to be removed by `destroy`."""
    auth_strategy: Literal["anonymous", "token", "openid", "openshift", "header"] = "token"
    """How users sign in to Kiali. Without sign-in, Kiali is view-only."""
    resources: Resources | None = None
    """Requests and limits of Kiali; the operator's defaults by default."""
    operator_resources: Resources | None = None
    """Requests and limits of the operator; its chart's request without a limit by default."""
    values: HelmValues = Field(default_factory=dict[str, Any])
    """Helm values, merged over the program's values for the chart kiali-operator."""
    spec: dict[str, Any] = Field(default_factory=dict[str, Any])
    """Fields that are merged over the spec of the Kiali object."""

    @model_validator(mode="after")
    def _fields_are_this_versions(self) -> Self:
        problems = addresses_of_another_version(self.version, self.spec)
        refuse(Problem(("spec", *problem.path), problem.expected, problem.got) for problem in problems)
        return self


class PolicySettings(Section):
    """How the policy pack in policy/ treats the stack."""

    enforcement: Literal["advisory", "mandatory"] = "mandatory"
    """`advisory` reports violations of a rule; `mandatory` stops `preview` and `up`."""
    allow_anonymous: bool = False
    """Whether Grafana and Kiali may allow read access without sign-in."""
    allow_unlimited: bool = False
    """Whether containers may have no requests and limits for cpu and memory."""


class DriftSettings(Section):
    """The differences that `meshlab drift` does not report, in addition to its own ignore rules."""

    ignore: list[DriftRule] = Field(default_factory=list[DriftRule])
    """Ignore rules by kinds, names, namespaces, fields and managers, each with a reason (docs/drift.md)."""


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

"""Sections of a stack file as inputs of the package: written from settings/models.py by `make golden`.

Field names are those of a stack file. What a value may be is checked when a component is made.
"""

from typing import Any, NotRequired, TypedDict


class Toleration(TypedDict):
    """A toleration, as in a pod spec."""

    key: NotRequired[str]
    """Key of the taint. Without a key, and with `operator: Exists`, every taint."""
    operator: NotRequired[str]
    """How `value` is compared; Equal by default, as in Kubernetes. One of `Exists`, `Equal`."""
    value: NotRequired[str]
    """Value of the taint."""
    effect: NotRequired[str]
    """Effect of the taint; every effect by default. One of `NoSchedule`, `PreferNoSchedule`, `NoExecute`."""
    tolerationSeconds: NotRequired[int]
    """Seconds that a pod may stay on a node with a taint of effect NoExecute."""


class ClusterSettings(TypedDict):
    """The cluster of the stack, and what it requires of every object."""

    kubernetes: NotRequired[str]
    """Kubernetes version of the cluster, such as `1.34`. If it is set, an Istio version that does not support it is an
    error."""
    imageRegistry: NotRequired[str]
    """Registry of every image, such as `registry.example:5000/mirror`, with the upstream paths below it; the public
    registries by default."""
    imageRegistries: NotRequired[dict[str, str]]
    """Mirror of one registry, such as `docker.io: mirror.example/hub`; takes precedence over `imageRegistry`."""
    imageDigests: NotRequired[dict[str, str]]
    """Digest `sha256:...` of an image, by its name in the program's own manifests. A listed image is pulled by
    digest."""
    imagePullSecrets: NotRequired[list[str]]
    """Names of Secrets to pull images with. They have to exist in each namespace of the stack."""
    tolerations: NotRequired[list[Toleration]]
    """Taints of nodes that every pod of the stack tolerates, as in a pod spec."""
    webhookLabels: NotRequired[dict[str, str]]
    """Additional labels of the program's webhook configurations."""
    webhookAnnotations: NotRequired[dict[str, str]]
    """Additional annotations of these, and of istiod's injector if its chart has a value for them. For example,
    `admissions.enforcer/disabled: "true"` keeps AKS from changing the webhooks."""
    namespaceLabels: NotRequired[dict[str, str]]
    """Labels of each namespace that the program creates, such as `team`. The program's own labels take precedence."""
    namespaceAnnotations: NotRequired[dict[str, str]]
    """Annotations of these namespaces, by the same rule."""
    adoptNamespaces: NotRequired[list[str]]
    """Namespaces of the program that already exist. The program uses them, but neither creates nor deletes them, and
    does not change their labels, quotas and Pod Security level."""
    protectNamespaces: NotRequired[bool]
    """Whether `destroy` refuses to delete the program's namespaces until they are unprotected in the state."""


class ChartsSettings(TypedDict):
    """Where Helm charts come from."""

    source: NotRequired[str]
    """A folder of `<name>-<version>.tgz`, or a mirror (`oci://...`, `https://...`); the upstream repositories by
    default."""


class Amounts(TypedDict):
    """Amounts of cpu and memory, as Kubernetes quantities."""

    cpu: NotRequired[str]
    """Cores, such as `500m`."""
    memory: NotRequired[str]
    """Bytes, such as `2Gi`."""


class Resources(TypedDict):
    """Requests and limits of a container."""

    requests: NotRequired[Amounts]
    """The amounts that a node must have free for the container."""
    limits: NotRequired[Amounts]
    """The most that the container may use: it is throttled above the cpu limit, and killed above the memory limit."""


class EnvoyDemoSettings(TypedDict):
    """Lab 01: httpbin, sleep and a standalone Envoy in namespace default."""

    scenario: NotRequired[str]
    """The active Envoy file of manifests/envoy_demo/scenarios/. One of `base`, `timeout`, `retry`."""
    resources: NotRequired[Resources]
    """Requests and limits of each container of the demo; those of its manifest by default."""


class RevisionSettings(TypedDict):
    """One control plane, installed beside the others under its revision."""

    version: str
    """Exact version of the istiod chart."""
    replicas: NotRequired[int]
    """Number of istiod pods. With 2 or more they are spread over nodes, and have a disruption budget."""
    resources: NotRequired[Resources]
    """Requests and limits of an istiod pod; the chart's request without a limit by default."""
    values: NotRequired[dict[str, Any]]
    """Helm values, merged over the program's values for the istiod chart."""


class IstioSettings(TypedDict):
    """The Istio control planes."""

    revisions: dict[str, RevisionSettings]
    """Control planes by revision, for example `1-17`."""
    tags: NotRequired[dict[str, str]]
    """Revision by tag. A tag such as `stable` is a name that namespaces can use instead of a revision."""
    defaultRevision: NotRequired[str]
    """The revision that validates Istio objects and that the Service `istiod` selects. Required with more than one
    revision."""
    timeoutSeconds: NotRequired[int]
    """Seconds that each Istio release has to become ready."""


class MeshSettings(TypedDict):
    """Which namespaces are in the mesh."""

    namespaces: NotRequired[dict[str, str]]
    """Revision or tag by namespace. The program does not change a namespace that is not listed."""


class Storage(TypedDict):
    """A claim for a volume."""

    size: str
    """Size in bytes, such as `50Gi`."""
    className: NotRequired[str]
    """Name of the StorageClass; the cluster's default by default."""


class AlertmanagerSettings(TypedDict):
    """Alertmanager, part of the monitoring release."""

    replicas: NotRequired[int]
    """Number of Alertmanager pods, which form a cluster. With 2 or more they have a disruption budget."""
    storage: NotRequired[Storage]
    """Claim for silences and notifications. Without it, they are lost with the pod."""


class StackResources(TypedDict):
    """Requests and limits of the monitoring release's parts; the chart's defaults for a part that is not set."""

    alertmanager: NotRequired[Resources]
    """Alertmanager."""
    configReloader: NotRequired[Resources]
    """Each container that passes a changed configuration to Prometheus or Alertmanager."""
    grafana: NotRequired[Resources]
    """Grafana."""
    grafanaSidecars: NotRequired[Resources]
    """Each of the two containers beside Grafana that load dashboards and data sources."""
    kubeStateMetrics: NotRequired[Resources]
    """Metrics of Kubernetes objects (kube-state-metrics)."""
    nodeExporter: NotRequired[Resources]
    """Metrics of nodes (node-exporter), on each node."""
    operator: NotRequired[Resources]
    """The Prometheus operator."""
    prometheus: NotRequired[Resources]
    """Prometheus."""


class MonitoringSettings(TypedDict):
    """The release of kube-prometheus-stack: Prometheus, Alertmanager, Grafana and their operator."""

    version: str
    """Exact version of the chart kube-prometheus-stack."""
    crdsVersion: NotRequired[str]
    """Exact version of the chart prometheus-operator-crds; by default the version with the same operator as
    `version`."""
    allowCrdDowngrade: NotRequired[bool]
    """Whether the operator's CRDs may become older than the CRDs in the cluster. Fields that only the newer CRDs have
    are lost."""
    namespace: NotRequired[str]
    """Namespace of the release. The program creates it, and it is never in the mesh."""
    release: NotRequired[str]
    """Name of the Helm release. Prometheus selects monitors and rules by it."""
    replicas: NotRequired[int]
    """Number of Prometheus pods. Each scrapes all targets. With 2 or more they are spread over nodes, and have a
    disruption budget."""
    retention: NotRequired[str]
    """Time that Prometheus keeps samples, as a Prometheus duration."""
    storage: NotRequired[Storage]
    """Claim for the samples of each Prometheus pod. Without it, they are lost with the pod."""
    alertmanager: NotRequired[AlertmanagerSettings]
    """Size of Alertmanager."""
    resources: NotRequired[StackResources]
    """Requests and limits of the release's parts."""
    scrapeInterval: NotRequired[str]
    """Scrape interval of monitors that do not set another one, as a Prometheus duration."""
    grafanaAnonymous: NotRequired[bool]
    """Whether users can view dashboards in Grafana without sign-in (role Viewer)."""
    timeoutSeconds: NotRequired[int]
    """Seconds that the release has to become ready."""
    values: NotRequired[dict[str, Any]]
    """Helm values, merged over the program's values for the chart."""


class SampleAppsSettings(TypedDict):
    """Lab 02: the sample applications in namespace istioinaction."""

    resources: NotRequired[Resources]
    """Requests and limits of each of their containers; those of its manifest by default."""

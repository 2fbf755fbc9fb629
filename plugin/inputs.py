"""Sections of a stack file as inputs of the package: written from settings/models.py by `make golden`.

Field names are those of a stack file. What a value may be is checked when a component is made.
"""

from typing import Any, NotRequired, TypedDict


class Toleration(TypedDict):
    """A taint that pods may be scheduled in spite of, as Kubernetes has it."""

    key: NotRequired[str]
    """Key of the taint; with `operator: Exists` and no key, every taint."""
    operator: NotRequired[str]
    """How `value` is compared; Kubernetes' default is Equal. One of `Exists`, `Equal`."""
    value: NotRequired[str]
    """Value of the taint."""
    effect: NotRequired[str]
    """Effect of the taint; without it, each. One of `NoSchedule`, `PreferNoSchedule`, `NoExecute`."""
    tolerationSeconds: NotRequired[int]
    """Seconds that a pod may stay on a node with a taint of effect NoExecute."""


class ClusterSettings(TypedDict):
    """Which cluster the program talks to, and what that cluster asks of everything in it."""

    kubernetes: NotRequired[str]
    """Kubernetes version of the cluster, such as `1.34`; then every Istio of the stack has to support it."""
    imageRegistry: NotRequired[str]
    """Registry of every image, as `registry.example:5000/mirror`, with the paths of upstream; else the public ones."""
    imageRegistries: NotRequired[dict[str, str]]
    """The same for the images of one registry, as `docker.io: mirror.example/hub`; goes before `imageRegistry`."""
    imageDigests: NotRequired[dict[str, str]]
    """`sha256:...` by image of the program's own manifests, as it stands there; what is listed is pulled by digest."""
    imagePullSecrets: NotRequired[list[str]]
    """Names of Secrets to pull images with, which have to be in each namespace of the stack."""
    tolerations: NotRequired[list[Toleration]]
    """Taints of nodes that each pod of the stack tolerates, as Kubernetes has them."""
    webhookLabels: NotRequired[dict[str, str]]
    """Labels of the program's webhook configurations, beside their own."""
    webhookAnnotations: NotRequired[dict[str, str]]
    """The same for annotations, and where its chart has a value for them, of istiod's injector: for example
    `admissions.enforcer/disabled: "true"`, which keeps AKS from writing into them."""
    namespaceLabels: NotRequired[dict[str, str]]
    """Labels of each namespace that the program makes, such as `team`; what the program sets itself wins."""
    namespaceAnnotations: NotRequired[dict[str, str]]
    """The same for annotations."""
    adoptNamespaces: NotRequired[list[str]]
    """Namespaces of the program that are there before it, with what their owners gave them: the program uses them,
    neither makes nor deletes them, and leaves labels, quotas and Pod Security level to their owners."""
    protectNamespaces: NotRequired[bool]
    """Whether `destroy` refuses to delete the program's namespaces until somebody unprotects them."""


class ChartsSettings(TypedDict):
    """Where Helm charts come from."""

    source: NotRequired[str]
    """A folder of `<name>-<version>.tgz` or a mirror (`oci://...`, `https://...`); else the upstream repositories."""


class Amounts(TypedDict):
    """Amounts of what a container uses, as Kubernetes quantities."""

    cpu: NotRequired[str]
    """Cores, such as `500m`."""
    memory: NotRequired[str]
    """Bytes, such as `2Gi`."""


class Resources(TypedDict):
    """What a container is scheduled by, and what it may not go over."""

    requests: NotRequired[Amounts]
    """What a node must have free for it."""
    limits: NotRequired[Amounts]
    """Over the CPU it waits, over the memory it is killed."""


class EnvoyDemoSettings(TypedDict):
    """Lab 01: httpbin, sleep and a standalone Envoy in namespace default."""

    scenario: NotRequired[str]
    """Which Envoy file of manifests/envoy_demo/scenarios/ is in force. One of `base`, `timeout`, `retry`."""
    resources: NotRequired[Resources]
    """What each container of the demo may use; else what its manifest says."""


class RevisionSettings(TypedDict):
    """One control plane, installed beside the others under its revision."""

    version: str
    """Istio version of the istiod chart, exact."""
    replicas: NotRequired[int]
    """How many istiod pods. From 2 on they are spread over nodes and kept by a disruption budget."""
    resources: NotRequired[Resources]
    """What an istiod pod may use; else the chart's own request, without a limit."""
    values: NotRequired[dict[str, Any]]
    """Merged over the istiod chart's values."""


class IstioSettings(TypedDict):
    """The Istio control planes."""

    revisions: dict[str, RevisionSettings]
    """Control planes by revision name, for example `1-17`."""
    tags: NotRequired[dict[str, str]]
    """Revision by tag: names such as `stable` that namespaces can follow instead of a revision."""
    defaultRevision: NotRequired[str]
    """The revision that validates and that the Service `istiod` points at; may be left out where there is only one."""
    timeoutSeconds: NotRequired[int]
    """Seconds that each Istio release may take to become ready."""


class MeshSettings(TypedDict):
    """Which namespaces are in the mesh."""

    namespaces: NotRequired[dict[str, str]]
    """Revision or tag by namespace. A namespace that is not listed is left alone."""


class Storage(TypedDict):
    """A claim for a volume."""

    size: str
    """Bytes, such as `50Gi`."""
    className: NotRequired[str]
    """Name of the StorageClass; else the cluster's default."""


class AlertmanagerSettings(TypedDict):
    """Alertmanager, within the monitoring stack."""

    replicas: NotRequired[int]
    """How many Alertmanager pods; they know of each other. From 2 on with a disruption budget."""
    storage: NotRequired[Storage]
    """Claim for silences and notifications; else they are lost with the pod."""


class StackResources(TypedDict):
    """What the pods of the monitoring stack may use; a part that is left out keeps its chart's defaults."""

    alertmanager: NotRequired[Resources]
    """Alertmanager."""
    configReloader: NotRequired[Resources]
    """Each of the containers that hand Prometheus and Alertmanager their changed configuration."""
    grafana: NotRequired[Resources]
    """Grafana."""
    grafanaSidecars: NotRequired[Resources]
    """Each of the two containers beside Grafana that load dashboards and data sources."""
    kubeStateMetrics: NotRequired[Resources]
    """kube-state-metrics."""
    nodeExporter: NotRequired[Resources]
    """node-exporter, on each node."""
    operator: NotRequired[Resources]
    """The Prometheus operator."""
    prometheus: NotRequired[Resources]
    """Prometheus."""


class MonitoringSettings(TypedDict):
    """kube-prometheus-stack: Prometheus, Alertmanager and Grafana by their operator."""

    version: str
    """Version of the chart kube-prometheus-stack, exact."""
    crdsVersion: NotRequired[str]
    """Version of the chart prometheus-operator-crds; else the one of the same operator as `version`."""
    allowCrdDowngrade: NotRequired[bool]
    """Whether the operator's CRDs may become older than the cluster's: fields that only the newer have are lost."""
    namespace: NotRequired[str]
    """Namespace of the stack; created by the program, never in the mesh."""
    release: NotRequired[str]
    """Name of the Helm release; Prometheus selects monitors and rules by it."""
    replicas: NotRequired[int]
    """How many Prometheus pods, each of which scrapes everything. From 2 on spread, and with a disruption budget."""
    retention: NotRequired[str]
    """How long Prometheus keeps samples, as a Prometheus duration."""
    storage: NotRequired[Storage]
    """Claim for each Prometheus pod's samples; else they are lost with the pod."""
    alertmanager: NotRequired[AlertmanagerSettings]
    """Size of Alertmanager."""
    resources: NotRequired[StackResources]
    """What each part of the stack may use."""
    scrapeInterval: NotRequired[str]
    """Prometheus' default interval, for monitors that set none, as a Prometheus duration."""
    grafanaAnonymous: NotRequired[bool]
    """Whether Grafana shows dashboards (role Viewer) to people who have not signed in."""
    timeoutSeconds: NotRequired[int]
    """Seconds that the release may take to become ready."""
    values: NotRequired[dict[str, Any]]
    """Merged over the chart's values."""


class SampleAppsSettings(TypedDict):
    """Lab 02: the sample applications in namespace istioinaction."""

    resources: NotRequired[Resources]
    """What each of their containers may use; else what its manifest says."""

"""Names that the charts derive from a release or a revision, each computed here and nowhere else."""

from dataclasses import dataclass

ISTIO_NAMESPACE = "istio-system"
"""The charts, the webhooks and every guide expect the control plane here; it is no setting."""
SAMPLE_NAMESPACE = "istioinaction"
"""The lab's name for the sample applications' namespace."""

STACK_CHART = "kube-prometheus-stack"
PROMETHEUS_PORT, GRAFANA_PORT = 9090, 80
"""The ports of the stack's Services where its values say no others."""
STACK_NAME_LIMIT = 26
"""kube-prometheus-stack cuts `<release>-kube-prometheus-stack` after this many characters (its _helpers.tpl)."""

REVISION_LABEL = "istio.io/rev"
INJECTION_LABEL = "sidecar.istio.io/inject"
"""On a pod: "false" keeps it without a sidecar, whatever its namespace says."""
NAMESPACE_INJECTION_LABEL = "istio-injection"
"""On a namespace: goes before every other label. "enabled" asks for the default revision, all else for no sidecar."""
REVISION_ANNOTATION = "meshlab.io/revision"
"""On a pod template: a new revision changes it and so rolls the workload, which a namespace label alone does not."""

ROLLED_ANNOTATION = "meshlab.io/rolled-to"
"""On a workload of anybody: the revision that a restart was to bring, and which template that restart left."""

OWNER_ANNOTATION = "meshlab.io/stack"
"""On a namespace of ours: the project and stack that it belongs to, so that no other takes it for its own."""


@dataclass(frozen=True)
class RevisionNames:
    """Objects that the istiod chart names after a revision."""

    revision: str

    @property
    def istiod(self) -> str:
        """The release, the Deployment and the Service of this revision's control plane."""
        return f"istiod-{self.revision}"

    @property
    def mesh_config_map(self) -> str:
        """The ConfigMap that holds the mesh configuration."""
        return f"istio-{self.revision}"

    @property
    def injector_config_map(self) -> str:
        """The ConfigMap that holds the sidecar injector's templates and values."""
        return f"istio-sidecar-injector-{self.revision}"

    @staticmethod
    def tag_webhook(tag: str) -> str:
        """The webhook configuration of a tag; Istio's own tools call it the same."""
        return f"istio-revision-tag-{tag}"


@dataclass(frozen=True)
class StackNames:
    """Objects that kube-prometheus-stack and its subcharts name after their release."""

    release: str
    namespace: str
    fullname_override: str = ""
    """What the stack's values put in place of `fullname`."""
    grafana_override: str = ""
    """What they call Grafana."""
    prometheus_port: int = PROMETHEUS_PORT
    """The port of Prometheus' Service."""
    prometheus_path: str = ""
    """Below which path Prometheus serves, such as `/prometheus`."""
    grafana_port: int = GRAFANA_PORT
    """The port of Grafana's Service."""

    @property
    def fullname(self) -> str:
        """The prefix of the stack's own objects; settings refuse releases for which the chart would cut it."""
        return self.fullname_override[:STACK_NAME_LIMIT].rstrip("-") or f"{self.release}-{STACK_CHART}"

    @property
    def operator(self) -> str:
        """The Prometheus operator's Deployment and Service."""
        return f"{self.fullname}-operator"

    @property
    def operator_hosts(self) -> list[str]:
        """By which names the operator's Service is called, the API server's first."""
        return [f"{self.operator}.{self.namespace}.svc", self.operator]

    @property
    def certificate(self) -> str:
        """The Secret with the certificate of the operator's webhooks, which the chart mounts by this name."""
        return f"{self.fullname}-admission"

    @property
    def webhooks(self) -> str:
        """The configurations of the operator's webhooks; not what the chart calls its own, so that each can take the
        other's place within one update."""
        return f"{self.release}-operator-admission"

    @property
    def prometheus(self) -> str:
        """The Prometheus object and its Service."""
        return f"{self.fullname}-prometheus"

    @property
    def prometheus_url(self) -> str:
        """Where other workloads of the cluster query Prometheus."""
        return f"http://{self.prometheus}.{self.namespace}:{self.prometheus_port}{self.prometheus_path}"

    @property
    def grafana(self) -> str:
        """Grafana's Deployment and Service."""
        return self.grafana_override or f"{self.release}-grafana"

    @property
    def grafana_url(self) -> str:
        """Where other workloads of the cluster reach Grafana."""
        port = "" if self.grafana_port == GRAFANA_PORT else f":{self.grafana_port}"
        return f"http://{self.grafana}.{self.namespace}{port}"

    @property
    def grafana_admin_secret(self) -> str:
        """The Secret with Grafana's administrator; ours, not the chart's."""
        return f"{self.release}-grafana-admin"

    @property
    def crds_release(self) -> str:
        """The release that owns the operator's CRDs."""
        return f"{self.release}-crds"

    @property
    def selector_labels(self) -> dict[str, str]:
        """The label by which this Prometheus selects monitors and rules."""
        return {"release": self.release}

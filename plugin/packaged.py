"""The components of the package: each has inputs and outputs that cross from one process to another.

The components of the program take settings that are checked already, and other components. Neither can be sent, so
each class here takes sections of a stack file, checks them as the program does, and holds the program's component.
"""

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict, TypeVar, cast

import pulumi
from pulumi.errors import InputPropertiesError, InputPropertyErrorDetails

from components import envoy_demo, istio_control_plane, kube_prometheus_stack, sample_apps
from settings.errors import SettingsError
from settings.models import (
    ChartsSettings,
    ClusterSettings,
    EnvoyDemoSettings,
    IstioSettings,
    MeshSettings,
    MonitoringSettings,
    SampleAppsSettings,
)
from settings.reading import parse_sections
from settings.section import Section

from . import inputs

NAME = "meshlab"
Sections = TypeVar("Sections", bound=Section)


class MonitoringSections(Section):
    """What KubePrometheusStack takes."""

    monitoring: MonitoringSettings
    cluster: ClusterSettings
    charts: ChartsSettings


class KubePrometheusStackArgs(TypedDict):
    """Sections of a stack file, with the same keys."""

    monitoring: inputs.MonitoringSettings
    """Version, release name, sizes and access."""
    cluster: NotRequired[inputs.ClusterSettings]
    """Where images come from, and what the cluster asks of pods and namespaces."""
    charts: NotRequired[inputs.ChartsSettings]
    """Where Helm charts come from."""


class KubePrometheusStack(pulumi.ComponentResource):
    """Prometheus, Alertmanager and Grafana by their operator, whose CRDs are a release of their own."""

    prometheus_url: pulumi.Output[str]
    """Where other workloads of the cluster query Prometheus."""
    grafana_url: pulumi.Output[str]
    """Where other workloads of the cluster reach Grafana."""
    grafana_password: pulumi.Output[str]
    """Password of Grafana's user `admin`."""

    def __init__(self, name: str, args: KubePrometheusStackArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{NAME}:index:KubePrometheusStack", name, None, opts)
        given = _checked(MonitoringSections, self, name, args)
        inner = kube_prometheus_stack.KubePrometheusStack(
            name,
            {"settings": given.monitoring, "cluster": given.cluster, "charts": given.charts.chart_source},
            pulumi.ResourceOptions(parent=self),
        )
        self.prometheus_url = pulumi.Output.from_input(inner.names.prometheus_url)
        self.grafana_url = pulumi.Output.from_input(inner.names.grafana_url)
        self.grafana_password = inner.grafana_password
        self.register_outputs(
            {
                "prometheusUrl": self.prometheus_url,
                "grafanaUrl": self.grafana_url,
                "grafanaPassword": self.grafana_password,
            }
        )


class IstioSections(Section):
    """What IstioControlPlane takes."""

    istio: IstioSettings
    mesh: MeshSettings
    cluster: ClusterSettings
    charts: ChartsSettings


class IstioControlPlaneArgs(TypedDict):
    """Sections of a stack file, with the same keys."""

    istio: inputs.IstioSettings
    """Revisions, their versions, which one is the default, and the tags that lead to them."""
    mesh: NotRequired[inputs.MeshSettings]
    """Namespaces that get a revision's label. They exist before."""
    cluster: NotRequired[inputs.ClusterSettings]
    """Where images come from, and what the cluster asks of pods and namespaces."""
    charts: NotRequired[inputs.ChartsSettings]
    """Where Helm charts come from."""


class IstioControlPlane(pulumi.ComponentResource):
    """The base chart with its CRDs, one istiod release for each revision, tags, and labels of namespaces."""

    default_revision: pulumi.Output[str]
    """The default revision."""

    def __init__(self, name: str, args: IstioControlPlaneArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{NAME}:index:IstioControlPlane", name, None, opts)
        given = _checked(IstioSections, self, name, args)
        inner = istio_control_plane.IstioControlPlane(
            name,
            {
                "settings": given.istio,
                "mesh": given.mesh,
                "cluster": given.cluster,
                "charts": given.charts.chart_source,
                # No other pods than istiod's: Kiali is not in this package.
                "pod_security": "restricted",
                "owned_namespaces": frozenset(),
            },
            pulumi.ResourceOptions(parent=self),
        )
        self.default_revision = pulumi.Output.from_input(inner.default_revision)
        self.register_outputs({"defaultRevision": self.default_revision})


class EnvoyDemoSections(Section):
    """What EnvoyDemo takes."""

    envoy_demo: EnvoyDemoSettings
    cluster: ClusterSettings


class EnvoyDemoArgs(TypedDict):
    """Sections of a stack file, with the same keys."""

    envoy_demo: NotRequired[inputs.EnvoyDemoSettings]
    """Which scenario is in force, and what its containers may use."""
    cluster: NotRequired[inputs.ClusterSettings]
    """Where images come from, and what the cluster asks of pods."""


class EnvoyDemo(pulumi.ComponentResource):
    """httpbin, sleep and a standalone Envoy in namespace default, all outside the mesh."""

    def __init__(self, name: str, args: EnvoyDemoArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{NAME}:index:EnvoyDemo", name, None, opts)
        given = _checked(EnvoyDemoSections, self, name, args)
        envoy_demo.EnvoyDemo(
            name, {"settings": given.envoy_demo, "cluster": given.cluster}, pulumi.ResourceOptions(parent=self)
        )
        self.register_outputs({})


class SampleAppsSections(Section):
    """What SampleApps takes."""

    sample_apps: SampleAppsSettings
    cluster: ClusterSettings


class SampleAppsArgs(TypedDict):
    """Sections of a stack file, with the same keys."""

    sample_apps: NotRequired[inputs.SampleAppsSettings]
    """What containers may use."""
    cluster: NotRequired[inputs.ClusterSettings]
    """Where images come from, and what the cluster asks of pods and namespaces."""


class SampleApps(pulumi.ComponentResource):
    """The sample applications in a namespace of their own, outside the mesh."""

    def __init__(self, name: str, args: SampleAppsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{NAME}:index:SampleApps", name, None, opts)
        given = _checked(SampleAppsSections, self, name, args)
        sample_apps.SampleApps(
            name, {"settings": given.sample_apps, "cluster": given.cluster}, pulumi.ResourceOptions(parent=self)
        )
        self.register_outputs({})


COMPONENTS: list[type[pulumi.ComponentResource]] = [EnvoyDemo, IstioControlPlane, KubePrometheusStack, SampleApps]


def _checked(
    wanted: type[Sections], component: pulumi.ComponentResource, name: str, args: Mapping[str, Any]
) -> Sections:
    """The sections of the inputs, checked as the program checks those of a stack file.

    Raises InputPropertiesError, with one line for each input: which one, what was expected and what was found.
    """
    # What the host hands over has the names of the annotations; a stack file has those of the schema.
    names = {field: model.alias or field for field, model in wanted.model_fields.items()}
    raw = {names[key]: _with_integers(value) for key, value in args.items()}
    try:
        return parse_sections(wanted, raw, project=pulumi.get_project(), stack=pulumi.get_stack())
    except SettingsError as error:
        details: list[InputPropertyErrorDetails] = [
            {
                "property_path": ".".join(problem.path),
                "reason": f"{'.'.join(problem.path)}: expected {problem.expected}, got {problem.got}",
            }
            for problem in error.problems
        ]
        raise InputPropertiesError(f"{type(component).__name__} {name}: wrong inputs", details) from None


def _with_integers(value: Any) -> Any:
    """A value as it was written: a whole number comes as a float, which the host leaves as it is."""
    if isinstance(value, dict):
        return {key: _with_integers(entry) for key, entry in cast(dict[str, Any], value).items()}
    if isinstance(value, list):
        return [_with_integers(entry) for entry in cast(list[Any], value)]
    return int(value) if isinstance(value, float) and value.is_integer() else value

"""What surrounds the panels: rows, variables, links and annotations, the same on every dashboard."""

from collections.abc import Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as models

from . import style
from .queries import all_of, or_zero
from .style import DATASOURCE

SCHEMA_VERSION = 37
"""Grafana 9.3's (chart 42.2.1). A newer Grafana migrates the file forward; none reads backward."""

TAG = "meshlab"
KIALI = "http://localhost:20001/kiali"
"""Where the port-forward of the README puts Kiali; a variable of the dashboards that link there."""

PanelBuilder = Builder[models.Panel]
VariableBuilder = Builder[models.VariableModel]


@dataclass(frozen=True)
class Row:
    """A titled row: the question that its panels answer. A collapsed one is for those who need to know more."""

    title: str
    panels: Sequence[PanelBuilder]
    collapsed: bool = False


@dataclass(frozen=True)
class DashboardLink:
    """A button at the top of a dashboard. The current variables and time go along to another dashboard."""

    title: str
    url: str
    tooltip: str


MESH = DashboardLink("Mesh", "/d/meshlab-mesh", "All services at once")
SERVICE = DashboardLink("Service", "/d/meshlab-service", "One service: who calls it, who answers")
WORKLOAD = DashboardLink("Workload", "/d/meshlab-workload", "One workload: what comes in, what goes out")
CONTROL_PLANE = DashboardLink("Control plane", "/d/meshlab-control-plane", "istiod: is configuration delivered?")
PERFORMANCE = DashboardLink("Performance", "/d/meshlab-performance", "What the mesh costs")
ENVOY = DashboardLink("Envoy demo", "/d/meshlab-envoy-demo", "The standalone Envoy of Lab 01")

EVERYWHERE = (MESH, SERVICE, WORKLOAD, CONTROL_PLANE, PERFORMANCE, ENVOY)


def dashboard(
    uid: str,
    title: str,
    description: str,
    variables: Sequence[VariableBuilder],
    rows: Sequence[Row],
    links: Sequence[DashboardLink] = (),
    events: str = "",
) -> models.Dashboard:
    """Put a dashboard together: numbered panels, the shared links (its own left out) plus `links`, the annotations.

    `events` is a label matcher on `namespace` that keeps other people's deploys out of the picture.
    """
    built = (
        builders.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags(["istio", TAG])
        .time("now-1h", "now")
        .refresh("30s")
        .timezone("browser")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .variables([datasource(), *variables])
        .links([_button(link) for link in (*EVERYWHERE, *links) if link.url != f"/d/{uid}"])
        .annotations(_annotations(events))
    )
    for row in rows:
        header = builders.Row(row.title).collapsed(row.collapsed)
        if row.collapsed:
            for panel in row.panels:
                header = header.with_panel(panel)
            built = built.with_row(header)
        else:
            built = built.with_row(header)
            for panel in row.panels:
                built = built.with_panel(panel)
    result = built.build()
    result.schema_version = SCHEMA_VERSION
    _number(result)
    return result


def datasource() -> VariableBuilder:
    """Which Prometheus; the stack's own has the uid `prometheus`."""
    current = models.VariableOption(selected=True, text="Prometheus", value="prometheus")
    return builders.DatasourceVariable("datasource").label("Data source").type("prometheus").current(current)


def choice(
    name: str, label: str, description: str, metric: str, values_of: str, *, several: bool = True
) -> VariableBuilder:
    """A variable whose values are those of a label; with `several` it starts as All, unlabelled series included."""
    variable = (
        builders.QueryVariable(name)
        .label(label)
        .description(description)
        .datasource(DATASOURCE)
        .query({"query": f"label_values({metric}, {values_of})", "refId": f"{name}-values"})
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
    )
    if several:
        every = models.VariableOption(selected=True, text="All", value="$__all")
        variable = variable.multi(True).include_all(True).all_value(".*").current(every)
    return variable


def derived(name: str, description: str, metric: str, values_of: str) -> VariableBuilder:
    """A hidden variable that follows from another one, for links."""
    variable = choice(name, name, description, metric, values_of, several=False)
    assert isinstance(variable, builders.QueryVariable)
    return variable.hide(models.VariableHide.HIDE_VARIABLE)


def revision() -> VariableBuilder:
    """The control plane's revision: of istiod itself, or the one that injected a sidecar."""
    what = "Istio revision of the reporting proxy or istiod"
    return choice("revision", "Revision", what, 'up{job=~"pilot|envoy-stats"}', "istio_rev")


def reporter() -> VariableBuilder:
    """Whose report counts. One value only: a request is reported by both sides, and both would count it twice."""
    options = [("server", "destination"), ("client", "source"), ("waypoint", "waypoint")]
    return (
        builders.CustomVariable("reporter")
        .label("Seen by")
        .description("Whose report counts; requests that never reached a server are seen by the client only")
        .values(", ".join(f"{text} : {value}" for text, value in options))
        .current(models.VariableOption(selected=True, text="server", value="destination"))
        .options(
            [models.VariableOption(selected=value == "destination", text=text, value=value) for text, value in options]
        )
    )


def deploys(events: str) -> PanelBuilder:
    """What the blue marks mark, as a number: the first answer to what changed. `events` as for `dashboard`."""
    return style.number(
        "Deploys (1h)",
        "Changes of Deployments in the last hour, and new ones. Something is red and this is above 0: the last deploy "
        "is the first suspect; the blue marks on the time axis say which and when.",
        or_zero(
            f"sum(sum {_BY_DEPLOYMENT} (changes({_generation(events)}[1h])) > 0 or {_new(events, '1h')})",
            _generation(events),
        ),
        style.COUNT,
        decimals=0,
    )


def kiali() -> VariableBuilder:
    """Kiali's address in the reader's browser."""
    current = models.VariableOption(selected=True, text=KIALI, value=KIALI)
    variable = builders.TextBoxVariable("kiali").label("Kiali").description("Kiali's address in your browser")
    return variable.default_value(KIALI).current(current).options([current])


_BY_DEPLOYMENT = "by (namespace, deployment)"


def _generation(events: str) -> str:
    """A Deployment's generation: one more with each change of its specification."""
    return f"kube_deployment_status_observed_generation{{{events}}}"


def _new(events: str, since: str) -> str:
    """1 for each Deployment that was not there in the hour before `since` ago; a gap between scrapes makes none new."""
    now, before = _generation(events), f"max_over_time({_generation(events)}[1h] offset {since})"
    return f"(group {_BY_DEPLOYMENT} ({now}) unless group {_BY_DEPLOYMENT} ({before}))"


def _annotations(events: str) -> list["_Events"]:
    """What is marked. An expression gives 1 where something happened: Grafana marks the points that are 1."""
    build = 'istio_build{component="pilot"}'
    sidecars = "up{" + all_of('job="envoy-stats"', events) + "}"
    by = "group by (namespace, istio_rev)"
    return [
        _Events(
            "Deploys",
            "blue",
            f"group {_BY_DEPLOYMENT} (changes({_generation(events)}[2m]) > 0) or {_new(events, '2m')}",
            "deploy {{namespace}}/{{deployment}}",
        ),
        _Events(
            "istiod versions",
            "purple",
            f"group by (istio_rev, tag) ({build} unless {build} offset 2m)",
            "istiod {{tag}}, revision {{istio_rev}}",
        ),
        _Events(
            "Sidecar revisions",
            "orange",
            f"{by} ({sidecars}) unless {by} ({sidecars} offset 2m)",
            "{{namespace}} is now on revision {{istio_rev}}",
        ),
    ]


class _Events(Builder[models.AnnotationQuery]):
    """A Prometheus annotation; the SDK's model lacks the two fields that only this datasource reads."""

    class Model(models.AnnotationQuery):
        title = ""

        def to_json(self) -> dict[str, object]:
            return super().to_json() | {"titleFormat": self.title, "step": "60s"}

    def __init__(self, name: str, color: str, expression: str, title: str) -> None:
        self._model = self.Model(name=name, datasource=DATASOURCE, enable=True, icon_color=color, expr=expression)
        self._model.title = title

    def build(self) -> models.AnnotationQuery:
        return self._model


def _button(link: DashboardLink) -> builders.DashboardLink:
    inside = link.url.startswith("/d/")
    return (
        builders.DashboardLink(link.title)
        .type(models.DashboardLinkType.LINK)
        .icon("dashboard" if inside else "external link")
        .url(link.url)
        .tooltip(link.tooltip)
        .include_vars(inside)
        .keep_time(inside)
        .target_blank(not inside)
    )


def _number(built: models.Dashboard) -> None:
    """Give every panel an id of its own, in reading order: links to a panel stay valid between builds."""
    identifier = 0
    for entry in built.panels or []:
        identifier += 1
        entry.id_val = identifier
        for panel in getattr(entry, "panels", None) or []:
            identifier += 1
            panel.id_val = identifier

"""Lab 03: what Grafana shows."""

import base64
import json
from functools import partial
from typing import Any

from base.assets import load_dashboards
from components.mesh_monitors import GRAFANA_FOLDER
from kube.objects import SECRETS
from settings.models import Settings

from ..results.outcome import Failed, NotApplicable, Seen
from .check import Check, Context
from .dashboard import queries
from .grafana import Grafana
from .lab03_prometheus import prometheus, require_a_real_sidecar
from .lab03_stack import is_anonymous
from .objects import fetched
from .queries import NOTHING_TO_PICK, Reader
from .reach import require_part, require_telemetry, service, stack_names

DATA_SOURCE = "prometheus"
ENVOY_DASHBOARD = "envoy-demo"
OF_SIDECARS = frozenset({"istio-mesh", "istio-performance", "istio-service", "istio-workload"})
"""The dashboards of what sidecars tell, or cost."""
PREFERRED = {"namespace": "default", "service": "httpbin.default.svc.cluster.local", "workload": "httpbin"}
"""What the lab's reader looks at: the service that the ten calls go to."""


def checks(settings: Settings) -> list[Check]:
    """The checks of Grafana: for each dashboard, that it is loaded and that it shows something."""
    found = [
        Check(
            "lab03.grafana-access",
            "Grafana allows the access that the settings define",
            f"the administrator, {'and' if is_anonymous(settings) else 'but not'} anonymous users",
            _access,
        ),
        Check(
            "lab03.grafana-source",
            "Grafana's data source reaches Prometheus",
            f"a query through data source {DATA_SOURCE} answers",
            _source,
        ),
    ]
    for name, text in load_dashboards().items():
        model = json.loads(text)
        title, count = model["title"], len(queries(model))
        found += [
            Check(
                f"lab03.dashboard-{name}",
                f"dashboard {title} is loaded",
                f"in folder {GRAFANA_FOLDER}, with the {count} queries of this tree",
                partial(_loaded, name, model),
                limit=90,
            ),
            Check(
                f"lab03.queries-{name}",
                f"dashboard {title} shows data",
                f"each of {count} queries answers, or is named with what is missing",
                partial(_shows, name, model),
                limit=120,
            ),
        ]
    return found


def grafana(context: Context) -> Grafana:
    """The stack's Grafana, signed in as its administrator. NotApplicable where it has none."""
    require_part(context, "grafana")
    names = stack_names(context.settings)
    # First the way there: on a cluster where nothing runs, the password is nobody's business.
    web = service(context, names.namespace, names.grafana, names.grafana_port, "Grafana")
    data = fetched(context.cluster, SECRETS, names.grafana_admin_secret, names.namespace)["data"]
    user, password = (base64.b64decode(data[key]).decode() for key in ("admin-user", "admin-password"))
    return Grafana(web, user, password)


def _access(context: Context) -> Seen:
    target, wanted = grafana(context), is_anonymous(context.settings)
    count, anyone = len(target.folders()), target.lets_anyone_in()
    seen = f"the administrator ({count} dashboards), {'and' if anyone else 'but not'} anonymous users"
    if anyone != wanted:
        raise Failed(seen)
    return Seen(seen)


def _source(context: Context) -> Seen:
    target = grafana(context)
    require_part(context, "datasources")
    source = target.data_source(DATA_SOURCE)
    found = target.prometheus(DATA_SOURCE).number("count(up)")
    if not found:
        raise Failed(f"{source.get('name')} ({source.get('url')}) knows no target")
    return Seen(f"{source.get('name')} ({source.get('url')}): {found:.0f} targets")


def _loaded(name: str, model: dict[str, Any], context: Context) -> Seen:
    _only_with_its_subject(name, context)
    target, uid = grafana(context), str(model["uid"])
    require_part(context, "dashboards")

    def look() -> Seen:
        folder = target.folders().get(uid)
        if folder is None:
            raise Failed(f"not loaded: Grafana has no dashboard {uid}")
        live = target.dashboard(uid)
        same = set(queries(live)) & set(queries(model))
        if len(same) != len(set(queries(model))) or len(queries(live)) != len(queries(model)):
            raise Failed(f"loaded, but {len(same)} of {len(queries(model))} queries are this tree's")
        if folder != GRAFANA_FOLDER:
            raise Failed(f"loaded into {f'folder {folder}' if folder else 'no folder'}")
        return Seen(f"folder {folder}, {len(queries(live))} queries")

    return context.eventually(look)


def _shows(name: str, model: dict[str, Any], context: Context) -> Seen:
    _only_with_its_subject(name, context)
    findings = Reader(prometheus(context), PREFERRED).read(model)
    if name in OF_SIDECARS and not findings.answered:
        require_a_real_sidecar(context)
    seen = f"{findings.answered} of {findings.total} answer, {len(findings.empty)} are empty"
    details = (*(f"broken: {entry}" for entry in findings.broken), *(f"empty: {entry}" for entry in findings.empty))
    if findings.broken:
        if all(entry.endswith(NOTHING_TO_PICK) for entry in findings.broken):
            require_telemetry(context)
        raise Failed(f"{seen}, {len(findings.broken)} are broken: {findings.broken[0]}", details)
    if not findings.answered:
        raise Failed(f"{seen}: {(findings.empty or ['it has none'])[0]}", details)
    return Seen(seen, details)


def _only_with_its_subject(name: str, context: Context) -> None:
    if name == ENVOY_DASHBOARD and not context.settings.envoy_demo.enabled:
        raise NotApplicable("the stack has envoyDemo.enabled: false")

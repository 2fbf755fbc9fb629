"""Alert and recording rules of the mesh: plain PrometheusRule files, with the thresholds filled in.

A rule file of manifests/mesh_monitors/rules/ is valid as it stands and needs no templating language. Each threshold is
a recording rule of its own, `meshlab:threshold:<field>`, that the alerts compare with; `load_rules` replaces that
rule's expression by name. So the value in force is a series that dashboards can draw and a person can query.
"""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from base.assets import MANIFESTS, Manifest, load_manifests
from base.errors import MeshlabError

from .section import Section
from .texts import Duration
from .validators import expected

Ratio = Annotated[float, Field(gt=0, lt=1), expected("a share of all requests, more than 0 and less than 1")]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False), expected("a number above 0")]
Count = Annotated[float, Field(ge=0, allow_inf_nan=False), expected("0 or more")]
Multiple = Annotated[float, Field(gt=1, allow_inf_nan=False), expected("a number above 1")]
DurationBucket = Literal[1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000]
"""Bounds of Envoy's request duration histogram, in milliseconds: a target between two of them could not be counted."""

THRESHOLD = "meshlab:threshold:"
"""What the name of a recording rule that stands for a threshold begins with; the field's name follows."""

DEFAULT_REVISION = "meshlab:default_revision:info"
"""The recording rule that carries the default revision, as label `istio_rev`."""


class AlertThresholds(Section):
    """Thresholds of the mesh's alerts. The rule files repeat the defaults, and a test compares them."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    error_budget_ratio: Ratio = 0.01
    """Share of a service's requests that may fail with a 5xx, 0 to 1."""
    latency_target_milliseconds: DurationBucket = 1000
    """Milliseconds after which a request counts as slow; one of the bounds of Envoy's histogram."""
    latency_budget_ratio: Ratio = 0.05
    """Share of a service's requests that may be slow, 0 to 1."""
    burn_rate_fast: Multiple = 14.4
    """Critical when a budget is spent so many times too fast over both 5 minutes and 1 hour."""
    burn_rate_slow: Multiple = 6.0
    """Warning when a budget is spent so many times too fast over both 30 minutes and 6 hours."""
    minimum_requests_per_second: Count = 0.1
    """A service with fewer requests per second than this is not judged by its ratios."""
    convergence_p99_seconds: Positive = 5.0
    """Seconds in which 99 % of the proxies must have a configuration change."""
    rejects_per_hour: Count = 0.0
    """Configuration updates that proxies may reject in an hour."""
    push_errors_per_hour: Count = 5.0
    """Configuration updates that istiod may fail to build or to send in an hour."""
    injection_failures_per_hour: Count = 0.0
    """Sidecar injections that may fail in an hour."""
    ca_certificate_warning_days: Positive = 30.0
    """Warning when a certificate of istiod's CA has fewer days left than this."""
    ca_certificate_critical_days: Positive = 7.0
    """Critical when a certificate of istiod's CA has fewer days left than this."""
    workload_certificate_minutes: Positive = 60.0
    """Warning when a sidecar's certificate has fewer minutes left than this: its renewal is overdue."""
    skewed_proxies: Count = 0.0
    """Proxies that may run another minor version than the istiod that they are connected to."""
    unscraped_sidecars: Count = 0.0
    """Running sidecars of a namespace that Prometheus may fail to scrape."""
    hold_critical: Duration = "5m"
    """How long a critical condition must last before its alert fires, as a Prometheus duration."""
    hold_warning: Duration = "15m"
    """How long a warning condition must last before its alert fires, as a Prometheus duration."""

    @model_validator(mode="after")
    def _every_burn_alert_can_fire(self) -> Self:
        for rate in ("burn_rate_fast", "burn_rate_slow"):
            for budget in ("error_budget_ratio", "latency_budget_ratio"):
                if getattr(self, rate) * getattr(self, budget) >= 1:
                    names = f"{to_camel(rate)} x {to_camel(budget)}"
                    raise ValueError(f"expected {names} below 1, the share of all requests: its alert could never fire")
        return self


def load_rules(
    thresholds: AlertThresholds, release: str, namespace: str, default_revision: str, runbooks: str = ""
) -> list[Manifest]:
    """Return the PrometheusRules of manifests/mesh_monitors/rules/, filled in, in the order of their file names.

    `release` is the label by which Prometheus selects rules, `namespace` where they live, `default_revision` the
    revision whose istiod must always be there. `runbooks` is the address of the folder that holds docs/runbooks/; where
    it is empty the alerts keep the path in this repository.

    Raises MeshlabError where a file is missing or broken, or where a threshold has no rule or a rule no threshold.
    """
    folder = MANIFESTS / "mesh_monitors" / "rules"
    paths = sorted(folder.glob("*.yaml"))
    if not paths:
        raise MeshlabError(f"{folder}: expected rule files (*.yaml), got none")
    rules = [rule for path in paths for rule in load_manifests("mesh_monitors", "rules", path.name)]
    values = _expressions(thresholds, default_revision)
    for rule in rules:
        rule["metadata"]["namespace"] = namespace
        rule["metadata"].setdefault("labels", {})["release"] = release
        for entry in (entry for group in rule["spec"]["groups"] for entry in group["rules"]):
            _fill(entry, values, thresholds, runbooks)
    if values:
        raise MeshlabError(f"{folder}: expected a recording rule for each threshold, got none for {', '.join(values)}")
    return rules


def _expressions(thresholds: AlertThresholds, default_revision: str) -> dict[str, str]:
    """The expression of each recording rule that a setting decides, by the rule's name."""
    numbers = {name: value for name, value in thresholds.model_dump().items() if not isinstance(value, str)}
    expressions = {f"{THRESHOLD}{name}": f"vector({value:.15g})" for name, value in numbers.items()}
    expressions[DEFAULT_REVISION] = f'label_replace(vector(1), "istio_rev", "{default_revision}", "", "")'
    return expressions


def _fill(entry: Manifest, values: dict[str, str], thresholds: AlertThresholds, runbooks: str) -> None:
    """Fill in one rule; each expression of `values` is taken out as it is used."""
    name = entry.get("record", "")
    if name in values:
        entry["expr"] = values.pop(name)
    elif name.startswith(THRESHOLD):
        raise MeshlabError(f"manifests/mesh_monitors/rules: {name}: expected a field of AlertThresholds, got none")
    if "alert" in entry:
        severity = entry["labels"]["severity"]
        entry["for"] = thresholds.hold_critical if severity == "critical" else thresholds.hold_warning
        page = entry["annotations"]["runbook_url"]
        entry["annotations"]["runbook_url"] = f"{runbooks.rstrip('/')}/{page}" if runbooks else page

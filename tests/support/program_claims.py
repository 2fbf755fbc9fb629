"""What must be so in the recorded program, where no unit test looks: assertions over a recording.

`complaints` asks these and the unit tests' own assertions.
"""

import inspect
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from meshlab.recording.recorder import Recording
from settings.charts import ChartSource
from settings.operator_crds import crds_of
from tests.support.kiali_fields import fields_of, unread

from . import claims

RELEASE = "kubernetes:helm.sh/v3:Release"


def the_alias_is_not_scraped(program: Recording) -> None:
    """The monitor of istiods selects Services by the label that this one lacks."""
    assert "istio.io/rev" not in program.named("mesh-rollout-istiod").inputs["metadata"]["labels"]


def istios_crds_are_upgraded_by_helm(program: Recording) -> None:
    """As templates, and not from a folder that helm installs once."""
    assert program.named("istio-base").inputs["values"]["base"]["enableCRDTemplates"] is True


def the_validator_has_an_installed_revision(program: Recording) -> None:
    """Without one, no istiod feels responsible for it, and it lets everything pass; so the chart brings none."""
    installed = {
        release.inputs["values"]["revision"]
        for release in program.of_type(RELEASE)
        if release.inputs["chart"].rpartition("/")[2].startswith("istiod")
    }
    validator = program.named("mesh-rollout-default-validator").inputs
    assert validator["metadata"]["labels"]["istio.io/rev"] in installed
    assert program.named("istio-base").inputs["values"]["defaultRevision"] == ""


def sidecars_merge_metrics_and_capture_dns(program: Recording) -> None:
    """By the mesh configuration of every revision. Merging is what gives pods the annotation that monitors go by."""
    releases = [resource for resource in program.of_type(RELEASE) if resource.name.startswith("istio-istiod-")]
    assert releases
    for release in releases:
        mesh = release.inputs["values"]["meshConfig"]
        assert mesh["enablePrometheusMerge"] is True
        assert mesh["defaultConfig"]["proxyMetadata"]["ISTIO_META_DNS_CAPTURE"] == "true"


def namespaces_of_others_are_only_labelled(program: Recording) -> None:
    """A Namespace resource for `default` would take it away on destroy."""
    owned = {resource.inputs["metadata"]["name"] for resource in program.of_type("kubernetes:core/v1:Namespace")}
    assert "default" not in owned
    patched = program.of_type("kubernetes:core/v1:NamespacePatch")
    assert "default" in {resource.inputs["metadata"]["name"] for resource in patched}
    for resource in patched:
        assert set(resource.inputs["metadata"]) == {"name", "labels"}


def prometheus_selects_every_monitor_and_rule(program: Recording) -> None:
    """By the label with the stack's release."""
    release = program.named("monitoring-stack").inputs["name"]
    objects = [
        resource for resource in program.resources if resource.type.startswith("kubernetes:monitoring.coreos.com/")
    ]
    assert len(objects) >= 6
    for object_ in objects:
        assert object_.inputs["metadata"]["labels"]["release"] == release, object_.name


def nothing_waits_for_monitors_to_go(program: Recording) -> None:
    """They have no finalizer, and the provider's polling costs seconds for each."""
    monitors = [resource for resource in program.resources if resource.type.endswith("Monitor")]
    assert len(monitors) >= 2
    for monitor in monitors:
        assert monitor.inputs["metadata"]["annotations"]["pulumi.com/skipAwait"] == "true", monitor.name


def the_operators_crds_are_its_own(program: Recording) -> None:
    """Of the operator's very version: an older set lacks kinds and fields that the operator wants."""
    stack, crds = (program.named(f"monitoring-{name}").inputs["version"] for name in ("stack", "crds"))
    assert crds_of(stack, ChartSource()) == crds


def grafana_takes_its_administrator_from_the_secret(program: Recording) -> None:
    """By reference, since helm keeps values where every reader of the namespace finds them."""
    grafana = program.named("monitoring-stack").inputs["values"]["grafana"]
    secret = program.named("monitoring-grafana-admin").inputs["metadata"]["name"]
    assert grafana["admin"]["existingSecret"] == secret
    assert "adminPassword" not in grafana


def dashboards_are_small_enough(program: Recording) -> None:
    """One ConfigMap each."""
    maps = [resource for resource in program.of_type("kubernetes:core/v1:ConfigMap") if "dashboard" in resource.name]
    claims.each_dashboard_can_be_applied_by_hand([dict(resource.inputs) for resource in maps])


def kialis_spec_has_what_its_version_knows(program: Recording) -> None:
    """The operator drops any other field without a word."""
    version = program.named("kiali-release").inputs["version"]
    assert list(unread(program.named("kiali-kiali").inputs["spec"], fields_of(version))) == []


CLAIMS: tuple[Callable[[Recording], None], ...] = (
    the_alias_is_not_scraped,
    istios_crds_are_upgraded_by_helm,
    the_validator_has_an_installed_revision,
    sidecars_merge_metrics_and_capture_dns,
    namespaces_of_others_are_only_labelled,
    prometheus_selects_every_monitor_and_rule,
    nothing_waits_for_monitors_to_go,
    the_operators_crds_are_its_own,
    grafana_takes_its_administrator_from_the_secret,
    dashboards_are_small_enough,
    kialis_spec_has_what_its_version_knows,
)


def complaints(program: Recording, unit_tests: ModuleType | None = None) -> Iterator[str]:
    """Names of the assertions that a program does not pass: the claims above, and the unit tests that judge the dev
    stack's recording, parametrized ones once for each set of parameters. One at a time: the first may be enough."""
    unit = _judges(unit_tests) if unit_tests else ()
    for name, ask in (*((claim.__name__, claim) for claim in CLAIMS), *unit):
        try:
            ask(program)
        except Exception:  # as for pytest, a test that cannot go on has failed
            yield name


def _judges(module: ModuleType) -> Iterator[tuple[str, Callable[[Recording], object]]]:
    """The tests of a module that need nothing but the recording, fixture `dev`, and their parameters."""
    for name, test in inspect.getmembers(module, inspect.isfunction):
        needs = set(inspect.signature(test).parameters)
        if not name.startswith("test_") or "dev" not in needs:
            continue
        for given in _parameters(test):
            if needs == {"dev", *given}:
                yield f"{name}{list(given.values()) or ''}", _with(test, given)


def _with(test: Callable[..., object], given: dict[str, Any]) -> Callable[[Recording], object]:
    return lambda program: test(dev=program, **given)


def _parameters(test: Any) -> Iterator[dict[str, Any]]:
    """Each set of parameters of a test; one empty set where it has none."""
    marks = [mark for mark in getattr(test, "pytestmark", []) if mark.name == "parametrize"]
    if not marks:
        yield {}
    for mark in marks:
        names = mark.args[0]
        keys = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
        for values in mark.args[1]:
            yield dict(zip(keys, values if len(keys) > 1 else [values], strict=True))

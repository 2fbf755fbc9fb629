"""Nobody looks in who has not signed in, except where the stack says so; and then they only look."""

import configparser
from collections.abc import Iterator, Mapping
from typing import Any

from ..rule import Findings, PolicyRule
from ..settings import PackSettings
from ..subjects import Object, Subject, entries, mapping
from ..walk import is_true, places

_GRAFANA_SECTION = "auth.anonymous"
_GRAFANA_FILE = "grafana.ini"
_SWITCH, _ROLE = "GF_AUTH_ANONYMOUS_ENABLED", "GF_AUTH_ANONYMOUS_ORG_ROLE"
_LOOKING = "Viewer"


def _check(subject: Subject, settings: PackSettings) -> Findings:
    found = [*_grafana(subject), *_kiali(subject)]
    for where, looks_only in found:
        if not settings.allow_anonymous:
            yield f"{where}: expected sign-in for every user, got anonymous access (setting policy.allowAnonymous)"
        elif not looks_only:
            yield f"{where}: expected people who have not signed in to look only, got more than that"


def _grafana(subject: Subject) -> Iterator[tuple[str, bool]]:
    """Where Grafana lets people in, and whether they only look."""
    for place in places(*subject.content):
        if place.key == _GRAFANA_SECTION and is_true(mapping(place.value).get("enabled")):
            yield place.path, mapping(place.value).get("org_role", _LOOKING) == _LOOKING
        elif place.key == _SWITCH and is_true(place.value):
            yield place.path, place.around.get(_ROLE, _LOOKING) == _LOOKING
        elif place.key == "env":
            variables = {mapping(item).get("name"): mapping(item).get("value") for item in entries(place.value)}
            if is_true(variables.get(_SWITCH)):
                yield f"{place.path}[{_SWITCH}]", variables.get(_ROLE, _LOOKING) == _LOOKING
        elif place.key == _GRAFANA_FILE and isinstance(place.value, str):
            section = _section(place.value)
            if is_true(section.get("enabled")):
                yield f"{place.path} [{_GRAFANA_SECTION}]", section.get("org_role", _LOOKING).strip() == _LOOKING


def _kiali(subject: Subject) -> Iterator[tuple[str, bool]]:
    """Where Kiali lets people in. Its object has `spec`, its operator's chart the same in `cr.spec` of the values."""
    specs: dict[str, Mapping[str, Any]] = {}
    if isinstance(subject, Object):
        if subject.kind == "Kiali":
            specs["spec"] = mapping(subject.manifest.get("spec"))
    else:
        specs = {"values": subject.values, "values.cr.spec": mapping(mapping(subject.values.get("cr")).get("spec"))}
    for path, spec in specs.items():
        if mapping(spec.get("auth")).get("strategy") == "anonymous":
            yield f"{path}.auth.strategy", is_true(mapping(spec.get("deployment")).get("view_only_mode"))


def _section(text: str) -> Mapping[str, str]:
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
    try:
        # Grafana allows settings before the first section.
        parser.read_string(f"[.]\n{text}")
        return parser[_GRAFANA_SECTION]
    except (configparser.Error, KeyError):
        return {}


RULE = PolicyRule(
    "no-anonymous-access",
    "Grafana and Kiali ask people to sign in; where the stack allows anonymous access, it is for looking only.",
    _check,
)

"""What an injector does with pods that say neither yes nor no: its revision's settings, as its ConfigMap has them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from kube.api_objects import Manifest, Resource, entries, mapping

from .names import REVISION_LABEL

CONFIG_MAPS = Resource("v1", "configmaps", "ConfigMap")
CHART_LABELS = {"operator.istio.io/component": "Pilot"}
"""Labels of the ConfigMap, among others of the chart."""
_PREFIX, _KEY = "istio-sidecar-injector", "config"


@dataclass(frozen=True)
class Policy:
    """The settings of one revision's injector; by default, it injects."""

    enabled: bool = True
    """Whether a pod that no selector fits gets a sidecar (`global.proxy.autoInject`)."""
    never: tuple[Manifest, ...] = ()
    always: tuple[Manifest, ...] = ()
    """Selectors of pods' labels; `never` comes first (`sidecarInjectorWebhook.neverInjectSelector`)."""

    def injects(self, labels: Mapping[str, str]) -> bool:
        """Whether a pod with these labels gets a sidecar without asking for one."""
        if any(_selects(item, labels) for item in self.never):
            return False
        return self.enabled or any(_selects(selector, labels) for selector in self.always)


USUAL = Policy()


def policies(config_maps: Iterable[Manifest]) -> dict[str, Policy]:
    """The policy by revision, from the ConfigMaps of the control plane's namespace."""
    found: dict[str, Policy] = {}
    for config_map in config_maps:
        revision = mapping(config_map["metadata"].get("labels")).get(REVISION_LABEL)
        text = mapping(config_map.get("data")).get(_KEY)
        if revision and text and str(config_map["metadata"]["name"]).startswith(_PREFIX):
            found[revision] = _policy(text)
    return found


def _policy(text: str) -> Policy:
    try:
        config = mapping(yaml.safe_load(text))
    except yaml.YAMLError:
        return USUAL
    never, always = (tuple(entries(config.get(f"{name}InjectSelector"))) for name in ("never", "always"))
    return Policy(config.get("policy") != "disabled", never, always)


def _selects(selector: Manifest, labels: Mapping[str, str]) -> bool:
    """Whether a label selector fits. One without any term fits nothing here, unlike elsewhere."""
    equal, terms = mapping(selector.get("matchLabels")), entries(selector.get("matchExpressions"))
    if not equal and not terms:
        return False
    return equal.items() <= labels.items() and all(_fits(term, labels) for term in terms)


def _fits(term: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value = labels.get(term["key"])
    match term["operator"]:
        case "In":
            return value in term["values"]
        case "NotIn":
            return value is None or value not in term["values"]
        case "Exists":
            return value is not None
        case _:
            return value is None

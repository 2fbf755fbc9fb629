"""Where the istiod chart reads what is istiod's own: below `pilot` in older versions, at the top in newer ones.

A newer chart lays whatever stands below `pilot` over the top, so that of one value in both places the older spelling
decides. An older chart does not read the top at all.
"""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from .helm_values import mapping_at
from .problem import DOES_NOTHING, Problem, shown
from .versions import parse_version

FLAT_SINCE = (1, 24, 0)
"""The first version whose chart is known to read, and to document, these values at the top."""

Fields = Mapping[str, Any]
LEGACY = "pilot"

CHARTS_MOST = 5
"""Up to how many replicas the chart scales istiod where nothing is said."""

ISTIODS_OWN = frozenset(
    {
        "affinity",
        "autoscaleEnabled",
        "autoscaleMax",
        "autoscaleMin",
        "configMap",
        "cpu",
        "deploymentLabels",
        "env",
        "hub",
        "image",
        "jwksResolverExtraRootCA",
        "keepaliveMaxServerConnectionAge",
        "nodeSelector",
        "plugins",
        "podAnnotations",
        "podLabels",
        "replicaCount",
        "resources",
        "rollingMaxSurge",
        "rollingMaxUnavailable",
        "seccompProfile",
        "serviceAnnotations",
        "tag",
        "tolerations",
        "traceSampling",
        "variant",
    }
)
"""What an older chart reads below `pilot` alone."""


def is_flat(version: str) -> bool:
    """Whether the chart of an Istio version reads istiod's own values at the top."""
    return parse_version(version) >= FLAT_SINCE


def spelled(version: str, own: Fields) -> dict[str, Any]:
    """istiod's own values as the chart of a version documents them."""
    return dict(own) if is_flat(version) else {LEGACY: dict(own)}


def said(values: Fields, key: str) -> Any:
    """What a stack's values say of one of istiod's own, in the spelling that decides; None where they say nothing."""
    return mapping_at(values, LEGACY).get(key, values.get(key))


def least_replicas(values: Fields, replicas: int) -> int:
    """How many replicas of istiod there are at least: by a stack's values, else by its setting `replicas`."""
    least = said(values, "autoscaleMin")
    return least if isinstance(least, int) else replicas


def values_in_vain(version: str, values: Fields) -> Iterator[Problem]:
    """The values of a stack that do nothing, each with what to write instead."""
    for path, expected in _unread(version, values):
        got: Any = values
        for key in path:
            got = got[key]
        yield Problem(path, expected, f"{shown(got)}, {DOES_NOTHING}")


def scaling_below_replicas(values: Fields, replicas: int) -> Iterator[Problem]:
    """An upper bound of the replicas, among a stack's values, that is below the lower one."""
    most, least = said(values, "autoscaleMax"), least_replicas(values, replicas)
    if isinstance(most, int) and most < least and said(values, "autoscaleEnabled") is not False:
        path = (LEGACY, "autoscaleMax") if "autoscaleMax" in mapping_at(values, LEGACY) else ("autoscaleMax",)
        yield Problem(path, f"{least} or more, as many replicas as there are at least", shown(most))


def _unread(version: str, values: Fields) -> Iterator[tuple[tuple[str, ...], str]]:
    if not is_flat(version):
        for key in sorted(ISTIODS_OWN & values.keys()):
            yield (key,), f"{LEGACY}.{key}, where the chart of Istio {version} reads it"
        return
    for path in _overlaid(values, mapping_at(values, LEGACY)):
        name = ".".join(path)
        yield path, f"{name} or {LEGACY}.{name} (the chart lays the second over the first)"


def _overlaid(values: Fields, over: Fields, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Paths at which both mappings have something that is no mapping in both, and not the same."""
    for key in sorted(values.keys() & over.keys()):
        mine, theirs = values[key], over[key]
        if isinstance(mine, Mapping) and isinstance(theirs, Mapping):
            yield from _overlaid(cast(Fields, mine), cast(Fields, theirs), (*path, key))
        elif mine != theirs:
            yield *path, key

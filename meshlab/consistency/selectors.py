"""Label selectors, as the API server reads them."""

from collections.abc import Mapping
from typing import Any

from kube.api_objects import entries, mapping

Labels = Mapping[str, str]
Selector = Mapping[str, Any]


def selects(selector: Selector, labels: Labels) -> bool:
    """Whether a selector of `matchLabels` and `matchExpressions` takes an object with `labels`; an empty one does."""
    wanted: Labels = mapping(selector.get("matchLabels"))
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        _holds(term, labels) for term in entries(selector.get("matchExpressions"))
    )


def says_nothing(selector: Selector) -> bool:
    """Whether a selector takes everything."""
    return not (selector.get("matchLabels") or selector.get("matchExpressions"))


def shown(selector: Selector) -> str:
    """A selector as `kubectl --selector` has it."""
    terms = [f"{key}={value}" for key, value in mapping(selector.get("matchLabels")).items()]
    for term in entries(selector.get("matchExpressions")):
        values = f" ({','.join(term['values'])})" if term.get("values") else ""
        terms.append(f"{term['key']} {term['operator']}{values}")
    return ",".join(terms)


def _holds(term: Mapping[str, Any], labels: Labels) -> bool:
    key, values = term["key"], term.get("values") or ()
    match term["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels

"""Rules of one's own: each file of a folder becomes a PrometheusRule, since a wrong rule costs its whole object.

A file is as Prometheus itself reads it, `groups` at its top, so that promtool can check and test it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from base.assets import ROOT, Manifest, load_documents
from base.errors import MeshlabError

from .texts import DnsLabel, check_text

OURS = "meshlab."
"""What the names of the program's own groups begin with."""


def load_own_rules(folder: str, release: str, namespace: str) -> list[Manifest]:
    """The PrometheusRules of a folder below the project's, in the order of their files; none where it is empty text.

    Raises MeshlabError for a folder without rule files, and for what Prometheus loads with no expression.
    """
    if not folder:
        return []
    paths = sorted(path for path in (ROOT / folder).glob("*") if path.suffix in (".yaml", ".yml"))
    if not paths:
        raise MeshlabError(
            f"meshMonitors.ownRules: expected a folder with rule files (*.yaml), got none in {ROOT / folder}"
        )
    found: dict[str, Path] = {}
    manifests: list[Manifest] = []
    for path in paths:
        groups = _groups(path)
        for name in (str(group["name"]) for group in groups):
            if other := found.get(name):
                raise MeshlabError(
                    f"{path}: group {name}: expected a name of its own, got that of a group in {other.name}"
                )
            found[name] = path
        manifests.append(_manifest(path, groups, release, namespace))
    return manifests


def _manifest(path: Path, groups: list[Any], release: str, namespace: str) -> Manifest:
    try:
        name = f"own-{check_text(DnsLabel, path.stem)}"
    except ValueError as error:
        raise MeshlabError(f"{path}: the file's name: {error}") from None
    metadata = {
        "name": name,
        "namespace": namespace,
        "labels": {"release": release},
        "annotations": {"pulumi.com/skipAwait": "true"},
    }
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": metadata,
        "spec": {"groups": groups},
    }


def _groups(path: Path) -> list[Any]:
    documents = load_documents(path)
    content = documents[0] if len(documents) == 1 else None
    groups = cast(Mapping[str, Any], content).get("groups") if isinstance(content, Mapping) else None
    if not isinstance(groups, list) or not groups:
        raise MeshlabError(f"{path}: expected one document with `groups`, as Prometheus reads rule files")
    names: set[str] = set()
    for number, group in enumerate(cast(list[Any], groups), 1):
        name = cast(Mapping[str, Any], group).get("name") if isinstance(group, Mapping) else None
        if not isinstance(name, str) or not name or name.startswith(OURS):
            raise MeshlabError(f"{path}: group {number}: expected a name, and none that begins with {OURS}, got {name}")
        if name in names:
            raise MeshlabError(f"{path}: group {name}: expected it once, got it twice")
        names.add(name)
        _check_rules(f"{path}: group {name}", cast(Mapping[str, Any], group).get("rules"))
    return cast(list[Any], groups)


def _check_rules(where: str, rules: Any) -> None:
    if not isinstance(rules, list) or not rules:
        raise MeshlabError(f"{where}: expected a list of rules")
    for number, rule in enumerate(cast(list[Any], rules), 1):
        fields = cast(Mapping[str, Any], rule if isinstance(rule, Mapping) else {})
        if len({"alert", "record"} & fields.keys()) != 1 or not isinstance(fields.get("expr"), str):
            raise MeshlabError(f"{where}: rule {number}: expected either alert or record, and expr as text")

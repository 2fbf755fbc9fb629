"""The fields of a Kiali object's spec that an operator reads, by its version: `<version>.yaml` beside this file.

A field that is null there may hold anything. From 2.x on the chart's CRD has them: write the file of a new version with
`python -m tests.support.kiali_fields kiali-operator-<version>.tgz`. Fields that the CRD calls deprecated and ignored
are left out. The operator of 1.59 has no schema; its file is taken from the defaults of its role, 2026-11-28.
"""

import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
_CRD = "kiali-operator/crds/crds.yaml"

Fields = Mapping[str, Any]


def fields_of(version: str) -> Fields:
    """The fields that the operator of `version` reads. Raises AssertionError where nobody has written them down."""
    file = HERE / f"{version}.yaml"
    assert file.is_file(), (
        f"{file.name}: expected the fields of the Kiali operator {version}, got no such file "
        f"(write it: python -m tests.support.kiali_fields kiali-operator-{version}.tgz)"
    )
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def unread(spec: Mapping[str, Any], fields: Fields, path: str = "spec") -> Iterator[str]:
    """The path of each field of `spec` that is not one of `fields`."""
    for name, value in spec.items():
        if name not in fields:
            yield f"{path}.{name}"
        elif fields[name] is not None and isinstance(value, Mapping):
            yield from unread(value, fields[name], f"{path}.{name}")


def of_chart(package: Path) -> Fields:
    """The fields that the CRD in a packed chart has."""
    with tarfile.open(package) as archive:
        member = archive.extractfile(_CRD)
        assert member is not None
        (crd,) = yaml.safe_load_all(member.read())
    (version,) = crd["spec"]["versions"]
    return _tree(version["schema"]["openAPIV3Schema"]["properties"]["spec"]) or {}


def _tree(schema: Mapping[str, Any]) -> Fields | None:
    read = {name: one for name, one in schema.get("properties", {}).items() if not _is_ignored(one)}
    return {name: _tree(one) for name, one in sorted(read.items())} or None


def _is_ignored(schema: Mapping[str, Any]) -> bool:
    description = schema.get("description", "")
    return description.startswith("DEPRECATED") and "ignored" in description

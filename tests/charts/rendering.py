"""Packs the stand-ins and renders them with real helm; reads the facts that were taken from the real charts."""

import functools
import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from embedded.tools.toolchain import ToolsMissingError, ensure
from meshlab.charts.source import STAND_INS, STAND_INS_FOLDER, ChartSourceError, pack_stand_ins
from settings.charts import Chart

KUBERNETES = "1.34.4"
STACK, CRDS, KIALI = STAND_INS
VERSIONS = {STACK: ("42.2.1", "88.5.3"), CRDS: ("0.1.0", "31.0.1"), KIALI: ("1.59.1", "2.29.0")}


class Loader(yaml.CSafeLoader):
    """PyYAML's own, but for the bare `=` in the enums of the operator's CRDs."""


Loader.add_constructor("tag:yaml.org,2002:value", lambda loader, node: loader.construct_scalar(node))


@dataclass(frozen=True)
class Facts:
    """What is known of one real chart, and how it was rendered for that."""

    chart: str
    version: str
    release: str
    namespace: str
    values: Mapping[str, Any]
    objects: Mapping[str, Any]
    """What is known of an object, by `<kind> <name>`."""

    def __str__(self) -> str:
        return f"{self.chart}-{self.version}"


@functools.cache
def all_facts() -> list[Facts]:
    found = []
    for file in sorted((Path(__file__).parent / "facts").glob("*.yaml")):
        chart, version = file.stem.rsplit("-", 1)
        content = _content(file)
        found.append(Facts(chart, version, **content["render"], objects=content["objects"]))
    return found


def _content(file: Path) -> dict[str, Any]:
    """A file of facts. One that says `like` has those of another version, with the texts of `instead` for others."""
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    if "like" not in content:
        return content
    text = file.with_name(content["like"]).read_text(encoding="utf-8")
    for theirs, own in content["instead"].items():
        assert theirs in text, f"{file.name}: {theirs} is not in {content['like']}"
        text = text.replace(theirs, own)
    other = yaml.safe_load(text)
    for key in content.get("without", []):
        del other["objects"][key]
    return other


@functools.cache
def helm() -> Path:
    try:
        return ensure(["helm"])["helm"]
    except ToolsMissingError as error:
        pytest.skip(str(error))


@functools.cache
def package(chart: str, version: str) -> Path:
    """A packed chart as `make up` would use it; skips where Go or its modules cannot be had."""
    helm()
    try:
        return pack_stand_ins(STAND_INS_FOLDER, {chart: version}, print) / Chart(chart, version).file
    except ChartSourceError as error:
        pytest.skip(str(error))


def template(
    chart: Path, values: Mapping[str, Any], *, release: str = "prom", namespace: str = "prometheus", crds: bool = True
) -> subprocess.CompletedProcess[str]:
    """Runs `helm template` as the program's releases would be rendered."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(values, file)
        file.flush()
        flags = ["--kube-version", KUBERNETES, "--values", file.name, *(["--include-crds"] if crds else [])]
        return subprocess.run(
            [helm(), "template", release, chart, "--namespace", namespace, *flags],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


def text(chart: str, version: str, values: Mapping[str, Any], **how: Any) -> str:
    """What the stand-in renders, as text; fails with helm's own words where it does not."""
    done = template(package(chart, version), values, **how)
    assert done.returncode == 0, done.stderr
    return done.stdout


def render(chart: str, version: str, values: Mapping[str, Any], **how: Any) -> dict[str, dict[str, Any]]:
    """What the stand-in renders, by `<kind> <name>`."""
    documents = yaml.load_all(text(chart, version, values, **how), Loader)
    return {f"{document['kind']} {document['metadata']['name']}": document for document in documents if document}


def differences(fact: Any, actual: Any, path: str = "") -> Iterator[str]:
    """Where `actual` does not hold a fact: each field that the fact names, and no item more in a list that it names.

    Items of a list go by their `name` where they have one; of environment variables the fact names some. A fact of null
    says no more than that the field is there, and a mapping in the place of text is what the text says as YAML.
    """
    if fact is None:
        return
    if isinstance(fact, dict):
        if isinstance(actual, str):
            actual = yaml.safe_load(actual)
        for key, value in fact.items():
            if not isinstance(actual, dict) or key not in actual:
                yield f"{path}.{key} is missing"
            else:
                yield from differences(value, actual[key], f"{path}.{key}")
    elif isinstance(fact, list) and isinstance(actual, list):
        if all(isinstance(item, dict) and "name" in item for item in fact):
            named = {item.get("name"): item for item in actual}
            known = {item["name"] for item in fact}
            if known - named.keys() or (named.keys() - known and not path.endswith(".env")):
                yield f"{path} has {sorted(named)}, expected {sorted(known)}"
            for item in fact:
                yield from differences(item, named.get(item["name"], {}), f"{path}[{item['name']}]")
        elif len(fact) != len(actual):
            yield f"{path} has {len(actual)} items, expected {len(fact)}"
        else:
            for index, (one, other) in enumerate(zip(fact, actual, strict=True)):
                yield from differences(one, other, f"{path}[{index}]")
    elif fact != actual:
        yield f"{path} is {actual!r}, expected {fact!r}"

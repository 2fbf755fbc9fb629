"""Rules that name objects and fields: which they are about, and what becomes of an object where fields stay."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from base.goyaml.text import document
from kube.fields import name_of_item
from meshlab.comparison.kept import covered, kept, without
from meshlab.diff.filter_file import FILE, read_filter
from meshlab.recording.recorder import ROOT
from settings.models import DriftSettings
from settings.object_rules import DiffRule, DriftRule, ObjectRule


def rule(**keys: Any) -> ObjectRule:
    return ObjectRule.model_validate(keys)


@pytest.mark.parametrize(
    ("keys", "fits"),
    [
        ({"kinds": ["Deployment"]}, True),
        ({"kinds": ["deployment"]}, False),
        ({"kinds": ["Service", "Deploy*"]}, True),
        ({"names": ["web"]}, False),
        ({"names": ["*-api"]}, True),
        ({"namespaces": ["shop"], "names": ["web-api"]}, True),
        ({"namespaces": ["sho"]}, False),
        ({"kinds": ["Deployment"], "namespaces": ["other"]}, False),
    ],
)
def test_a_rule_fits_an_object_where_all_that_it_names_does(keys: dict[str, Any], fits: bool) -> None:
    assert rule(**keys).fits("Deployment", "shop", "web-api") is fits


def test_an_object_outside_of_namespaces_fits_no_pattern_of_one() -> None:
    assert not rule(namespaces=["*"]).fits("ClusterRole", "", "reader")
    assert rule(kinds=["ClusterRole"]).fits("ClusterRole", "", "reader")


CONTAINER = ("spec", "template", "spec", "containers", "[name=web]", "image")


@pytest.mark.parametrize(
    ("path", "steps", "covers"),
    [
        ("spec.replicas", ("spec", "replicas"), True),
        ("spec.replicas", ("spec",), False),
        ("spec.replicas", ("spec", "replicasMax"), False),
        ("spec", ("spec", "replicas"), True),
        ("spec.template.spec.containers[web].image", CONTAINER, True),
        ("spec.template.spec.containers[name=web].image", CONTAINER, True),
        ("spec.template.spec.containers[*].image", CONTAINER, True),
        ("spec.template.spec.containers[web]", CONTAINER, True),
        ("spec.template.spec.containers[we].image", CONTAINER, False),
        ("spec.template.spec.containers.*.image", CONTAINER, False),
        ("spec.template.*.containers[w*].image", CONTAINER, True),
        ("args[1]", ("args", "[1]"), True),
        ("args[1]", ("args", "[10]"), False),
        ("metadata.labels.app.kubernetes.io/name", ("metadata", "labels", "app.kubernetes.io/name"), True),
        ("metadata.labels.app.kubernetes.io", ("metadata", "labels", "app.kubernetes.io/name"), False),
        ("metadata.labels.app.*/name", ("metadata", "labels", "app.kubernetes.io/name"), True),
        ("metadata.annotations.checksum/*", ("metadata", "annotations", "checksum/config.d"), True),
        ("metadata.*.owner", ("metadata", "labels", "owner"), True),
        ("data.grafana", ("data", "grafana.ini"), False),
        ("data.grafana.ini", ("data", "grafana.ini"), True),
        ("data.*", ("data", "grafana.ini"), True),
        ("a.b.c", ("a", "b.c", "d"), True),
        ("a.b.c", ("a.b", "c"), True),
    ],
)
def test_a_path_covers_a_field_and_all_below_it(path: str, steps: tuple[str, ...], covers: bool) -> None:
    assert rule(fields=[path]).covers(steps) is covers


def test_a_rule_without_fields_covers_all_of_them() -> None:
    assert rule(kinds=["Service"]).covers(("spec", "clusterIP"))


@pytest.mark.parametrize("path", ["/spec/replicas", "spec..replicas", "spec.", "[0]", "spec[", "spec[]", "a b", ""])
def test_a_path_that_leads_nowhere_is_refused_with_an_example(path: str) -> None:
    with pytest.raises(ValidationError, match=r"expected a path such as spec\.template\.spec\.containers"):
        rule(fields=[path])


@pytest.mark.parametrize("keys", [{"kinds": []}, {"names": [""]}, {"kinds": ["a b"]}, {"fields": []}, {"kind": ["A"]}])
def test_a_rule_that_says_nothing_or_something_unknown_is_refused(keys: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        rule(**keys)


def test_a_rule_about_everything_is_refused() -> None:
    with pytest.raises(ValidationError, match="expected at least one of kinds, names, namespaces, fields"):
        DiffRule.model_validate({"stacks": ["dev"], "reason": "all of it"})
    with pytest.raises(ValidationError, match="fields, managers"):
        DriftRule.model_validate({"reason": "all of it"})


def test_drift_wants_a_reason_and_whole_objects_for_what_may_be_missing() -> None:
    with pytest.raises(ValidationError, match="reason"):
        DriftRule.model_validate({"kinds": ["Service"]})
    with pytest.raises(ValidationError, match="expected a reason"):
        DriftRule.model_validate({"kinds": ["Service"], "reason": " "})
    with pytest.raises(ValidationError, match="expected deleted without fields and managers"):
        DriftRule.model_validate({"fields": ["spec"], "deleted": True, "reason": "x"})


def left(have: Any, wanted: Any, *paths: str) -> Any:
    return kept(have, wanted, rule(fields=list(paths)).covers, name_of_item)


@pytest.mark.parametrize(
    ("have", "wanted", "paths", "expected"),
    [
        ({"a": 1, "b": 1}, {"a": 2, "b": 2}, ["a"], {"a": 1, "b": 2}),
        ({"b": 1}, {"a": 2, "b": 2}, ["a"], {"b": 2}),
        ({"a": 1}, {}, ["a"], {"a": 1}),
        ({"a": {"x": 1, "y": 1}}, {}, ["a.x"], {"a": {"x": 1}}),
        ({"a": {"y": 1}}, {}, ["a.x"], {}),
        ({}, {"a": {"x": 1}}, ["a.x"], {}),
        ({}, {"a": {"x": 1, "y": 1}}, ["a.x"], {"a": {"y": 1}}),
        ({}, {"a": {}}, ["a.x"], {"a": {}}),
        ({"a": {}}, {"a": {"x": 1}}, ["a.x"], {"a": {}}),
        ({"a": None}, {"a": 1}, ["a"], {"a": None}),
        ({"a": 1}, {"a": {"x": 1}}, ["a.x"], {"a": {"x": 1}}),
        ({"l": [{"name": "p", "v": 1}]}, {"l": [{"name": "q"}, {"name": "p", "v": 2}]}, ["l[p].v"],
         {"l": [{"name": "q"}, {"name": "p", "v": 1}]}),
        ({"l": [{"name": "p"}, {"name": "q"}]}, {"l": [{"name": "q"}]}, ["l[p]"],
         {"l": [{"name": "q"}, {"name": "p"}]}),
        ({"l": [{"name": "q"}]}, {"l": [{"name": "p"}, {"name": "q"}]}, ["l[p]"], {"l": [{"name": "q"}]}),
        ({"l": [1, 2]}, {"l": [3, 4]}, ["l[0]"], {"l": [1, 4]}),
        ({"l": [1, 2, 3]}, {"l": [3, 4]}, ["l[0]"], {"l": [3, 4]}),
        ({"l": [{"name": "p"}]}, {}, ["l[*]"], {"l": [{"name": "p"}]}),
    ],
)  # fmt: skip
def test_a_field_that_stays_is_as_it_was_and_the_rest_as_wanted(
    have: Any, wanted: Any, paths: list[str], expected: Any
) -> None:
    assert left(have, wanted, *paths) == expected


def test_the_fields_that_a_rule_covers_are_found_and_what_is_below_them_is_not() -> None:
    manifest = {"spec": {"containers": [{"name": "a", "image": {"x": 1}}, {"name": "b"}]}}
    covers = rule(fields=["spec.containers[*].image", "spec.nothing"]).covers
    assert covered(manifest, covers, name_of_item) == [("spec", "containers", "[name=a]", "image")]


def test_fields_and_items_are_taken_out_by_their_paths() -> None:
    value = {"a": 1, "l": [{"name": "p", "v": 1}, {"name": "q"}], "n": [1, 2]}
    gone = {("a",), ("l", "[name=q]"), ("l", "[name=p]", "v"), ("n", "[0]")}
    assert without(value, gone, name_of_item) == {"l": [{"name": "p"}], "n": [2]}


@pytest.mark.parametrize(("page", "key"), [("rendering.md", "leaveOut"), ("drift.md", "config")])
def test_the_examples_of_the_documentation_are_read_as_rules(page: str, key: str, tmp_path: Path) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    (example,) = [
        example_text
        for example_text in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
        if example_text.startswith(f"{key}:")
    ]
    if key == "leaveOut":
        (tmp_path / FILE).parent.mkdir()
        (tmp_path / FILE).write_text(example, encoding="utf-8")
        assert len(read_filter(tmp_path).rules) == 2
    else:
        section = document(example)["config"]["meshlab:drift"]
        assert len(DriftSettings.model_validate(section).ignore) == 3

"""Which objects come, go and change, and in which of their fields."""

from meshlab.comparison.changes import Change, differing, text_of
from meshlab.render.objects import KubernetesObject
from tests.render.objects import changed, obj

CHART_LABELS = {"helm.sh/chart": "grafana-6.43.5", "app.kubernetes.io/version": "9.2.4"}
NEWER_LABELS = {"helm.sh/chart": "grafana-12.0.0", "app.kubernetes.io/version": "13.0.1"}


def only(before: KubernetesObject | None, after: KubernetesObject | None) -> Change:
    (change,) = changed([before] if before else [], [after] if after else []).changes
    return change


def fields(before: object, after: object) -> list[str]:
    return [text_of(path) for path in differing(before, after)]


def test_an_object_that_stays_as_it_is_is_no_change() -> None:
    assert changed([obj("Service", "web")], [obj("Service", "web")]).same


def test_objects_that_come_go_and_change_are_told_apart() -> None:
    web = obj("Service", "web", {"spec": {"ports": [80]}})
    assert only(None, web).action == "added"
    assert only(web, None).action == "removed"
    assert only(web, obj("Service", "web", {"spec": {"ports": [81]}})).action == "changed"


def test_the_same_name_in_another_namespace_is_another_object() -> None:
    comparison = changed([obj("Service", "web")], [obj("Service", "web", namespace="other")])
    assert [(change.action, change.one.label) for change in comparison.changes] == [
        ("removed", "Service default/web"),
        ("added", "Service other/web"),
    ]


def test_a_new_api_version_is_a_change_of_the_same_object() -> None:
    change = only(obj("Job", "once", api="batch/v1beta1"), obj("Job", "once", api="batch/v1"))
    assert (change.action, change.fields) == ("changed", [("apiVersion",)])


def test_items_of_a_list_go_by_their_names_where_all_have_one() -> None:
    before = {"containers": [{"name": "a", "image": "a:1"}, {"name": "b", "image": "b:1"}]}
    after = {"containers": [{"name": "b", "image": "b:1"}, {"name": "a", "image": "a:2"}]}
    assert fields(before, after) == ["containers[a].image"]
    assert fields({"list": [{"a": 1}, {"a": 2}]}, {"list": [{"a": 1}, {"a": 3}]}) == ["list[1].a"]


def test_a_list_of_plain_values_is_one_thing() -> None:
    assert fields({"args": ["--a", "--b"]}, {"args": ["--b"]}) == ["args"]


def test_rules_of_prometheus_go_by_what_they_are_called() -> None:
    before = {"rules": [{"alert": "Down", "expr": "1"}, {"record": "sum", "expr": "1"}]}
    after = {"rules": [{"alert": "New", "expr": "1"}, {"alert": "Down", "expr": "1"}, {"record": "sum", "expr": "2"}]}
    assert fields(before, after) == ["rules[New]", "rules[sum].expr"]


def test_what_a_reviewer_needs_comes_before_metadata_and_version_labels() -> None:
    before = obj("Service", "web", {"metadata": {"labels": CHART_LABELS}, "spec": {"a": 1}}, release="prom")
    labels = {**NEWER_LABELS, "app": "web"}
    after = obj("Service", "web", {"metadata": {"labels": labels}, "spec": {"a": 2}}, release="prom")
    assert [text_of(path) for path in only(before, after).telling_fields] == ["spec.a", "metadata.labels.app"]


def test_two_items_of_one_name_go_by_their_places() -> None:
    before = {"hooks": [{"name": "same", "on": 1}, {"name": "same", "on": 2}]}
    after = {"hooks": [{"name": "same", "on": 1}, {"name": "same", "on": 3}]}
    assert fields(before, after) == ["hooks[1].on"]


def test_a_field_that_is_only_there_once_is_named_and_not_what_is_in_it() -> None:
    assert fields({"spec": {}}, {"spec": {"limits": {"cpu": 1}}}) == ["spec.limits"]


def test_an_object_that_differs_in_its_charts_version_labels_only_is_marked() -> None:
    before = obj("Service", "web", {"metadata": {"labels": CHART_LABELS}}, release="prom")
    newer = obj("Service", "web", {"metadata": {"labels": NEWER_LABELS}}, release="prom")
    assert only(before, newer).version_only
    also = obj("Service", "web", {"metadata": {"labels": NEWER_LABELS}, "spec": {"ports": [81]}}, release="prom")
    assert not only(before, also).version_only


def test_a_secrets_changed_content_is_a_change_though_none_of_it_shows() -> None:
    change = only(obj("Secret", "key", {"data": {"a": "b25l"}}), obj("Secret", "key", {"data": {"a": "dHdv"}}))
    assert change.secret
    assert change.fields == []
    assert change.before is not None
    assert change.after is not None
    assert change.before.manifest == change.after.manifest


def test_a_secret_that_changes_beside_version_labels_is_no_labels_only_change() -> None:
    before = obj("Secret", "key", {"metadata": {"labels": CHART_LABELS}, "data": {"a": "b25l"}}, release="prom")
    after = obj("Secret", "key", {"metadata": {"labels": NEWER_LABELS}, "data": {"a": "dHdv"}}, release="prom")
    assert not only(before, after).version_only


def test_an_object_of_another_resource_is_a_change_unless_an_alias_joins_them() -> None:
    before = obj("Service", "web", resource="part-web")
    assert only(before, obj("Service", "web", resource="part-front")).renamed
    assert changed([before], [obj("Service", "web", resource="part-front", former=("part-web",))]).same


def test_objects_of_a_release_have_no_resources_of_their_own() -> None:
    before = obj("Service", "web", release="prom", resource="part-a")
    assert changed([before], [obj("Service", "web", release="prom", resource="part-b")]).same

"""Who may do more than before."""

from typing import Any

import pytest

from meshlab.diff.rbac import widened
from meshlab.render.objects import KubernetesObject
from tests.render.objects import changed, obj

API = "rbac.authorization.k8s.io/v1"


def rule(resources: str, verbs: str, groups: str = "", **more: Any) -> dict[str, Any]:
    return {"apiGroups": groups.split(","), "resources": resources.split(","), "verbs": verbs.split(","), **more}


def role(*rules: dict[str, Any], **more: Any) -> KubernetesObject:
    return obj("ClusterRole", "reader", {"rules": list(rules), **more}, api=API, namespace="")


def binding(*subjects: str, to: str = "reader") -> KubernetesObject:
    content = {
        "roleRef": {"apiGroup": API.partition("/")[0], "kind": "ClusterRole", "name": to},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "lab"} for name in subjects],
    }
    return obj("ClusterRoleBinding", "readers", content, api=API, namespace="")


def told(before: KubernetesObject | None, after: KubernetesObject | None) -> list[str]:
    return [text for _, text in widened(changed([before] if before else [], [after] if after else []).changes)]


def test_a_new_verb_and_a_new_resource_widen_a_role() -> None:
    assert told(role(rule("pods", "get")), role(rule("pods", "get,list"))) == ["list on pods"]
    more = role(rule("pods", "get"), rule("deployments", "get", "apps"))
    assert told(role(rule("pods", "get")), more) == ["get on deployments of apps"]


def test_a_verb_that_goes_and_rules_in_another_order_widen_nothing() -> None:
    assert told(role(rule("pods", "get,list")), role(rule("pods", "get"))) == []
    split = role(rule("pods", "list"), rule("pods", "get"))
    assert told(role(rule("pods", "get,list")), split) == []


def test_a_role_that_goes_widens_nothing() -> None:
    assert told(role(rule("pods", "get")), None) == []


def test_a_new_role_says_that_it_is_new() -> None:
    assert told(None, role(rule("secrets", "get,list"))) == ["new role: get, list on secrets"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (rule("*", "get"), rule("pods", "get")),
        (rule("pods", "*"), rule("pods", "get,delete")),
        (rule("pods", "get", "*"), rule("pods", "get", "apps")),
        (rule("*/scale", "get"), rule("deployments/scale", "get")),
        (rule("pods", "get"), rule("pods", "get", resourceNames=["web"])),
        ({"nonResourceURLs": ["/metrics/*"], "verbs": ["get"]}, {"nonResourceURLs": ["/metrics/a"], "verbs": ["get"]}),
    ],
)
def test_what_a_wildcard_allowed_before_is_nothing_new(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert told(role(before), role(after)) == []


def test_a_wildcard_where_verbs_were_listed_is_named() -> None:
    assert told(role(rule("pods", "get,list")), role(rule("pods", "*"))) == ["* on pods"]


def test_all_that_gets_the_same_is_one_line() -> None:
    after = role(rule("pods,services", "get"), rule("pods/log", "get,list"), rule("deployments", "get", "apps"))
    assert told(role(), after) == ["get on pods, services", "get, list on pods/log", "get on deployments of apps"]


def test_a_subresource_is_not_covered_by_its_resource() -> None:
    assert told(role(rule("pods", "get")), role(rule("pods,pods/exec", "get"))) == ["get on pods/exec"]


def test_a_list_of_names_that_goes_is_told_as_what_it_is() -> None:
    named = role(rule("configmaps", "get", resourceNames=["lock"]))
    assert told(named, role(rule("configmaps", "get"))) == ["get on configmaps of any name, where names were listed"]
    other = role(rule("configmaps", "get", resourceNames=["lock", "key"]))
    assert told(named, other) == ["get on configmaps named key"]


def test_an_address_outside_of_the_api_is_no_resource() -> None:
    url = {"nonResourceURLs": ["/metrics"], "verbs": ["get"]}
    assert told(role(rule("*", "*", "*")), role(rule("*", "*", "*"), url)) == ["get on the URL /metrics"]


def test_a_role_that_becomes_part_of_another_is_told() -> None:
    label = {"rbac.authorization.k8s.io/aggregate-to-admin": "true"}
    after = role(rule("pods", "get"), metadata={"labels": label})
    assert told(role(rule("pods", "get")), after) == ["what it allows becomes part of the role admin"]


def test_a_new_subject_of_a_binding_is_told_and_one_that_goes_is_not() -> None:
    assert told(binding("a"), binding("a", "b")) == ["gives ClusterRole reader to ServiceAccount lab/b"]
    assert told(binding("a", "b"), binding("a")) == []


def test_a_new_binding_and_one_to_another_role_are_told() -> None:
    assert told(None, binding("a")) == ["new binding: gives ClusterRole reader to ServiceAccount lab/a"]
    assert told(binding("a"), binding("a", to="admin")) == [
        "binds ClusterRole admin instead of ClusterRole reader to ServiceAccount lab/a"
    ]


def test_a_custom_resource_named_role_is_no_role() -> None:
    other = obj("Role", "reader", {"rules": [rule("pods", "get")]}, api="vault.example/v1")
    assert told(None, other) == []

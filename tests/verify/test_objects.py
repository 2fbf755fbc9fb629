"""What counts as declared, and what a kind is called in the API."""

import pytest

from kube.objects import resource_of
from meshlab.comparison.declared import differences
from meshlab.recording.recorder import SECRET, UNKNOWN
from meshlab.results.outcome import Failed
from meshlab.verify.program import Declared, Program


def cpu(amount: str) -> dict[str, object]:
    """What limits a container."""
    return {"spec": {"resources": {"limits": {"cpu": amount}}}}


@pytest.mark.parametrize(
    ("expected", "seen", "difference"),
    [
        ({"a": 1}, {"a": 1, "b": 2}, None),
        ({"a": None}, {}, None),
        ({"a": {}}, {}, None),
        ({"a": []}, {}, None),
        ({"a": SECRET, "b": UNKNOWN}, {"a": "x", "b": "y"}, None),
        (cpu("1000m"), cpu("1"), None),
        ({"a": SECRET}, {}, "a: expected a value, got nothing"),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, "a.b: expected 1, got 2"),
        ({"a": {"b": 1}}, {}, "a: expected {'b': 1}, got nothing"),
        ({"a": [1, 2]}, {"a": [1]}, "a: expected 2 entries, got 1"),
        ({"a": [1, 2]}, {"a": [1, 3]}, "a[1]: expected 2, got 3"),
        ({"a": "1000m"}, {"a": "1"}, "a: expected 1000m, got 1"),
        ({"a": "x" * 99}, {"a": "y\ny"}, f"a: expected {'x' * 77}..., got y y"),
        (cpu("1000m"), cpu("2"), "spec.resources.limits.cpu: expected 1000m, got 2"),
    ],
)
def test_only_what_is_missing_or_changed_is_a_difference(
    expected: object, seen: object, difference: str | None
) -> None:
    assert list(differences(expected, seen)) == ([difference] if difference else [])


@pytest.mark.parametrize(
    ("api", "kind", "path"),
    [
        ("v1", "Service", "/api/v1/namespaces/n/services/x"),
        ("networking.k8s.io/v1", "NetworkPolicy", "/apis/networking.k8s.io/v1/namespaces/n/networkpolicies/x"),
        ("monitoring.coreos.com/v1", "Prometheus", "/apis/monitoring.coreos.com/v1/namespaces/n/prometheuses/x"),
        ("kiali.io/v1alpha1", "Kiali", "/apis/kiali.io/v1alpha1/namespaces/n/kialis/x"),
    ],
)
def test_paths_are_those_of_the_api(api: str, kind: str, path: str) -> None:
    assert resource_of({"apiVersion": api, "kind": kind}).path("n", "x") == path


def test_the_program_has_every_object_without_what_is_for_the_engine(program: Program) -> None:
    assert len(program.objects) >= 40
    annotated = [object_.manifest["metadata"].get("annotations") or {} for object_ in program.objects]
    assert not [key for annotations in annotated for key in annotations if key.startswith("pulumi.com/")]
    secrets = program.of_kind("Secret")
    assert len(secrets) == 2
    for secret in secrets:
        assert secret["data"] == SECRET
        assert "stringData" not in secret
    assert program.one("Service", "istiod", "istio-system")["spec"]["selector"]["istio.io/rev"] == "1-17"
    with pytest.raises(Failed, match="the program itself declares no Service nope"):
        program.one("Service", "nope")


def test_a_tag_stands_for_its_revision() -> None:
    program = Program([])
    assert program.revision("1-17") == "1-17"
    assert program.revision(None) is None
    labels = {"istio.io/tag": "stable", "istio.io/rev": "1-30"}
    webhooks = {"kind": "MutatingWebhookConfiguration", "metadata": {"name": "tag", "labels": labels}}
    assert Program([Declared("istio", webhooks)]).revision("stable") == "1-30"

"""Which webhooks and admission policies come, go and change."""

from typing import Any

from meshlab.diff.webhooks import webhook_changes
from meshlab.render.objects import KubernetesObject
from tests.render.objects import changed, obj

API = "admissionregistration.k8s.io/v1"


def hook(name: str = "pods.lab.example", **more: Any) -> dict[str, Any]:
    rules = [{"operations": ["CREATE"], "resources": ["pods"], "apiGroups": [""], "apiVersions": ["v1"]}]
    return {"name": name, "failurePolicy": "Fail", "rules": rules, **more}


def hooks(*webhooks: dict[str, Any], **content: Any) -> KubernetesObject:
    return obj("ValidatingWebhookConfiguration", "lab", {"webhooks": list(webhooks), **content}, api=API, namespace="")


def told(before: KubernetesObject | None, after: KubernetesObject | None) -> list[str]:
    return [text for _, text in webhook_changes(changed([before] if before else [], [after] if after else []).changes)]


def test_a_new_webhook_says_what_it_is_asked_and_what_happens_when_it_is_silent() -> None:
    line = "new: pods.lab.example, asked on CREATE of pods, failurePolicy Fail"
    assert told(None, hooks(hook())) == [line]
    assert told(hooks(hook()), hooks(hook(), hook("b.lab.example", rules=[], failurePolicy="Ignore"))) == [
        "new: b.lab.example, asked on nothing, failurePolicy Ignore"
    ]


def test_a_webhook_that_goes_is_named() -> None:
    assert told(hooks(hook()), None) == ["gone: pods.lab.example"]


def test_a_changed_field_is_told_with_both_values_where_they_are_plain() -> None:
    changed_policy = hooks(hook(failurePolicy="Ignore", timeoutSeconds=5))
    assert told(hooks(hook()), changed_policy) == [
        "changed: pods.lab.example: failurePolicy Fail becomes Ignore, timeoutSeconds unset becomes 5"
    ]
    selected = hooks(hook(namespaceSelector={"matchLabels": {"a": "b"}}))
    assert told(hooks(hook()), selected) == ["changed: pods.lab.example: namespaceSelector"]


def test_a_certificate_is_not_written_out() -> None:
    before, after = (hooks(hook(clientConfig={"caBundle": bundle})) for bundle in ("b25l", "dHdv"))
    assert told(before, after) == ["changed: pods.lab.example: clientConfig.caBundle"]


def test_version_labels_alone_are_no_change_of_a_webhook() -> None:
    before, after = (
        hooks(hook(), metadata={"labels": {"helm.sh/chart": f"stack-{version}"}}) for version in ("1", "2")
    )
    assert told(before, after) == []


def test_an_admission_policy_counts_too_and_other_objects_do_not() -> None:
    before, after = (
        obj("ValidatingAdmissionPolicy", "lab", {"spec": {"failurePolicy": policy}}, api=API, namespace="")
        for policy in ("Fail", "Ignore")
    )
    assert told(before, after) == ["policy changed: spec.failurePolicy"]
    assert told(None, obj("Service", "web")) == []

"""Every pod of a stack pulls with the cluster's Secrets and tolerates its taints, as real helm renders the charts."""

from collections.abc import Iterator
from typing import Any

import pytest

from meshlab.render.objects import KubernetesObject
from meshlab.render.stack import Renderer
from meshlab.stack import Stack
from tests.support.rendering import TARGET, renderer_of
from tests.support.stacks import STACKS

SECRETS = ["registry", "registry.other"]
TAINT = {"key": "pool", "operator": "Equal", "value": "mesh", "effect": "NoSchedule"}
ASKED = {"imagePullSecrets": SECRETS, "tolerations": [TAINT]}
OPERATORS = {"Prometheus", "Alertmanager"}
"""Kinds whose pods the Prometheus operator makes, with what the object says."""


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return renderer_of(STACKS)


def rendered(stack: str, renderer: Renderer, asked: dict[str, Any]) -> tuple[KubernetesObject, ...]:
    return Stack.load(stack, renderer=renderer, overlay={"cluster": asked}).rendered(TARGET).objects


def pods(objects: tuple[KubernetesObject, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The spec of the pods of each workload, with the Secrets of its account where it names none."""
    accounts = {
        (object_.namespace, object_.name): object_.manifest for object_ in objects if object_.kind == "ServiceAccount"
    }
    for object_ in objects:
        if object_.hooks:
            continue
        spec = object_.manifest.get("spec") or {}
        found = spec if object_.kind in OPERATORS else (spec.get("template") or {}).get("spec") or {}
        if "containers" in found or object_.kind in OPERATORS:
            account = accounts.get((object_.namespace, found.get("serviceAccountName", "")), {})
            yield object_.label, {"imagePullSecrets": account.get("imagePullSecrets"), **found}


@pytest.mark.parametrize("stack", STACKS)
def test_every_pod_pulls_with_the_secrets_and_tolerates_the_taints(stack: str, renderer: Renderer) -> None:
    found = dict(pods(rendered(stack, renderer, ASKED)))
    assert len(found) >= 8
    for label, pod in found.items():
        assert [secret["name"] for secret in pod["imagePullSecrets"] or ()] == SECRETS, label
        assert TAINT in pod["tolerations"], label


@pytest.mark.parametrize("stack", STACKS)
def test_kiali_and_sidecars_pull_with_them_too(stack: str, renderer: Renderer) -> None:
    objects = rendered(stack, renderer, ASKED)
    (kiali,) = (object_.manifest["spec"]["deployment"] for object_ in objects if object_.kind == "Kiali")
    assert kiali["image_pull_secrets"] == SECRETS
    assert kiali["tolerations"] == [TAINT]
    values = [
        object_.manifest["data"]["values"]
        for object_ in objects
        if object_.name.startswith("istio-sidecar-injector-") and object_.kind == "ConfigMap"
    ]
    assert values
    assert all(secret in text for text in values for secret in SECRETS)


@pytest.mark.parametrize("stack", STACKS)
def test_node_exporter_still_goes_to_every_node(stack: str, renderer: Renderer) -> None:
    for asked in ({}, ASKED):
        found = dict(pods(rendered(stack, renderer, asked)))
        (exporter,) = (pod for label, pod in found.items() if label.startswith("DaemonSet "))
        assert {"effect": "NoSchedule", "operator": "Exists"} in exporter["tolerations"]

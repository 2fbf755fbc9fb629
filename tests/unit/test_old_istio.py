"""Which releases of Istio the real node cannot run, told by what their charts declare."""

from typing import Any

import pytest

from meshlab.mirror.old_istio import is_of, unfit
from meshlab.render.objects import KubernetesObject

VERSIONS = {"1-17": "1.17.6"}


def crd(version: str, plural: str = "gateways", group: str = "networking.istio.io") -> KubernetesObject:
    name = f"{plural}.{group}"
    manifest: dict[str, Any] = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": name},
        "spec": {"group": group, "names": {"plural": plural}, "versions": [{"name": version, "served": True}]},
    }
    return KubernetesObject("istio", name, "", manifest)


def template(text: str) -> KubernetesObject:
    name = "istio-sidecar-injector-1-17"
    manifest: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "istio-system"},
        "data": {"config": text},
    }
    return KubernetesObject("istio", name, "", manifest)


def test_a_release_with_all_that_istiod_reads_is_fit() -> None:
    objects = [crd("v1"), crd("v1alpha1", "wasmplugins", "extensions.istio.io"), template("templates: {}")]
    assert unfit(VERSIONS, objects) == {}


def test_a_template_with_a_field_that_is_gone_is_named() -> None:
    reason = "the istiod that is built here lacks .EstimatedConcurrency of its sidecar template"
    assert unfit(VERSIONS, [crd("v1"), template("{{ .EstimatedConcurrency }}")]) == {"1.17.6": reason}


def test_a_crd_without_v1_is_named() -> None:
    found = unfit(VERSIONS, [crd("v1beta1", "virtualservices"), crd("v1beta1")])
    assert found == {
        "1.17.6": "the istiod that is built here reads v1 of gateways.networking.istio.io, which the chart lacks"
    }


@pytest.mark.parametrize(
    ("image", "matches"),
    [
        ("docker.io/istio/pilot:1.17.6", True),
        ("mirror.example/istio/proxyv2:1.17.6-distroless@sha256:aa", True),
        ("docker.io/istio/pilot:1.17.60", False),
        ("docker.io/kong/httpbin:1.17.6", False),
    ],
)
def test_only_images_of_istio_itself_belong_to_a_version(image: str, matches: bool) -> None:
    assert is_of(image, ["1.17.6"]) is matches

"""Which container images change, wherever an object names them."""

import json

from meshlab.comparison.images import image_changes, images
from meshlab.render.objects import KubernetesObject
from tests.render.objects import changed, obj


def deployment(image: str, name: str = "web", args: list[str] | None = None) -> KubernetesObject:
    containers = [{"name": "web", "image": image, "args": args or []}]
    return obj("Deployment", name, {"spec": {"template": {"spec": {"containers": containers}}}}, api="apps/v1")


def injector(hub: str, tag: str) -> KubernetesObject:
    values = {"global": {"hub": hub, "tag": tag, "proxy": {"image": "proxyv2"}}}
    return obj("ConfigMap", "istio-sidecar-injector-1-17", {"data": {"values": json.dumps(values)}})


def found(before: list[KubernetesObject], after: list[KubernetesObject]) -> list[tuple[str, str, list[str]]]:
    return image_changes(changed(before, after).changes)


def test_a_new_tag_is_one_line_with_everybody_who_uses_it() -> None:
    before = [deployment("nginx:1", "a"), deployment("nginx:1", "b")]
    after = [deployment("nginx:2", "a"), deployment("nginx:2", "b")]
    assert found(before, after) == [("nginx:1", "nginx:2", ["Deployment default/a", "Deployment default/b"])]


def test_an_object_that_changes_and_keeps_its_image_has_no_line() -> None:
    assert found([deployment("nginx:1")], [deployment("nginx:1", args=["--verbose"])]) == []


def test_images_of_objects_that_come_and_go_are_named_alone() -> None:
    assert found([], [deployment("nginx:1")]) == [("", "nginx:1", ["Deployment default/web"])]
    assert found([deployment("nginx:1")], []) == [("nginx:1", "", ["Deployment default/web"])]


def test_a_new_object_with_the_image_that_others_get_is_no_line_of_its_own() -> None:
    after = [deployment("nginx:2", "a"), deployment("nginx:2", "b")]
    assert found([deployment("nginx:1", "a")], after) == [("nginx:1", "nginx:2", ["Deployment default/a"])]


def test_images_in_flags_and_in_custom_resources_count() -> None:
    flags = deployment("nginx:1", args=["--reloader=quay.io/org/reloader:v1", "--level=info", "--cpu=10m"])
    assert [image for _, image in images(flags)] == ["nginx:1", "quay.io/org/reloader:v1"]
    prometheus = obj("Prometheus", "prom", {"spec": {"image": "quay.io/prometheus/prometheus:v3"}}, api="m/v1")
    assert [image for _, image in images(prometheus)] == ["quay.io/prometheus/prometheus:v3"]


def test_the_sidecars_image_is_read_off_istios_injector() -> None:
    ((old, new, users),) = found([injector("docker.io/istio", "1.17.6")], [injector("docker.io/istio", "1.18.0")])
    assert (old, new) == ("docker.io/istio/proxyv2:1.17.6", "docker.io/istio/proxyv2:1.18.0")
    assert users == ["ConfigMap default/istio-sidecar-injector-1-17"]


def test_texts_that_are_no_images_are_none() -> None:
    texts = ["https://example.org/path", "10.0.0.1:80", "app.kubernetes.io/name", "a/b:c", "example.org/path"]
    assert list(images(obj("Job", "once", {"spec": {"args": texts}}))) == []
    labelled = obj("Job", "once", {"metadata": {"annotations": {"image": "quay.io/org/not:v1"}}})
    assert list(images(labelled)) == []
    dashboard = obj("ConfigMap", "dashboard", {"data": {"text": "quay.io/org/not:v1"}})
    assert list(images(dashboard)) == []

"""A stack with a mirror: every image comes from there, and every chart is fetched as it was published."""

import argparse
import functools
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from base import process
from base.errors import MeshlabError
from base.files import sha256
from bench.loopback import serving_files
from meshlab.charts.lock import ChartLock, Locked
from meshlab.cli.commands import images as images_command
from meshlab.cli.commands.images import run
from meshlab.mirror.charts import fetch, published
from meshlab.mirror.images import PulledImage, pulled_images, rendered_with, with_registry
from meshlab.recording.recorder import stack_config
from meshlab.render.stack import RenderedStack, Renderer
from meshlab.stack import Stack
from settings.charts import Chart, ChartSource
from settings.images import Images
from tests.render.conftest import MakeChart
from tests.support.rendering import TARGET, renderer_of
from tests.support.stacks import STACKS

MIRROR = "registry.example:5000/mirror"
PART = Chart("part", "1.0.0")


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return renderer_of(STACKS)


@functools.cache
def images_of(stack: str, renderer: Renderer) -> list[PulledImage]:
    return pulled_images(Stack.load(stack, renderer=renderer), TARGET, Images(MIRROR))[1]


@functools.cache
def rendered(stack: str, renderer: Renderer, registry: str | None) -> RenderedStack:
    return rendered_with(Stack.load(stack, renderer=renderer), TARGET, None if registry is None else Images(registry))


def path_of(image: str) -> str:
    return image.partition("/")[2]


# --- images


@pytest.mark.parametrize("stack", STACKS)
def test_with_a_mirror_every_image_of_a_stack_comes_from_it(stack: str, renderer: Renderer) -> None:
    images = images_of(stack, renderer)
    assert len(images) >= 12
    assert [image for image in images if not image.mirror.startswith(f"{MIRROR}/")] == []
    assert [image for image in images if image.upstream.startswith(MIRROR)] == []
    # Paths are those of upstream, but for Istio's, whose registries have them below different ones.
    moved = [image for image in images if not image.mirror.endswith(path_of(image.upstream))]
    assert all("/istio/" in image.mirror for image in moved)


@pytest.mark.parametrize("stack", STACKS)
def test_with_a_mirror_nothing_in_a_stack_names_another_registry(stack: str, renderer: Renderer) -> None:
    hosts = {image.upstream.partition("/")[0] for image in images_of(stack, renderer)}
    assert {"docker.io", "quay.io", "registry.k8s.io"} <= hosts
    names = re.compile("|".join(rf"(?<![\w.-]){re.escape(host)}/[\w./-]+" for host in sorted(hosts)))
    mirrored = rendered(stack, renderer, MIRROR).objects
    # The texts of schemas mention images that nobody pulls.
    found = {
        image.label: names.findall(json.dumps(image.manifest))
        for image in mirrored
        if image.kind != "CustomResourceDefinition" and names.search(json.dumps(image.manifest))
    }
    assert found == {}
    # And it is the objects that tell: without a mirror, the same search finds them.
    upstream = rendered(stack, renderer, None).objects
    assert sum(bool(names.search(json.dumps(original.manifest))) for original in upstream) > 5


@pytest.mark.parametrize("rest", [None, MIRROR])
@pytest.mark.parametrize("stack", STACKS)
def test_each_registry_has_a_mirror_of_its_own(stack: str, rest: str | None, renderer: Renderer) -> None:
    mirrors = {"docker.io": "mirror.example/hub", "quay.io": "mirror.example/quay"}
    images = pulled_images(Stack.load(stack, renderer=renderer), TARGET, Images(rest, registries=mirrors))[1]
    hosts = set()
    for image in images:
        host, _, path = image.upstream.partition("/")
        hosts.add(host)
        assert image.mirror == f"{mirrors.get(host, rest or host)}/{path}", image
    assert {"docker.io", "quay.io", "registry.k8s.io"} <= hosts
    if rest is None:
        # What is left out goes on coming from where it came.
        assert [image.upstream for image in images] == [image.upstream for image in images_of(stack, renderer)]


@pytest.mark.parametrize("stack", STACKS)
def test_images_that_no_pod_template_names_are_there(stack: str, renderer: Renderer) -> None:
    config = stack_config(stack)
    ((revision, plane),) = config["meshlab:istio"]["revisions"].items()
    istio, kiali = plane["version"], f"v{config['meshlab:kiali']['version']}"
    by_path = {image.mirror.removeprefix(f"{MIRROR}/"): image for image in images_of(stack, renderer)}
    sidecar, ui = by_path[f"istio/proxyv2:{istio}"], by_path[f"kiali/kiali:{kiali}"]
    assert sidecar.users == (f"ConfigMap istio-system/istio-sidecar-injector-{revision}",)
    assert ui.upstream == f"quay.io/kiali/kiali:{kiali}"
    assert any(path.startswith("prometheus-operator/prometheus-config-reloader:") for path in by_path)
    assert any(path.startswith("prometheus/prometheus:") for path in by_path)


def test_without_a_mirror_the_images_are_those_of_upstream(renderer: Renderer) -> None:
    plain = pulled_images(Stack.load("dev", renderer=renderer), TARGET, None)[1]
    assert {image.mirror for image in plain} == {""}
    assert [image.upstream for image in plain] == [image.upstream for image in images_of("dev", renderer)]


@pytest.mark.parametrize(
    ("image", "whole"),
    [
        ("alpine:3.22", "docker.io/library/alpine:3.22"),
        ("grafana/grafana:9.3.0", "docker.io/grafana/grafana:9.3.0"),
        ("quay.io/kiali/kiali:v1", "quay.io/kiali/kiali:v1"),
        ("localhost/x:1", "localhost/x:1"),
        ("registry:5000/x:1", "registry:5000/x:1"),
    ],
)
def test_an_image_without_a_registry_is_docker_hubs(image: str, whole: str) -> None:
    assert with_registry(image) == whole


def test_an_image_that_passes_the_mirror_by_is_told_and_fails_the_command(
    renderer: Renderer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    strays = [
        PulledImage("quay.io/a/b:1", "quay.io/a/b:1", ("Pod default/b",)),
        PulledImage("quay.io/c:1", f"{MIRROR}/c:1", ()),
    ]
    monkeypatch.setattr(images_command, "pulled_images", lambda *args: (rendered("prod", renderer, None), strays))
    about = {"charts": None, "kube_version": TARGET.kubernetes, "api_versions": []}
    assert run(argparse.Namespace(stack="prod", registry=MIRROR, json=False, **about)) == 1
    told = capsys.readouterr()
    assert told.out.splitlines() == ["quay.io/a/b:1 quay.io/a/b:1", f"quay.io/c:1 {MIRROR}/c:1"]
    assert f"prod: expected quay.io/a/b:1 from {MIRROR}, got quay.io/a/b:1 (Pod default/b)" in told.err


# --- charts, from a repository on loopback


@pytest.fixture
def repository(helm: Path, make_chart: MakeChart) -> Iterator[ChartSource]:
    folder = make_chart(PART[0], {"values.yaml": "a: 1\n"}).parent
    process.run([helm, "repo", "index", folder], timeout=60)
    with serving_files(folder) as address:
        yield ChartSource(address)


def test_a_chart_that_is_as_locked_is_fetched(repository: ChartSource, helm: Path, tmp_path: Path) -> None:
    lock = ChartLock(published([PART], repository, helm))
    assert fetch([PART], repository, tmp_path / "out", lock, helm, required=True) == {PART: True}
    (file,) = (tmp_path / "out").iterdir()
    assert file.name == "part-1.0.0.tgz"
    assert sha256(file) == lock.charts[PART].sha256
    assert lock.charts[PART].source == repository.source


def test_a_chart_with_another_digest_is_refused_and_nothing_is_kept(
    repository: ChartSource, helm: Path, tmp_path: Path
) -> None:
    lock = ChartLock({PART: Locked("0" * 64, "its repository")})
    with pytest.raises(
        MeshlabError, match=r"expected part 1\.0\.0 with sha256 0{64} \(charts\.lock, from its repository\), got"
    ):
        fetch([PART], repository, tmp_path / "out", lock, helm, required=False)
    assert not (tmp_path / "out").exists()


def test_a_chart_that_is_not_locked_is_told_or_refused_as_asked(
    repository: ChartSource, helm: Path, tmp_path: Path
) -> None:
    with pytest.raises(
        MeshlabError, match=r"^charts\.lock: expected a digest of every chart, got none of part 1\.0\.0"
    ):
        fetch([PART], repository, tmp_path / "out", ChartLock({}), helm, required=True)
    assert not (tmp_path / "out").exists()
    assert fetch([PART], repository, tmp_path / "out", ChartLock({}), helm, required=False) == {PART: False}


def test_a_chart_that_nobody_has_is_one_line(repository: ChartSource, helm: Path, tmp_path: Path) -> None:
    with pytest.raises(MeshlabError) as caught:
        fetch([Chart("other", "1.0.0")], repository, tmp_path / "out", ChartLock({}), helm, required=False)
    assert str(caught.value).startswith(
        f"the chart other 1.0.0 cannot be downloaded from {repository.source}: helm pull failed"
    )
    assert "\n" not in str(caught.value)

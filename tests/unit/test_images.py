"""Images: archives as OCI says, the same bytes each time, and a line for what cannot be had."""

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from base.errors import MeshlabError
from embedded.cluster.layout import free_ports
from embedded.images import archive, build, host, interpreter, names, recipes
from embedded.images.model import Entry, Image, Recipe
from embedded.tools import pins, toolchain
from tests.support.waiting import eventually

RECIPE = Recipe("demo", ("demo",), (), "demo", user="10:10", entrypoint=("/demo",), folder="/data")
NAMES = ("docker.io/demo/demo:1", "docker.io/demo/demo:2")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "meshlab" / "images"


@pytest.fixture
def no_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every tool of tools.toml is a small file of the cache that is there."""

    def ensure(wanted: list[str], _progress: object) -> None:
        for name in wanted:
            path = pins.table()[name].path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(name.encode())
            os.utime(path, (1, 1))

    monkeypatch.setattr(toolchain, "ensure", ensure)


def written(layers: list[list[Entry]], wanted: tuple[str, ...] = NAMES) -> tuple[bytes, str]:
    target = io.BytesIO()
    digest = archive.write(target, RECIPE, layers, wanted)
    return target.getvalue(), digest


class Archive:
    """An archive, read as a runtime reads it: by digest alone."""

    def __init__(self, content: bytes) -> None:
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            self.files = {info.name: member.read() for info in tar if (member := tar.extractfile(info))}
        self.index = json.loads(self.files["index.json"])
        self.manifest = json.loads(self.blob(self.index["manifests"][0]))
        self.config = json.loads(self.blob(self.manifest["config"]))

    def blob(self, descriptor: dict[str, Any]) -> bytes:
        content = self.files["blobs/" + descriptor["digest"].replace(":", "/")]
        assert len(content) == descriptor["size"]
        assert f"sha256:{hashlib.sha256(content).hexdigest()}" == descriptor["digest"]
        return content

    def layers(self) -> Iterator[dict[str, tarfile.TarInfo]]:
        for layer in self.manifest["layers"]:
            with tarfile.open(fileobj=io.BytesIO(self.blob(layer))) as tar:
                yield {info.name: info for info in tar}


def test_every_part_of_an_archive_is_named_by_its_digest() -> None:
    content, digest = written([[Entry("etc/passwd", 0o644, data=b"root")], [Entry("demo", data=b"program")]])
    image = Archive(content)
    assert json.loads(image.files["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    assert {manifest["digest"] for manifest in image.index["manifests"]} == {digest}
    # The layers are not compressed, so that both digests of each are the same.
    assert image.config["rootfs"]["diff_ids"] == [layer["digest"] for layer in image.manifest["layers"]]
    assert [list(layer) for layer in image.layers()] == [["etc", "etc/passwd"], ["demo"]]


def test_an_archive_has_each_name_with_its_tag() -> None:
    image = Archive(written([[Entry("demo", data=b"")]])[0])
    annotations = [manifest["annotations"] for manifest in image.index["manifests"]]
    assert [(annotation[archive.NAME], annotation[archive.TAG]) for annotation in annotations] == [
        (NAMES[0], "1"),
        (NAMES[1], "2"),
    ]


def test_the_configuration_says_user_program_and_folder() -> None:
    config = Archive(written([[Entry("demo", data=b"")]])[0]).config
    assert config["os"] == "linux"
    assert config["architecture"] == archive.architecture()
    assert (config["config"]["User"], config["config"]["Entrypoint"]) == ("10:10", ["/demo"])
    assert config["config"]["WorkingDir"] == "/data"
    assert "Cmd" not in config["config"]


def test_a_layer_keeps_modes_and_links_and_belongs_to_root(tmp_path: Path) -> None:
    (tmp_path / "program").write_bytes(b"bytes")
    entries = [Entry("tmp", 0o1777), Entry("bin", link="usr/bin"), Entry("usr/bin/p", 0o755, tmp_path / "program")]
    (layer,) = Archive(written([entries])[0]).layers()
    assert layer["tmp"].isdir()
    assert layer["tmp"].mode == 0o1777
    assert layer["bin"].linkname == "usr/bin"
    assert (layer["usr/bin/p"].mode, layer["usr/bin/p"].size) == (0o755, 5)
    assert {(entry.uid, entry.gid, entry.mtime) for entry in layer.values()} == {(0, 0, 0)}


def test_the_same_entries_give_the_same_bytes_at_any_time(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"bytes")
    first = written([[Entry("b", 0o755, program), Entry("a/c", data=b"1")]])
    os.utime(program, (5, 5))
    assert written([[Entry("a/c", data=b"1"), Entry("b", 0o755, program)]], NAMES[::-1]) == first
    assert written([[Entry("a/c", data=b"2"), Entry("b", 0o755, program)]]) != first


def test_a_file_of_a_layer_below_is_not_written_again() -> None:
    library = Entry("lib/c.so", data=b"c")
    layers = list(Archive(written([[library], [library, Entry("demo", data=b"")], [library]])[0]).layers())
    assert [sorted(layer) for layer in layers] == [["lib", "lib/c.so"], ["demo"]]


@pytest.mark.parametrize(
    ("name", "full", "repository", "tag"),
    [
        ("grafana/grafana:9.3.0", "docker.io/grafana/grafana:9.3.0", "docker.io/grafana/grafana", "9.3.0"),
        ("busybox", "docker.io/library/busybox:latest", "docker.io/library/busybox", "latest"),
        ("localhost:5000/a/b", "localhost:5000/a/b:latest", "localhost:5000/a/b", "latest"),
        ("quay.io/a/b@sha256:00", "quay.io/a/b@sha256:00", "quay.io/a/b", ""),
    ],
)
def test_a_name_is_completed_as_containerd_completes_it(name: str, full: str, repository: str, tag: str) -> None:
    assert names.full(name) == full
    assert (names.repository(full), names.tag(full)) == (repository, tag)


@pytest.mark.parametrize("registry", ["docker.io", "mirror.example:5000/copies"])
def test_a_recipe_stands_in_in_every_registry(registry: str) -> None:
    recipe = recipes.for_name(f"{registry}/istio/pilot:1.30.3")
    assert recipe is not None
    assert recipe.name == "pilot"
    assert recipes.for_name(f"{registry}/other-istio/pilot:1") is None


def test_every_recipe_is_complete() -> None:
    for recipe in recipes.table().values():
        assert recipes.content(recipe)
        assert all(part.isdigit() for part in recipe.user.split(":")), recipe.name
        assert recipe.entrypoint or recipe.command
        assert set(recipes.tools(recipe)) <= set(pins.table())


def test_no_two_recipes_stand_in_for_one_image() -> None:
    for recipe in recipes.table().values():
        for repository in recipe.repositories:
            assert recipes.for_name(f"registry.example/{repository}:1") == recipe


@pytest.mark.usefixtures("no_tools")
def test_what_has_no_recipe_is_said_with_its_reason(cache: Path, tmp_path: Path) -> None:
    said: list[str] = []
    images = build(["grafana/grafana:9", "a.example/b:1", "registry.k8s.io/pause@sha256:0"], tmp_path, said.append)
    assert [image.archive for image in images] == [None, None, None]
    assert said == [
        "image a.example/b:1: not built here: images.toml has no recipe for it",
        "image docker.io/grafana/grafana:9: not built here: Grafana is to be had under no licence that fits",
        "image registry.k8s.io/pause@sha256:0: not built here: the name asks for one digest; use its tag",
    ]
    assert not cache.exists()


@pytest.mark.usefixtures("no_tools")
def test_names_of_one_recipe_share_an_archive(cache: Path, tmp_path: Path) -> None:
    said: list[str] = []
    pause = [f"registry.k8s.io/pause:{tag}" for tag in ("3.10", "3.6", "3.6")]
    (image,) = build(pause, tmp_path / "out", said.append)
    assert image.names == ("registry.k8s.io/pause:3.10", "registry.k8s.io/pause:3.6")
    assert image.archive == tmp_path / "out" / "pause.tar"
    read = Archive((tmp_path / "out" / "pause.tar").read_bytes())
    assert {manifest["digest"] for manifest in read.index["manifests"]} == {image.digest}
    assert len(said) == 1
    assert "built here" in said[0]
    assert len(list(cache.glob("pause-*.tar"))) == 1


@pytest.mark.usefixtures("no_tools")
def test_an_image_is_built_once_and_again_when_a_file_changes(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build_pause(tmp_path)
    with monkeypatch.context() as kept:
        kept.setattr(archive, "write", pytest.fail)
        assert build_pause(tmp_path) == first

    def another(_wanted: list[str], _progress: object) -> None:
        pins.table()["pause"].path.write_bytes(b"another")

    monkeypatch.setattr(toolchain, "ensure", another)
    assert build_pause(tmp_path).digest != first.digest


@pytest.mark.usefixtures("no_tools")
def test_an_interrupted_build_leaves_no_archive(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(target: io.BytesIO, *_rest: object) -> str:
        target.write(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(archive, "write", half)
        with pytest.raises(KeyboardInterrupt):
            build_pause(tmp_path)
    assert [path.name for path in cache.iterdir()] == []
    # A killed build cannot take away its own.
    (cache / ".pause-killed").write_bytes(b"half")
    build_pause(tmp_path)
    assert not (cache / ".pause-killed").exists()


@pytest.mark.usefixtures("cache")
def test_a_program_that_cannot_be_had_is_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_wanted: object, _progress: object) -> None:
        raise toolchain.ToolsMissingError("not on this machine: pause; install Go")

    monkeypatch.setattr(toolchain, "ensure", none)
    assert build_pause(tmp_path).reason == "not built here: not on this machine: pause; install Go"
    with pytest.raises(MeshlabError, match="the program no-such-program is not on this machine; install it"):
        list(host.programs(["no-such-program"]))
    with pytest.raises(MeshlabError, match="the Python package no-such-package is not installed"):
        list(interpreter.packages(["no-such-package"]))


def test_a_link_to_a_program_is_a_link_in_the_image(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    (real / "program").write_bytes(b"x")
    (tmp_path / "linked").symlink_to("real")
    (tmp_path / "program").symlink_to(tmp_path / "linked" / "program")
    found = {entry.path: entry.link or entry.source for entry in host.trail(tmp_path / "program")}
    inside = str(tmp_path)[1:]
    assert found[f"{inside}/program"] == str(tmp_path / "linked" / "program")
    assert found[f"{inside}/linked"] == "real"
    assert found[f"{inside}/real/program"] == real / "program"


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux: it asks the loader of Linux")
def test_a_program_comes_with_its_loader_and_library() -> None:
    paths = [Path(entry.path).name for entry in host.programs(["sh"])]
    assert any(name.startswith("libc.so") for name in paths)
    assert any(name.startswith("ld-") for name in paths)


def test_the_stand_in_for_the_sample_applications_tells_of_upstreams() -> None:
    (port,) = free_ports(1)
    environment = {
        "LISTEN_ADDR": f"127.0.0.1:{port}",
        "NAME": "web",
        "MESSAGE": "hello",
        "UPSTREAM_URIS": f"http://127.0.0.1:{port}/health, http://127.0.0.1:1/",
    }
    program = recipes.PROGRAMS / "fake_service.py"
    process = subprocess.Popen([sys.executable, program], env=environment, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: asked(port, "/health") == (200, "OK"), "the stand-in answers")
        code, body = asked(port, "/")
    finally:
        process.terminate()
        ended = process.wait(60)
    assert ended == 0
    answer = json.loads(body)
    assert (code, answer["code"], answer["name"], answer["body"]) == (500, 500, "web", "hello")
    assert [call["code"] for call in answer["upstream_calls"]] == [200, -1]


def asked(port: int, path: str) -> tuple[int, str]:
    """Status and body; 0 where nothing listens yet."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    except ConnectionRefusedError:
        return 0, ""
    finally:
        connection.close()


def build_pause(folder: Path) -> Image:
    """The one image of pause, built in a folder; no line is of interest."""
    (image,) = build(["registry.k8s.io/pause:3.10"], folder / "out", lambda _line: None)
    return image

"""A real containerd takes the archives and runs what is in them, under the manifests' names, user and programs."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded.images import Image, build
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(600)
LIMIT = 120
CURL = "docker.io/curlimages/curl:8.16.0"
HTTPBIN = "docker.io/kong/httpbin:0.2.3"
ENVOY = "docker.io/envoyproxy/envoy:v1.40.0"
SAMPLE = "docker.io/nicholasjackson/fake-service:v0.7.8"
PAUSE = "registry.k8s.io/pause:3.10.1"
# What the Deployment of httpbin starts, without its choice of an address.
SERVE = "exec pipenv run gunicorn -b 127.0.0.1:8000 httpbin:app -k gevent"


class Containerd:
    """A containerd of the test's own, below one folder."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "socket"
        # runc keeps containers by namespace and name in one place of the machine, whichever containerd they are of.
        self.namespace = f"test-{os.urandom(4).hex()}"
        config = folder / "config.toml"
        config.write_text(
            f'version = 2\nroot = "{folder}/root"\nstate = "{folder}/state"\n'
            f'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "{self.socket}"\n'
        )
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(["containerd", "--config", config], stdout=log, stderr=log)

    def ctr(self, *words: str | Path) -> str:
        """What ctr says; an error of it is one of the test."""
        command = ["ctr", "--address", self.socket, "--namespace", self.namespace, *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def run(self, image: str, *command: str) -> None:
        """Run a command in a new container with a read-only root, without a network; it has to succeed.

        Its output proves nothing: ctr copies it from named pipes, and ends without what it has not read yet. On a busy
        machine, that was all of it (ctr 1.6.20, once).
        """
        self.ctr("run", "--rm", "--read-only", image, f"run-{os.urandom(4).hex()}", *command)

    def answers(self) -> bool:
        """Whether it is up."""
        assert self.process.poll() is None, self.log.read_text()
        command = ["ctr", "--address", self.socket, "version"]
        return subprocess.run(command, capture_output=True, timeout=LIMIT, check=False).returncode == 0

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(LIMIT)


@pytest.fixture(scope="module")
def containerd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containerd]:
    missing = [name for name in ("containerd", "ctr", "runc") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}: not on this machine")
    if os.geteuid() != 0:
        pytest.skip("needs root: containerd mounts what it runs")
    # A socket's path has at most 107 characters.
    started = Containerd(tmp_path_factory.mktemp("c"))
    try:
        eventually(started.answers, "containerd is up", LIMIT)
        yield started
    finally:
        started.stop()


@pytest.fixture(scope="module")
def images(containerd: Containerd, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Image]:
    built = build([CURL, HTTPBIN, ENVOY, SAMPLE, PAUSE], tmp_path_factory.mktemp("archives"))
    absent = [str(image) for image in built if image.archive is None]
    if absent:
        pytest.skip("; ".join(absent))
    for image in built:
        assert image.archive
        containerd.ctr("images", "import", image.archive)
    return {name: image for image in built for name in image.names}


def test_containerd_knows_each_image_by_name_and_digest(containerd: Containerd, images: dict[str, Image]) -> None:
    rows = [line.split() for line in containerd.ctr("images", "list").splitlines()[1:]]
    assert {row[0]: row[2] for row in rows} == {name: image.digest for name, image in images.items()}


@pytest.mark.usefixtures("images")
@pytest.mark.parametrize(("image", "user"), [(CURL, 100), (HTTPBIN, 10001), (ENVOY, 101)])
def test_a_program_runs_as_the_user_of_the_manifest(containerd: Containerd, image: str, user: int) -> None:
    containerd.run(image, "/bin/sh", "-c", f"[ $(id -u) = {user} ]")


@pytest.mark.usefixtures("images")
def test_the_image_of_curl_has_curl_and_sleep(containerd: Containerd) -> None:
    containerd.run(CURL, "/bin/sh", "-c", "case $(curl --version) in 'curl '*) ;; *) exit 1 ;; esac")
    trap = "trap 'exit 0' TERM; sleep infinity & kill -TERM $$; wait"
    containerd.run(CURL, "/bin/sh", "-c", trap)


@pytest.mark.usefixtures("images")
def test_the_image_of_httpbin_takes_the_command_of_the_manifest(containerd: Containerd) -> None:
    containerd.run(HTTPBIN, "sh", "-c", f"{SERVE} --check-config")


@pytest.mark.usefixtures("images")
def test_the_image_of_envoy_has_the_published_envoy(containerd: Containerd) -> None:
    containerd.run(ENVOY, "bash", "-c", "[[ $(envoy --version) = */1.40.* ]]")


@pytest.mark.usefixtures("images")
def test_the_image_of_the_sample_applications_starts_python(containerd: Containerd) -> None:
    containerd.run(SAMPLE, "/usr/bin/python3", "-c", "import ssl, http.server, urllib.request")


@pytest.mark.usefixtures("images")
def test_pause_waits_until_it_is_told_to_end(containerd: Containerd) -> None:
    containerd.ctr("run", "--detach", "--read-only", PAUSE, "pause")
    try:
        assert "RUNNING" in containerd.ctr("tasks", "list")

        def ended() -> bool:
            # It is RUNNING before it listens for signals, and the first process of a container misses them until then.
            if "RUNNING" in containerd.ctr("tasks", "list"):
                containerd.ctr("tasks", "kill", "--signal", "SIGTERM", "pause")
                return False
            return True

        eventually(ended, "pause has ended", LIMIT)
    finally:
        containerd.ctr("tasks", "delete", "--force", "pause")
        containerd.ctr("containers", "delete", "pause")

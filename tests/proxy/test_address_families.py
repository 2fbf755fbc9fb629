"""Clients of either family of addresses reach Envoy, and Envoy its upstream, whichever a pod has."""

import os
import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Thread

import pytest

from base.assets import load_manifests
from tests.proxy.envoy_process import (
    HANG_SECONDS,
    Envoy,
    ask,
    asking,
    container_command,
    load_scenario,
    pre_stop_command,
)
from tests.proxy.name_server import NameServer, name_server
from tests.support.netns import network_namespace, single_family
from tests.support.waiting import eventually

V4, V6 = "127.0.0.1", "::1"
UPSTREAM_PORT = 8000

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash, which the Envoy image has")
every_scenario = pytest.mark.parametrize("scenario", ["base", "timeout", "retry"])
every_family = pytest.mark.parametrize("host", [V4, V6], ids=["IPv4", "IPv6"])


@contextmanager
def pod(host: str) -> Generator[NameServer]:
    """A pod that has addresses of one family, with httpbin and a name server at `host`, which knows httpbin there."""
    with single_family(6 if host == V6 else 4), _served(host) as names:
        yield names


@contextmanager
def _served(host: str) -> Generator[NameServer]:
    from httpbin import app
    from werkzeug.serving import make_server

    server = make_server(host, UPSTREAM_PORT, app, threaded=True)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        with name_server(host) as names:
            names.address = host
            yield names
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@every_scenario
@every_family
def test_a_pod_of_one_family_is_ready_and_serves(envoy_binary: Path, tmp_path: Path, host: str, scenario: str) -> None:
    with pod(host) as names:
        config = asking(load_scenario(scenario), names)
        with Envoy(envoy_binary, config, tmp_path, host, container_command) as envoy:
            eventually(envoy.is_ready, "Envoy is ready")
            assert (envoy.port, envoy.admin_port) == (15001, 15000)
            assert envoy.ask("/headers").status == 200


@every_scenario
@every_family
def test_a_dual_stack_pod_serves_both_families(envoy_binary: Path, tmp_path: Path, host: str, scenario: str) -> None:
    """`host` is where the upstream is: of whichever family its Service has an address."""
    with ExitStack() as running:
        running.enter_context(network_namespace())
        names = running.enter_context(_served(host))
        config = asking(load_scenario(scenario), names)
        envoy = running.enter_context(Envoy(envoy_binary, config, tmp_path, V4, container_command))
        for asked in (V4, V6):
            envoy.host = asked
            eventually(envoy.is_ready, f"Envoy is ready at {asked}")
            assert envoy.ask("/headers").status == 200
            assert envoy.admin("/ready").status == 200


@every_family
def test_before_it_stops_envoy_is_unready_in_each_family(envoy_binary: Path, tmp_path: Path, host: str) -> None:
    with (
        pod(host) as names,
        Envoy(envoy_binary, asking(load_scenario("base"), names), tmp_path, host, container_command) as envoy,
    ):
        eventually(envoy.is_ready, "Envoy is ready")
        subprocess.run(pre_stop_command(envoy.admin_port), check=True, timeout=HANG_SECONDS)
        assert not envoy.is_ready()


@every_scenario
def test_a_kernel_without_ipv6_is_served_as_well(envoy_binary: Path, tmp_path: Path, scenario: str) -> None:
    """Such a kernel cannot be had here; what tells it from others is a file that it does not have."""

    def command(config_file: Path) -> list[str]:
        *shell, script = container_command(config_file)
        assert "/proc/net/if_inet6" in script
        return [*shell, script.replace("/proc/net/if_inet6", str(tmp_path / "none"))]

    with pod(V4) as names, Envoy(envoy_binary, asking(load_scenario(scenario), names), tmp_path, V4, command) as envoy:
        eventually(envoy.is_ready, "Envoy is ready")
        assert set(envoy.listening.values()) == {"0.0.0.0"}
        assert envoy.ask("/headers").status == 200


@pytest.mark.parametrize(
    ("inet6", "hosts"), [("/proc/net/if_inet6", [V4, V6]), ("/none", [V4])], ids=["with IPv6", "without IPv6"]
)
def test_httpbins_command_serves_every_family_of_its_kernel(tmp_path: Path, inet6: str, hosts: list[str]) -> None:
    """The image's gunicorn runs in an environment of pipenv and with gevent; here it is the one of the tests."""
    pytest.importorskip("gunicorn", reason="needs gunicorn (make setup-dev)")
    (deployment,) = (
        manifest for manifest in load_manifests("envoy_demo", "httpbin.yaml") if manifest["kind"] == "Deployment"
    )
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    *shell, script = container["command"]
    changes = {"/proc/net/if_inet6": inet6, "pipenv run gunicorn": "python -m gunicorn", " -k gevent": ""}
    for said, here in changes.items():
        assert said in script
        script = script.replace(said, here)
    with network_namespace(), (tmp_path / "log").open("wb") as log:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        process = subprocess.Popen([*shell, script], env={**os.environ, "PATH": path}, stdout=log, stderr=log)
        try:
            for host in hosts:
                eventually(lambda host=host: _answers(host), f"httpbin answers at {host}")
        finally:
            process.terminate()
            process.wait(HANG_SECONDS)


def _answers(host: str) -> bool:
    try:
        return ask(80, "/status/200", host=host).status == 200
    except OSError:
        return False

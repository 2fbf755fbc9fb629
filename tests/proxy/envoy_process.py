"""A real Envoy with one of the program's own files, on loopback."""

import copy
import json
import os
import re
import shlex
import subprocess
import time
from collections.abc import Callable, Sequence
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self

import yaml

from base.assets import MANIFESTS, load_manifests
from tests.proxy.name_server import NameServer

LISTENER = "httpbin-listener"
SCENARIOS = MANIFESTS / "envoy_demo" / "scenarios"
HANG_SECONDS = 60
"""How long to wait for what takes well under a second, before calling it broken. No test measures against it."""


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: str
    seconds: float

    @property
    def echoed_headers(self) -> dict[str, str]:
        """The request's headers as httpbin received them (its page /headers)."""
        return json.loads(self.body)["headers"]


def ask(port: int, path: str, method: str = "GET", host: str = "127.0.0.1") -> Reply:
    """Send one request to loopback on a connection of its own; never through a proxy of the environment."""
    started = time.monotonic()
    connection = HTTPConnection(host, port, timeout=HANG_SECONDS)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        body = response.read().decode()
    finally:
        connection.close()
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Reply(response.status, headers, body, time.monotonic() - started)


def scenario_file(scenario: str) -> Path:
    return SCENARIOS / f"{scenario}.yaml"


def load_scenario(scenario: str) -> dict[str, Any]:
    return yaml.safe_load(scenario_file(scenario).read_text())


def probe() -> dict[str, Any]:
    """What the kubelet asks of Envoy's container: path, and the name of a port."""
    return _container()["readinessProbe"]["httpGet"]


def probed_listener(config: dict[str, Any]) -> str:
    """The name of the listener on the port that the kubelet asks."""
    (port,) = (port["containerPort"] for port in _container()["ports"] if port["name"] == probe()["port"])
    listeners = config["staticResources"]["listeners"]
    (name,) = (listener["name"] for listener in listeners if listener["address"]["socketAddress"]["portValue"] == port)
    return name


def container_command(config_file: Path) -> list[str]:
    """What the Deployment starts, with the file in another place."""
    *shell, script = _container()["command"]
    assert script.count("/etc/envoy/envoy.yaml") == 2
    return [*shell, script.replace("/etc/envoy/envoy.yaml", str(config_file))]


def pre_stop_command(admin_port: int) -> list[str]:
    """The Deployment's hook, with one change: in place of the pause, it waits for Envoy's answer, which must be 200."""
    *shell, script = _container()["lifecycle"]["preStop"]["exec"]["command"]
    for said, here in {
        "/15000": f"/{admin_port}",
        "sleep 15": "read -r status <&3; [[ $status == *' 200 '* ]]",
    }.items():
        assert said in script
        script = script.replace(said, here)
    return [*shell, script]


def _container() -> dict[str, Any]:
    (deployment,) = (
        manifest for manifest in load_manifests("envoy_demo", "envoy.yaml") if manifest["kind"] == "Deployment"
    )
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return container


def main_listener(config: dict[str, Any]) -> dict[str, Any]:
    """The listener for clients."""
    (listener,) = (listener for listener in config["staticResources"]["listeners"] if listener["name"] == LISTENER)
    return listener


def route_of(config: dict[str, Any]) -> dict[str, Any]:
    """The one route action of a scenario: all that scenarios may differ in."""
    manager = main_listener(config)["filterChains"][0]["filters"][0]["typedConfig"]
    return manager["routeConfig"]["virtualHosts"][0]["routes"][0]["route"]


def on_loopback(config: dict[str, Any], httpbin_port: int, names: NameServer | None = None) -> dict[str, Any]:
    """The same file with the endpoint's address and the listen addresses replaced, and nothing else.

    With a name server the endpoint keeps its name, and Envoy asks that server for it, often: a host that comes later
    is found within a moment, not only after the five seconds that Envoy lets pass. Port 0 lets Envoy take free ports,
    so no other process can come in between.
    """
    config = copy.deepcopy(config)
    (cluster,) = config["staticResources"]["clusters"]
    endpoint = cluster["loadAssignment"]["endpoints"][0]["lbEndpoints"][0]["endpoint"]
    for listening in (config["admin"], *config["staticResources"]["listeners"]):
        listening["address"]["socketAddress"] = {"address": "127.0.0.1", "portValue": 0}
    # A name, not an address: in the lab too Envoy has to resolve one.
    endpoint["address"]["socketAddress"]["portValue"] = httpbin_port
    if names:
        return asking(config, names)
    endpoint["address"]["socketAddress"]["address"] = "localhost"
    return config


def asking(config: dict[str, Any], names: NameServer) -> dict[str, Any]:
    """The same file, with the name server that knows the endpoint."""
    config = copy.deepcopy(config)
    (cluster,) = config["staticResources"]["clusters"]
    dns = cluster["clusterType"]["typedConfig"]
    dns |= {"dnsRefreshRate": "0.2s", "typedDnsResolverConfig": _resolver(names)}
    return config


def _resolver(names: NameServer) -> dict[str, Any]:
    """Envoy's usual resolver, with one name server and without the machine's search domains."""
    return {
        "name": "envoy.network.dns_resolver.cares",
        "typedConfig": {
            "@type": "type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig",
            "resolvers": [{"socketAddress": {"address": names.host, "portValue": names.port}}],
            "dnsResolverOptions": {"noDefaultSearchDomain": True},
        },
    }


class Envoy:
    """One Envoy process; its file is loaded when the `with` block begins, and it is gone when that ends.

    `host` is the address of this machine at which it is asked. `command` starts it by the name `envoy`; else the binary
    is started with the file.
    """

    def __init__(
        self,
        binary: Path,
        config: dict[str, Any],
        folder: Path,
        host: str = "127.0.0.1",
        command: Callable[[Path], Sequence[str]] | None = None,
    ) -> None:
        self.host = host
        self._probed_listener = probed_listener(load_scenario("base"))
        self._config_file = folder / "envoy.yaml"
        self._config_file.write_text(yaml.safe_dump(config))
        self._admin_address_file = folder / "admin-address"
        self._stdout_file, self._log_file = folder / "stdout", folder / "log"
        # Hot restart shares memory between all Envoys of a machine; several test runs side by side must not meet there.
        options = ["--concurrency", "1", "--disable-hot-restart", "--admin-address-path", str(self._admin_address_file)]
        started = folder / "envoy"
        started.write_text(f'#!/bin/sh\nexec {binary} "$@" {shlex.join(options)}\n')
        started.chmod(0o755)
        self._environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
        self._command = command(self._config_file) if command else [started, "-c", self._config_file]

    def __enter__(self) -> Self:
        with self._stdout_file.open("wb") as stdout, self._log_file.open("wb") as log:
            self._process = subprocess.Popen(
                self._command, env=self._environment, stdin=subprocess.DEVNULL, stdout=stdout, stderr=log
            )
        try:
            self.admin_port = self._wait_until_loaded()
            listeners = json.loads(self.admin("/listeners?format=json").body)["listener_statuses"]
            self.listening = {
                listener["name"]: listener["local_address"]["socket_address"]["address"] for listener in listeners
            }
            ports = {
                listener["name"]: listener["local_address"]["socket_address"]["port_value"] for listener in listeners
            }
            self.port: int = ports[LISTENER]
            self._probe_port: int = ports[self._probed_listener]
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the process; its access log is complete only after that."""
        self._process.terminate()
        try:
            self._process.wait(HANG_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def ask(self, path: str) -> Reply:
        """Ask httpbin through this Envoy."""
        return ask(self.port, path, host=self.host)

    def is_ready(self) -> bool:
        """What the kubelet would find now."""
        return 200 <= self.probe(probe()["path"]).status < 400

    def probe(self, path: str) -> Reply:
        """Ask on the port that the kubelet asks."""
        return ask(self._probe_port, path, host=self.host)

    def admin(self, path: str, method: str = "GET") -> Reply:
        return ask(self.admin_port, path, method, self.host)

    def stats(self) -> dict[str, int]:
        """Counters and gauges by name (histograms have no single number and are left out)."""
        return {
            name: int(value) for name, value in re.findall(r"^(\S+): (\d+)$", self.admin("/stats").body, re.MULTILINE)
        }

    @property
    def log(self) -> str:
        return self._log_file.read_text()

    @property
    def stdout(self) -> str:
        return self._stdout_file.read_text()

    def _wait_until_loaded(self) -> int:
        deadline = time.monotonic() + HANG_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise RuntimeError(f"Envoy ended with exit code {self._process.returncode}:\n{self.log}")
            port = self._admin_port()
            if port and ask(port, "/ready", host=self.host).status == 200:
                return port
            time.sleep(0.05)
        raise RuntimeError(f"Envoy had not loaded its file after {HANG_SECONDS} s:\n{self.log}")

    def _admin_port(self) -> int | None:
        """The admin port, once Envoy has written its address to the file in full."""
        try:
            address = re.fullmatch(r"[\d.]+:(\d+)|\[::\]:(\d+)", self._admin_address_file.read_text())
        except FileNotFoundError:
            return None
        return int(address[1] or address[2]) if address else None


class StartEnvoy(Protocol):
    """The fixture `start_envoy`: a fresh Envoy with a scenario's file, or with a configuration made from one."""

    def __call__(self, config: str | dict[str, Any], names: NameServer | None = None) -> Envoy: ...

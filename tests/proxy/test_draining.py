"""What the Deployment does to an Envoy that is about to go."""

import shutil
import subprocess

import pytest

from base.assets import load_manifests
from tests.proxy.envoy_process import HANG_SECONDS, StartEnvoy

PAUSE = "sleep 15"


def pre_stop_command() -> list[str]:
    (deployment,) = [m for m in load_manifests("envoy_demo", "envoy.yaml") if m["kind"] == "Deployment"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return container["lifecycle"]["preStop"]["exec"]["command"]


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash, which the Envoy image has")
def test_before_it_stops_envoy_is_unready_and_sends_clients_elsewhere(start_envoy: StartEnvoy) -> None:
    envoy = start_envoy("base")
    assert envoy.is_ready()
    assert "connection" not in envoy.ask("/headers").headers

    *shell, script = pre_stop_command()
    assert "/127.0.0.1/15000" in script
    assert PAUSE in script
    script = script.replace("/127.0.0.1/15000", f"/127.0.0.1/{envoy.admin_port}").replace(PAUSE, "")
    subprocess.run([*shell, script], check=True, timeout=HANG_SECONDS)

    assert not envoy.is_ready()
    reply = envoy.ask("/headers")
    assert reply.status == 200
    assert reply.headers["connection"] == "close"

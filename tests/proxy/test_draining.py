"""What the Deployment does to an Envoy that is about to go."""

import shutil
import subprocess

import pytest

from tests.proxy.envoy_process import HANG_SECONDS, StartEnvoy, pre_stop_command


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash, which the Envoy image has")
def test_before_it_stops_envoy_is_unready_and_sends_clients_elsewhere(start_envoy: StartEnvoy) -> None:
    envoy = start_envoy("base")
    assert envoy.is_ready()
    assert "connection" not in envoy.ask("/headers").headers

    subprocess.run(pre_stop_command(envoy.admin_port), check=True, timeout=HANG_SECONDS)

    assert not envoy.is_ready()
    reply = envoy.ask("/headers")
    assert reply.status == 200
    assert reply.headers["connection"] == "close"

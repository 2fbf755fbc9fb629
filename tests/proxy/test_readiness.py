"""What the kubelet finds where it asks Envoy whether it may have clients: only with a host to send them to."""

from collections.abc import Iterator

import pytest

from tests.proxy.envoy_process import StartEnvoy
from tests.proxy.name_server import NameServer, name_server
from tests.support.waiting import eventually

every_scenario = pytest.mark.parametrize("scenario", ["base", "timeout", "retry"])
HERE = "127.0.0.1"


@pytest.fixture
def names() -> Iterator[NameServer]:
    with name_server() as server:
        yield server


@every_scenario
def test_envoy_is_ready_with_a_host_to_send_to(start_envoy: StartEnvoy, names: NameServer, scenario: str) -> None:
    names.address = HERE
    envoy = start_envoy(scenario, names)

    assert names.asked > 0
    assert envoy.is_ready()
    assert envoy.ask("/headers").status == 200


@every_scenario
def test_envoy_is_not_ready_where_its_upstreams_name_does_not_exist(
    start_envoy: StartEnvoy, names: NameServer, scenario: str
) -> None:
    envoy = start_envoy(scenario, names)

    assert names.asked > 0
    assert envoy.ask("/headers").status == 503
    assert envoy.admin("/ready").status == 200, "the admin port's own path must be the wrong one to ask"
    assert not envoy.is_ready()


@every_scenario
def test_envoy_becomes_ready_once_its_host_is_there_and_unready_without(
    start_envoy: StartEnvoy, names: NameServer, scenario: str
) -> None:
    envoy = start_envoy(scenario, names)
    assert not envoy.is_ready()

    names.address = HERE
    eventually(envoy.is_ready, "Envoy is ready, as its host is there now")
    assert envoy.ask("/headers").status == 200

    names.address = None
    eventually(lambda: not envoy.is_ready(), "Envoy is no longer ready, as its host is gone")


def test_the_probe_is_no_request_of_a_client(start_envoy: StartEnvoy) -> None:
    envoy = start_envoy("base")
    assert envoy.is_ready()
    stats = envoy.stats()

    assert stats["http.httpbin.downstream_rq_total"] == 0
    assert stats["cluster.httpbin_service.upstream_rq_total"] == 0
    assert stats["http.readiness.downstream_rq_total"] == 1


def test_only_the_probes_path_answers_on_its_port(start_envoy: StartEnvoy) -> None:
    envoy = start_envoy("base")

    assert envoy.probe("/headers").status == 404

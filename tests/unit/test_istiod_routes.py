"""Which addresses of an embedded cluster lead to which istiod."""

from typing import Any

from embedded.cluster.istiod import revision_of
from embedded.cluster.routes import Route, routes


def service(addresses: list[str], selector: dict[str, str] | None, *ports: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = {"clusterIPs": addresses, "ports": list(ports)}
    return {"metadata": {"name": "any"}, "spec": {**spec, "selector": selector} if selector else spec}


def pod(address: str | None, **labels: str) -> dict[str, Any]:
    return {"metadata": {"labels": labels}, "status": {"podIP": address} if address else {}}


def test_a_service_leads_to_the_revision_that_it_selects_whatever_it_is_called() -> None:
    selector = {"app": "istiod", "istio.io/rev": "1-17"}
    found = routes([service(["10.0.0.1"], selector, {"port": 443, "targetPort": 15017}, {"port": 15014})], [])
    assert found == {("10.0.0.1", 443): Route("1-17", 15017), ("10.0.0.1", 15014): Route("1-17", 15014)}


def test_a_service_over_all_revisions_leads_to_any_of_them() -> None:
    found = routes([service(["10.0.0.1"], {"app": "istiod"}, {"port": 443, "targetPort": 15017})], [])
    assert found == {("10.0.0.1", 443): Route(None, 15017)}


def test_each_address_of_a_service_counts() -> None:
    found = routes([service(["10.0.0.1", "fd00::1"], {"app": "istiod"}, {"port": 15014, "targetPort": "named"})], [])
    assert set(found) == {("10.0.0.1", 15014), ("fd00::1", 15014)}


def test_other_services_lead_nowhere() -> None:
    port = {"port": 443, "targetPort": 15017}
    assert routes([service(["10.0.0.1"], {"app": "other"}, port), service(["10.0.0.2"], None, port)], []) == {}


def test_the_pods_of_istiod_lead_to_it_on_their_own_ports() -> None:
    pods = [pod("10.1.0.1", app="istiod", **{"istio.io/rev": "1-17"}), pod(None, app="istiod"), pod("10.1.0.2")]
    found = routes([], pods)
    assert found["10.1.0.1", 15017] == Route("1-17", 15017)
    assert {address for address, _ in found} == {"10.1.0.1"}


def test_a_revision_is_known_by_its_config_map() -> None:
    names = ["istio-sidecar-injector", "istio-sidecar-injector-1-17", "istio-1-17", "istio-sidecar-injectors"]
    assert [revision_of(name) for name in names] == ["default", "1-17", None, None]

"""The facts of a standalone Envoy's file that the handbook tells."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, cast

import yaml

EXPECTED: Mapping[str, str] = MappingProxyType(
    {
        "admin": "[::]:15000",
        "listener": "httpbin-listener [::]:15001",
        "stat prefix": "httpbin",
        "route": "simple_httpbin_route",
        "virtual host": "httpbin_host for *",
        "cluster": "httpbin_service STRICT_DNS V4_PREFERRED",
        "connect timeout": "5s",
        "endpoint": "httpbin:8000",
    }
)
"""What every scenario has."""


def facts(text: str) -> dict[str, str]:
    """The facts by name; `-` for what the file does not have where it is looked for."""
    try:
        document: Any = yaml.safe_load(text)
    except yaml.YAMLError:
        document = None
    root = cast(dict[str, Any], document if isinstance(document, dict) else {})
    return {name: _or_dash(find, root) for name, find in _FINDERS.items()}


def _or_dash(find: Callable[[Any], str], root: Any) -> str:
    try:
        return find(root)
    except (KeyError, IndexError, TypeError):
        return "-"


def _address(owner: Any) -> str:
    socket = owner["address"]["socketAddress"]
    host = f"[{socket['address']}]" if ":" in socket["address"] else socket["address"]
    return f"{host}:{socket['portValue']}"


def _listener(root: Any) -> Any:
    return root["staticResources"]["listeners"][0]


def _manager(root: Any) -> Any:
    return _listener(root)["filterChains"][0]["filters"][0]["typedConfig"]


def _host(root: Any) -> Any:
    return _manager(root)["routeConfig"]["virtualHosts"][0]


def _route(root: Any) -> Any:
    return _host(root)["routes"][0]["route"]


def _cluster(root: Any) -> Any:
    return root["staticResources"]["clusters"][0]


def _discovery(cluster: Any) -> str:
    """How the cluster's addresses are found: by its `type`, or by the extension that stands for it since."""
    if "clusterType" not in cluster:
        return f"{cluster['type']} {cluster['dnsLookupFamily']}"
    dns = cluster["clusterType"]["typedConfig"]
    kind = "LOGICAL_DNS" if dns.get("allAddressesInSingleEndpoint") else "STRICT_DNS"
    return f"{kind} {dns['dnsLookupFamily']}"


def _endpoint(root: Any) -> str:
    return _address(_cluster(root)["loadAssignment"]["endpoints"][0]["lbEndpoints"][0]["endpoint"])


_FINDERS: Mapping[str, Callable[[Any], str]] = {
    "admin": lambda root: _address(root["admin"]),
    "listener": lambda root: f"{_listener(root)['name']} {_address(_listener(root))}",
    "stat prefix": lambda root: str(_manager(root)["statPrefix"]),
    "route": lambda root: str(_manager(root)["routeConfig"]["name"]),
    "virtual host": lambda root: f"{_host(root)['name']} for {', '.join(_host(root)['domains'])}",
    "cluster": lambda root: f"{_cluster(root)['name']} {_discovery(_cluster(root))}",
    "connect timeout": lambda root: str(_cluster(root)["connectTimeout"]),
    "endpoint": _endpoint,
    "route timeout": lambda root: str(_route(root)["timeout"]),
    "retries": lambda root: f"{_route(root)['retryPolicy']['numRetries']} on {_route(root)['retryPolicy']['retryOn']}",
}

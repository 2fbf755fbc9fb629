"""Kiali's HTTP API, as far as checks need it. The same since 1.59 but for what is told below."""

import http.client
from collections.abc import Mapping
from http.cookies import SimpleCookie
from typing import Any, cast

from kube.api_objects import entries, mapping

from .web import AnswerError, Web


class Kiali:
    """A Kiali; everything raises AnswerError."""

    def __init__(self, web: Web, root: str = "/kiali") -> None:
        """`root` is the path that it is served under."""
        self._web, self._root = web, root.rstrip("/")

    def sign_in(self, token: str) -> None:
        """Start a session with a Kubernetes token (strategy `token`)."""
        path = f"{self._root}/api/authenticate"
        answer = self._web.ask(path, form={"token": token})
        if answer.status != http.client.OK:
            raise AnswerError(f"{self._web.name} refuses the token of its own account: HTTP {answer.status}")
        # Newer versions spread a long session over several cookies.
        cookies = SimpleCookie()
        for header in answer.headers.get_all("Set-Cookie") or []:
            cookies.load(header)
        self._web.headers["Cookie"] = "; ".join(f"{name}={morsel.value}" for name, morsel in cookies.items())

    def healthy(self) -> bool:
        """Whether it says that it is ready."""
        return self._web.ask(f"{self._root}/healthz").status == http.client.OK

    def status(self) -> dict[str, str]:
        """Its own state and versions: `Kiali state`, `Kiali version`."""
        return dict(self._status().get("status") or {})

    def services(self) -> dict[str, str]:
        """The versions of the services that it reaches, by name: `Prometheus`, `Kubernetes`."""
        found = cast(list[dict[str, str]], self._status().get("externalServices") or [])
        return {entry["name"]: entry.get("version", "") for entry in found}

    def components(self) -> dict[str, str]:
        """The states of Istio's components by name: `Healthy`, `Unhealthy`, `NotReady`, `NotFound`, `Unreachable`."""
        path = f"{self._root}/api/istio/status"
        found = self._web.json(path)
        if not isinstance(found, list):
            raise AnswerError(f"{self._web.name}: GET {path}: expected a list of components, got {str(found)[:160]}")
        return {str(entry["name"]): str(entry["status"]) for entry in cast(list[dict[str, Any]], found)}

    def workload_edges(self, namespace: str, duration: str) -> set[tuple[str, str]]:
        """Pairs (caller, called) of workloads in a namespace's graph of the last `duration`, such as `10m`."""
        path = f"{self._root}/api/namespaces/graph"
        # Without service nodes: those would stand between the two workloads.
        graph = self._web.json(
            path,
            {"namespaces": namespace, "duration": duration, "graphType": "workload", "injectServiceNodes": "false"},
        )
        try:
            elements = mapping(graph["elements"])
            nodes = {str(entry["data"]["id"]): dict(entry["data"]) for entry in entries(elements.get("nodes"))}
            edges = [dict(entry["data"]) for entry in entries(elements.get("edges"))]
            ends = [(nodes[str(edge["source"])], nodes[str(edge["target"])]) for edge in edges]
        except (KeyError, TypeError, ValueError):
            raise AnswerError(f"{self._web.name}: GET {path}: expected a graph, got {str(graph)[:160]}") from None
        return {(_called(source), _called(target)) for source, target in ends}

    def _status(self) -> dict[str, Any]:
        path = f"{self._root}/api/status"
        found = self._web.json(path)
        if not isinstance(found, dict):
            raise AnswerError(f"{self._web.name}: GET {path}: expected its status, got {str(found)[:160]}")
        return cast(dict[str, Any], found)


def _called(node: Mapping[str, str]) -> str:
    return node.get("workload") or node.get("app") or node.get("service") or node["id"]

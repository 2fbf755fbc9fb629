"""The one client of a cluster. docs/adr/0009-kubernetes-client.md has why it is not a library's."""

from .api_objects import Resource
from .changes import Changes
from .deprecations import Deprecations
from .discovery import Discovery
from .pods import Pods

ACCOUNTS = Resource("v1", "serviceaccounts", "ServiceAccount")
SERVICES = Resource("v1", "services", "Service")
TOKEN_REQUEST = "authentication.k8s.io/v1"


class Cluster(Discovery, Changes, Deprecations, Pods):
    """The cluster of a context of a kubeconfig. Everything raises AccessError; several threads may use one."""

    def version(self) -> str:
        """The API server's version, such as v1.34.4."""
        return str(self._answer("GET", "/version")["gitVersion"])

    def proxied(self, namespace: str, service: str, port: int, path: str) -> str:
        """The answer to a GET of a Service's `path`, by the API server itself."""
        return self._request("GET", f"{SERVICES.path(namespace, f'{service}:{port}')}/proxy{path}")

    def token(self, namespace: str, account: str, seconds: int) -> str:
        """A token of a ServiceAccount that is valid for `seconds`."""
        body = {"apiVersion": TOKEN_REQUEST, "kind": "TokenRequest", "spec": {"expirationSeconds": seconds}}
        path = f"{ACCOUNTS.path(namespace, account)}/token"
        return str(self._answer("POST", path, body=body)["status"]["token"])

"""What the official client needs to use a kubeconfig's cluster as the one whom the kubeconfig says, and nobody else.

The client's own reading leaves out impersonation, goes on as nobody where a helper fails, and gives secrets to a server
without TLS.
"""

import base64
import ipaddress
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import kubernetes.client as _client
import kubernetes.config as _config
import kubernetes.config.exec_provider as _exec
import kubernetes.config.kube_config as _files
import urllib3

from kube.api_objects import AccessError

from .api_objects import mapping
from .kubeconfig import Fields, Kubeconfig, has_credential

# The client ships no usable types.
client, config, exec_provider, files = (cast(Any, module) for module in (_client, _config, _exec, _files))

KEY = "BearerToken"
"""What the client calls the header `authorization`."""
EXEC_CLUSTER = "client.authentication.k8s.io/exec"
RENEWED_BEFORE = timedelta(seconds=30)


def configuration(kubeconfig: Kubeconfig) -> Any:
    """The client's configuration. Raises AccessError where it cannot be what kubectl would do."""
    made, cluster = client.Configuration(), kubeconfig.cluster
    server = str(cluster["server"]).rstrip("/")
    made.host = server if "://" in server else f"http://{server}"
    _set_proxy(made, cluster)
    # kubectl gives nothing that is secret to a server without TLS.
    if urlsplit(made.host).scheme != "https":
        return made
    made.ssl_ca_cert = _file(cluster, "certificate-authority")
    made.verify_ssl = not cluster.get("insecure-skip-tls-verify")
    if not made.verify_ssl:
        # Who wrote that down knows it; every other program says nothing of it.
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    made.tls_server_name = cluster.get("tls-server-name")
    if has_credential(kubeconfig.user, "client-certificate"):
        made.cert_file, made.key_file = (_file(kubeconfig.user, f"client-{kind}") for kind in ("certificate", "key"))
    _set_credentials(made, kubeconfig)
    return made


def impersonation(user: Fields) -> list[tuple[str, str]]:
    """The headers by which one acts as another one; some come several times."""
    if not user.get("as"):
        return []
    extra = {f"Impersonate-Extra-{key}": values for key, values in mapping(user.get("as-user-extra")).items()}
    headers = {
        "Impersonate-User": [user["as"]],
        "Impersonate-Uid": [user["as-uid"]] if user.get("as-uid") else [],
        "Impersonate-Group": user.get("as-groups") or [],
        **extra,
    }
    return [(name, str(value)) for name, values in headers.items() for value in values]


def is_loopback(url: str) -> bool:
    """Whether an address is this machine's own, which no proxy can reach."""
    host = urlsplit(url).hostname or ""
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def _set_proxy(made: Any, cluster: Fields) -> None:
    if named := cluster.get("proxy-url"):
        if urlsplit(str(named)).scheme not in ("http", "https"):
            raise AccessError(
                f"kubeconfig: proxy-url: expected http:// or https://, got {named} (kubectl alone knows it)"
            )
        made.proxy, made.no_proxy = named, None
    elif is_loopback(made.host):
        made.proxy = None


def _file(fields: Fields, kind: str) -> str | None:
    given = {key: value for key, value in fields.items() if value}
    try:
        return cast(str | None, files.FileOrData(given, kind).as_file())
    except (config.ConfigException, ValueError, OSError) as error:
        raise AccessError(f"kubeconfig: {kind}: {error}") from None


def _set_credentials(made: Any, kubeconfig: Kubeconfig) -> None:
    user = kubeconfig.user
    if user.get("exec"):
        _Helper(kubeconfig).sign_in(made)
    elif user.get("auth-provider"):
        _set_provided(made, kubeconfig)
    elif user.get("token") or user.get("tokenFile"):

        def read(made: Any) -> None:
            made.api_key[KEY] = _bearer(user)

        read(made)
        made.refresh_api_key_hook = read
    elif user.get("username") or user.get("password"):
        clear = f"{user.get('username') or ''}:{user.get('password') or ''}"
        made.api_key[KEY] = f"Basic {base64.b64encode(clear.encode()).decode()}"


def _bearer(user: Fields) -> str:
    """The token: the file's as long as it can be read, since it may be renewed there, else the one beside it."""
    file, beside = user.get("tokenFile"), user.get("token")
    if file:
        try:
            if read := Path(file).read_text(encoding="utf-8").strip():
                return f"Bearer {read}"
            fault = "is empty"
        except OSError as error:
            fault = error.strerror or str(error)
        if not beside:
            raise AccessError(f"kubeconfig: tokenFile {file}: {fault}")
    return f"Bearer {beside}"


def _set_provided(made: Any, kubeconfig: Kubeconfig) -> None:
    name = mapping(kubeconfig.user["auth-provider"]).get("name")
    if name != "oidc":
        raise AccessError(f"kubeconfig: auth-provider: expected oidc, got {name} (kubectl knows no other either)")
    try:
        config.load_kube_config_from_dict(json.loads(kubeconfig.text()), client_configuration=made)
    except config.ConfigException as error:
        raise AccessError(f"kubeconfig: auth-provider oidc: {error}") from None
    if KEY not in made.api_key:
        raise AccessError("kubeconfig: auth-provider oidc: expected a token, got none")


class _Helper:
    """The program that a kubeconfig names to sign in (`exec`)."""

    def __init__(self, kubeconfig: Kubeconfig) -> None:
        self._exec, self._cluster = mapping(kubeconfig.user["exec"]), kubeconfig.cluster
        self._until: datetime | None = None

    def sign_in(self, made: Any) -> None:
        """Run it, and give the client what it says. The client asks again before each request."""
        status = self._status()
        self._until = _time(status.get("expirationTimestamp"))
        if has_credential(status, "clientCertificateData"):
            fields = {
                f"client-{kind}-data": base64.b64encode(str(status[key]).encode()).decode()
                for kind, key in (("certificate", "clientCertificateData"), ("key", "clientKeyData"))
            }
            made.cert_file, made.key_file = (_file(fields, f"client-{kind}") for kind in ("certificate", "key"))
        elif not status.get("token"):
            raise AccessError(
                f"kubeconfig: {self._exec.get('command')}: expected a token or a certificate, got neither"
            )
        if status.get("token"):
            made.api_key[KEY] = f"Bearer {status['token']}"
            made.refresh_api_key_hook = self._renew

    def _renew(self, made: Any) -> None:
        if self._until is not None and datetime.now(UTC) > self._until - RENEWED_BEFORE:
            self.sign_in(made)

    def _status(self) -> Mapping[str, Any]:
        node = files.ConfigNode("exec", dict(self._exec))
        try:
            about = files.ConfigNode("cluster", dict(self._about()))
            return cast(Mapping[str, Any], exec_provider.ExecProvider(node, None, about).run())
        except (config.ConfigException, OSError) as error:
            fault = " ".join(str(error).split())
            raise AccessError(f"kubeconfig: {self._exec.get('command')}: {fault}") from None

    def _about(self) -> Iterator[tuple[str, Any]]:
        """The cluster, as helpers are told of it."""
        for key, value in self._cluster.items():
            if key == "certificate-authority":
                yield f"{key}-data", base64.b64encode(Path(value).read_bytes()).decode()
            elif key == "extensions":
                yield from (("config", item["extension"]) for item in value if item.get("name") == EXEC_CLUSTER)
            else:
                yield key, value


def _time(text: Any) -> datetime | None:
    return datetime.fromisoformat(str(text)) if text else None

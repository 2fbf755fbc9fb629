"""The environment of every program that meshlab starts: the caller's, but for what would make it act another way.

Where logins, caches and the state lie stays; so does all that belongs to someone else, such as a cloud's account.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

PLACES = frozenset(
    {
        "HELM_CACHE_HOME",
        "HELM_CONFIG_HOME",
        "HELM_DATA_HOME",
        "HELM_REGISTRY_CONFIG",
        "HELM_REPOSITORY_CACHE",
        "HELM_REPOSITORY_CONFIG",
        "PULUMI_ACCESS_TOKEN",
        "PULUMI_API",
        "PULUMI_BACKEND_URL",
        "PULUMI_CONFIG_PASSPHRASE",
        "PULUMI_CONFIG_PASSPHRASE_FILE",
        "PULUMI_CREDENTIALS_PATH",
        "PULUMI_CREDENTIAL_HELPER",
        "PULUMI_CREDENTIAL_HELPER_ARGS",
        "PULUMI_CREDENTIAL_STORE",
        "PULUMI_DEFAULT_ORGANIZATION",
        "PULUMI_HOME",
    }
)
"""What of the caller's settings for helm, kubectl and Pulumi stays: where something lies, and what opens it."""
PREFERENCES = re.compile(r"(HELM|KUBECTL|PULUMI)_(?!DIY_BACKEND_|SELF_MANAGED_STATE_)|KUBERC$")
"""Settings that change what these programs do: another helm driver, another context, a refresh before each `up`.

How a bucket keeps Pulumi's states, compressed or not, belongs to the bucket: all who use it have to agree.
"""
NO_PREFERENCES = MappingProxyType({"KUBERC": "off", "KUBECTL_KUBERC": "false"})
"""Keeps kubectl from ~/.kube/kuberc, which may have it ask before it deletes."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")
UNPROXIED = ("NO_PROXY", "no_proxy")
"""Both are read: programs in Go take the first one before the other, those in Python and C the second."""


def settled(caller: Mapping[str, str]) -> dict[str, str]:
    """The environment for a program, of the caller's own. The same again is the same."""
    kept = {key: value for key, value in caller.items() if key in PLACES or not PREFERENCES.match(key)}
    return {**kept, **NO_PREFERENCES, **_unproxied(caller)}


def settle() -> None:
    """Give this process the environment that its programs have: libraries start some, and act by it themselves."""
    replace(settled(os.environ))


def replace(environment: Mapping[str, str]) -> None:
    """Have this process' environment be another one."""
    for name in os.environ.keys() - environment.keys():
        del os.environ[name]
    os.environ.update(environment)


def reaching(kubeconfig: Path) -> dict[str, str]:
    """What programs are told in their environment to reach the cluster of a kubeconfig that has one context.

    kubectl's cache of the API's kinds goes beside the kubeconfig and away with it, not into the user's home.
    """
    return {"KUBECONFIG": str(kubeconfig), "KUBECACHEDIR": str(kubeconfig.parent / "kubectl-cache")}


def _unproxied(caller: Mapping[str, str]) -> dict[str, str]:
    """No program asks a proxy for what is on this machine: it would ask the proxy's own."""
    found: dict[str, str] = {}
    for name, other in (UNPROXIED, UNPROXIED[::-1]):
        listed = [entry for entry in (caller.get(name) or caller.get(other) or "").split(",") if entry.strip()]
        known = {entry.strip() for entry in listed}
        found[name] = ",".join([*listed, *(host for host in LOOPBACK if host not in known and "*" not in known)])
    return found

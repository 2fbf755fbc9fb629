"""Nothing reaches the node that it runs on, except what is listed: who can write there owns every pod beside it."""

from collections.abc import Iterator
from typing import Any

from ..allowed import allowed
from ..rule import Findings, PolicyRule
from ..settings import PackSettings
from ..subjects import Object, Subject, entries, mapping
from ..walk import places

NAME = "host-access"
_SWITCHES = ("privileged", "hostNetwork", "hostPID", "hostIPC")
# What Kubernetes' Pod Security level Baseline lets a container add.
_HARMLESS = frozenset(
    {
        *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD"),
        *("NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
    }
)


def _check(subject: Subject, settings: PackSettings) -> Findings:
    if isinstance(subject, Object) and subject.is_text:
        return
    for path, finding in _reaches(*subject.content):
        if not allowed(NAME, subject, finding):
            yield f"{path}: expected no access to the node, got {finding} (exceptions: allowed/{NAME}.yaml)"


def _reaches(content: Any, top: str) -> Iterator[tuple[str, str]]:
    """Where the node is reached, and how: a switch by its name, a path as `hostPath /proc`, a capability by its own."""
    for place in places(content, top):
        if place.key in _SWITCHES and place.value is True:
            yield place.path, place.key
        elif place.key == "hostPath":
            path = place.value if isinstance(place.value, str) else mapping(place.value).get("path")
            if path:
                yield place.path, f"hostPath {path}"
        elif place.key == "capabilities":
            for capability in entries(mapping(place.value).get("add")):
                if str(capability).removeprefix("CAP_") not in _HARMLESS:
                    yield f"{place.path}.add", f"capability {capability}"


RULE = PolicyRule(
    NAME, "Privileged containers, host namespaces, host paths and capabilities are only where listed.", _check
)

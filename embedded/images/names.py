"""Names of images, as containerd has them."""

from __future__ import annotations

DEFAULT_REGISTRY, DEFAULT_OWNER, DEFAULT_TAG = "docker.io", "library", "latest"


def full(name: str) -> str:
    """The name with registry, and with a tag where it has neither tag nor digest.

    `grafana/grafana:9.3.0` is `docker.io/grafana/grafana:9.3.0`, and `busybox` is `docker.io/library/busybox:latest`.
    """
    first, _, rest = name.partition("/")
    if not rest:
        name = f"{DEFAULT_REGISTRY}/{DEFAULT_OWNER}/{name}"
    elif "." not in first and ":" not in first and first != "localhost":
        name = f"{DEFAULT_REGISTRY}/{name}"
    return name if "@" in name or ":" in name.rpartition("/")[2] else f"{name}:{DEFAULT_TAG}"


def repository(full_name: str) -> str:
    """A full name without tag and digest."""
    before, _, last = full_name.partition("@")[0].rpartition("/")
    return f"{before}/{last.partition(':')[0]}"


def tag(full_name: str) -> str:
    """The tag of a full name; empty where it has none."""
    return full_name.partition("@")[0].rpartition("/")[2].partition(":")[2]


def pinned(full_name: str) -> bool:
    """Whether the name asks for one digest, which nothing that is built here has."""
    return "@" in full_name

"""What this machine must have for a real node, and one line about what it lacks."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from base import process
from base.errors import MeshlabError

from . import cgroups, trial

PROGRAMS = {
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "iptables": "iptables",
    "ipset": "ipset",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "unshare": "util-linux",
    "mount": "mount",
}
"""Each program, and the Debian package that has it."""
PLUGINS = ("ptp", "host-local", "loopback", "portmap")
PLUGIN_FOLDERS = (Path("/usr/lib/cni"), Path("/opt/cni/bin"))
WITHOUT = "or leave the real node out, and every node is simulated"


class NodeError(MeshlabError):
    """This machine cannot run a real node, or it did not start. The text is one line for the user."""


def check() -> None:
    """Raise NodeError, with what is missing and what to do, where this machine cannot run a real node."""
    if sys.platform != "linux":
        raise NodeError(f"a real node needs Linux, this is {sys.platform}: use a Linux machine, {WITHOUT}")
    if os.geteuid() != 0:
        raise NodeError(
            f"a real node needs root, for namespaces and cgroups; this is user {os.geteuid()}: run it as root, "
            f"{WITHOUT}"
        )
    missing = missing_here()
    if missing:
        packages = " ".join(dict.fromkeys(missing.values()))
        raise NodeError(
            f"a real node needs {', '.join(missing)}, not found here: apt-get install {packages} "
            f"(or your system's packages for them), {WITHOUT}"
        )
    lacking = cgroups.lacking()
    if lacking:
        raise NodeError(f"a real node needs cgroups: {lacking}; mount them writeable, {WITHOUT}")
    try:
        trial.run()
    except process.ProcessError as error:
        said = " ".join(str(error).split())
        raise NodeError(
            f"a real node needs namespaces, mounts, links, rules of iptables and containers of its own, of which this "
            f"machine refuses one ({said}): a container needs to be privileged for it, {WITHOUT}"
        ) from None


def plugin_folder() -> Path | None:
    """The folder with the CNI plugins; None where no folder has them all."""
    return next((folder for folder in PLUGIN_FOLDERS if all((folder / name).is_file() for name in PLUGINS)), None)


def missing_here() -> dict[str, str]:
    """What this machine lacks of programs and plugins, each with the Debian package that has it."""
    return dict(_missing())


def _missing() -> Iterator[tuple[str, str]]:
    for program, package in PROGRAMS.items():
        if shutil.which(program) is None:
            yield f"the program {program}", package
    if plugin_folder() is None:
        yield f"the CNI plugins {', '.join(PLUGINS)}", "containernetworking-plugins"

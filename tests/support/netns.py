"""A network namespace of a test's own, in which the addresses of simulated pods are this machine's.

It has no name and no link to the outside: the kernel takes it away with the last process in it, so nothing can stay
behind, and no packet can leave.
"""

import ctypes
import ipaddress
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

CLONE_NEWNET = 0x40000000
CURRENT = Path("/proc/thread-self/ns/net")


@contextmanager
def network_namespace(*ranges: str) -> Iterator[None]:
    """Puts this thread, and every process and thread that it starts meanwhile, into a namespace with loopback alone.

    A server there on `0.0.0.0` or `::` answers for every address of `ranges` (IPv4 or IPv6). Skips the test where the
    kernel does not let this user have one.
    """
    if shutil.which("ip") is None:
        pytest.skip("needs the program ip (Debian: iproute2), to let the addresses of simulated pods answer")
    libc = ctypes.CDLL(None, use_errno=True)
    before = os.open(CURRENT, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if libc.unshare(CLONE_NEWNET) != 0:
            reason = os.strerror(ctypes.get_errno())
            pytest.skip(
                f"needs a network namespace of its own, which this user may not make ({reason}): run it as root"
            )
        try:
            _ip("link", "set", "lo", "up")
            for network in map(ipaddress.ip_network, ranges):
                _ip(f"-{network.version}", "route", "add", "local", str(network), "dev", "lo")
            yield
        finally:
            if libc.setns(before, CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "cannot go back to the network namespace of before")
    finally:
        os.close(before)


@contextmanager
def single_family(version: int) -> Iterator[None]:
    """A network namespace whose loopback has no address of the other version of IP."""
    with network_namespace():
        if version == 6:
            _ip("address", "delete", "127.0.0.1/8", "dev", "lo")
        else:
            Path("/proc/sys/net/ipv6/conf/all/disable_ipv6").write_text("1")
        yield


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ip {' '.join(words)}: {done.stderr.strip()}"

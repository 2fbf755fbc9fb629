"""Runs the tiers of tests that this machine can run and tells what ran, what was skipped and why.

`python -m tests.tiers [tier ...]`; without names, every tier.
"""

import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, cast

import pytest

from base.errors import MeshlabError
from embedded.tools import pins
from meshlab.engine.programs import CLI, find_engine

HERE = Path(__file__).parent
QUICK = (("unit", "golden", "proxy"), ("charts", "render", "rules", "dashboards", "policy", "verify"))
BESIDE = (("node",),)
SLOW = (("cluster", "engine"),)
"""The tiers of each run of pytest, from quick to slow: what is quick to fail fails first. `node` waits most of its
time, and runs beside the quick ones."""
TIERS = tuple(tier for runs in (QUICK, BESIDE, SLOW) for run in runs for tier in run)

# Each file on one worker; more than four clusters ask for much memory.
SIDE_BY_SIDE = ("--maxprocesses=4", "--dist=loadfile", "--no-loadscope-reorder")
FEWEST = 3
"""Workers at least: all tiers wait a part of their time, and two leave a quarter of two cores idle."""
OF_CLUSTERS = {"node": FEWEST, "cluster": 4, "engine": 4}
"""Workers of the tiers that start clusters. Two long files wait for limits and kills, so that three workers leave a
tenth of two cores idle; the tests of `node` measure that no request is lost."""
YIELDING = ("nice", "-n", "10")
"""Put before the command of a run beside `node`, whose tests measure that no request is lost."""

TABLE_FOLLOWS = "MESHLAB_TABLE_FOLLOWS"
"""Environment variable for pytest: it need not print the table of its tiers."""
LESS_COLLECTION = {"GOGC": "400"}
"""Go's programs, which take most of the time, collect their garbage less often: a tenth less work, for more memory."""

ENDED = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)
"""The exit codes of a pytest that got through all its tests."""

PIPE_LIMIT_SECONDS = 10.0

OF_THE_BENCH = ("helmfile", "helm-diff")
"""Tools that no test starts."""


@dataclass
class Result:
    """What one tier did."""

    tier: str
    seconds: float = 0.0
    passed: int = 0
    failed: int = 0
    skipped: Counter[str] = field(default_factory=Counter[str])
    """Tests by the reason that they were skipped for."""
    broken: str = ""
    """Why pytest itself ended early, so that tests of the tier did not run."""


def main(names: list[str]) -> int:
    """Run the named tiers; returns 1 where anything failed."""
    unknown = [name for name in names if name not in TIERS]
    if unknown:
        print(f"tests: expected tiers of {', '.join(TIERS)}, got {', '.join(unknown)}", file=sys.stderr)
        return 2
    if not names:
        _prepare()
    results = list(_results(names))
    _tell(results)
    return 1 if any(result.failed for result in results) else 0


def _prepare() -> None:
    """Have every tool before the first test.

    On a new machine they are fetched or built, all in one go and the longest first. Inside a test, a build would use up
    the test's own time limit, and one lane would wait for the other's.
    """
    started = time.monotonic()
    tools = [name for name in pins.table() if name not in OF_THE_BENCH and not name.startswith(CLI)]
    try:
        find_engine(partial(print, flush=True), tools)
    except MeshlabError as error:
        print(f"{error}; tests that need it say so", flush=True)
    print(f"tools: ready after {time.monotonic() - started:.0f} s", flush=True)


def _results(names: list[str]) -> Iterator[Result]:
    """Run the named tiers, and yield what each did."""
    quick, beside, slow = (list(_wanted(runs, names)) for runs in (QUICK, BESIDE, SLOW))
    with ThreadPoolExecutor() as threads:
        waiting = [threads.submit(_run, run, shown=not quick) for run in beside]
        try:
            for run in quick:
                yield from _run(run, YIELDING if waiting else ())[0]
        finally:
            ended = [done.result() for done in waiting]
            print(*(kept for _, kept in ended if kept), sep="\n", end="", flush=True)
        for results, _ in ended:
            yield from results
    for run in slow:
        yield from _run(run)[0]


def _wanted(runs: Iterable[tuple[str, ...]], names: list[str]) -> Iterator[list[str]]:
    for run in runs:
        if tiers := [tier for tier in run if tier in (names or TIERS) and (HERE / tier).is_dir()]:
            yield tiers


def _run(run: list[str], prefix: tuple[str, ...] = (), shown: bool = True) -> tuple[list[Result], str]:
    """Run tiers in one pytest. Returns what each did, and the output, where it was not to be shown meanwhile."""
    title = f"=== {', '.join(run)}"
    workers = f"--numprocesses={OF_CLUSTERS.get(run[0], max(FEWEST, os.cpu_count() or 1))}"
    if shown:
        print(title, flush=True)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        started = time.monotonic()
        command = [*prefix, sys.executable, "-m", "pytest", "-q", workers, *SIDE_BY_SIDE, f"--junitxml={report}"]
        code, output = _ended([*command, *(str(HERE / tier) for tier in run)], shown)
        seconds = time.monotonic() - started
        cases = list(ET.parse(report).iter("testcase")) if report.is_file() else []
    results = {tier: Result(tier) for tier in run}
    for case in cases:
        result, skipped = results[_tier(case, run)], case.find("skipped")
        result.seconds += float(case.get("time", 0))
        if case.find("failure") is not None or case.find("error") is not None:
            result.failed += 1
        elif skipped is not None:
            result.skipped[skipped.get("message", "")] += 1
        else:
            result.passed += 1
    if code not in ENDED or (code == pytest.ExitCode.TESTS_FAILED and not any(one.failed for one in results.values())):
        broken = results[run[-1]]
        broken.failed += 1
        broken.broken = f"pytest ended with exit code {code}, and not every test ran{_reason(output)}"
    # Their tests' own seconds say how much of the run was whose.
    tests = sum(result.seconds for result in results.values())
    for result in results.values():
        result.seconds = result.seconds / tests * seconds if tests else seconds / len(run)
    return list(results.values()), "" if shown else f"{title}\n{output}"


def _tier(case: ET.Element, run: list[str]) -> str:
    """The tier of a test in pytest's report, where a module has its dotted name; of a module that cannot be imported,
    this is the test's name."""
    names = f"{case.get('classname', '')}.{case.get('name', '')}".split(".")
    return next((name for name in names if name in run), run[-1])


def _ended(command: list[str], shown: bool) -> tuple[int, str]:
    """Run a command and return its exit code and output. With `shown`, also print the output as it comes."""
    if sys.stdout.isatty():
        command = [*command, "--color=yes"]
    printed = bytearray()
    environment = {**LESS_COLLECTION, **os.environ, TABLE_FOLLOWS: "true"}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0
    ) as running:
        copying = threading.Thread(target=_copy, args=(cast(IO[bytes], running.stdout), printed, shown), daemon=True)
        copying.start()
        code = running.wait()
        # A process that a test has left behind may hold the pipe open for ever.
        copying.join(PIPE_LIMIT_SECONDS)
    return code, printed.decode(errors="replace")


def _copy(pipe: IO[bytes], printed: bytearray, shown: bool) -> None:
    while chunk := pipe.read(1 << 16):
        printed += chunk
        if shown:
            sys.stdout.buffer.write(chunk)
            sys.stdout.flush()


def _reason(output: str) -> str:
    """The error that pytest itself broke down with, which stands far above the end of its output."""
    errors = re.findall(r"^INTERNALERROR> (?:E +)?(\w*(?:Error|Exception|Exit|Interrupt)\b.*)$", output, re.MULTILINE)
    return f": {errors[0]}" if errors else ""


def table(results: Iterable[Result]) -> Iterator[str]:
    """A row for each tier, and below it why tests of it were skipped."""
    yield f"{'tier':12} {'passed':>7} {'failed':>7} {'skipped':>8} {'seconds':>8}"
    for result in results:
        skipped = sum(result.skipped.values())
        yield f"{result.tier:12} {result.passed:7} {result.failed:7} {skipped:8} {result.seconds:8.1f}"
        for reason, count in result.skipped.items():
            yield f"{'':12} {count} skipped: {reason}"
        if result.broken:
            yield f"{'':12} {result.broken}"


def _tell(results: list[Result]) -> None:
    print("", *table(results), sep="\n")
    passed, failed = sum(result.passed for result in results), sum(result.failed for result in results)
    print(f"{passed} passed, {failed} failed, {sum(sum(result.skipped.values()) for result in results)} skipped")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

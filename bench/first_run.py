"""A newcomer's first `make up`, and the second one: a fresh clone, a home of its own, and nothing in any cache."""

import json
import os
import re
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from typing import Any

from base import process
from base.say import Say
from embedded.cluster import istiod
from embedded.tools import downloads, toolchain
from meshlab.recording.recorder import ROOT

from . import mirror

REGISTRY, MIRROR, WARM = "registry", "mirror", "warm"
RUNS: Mapping[str, str] = {
    REGISTRY: "everything is built, from the modules of Go's registry",
    MIRROR: "the release files come from a server on this machine",
    WARM: "once more after `make down`, with what the run before has left in the caches",
}
LIMIT_SECONDS, DOWN_SECONDS = 7200.0, 300.0
_RESOURCE = re.compile(r"^ {2}create\S* +\S+ \([\d.]+ s\)$")
_OURS = re.compile(r"^(tools|engine): ")


def measure(charts: Path, runs: Sequence[str], say: Say) -> dict[str, Any]:
    """Run what is asked for, each once. `warm` comes after the run before it, or after one that is not kept."""
    found: list[dict[str, Any]] = []
    for cold in (REGISTRY, MIRROR):
        last = cold == MIRROR or MIRROR not in runs
        if cold in runs or (WARM in runs and cold == MIRROR and not found):
            found += _cold(cold, charts, WARM in runs and last, say)
    return {"repetitions": 1, "runs": [run for run in found if run["run"] in runs]}


def _cold(kind: str, charts: Path, warm: bool, say: Say) -> list[dict[str, Any]]:
    with ExitStack() as stack:
        home = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="meshlab-first-", ignore_cleanup_errors=True))
        )
        clone = home / "clone"
        started = time.monotonic()
        process.run(["git", "clone", "--quiet", ROOT, clone], timeout=LIMIT_SECONDS)
        cloned = time.monotonic() - started
        env = environment(home)
        # Read-only folders, which nothing but Go takes away.
        stack.callback(process.run, ["go", "clean", "-modcache"], timeout=LIMIT_SECONDS, env=env, check=False)
        env[downloads.VARIABLE] = downloads.OFF
        if kind == MIRROR:
            address = stack.enter_context(mirror.serving(home / "mirror", clone / "tools" / "tools.toml", say))
            env[downloads.VARIABLE] = address
        runs = [{"clone_seconds": cloned, **_up(kind, clone, charts, env, say)}]
        _make("down", clone, charts, env)
        if warm:
            runs.append(_up(WARM, clone, charts, env, say))
            _make("down", clone, charts, env)
        return runs


def environment(home: Path) -> dict[str, str | None]:
    """What a user of this home has: every cache lies in it, and a `go` before the real one keeps what builds cost.

    Go's settings stay this machine's: they tell where its registry is.
    """
    settings = process.run(["go", "env", "GOENV"], timeout=60.0).stdout.strip()
    programs = home / "bin"
    programs.mkdir()
    (programs / "go").symlink_to(Path(__file__).with_name("counted_go.py"))
    return {
        "HOME": str(home),
        "GOENV": settings,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "MESHLAB_BENCH_GO_LOG": str(_log(home)),
        **dict.fromkeys(
            (
                *("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "PIP_CACHE_DIR", "UV_CACHE_DIR", "VIRTUAL_ENV", "PYTHONPATH"),
                *("GOCACHE", "GOMODCACHE", "GOPATH", "PULUMI_HOME", "KUBECONFIG", "MESHLAB_STATE"),
                *("MAKEFLAGS", "MFLAGS", "MAKELEVEL", toolchain.ASSETS_VARIABLE),
            )
        ),
    }


def _log(home: Path) -> Path:
    return home / "go.jsonl"


def _up(kind: str, clone: Path, charts: Path, env: Mapping[str, str | None], say: Say) -> dict[str, Any]:
    log = _log(clone.parent)
    log.unlink(missing_ok=True)
    marks = Marks(say)
    before = _cpu_seconds()
    done = _make("up", clone, charts, env, marks)
    # The cluster's supervisor builds istiod beside the stack: it is no child that this process waits for.
    made = builds(log)
    used = _cpu_seconds() - before + sum(build["cpu_seconds"] for build in made if istiod.PROGRAM in build["programs"])
    say(f"{kind}: {done.seconds:.0f} s, {used / 60:.1f} CPU minutes, {marks.resource:.0f} s to the first resource")
    return {
        "run": kind,
        "seconds": done.seconds,
        "cpu_seconds": used,
        "setup_seconds": marks.ours,
        "first_resource_seconds": marks.resource,
        "builds": made,
    }


class Marks:
    """When a run of `make up` came to a point, in seconds from its start, by the lines that it writes."""

    def __init__(self, say: Say) -> None:
        self._say, self._started = say, time.monotonic()
        self.ours = self.resource = 0.0
        """Until meshlab's own first line, which ends the virtual environment's setup; until the first resource."""

    def line(self, text: str) -> None:
        """Take in one line, from the reader's thread."""
        since = time.monotonic() - self._started
        if not self.ours and _OURS.match(text):
            self.ours = since
        if not self.resource and _RESOURCE.match(text):
            self.resource = since
        if _OURS.match(text):
            self._say(f"{since:7.1f} s  {text}")


def _make(
    target: str, clone: Path, charts: Path, env: Mapping[str, str | None], marks: Marks | None = None
) -> process.Completed:
    return process.run(
        ["make", "--no-print-directory", target, f"CHARTS={charts}"],
        timeout=LIMIT_SECONDS if target == "up" else DOWN_SECONDS,
        cwd=clone,
        env=env,
        on_line=marks.line if marks else None,
        # A cluster that is left running here would outlive its folder.
        grace=60.0,
    )


def builds(log: Path) -> list[dict[str, Any]]:
    """What each `go build` cost: the programs, seconds, CPU seconds."""
    if not log.is_file():
        return []
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]


def _cpu_seconds() -> float:
    """User and system time of all children that have ended; the cluster's own processes have not."""
    used = getrusage(RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime

"""What a run costs in figures that are the same on every machine, held against the committed ones.

tests/golden/counts.json has them; `make golden` writes those of the programs anew, `make counts` those of the runs.
"""

import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from base import process
from bench.loopback import QuietFiles, serving_files
from embedded.cluster import EmbeddedCluster
from embedded.tools import toolchain
from meshlab.recording.recorder import ROOT
from meshlab.target import Target

from .waiting import eventually

COMMITTED = ROOT / "tests" / "golden" / "counts.json"
DISCOVERY = "discovery"
# What a client asks to know the API, not the objects in it.
_DISCOVERY = re.compile(r"/(api|apis|version|openapi(/.*)?|api/v1|apis/[^/]+(/[^/]+)?)")
_ANSWERED = re.compile(r'"Response" verb="(\w+)" url="([^"]+)"')


def hold(name: str, counted: Mapping[str, Any], request: pytest.FixtureRequest, command: str) -> None:
    """Fail where figures are not the committed ones, with what grew; with --update-golden, commit to them instead.

    `command` is what writes them anew.
    """
    committed = json.loads(COMMITTED.read_text(encoding="utf-8")) if COMMITTED.is_file() else {}
    if request.config.getoption("--update-golden"):
        text = json.dumps({**committed, name: counted}, indent=2, sort_keys=True) + "\n"
        COMMITTED.write_text(text, encoding="utf-8")
        return
    moved = differences(committed.get(name, {}), counted)
    assert not moved, "\n".join(
        [
            f"{name}: not as committed in {COMMITTED.name}:",
            *moved,
            f"if that is meant: `{command}`, and commit the diff",
        ]
    )


def differences(before: Mapping[str, Any], now: Mapping[str, Any], place: str = "") -> list[str]:
    """One line for each figure that is another one, such as `dev resources: 67 -> 69 (+2)`."""
    found: list[str] = []
    for key in sorted({*before, *now}):
        here, old, new = f"{place}{key}", before.get(key), now.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            found += differences(old, new, f"{here} ")
        elif old != new:
            numbers = isinstance(old, int) and isinstance(new, int)
            found.append(f"{here}: {_short(old)} -> {_short(new)}" + (f" ({new - old:+})" if numbers else ""))
    return found


def _short(value: Any) -> str:
    return "nothing" if value is None else " > ".join(value) if isinstance(value, list) else str(value)


class Requests:
    """An address of a cluster's API server on loopback, and what was asked for there."""

    def __init__(self, log: Path, kubeconfig: Path) -> None:
        self._log, self._seen = log, 0
        self.target = Target(kubeconfig, embedded=True, label="counted")

    def count(self) -> dict[str, int]:
        """Requests since the last count, by method; those that ask what API there is by themselves.

        kubectl writes a request down before it hands the answer on: none of a run that has ended can be missing. A
        watch is left out: a client opens one after a list whose answer may be all that it wanted, and which comes first
        is chance. What watches cost shows in the lists before them.
        """
        asked = _ANSWERED.findall(self._log.read_text(encoding="utf-8"))
        new, self._seen = asked[self._seen :], len(asked)
        kinds = [_kind(method, url) for method, url in new if "watch=true" not in urlsplit(url).query]
        return dict(sorted(Counter(kinds).items()))


def _kind(method: str, url: str) -> str:
    return DISCOVERY if method == "GET" and _DISCOVERY.fullmatch(urlsplit(url).path) else method


@contextmanager
def counted_requests(cluster: EmbeddedCluster, folder: Path) -> Iterator[Requests]:
    """Has kubectl pass requests on to a cluster and write down each; it is exact, and others' requests go elsewhere."""
    log, kubeconfig = folder / "requests.log", folder / "counted.yaml"
    program = toolchain.ensure(["kubectl"])["kubectl"]
    env = {"KUBECONFIG": str(cluster.kubeconfig)}
    with process.background([program, "proxy", "--port=0", "-v=6"], log=log, env=env):
        serving = re.compile(r"Starting to serve on (127\.0\.0\.1:\d+)")
        found = eventually(lambda: serving.search(log.read_text(encoding="utf-8")), "kubectl proxy serves")
        kubeconfig.write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "counted",
                    "clusters": [{"name": "counted", "cluster": {"server": f"http://{found[1]}"}}],
                    "users": [{"name": "counted", "user": {}}],
                    "contexts": [{"name": "counted", "context": {"cluster": "counted", "user": "counted"}}],
                }
            ),
            encoding="utf-8",
        )
        yield Requests(log, kubeconfig)


class Repository:
    """A chart repository on loopback, and which charts were loaded from it."""

    def __init__(self, address: str, asked: list[str]) -> None:
        self.address, self._asked, self._seen = address, asked, 0

    def count(self) -> dict[str, int]:
        """Loads since the last count, by chart; of the index that says which charts there are, by its file name."""
        new, self._seen = self._asked[self._seen :], len(self._asked)
        return dict(sorted(Counter(re.sub(r"-\d[^/]*\.tgz$", "", path.lstrip("/")) for path in new).items()))


@contextmanager
def counted_charts(charts: Path, folder: Path) -> Iterator[Repository]:
    """Serves a folder of packed charts as a repository."""
    served = folder / "repository"
    served.mkdir()
    for package in charts.glob("*.tgz"):
        shutil.copy(package, served)
    process.run([toolchain.ensure(["helm"])["helm"], "repo", "index", served], timeout=60)
    asked: list[str] = []

    class Handler(QuietFiles):
        def do_GET(self) -> None:  # noqa: N802 - the name that the server looks for
            asked.append(self.path)
            super().do_GET()

    with serving_files(served, Handler) as address:
        yield Repository(address, asked)

"""The parts of the bench of a first run. No `make up` is run here."""

import hashlib
import io
import json
import os
import subprocess
import tarfile
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.request import urlopen

import pytest

from bench import first_run, mirror, targets
from bench.first_run import MIRROR, REGISTRY, RUNS, WARM, Marks
from embedded.tools import downloads, pins, toolchain


@pytest.fixture
def counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The bench's `go` before a pretended one, which says its arguments and fails where the last one is `broken`."""
    real = tmp_path / "real"
    real.mkdir()
    (real / "go").write_text('#!/bin/sh\necho "real $@"\nfor last in "$@"; do :; done\ntest "$last" != broken\n')
    (real / "go").chmod(0o755)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("PATH", f"{real}{os.pathsep}{os.environ['PATH']}")
    for name, value in first_run.environment(home).items():
        monkeypatch.setenv(name, value) if value is not None else monkeypatch.delenv(name, raising=False)
    return home


def go(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["go", *words], capture_output=True, text=True, check=False)


def test_each_build_of_a_first_run_is_kept_with_what_it_cost(counted: Path) -> None:
    done = go("build", "-v", "-tags", "a", "-o", "x/", "k8s.io/kubernetes/cmd/kubectl", "go.etcd.io/etcd/server/v3")
    assert done.stdout == "real build -v -tags a -o x/ k8s.io/kubernetes/cmd/kubectl go.etcd.io/etcd/server/v3\n"
    (kept,) = first_run.builds(counted / "go.jsonl")
    assert kept["programs"] == ["kubectl", "server"]
    assert kept["seconds"] > 0
    assert kept["cpu_seconds"] > 0


def test_what_is_no_build_or_fails_is_not_kept(counted: Path) -> None:
    assert go("list", "-m").stdout == "real list -m\n"
    assert go("build", "-o", "x/", "broken").returncode == 1
    assert first_run.builds(counted / "go.jsonl") == []


def test_a_first_run_has_a_home_of_its_own_and_no_cache_of_the_caller(tmp_path: Path) -> None:
    env = first_run.environment(tmp_path)
    assert env["HOME"] == str(tmp_path)
    assert {name for name, value in env.items() if value is None} >= {
        "XDG_CACHE_HOME",
        "GOCACHE",
        "GOMODCACHE",
        "PULUMI_HOME",
        "MESHLAB_STATE",
    }


def test_the_first_resource_and_the_end_of_the_setup_are_marked_once() -> None:
    said: list[str] = []
    marks = Marks(said.append)
    for line in (
        "Collecting pulumi",
        "tools: downloading helm v3.20.2",
        "engine: pulumi 3.276.0 (downloaded)",
        "  note",
    ):
        marks.line(line)
    ours = marks.ours
    assert ours > 0
    assert marks.resource == 0.0
    marks.line("  create         istio-system (0.1 s)")
    first = marks.resource
    assert first >= ours
    marks.line("  create         prometheus (9.1 s)")
    marks.line("tools: built helm v3.20.2 in 4 s")
    assert (marks.ours, marks.resource) == (ours, first)
    assert [line.split(" s  ", 1)[1] for line in said] == [
        "tools: downloading helm v3.20.2",
        "engine: pulumi 3.276.0 (downloaded)",
        "tools: built helm v3.20.2 in 4 s",
    ]


def test_the_mirror_has_a_programs_release_file_as_its_project_packs_it(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"#!/bin/sh\n")
    table = pins.table()
    digest = mirror.put(tmp_path / "served", table["helm"], program)
    (file,) = (tmp_path / "served" / "helm").iterdir()
    assert hashlib.sha256(file.read_bytes()).hexdigest() == digest
    with tarfile.open(fileobj=io.BytesIO(file.read_bytes())) as archive:
        (entry,) = archive.getmembers()
        assert entry.name.endswith("/helm")
    mirror.put(tmp_path / "served", table["kwok"], program)
    (plain,) = (file for file in (tmp_path / "served" / "kwok").rglob("*") if file.is_file())
    assert plain.read_bytes() == program.read_bytes()


def test_a_program_that_reads_files_beside_it_is_started_in_its_place(tmp_path: Path) -> None:
    program = tmp_path / "provider"
    program.write_text('#!/bin/sh\necho "$0 $1"\n')
    program.chmod(0o755)
    tool = pins.table()["pulumi-resource-kubernetes"]
    assert tool.beside
    mirror.put(tmp_path / "served", tool, program)
    (file,) = (file for file in (tmp_path / "served").rglob("*") if file.is_file())
    with tarfile.open(file) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    started = subprocess.run(
        [tmp_path / "unpacked" / "pulumi-resource-kubernetes", "here"], capture_output=True, text=True, check=True
    )
    assert started.stdout == f"{program} here\n"


def test_a_clone_is_held_to_the_digests_of_the_files_that_were_made_here() -> None:
    text = (pins.TOOLS_FOLDER / "tools.toml").read_text()
    pinned = tomllib.loads(mirror.repinned(text, {"helm": "a" * 64, "etcd": "b" * 64}))
    release = {name: pins.table()[name].release for name in ("helm", "etcd")}
    assert pinned["sha256"] == {
        "helm": {release["helm"]: {downloads.here(): "a" * 64}},
        "etcd": {release["etcd"]: {downloads.here(): "b" * 64}},
    }
    assert pinned["tool"] == tomllib.loads(text)["tool"]


def test_every_program_of_make_up_can_be_served(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"x")
    digests = {name: mirror.put(tmp_path / "served", pins.table()[name], program) for name in mirror.NAMES}
    assert set(digests) == set(mirror.NAMES)
    files = [file for file in (tmp_path / "served").rglob("*") if file.is_file()]
    assert len(files) == len(mirror.NAMES)


def test_the_mirror_serves_what_was_put_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "kwok"
    program.write_bytes(b"kwok")
    monkeypatch.setattr(mirror, "NAMES", ("kwok",))

    def ensure(names: Iterable[str], _say: Callable[[str], None]) -> dict[str, Path]:
        return dict.fromkeys(names, program)

    monkeypatch.setattr(toolchain, "ensure", ensure)
    table = tmp_path / "tools.toml"
    table.write_text((pins.TOOLS_FOLDER / "tools.toml").read_text())
    with mirror.serving(tmp_path / "served", table, lambda line: None) as address:
        found = downloads.read(
            "kwok", pins.table()["kwok"].release, pins.toml()["tool"]["kwok"], tomllib.loads(table.read_text())
        )
        assert found is not None
        with urlopen(f"{address}/{found.source}/{found.path}") as answer:
            assert hashlib.sha256(answer.read()).hexdigest() == found.sha256


def test_each_run_has_a_target_and_the_page_names_it() -> None:
    runs = [
        {"run": REGISTRY, "cpu_seconds": 600.0, "first_resource_seconds": 400.0, "seconds": 420.0},
        {"run": MIRROR, "cpu_seconds": 40.0, "first_resource_seconds": 61.0, "seconds": 80.0},
        {"run": WARM, "cpu_seconds": 20.0, "first_resource_seconds": 8.0, "seconds": 20.0},
    ]
    assert set(RUNS) == {REGISTRY, MIRROR, WARM}
    found = targets.of_first_run(json.loads(json.dumps({"runs": runs})))
    assert [(limit.found, limit.met) for limit in found] == [(10.0, True), (61.0, False), (20.0, True)]

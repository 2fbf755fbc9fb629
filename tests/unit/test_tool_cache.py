"""What `meshlab tools` lists and what `--prune` takes away: in a cache of the test's own."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from embedded.tools import cache as toolcache
from embedded.tools import download, pins, pulumi_download, tool_lock
from embedded.tools.cache import PrunedEntry
from meshlab.cli import main as cli
from meshlab.recording.recorder import ROOT

HELM = pins.table()["helm"]
OLD = "helm-v3.1.0"
HOLD = """
import sys, time
from embedded.tools import tool_lock
with tool_lock.held(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache on a machine with nothing on PATH."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    folder = pins.cache_folder()
    folder.mkdir(parents=True)
    return folder


def put(folder: Path, name: str, size: int = 1000, origin: str = "") -> Path:
    """A tool's folder, such as a build or a download leaves it."""
    program = folder / name / name.partition("-v")[0]
    program.parent.mkdir(parents=True)
    program.write_bytes(b"#" * size)
    if origin:
        (program.parent / pins.ORIGIN).write_text(origin)
    return program.parent


def by_pulumi(kind: str, file: str, size: int = 1000) -> Path:
    """A program such as Pulumi's own download leaves it; returns the folder of its version."""
    program = pulumi_download.pulumi_home() / kind / file
    program.parent.mkdir(parents=True)
    program.write_bytes(b"#" * size)
    return pulumi_download.pulumi_home() / kind / file.partition("/")[0]


@contextmanager
def another_process_holds(key: str) -> Iterator[None]:
    """What a build or a download in another process is to this one."""
    child = subprocess.Popen([sys.executable, "-c", HOLD, key], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert child.stdout
    try:
        assert child.stdout.readline() == "held\n"
        yield
    finally:
        child.kill()
        child.communicate()


def told(capsys: pytest.CaptureFixture[str], *options: str) -> list[str]:
    assert cli.main(["tools", *options]) == 0
    return capsys.readouterr().out.splitlines()


# The list


def test_the_list_says_what_it_is_where_it_came_from_and_whether_a_pin_names_it(
    cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(cache, HELM.path.parent.name, 54_000_000, "https://get.helm.sh/helm\n")
    put(cache, OLD, 2_000_000)
    put(cache, "gone-v0.1.0", 500)
    kubectl = tmp_path / "bin" / "kubectl"
    kubectl.parent.mkdir()
    kubectl.write_text("#!/bin/sh\necho Client Version: v1.36.1\n")
    kubectl.chmod(0o755)
    assert told(capsys) == [
        "NAME     VERSION  SIZE   FROM      PINNED",
        "gone     v0.1.0   500 B  build     no",
        "helm     v3.1.0   2 MB   build     no",
        f"helm     {HELM.release}  54 MB  download  yes",
        "kubectl  v1.36.1  0 B    PATH      yes",
        f"56 MB in {cache.parent}; no pin names 2 MB of it, which `meshlab tools --prune` removes",
    ]


def test_the_list_as_json_has_bytes_and_paths(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = put(cache, OLD)
    assert json.loads("\n".join(told(capsys, "--json"))) == [
        {"name": "helm", "version": "v3.1.0", "bytes": 1000, "from": "build", "pinned": False, "path": str(folder)}
    ]


def test_a_program_of_ours_is_listed_by_the_version_that_it_gives_itself(cache: Path) -> None:
    tool = pins.table()["pulumi-resource-random"]
    put(cache, tool.path.parent.name)
    (one,) = toolcache.kept()
    assert (one.name, one.version, one.pinned) == ("pulumi-resource-random", tool.release, True)


def test_what_pulumi_downloaded_is_listed_as_its_own(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    version = pulumi_download.wanted("pulumi")
    by_pulumi("versions", f"{version}/bin/pulumi", 3_000_000)
    by_pulumi("versions", "3.100.0/bin/pulumi", 2_000_000)
    by_pulumi("plugins", "resource-random-v4.1.0/pulumi-resource-random")
    by_pulumi("plugins", "resource-gone-v1.0.0/pulumi-resource-gone")
    by_pulumi("plugins", "resource-random-v4.2.0/README.md")
    assert told(capsys) == [
        "NAME                    VERSION   SIZE  FROM    PINNED",
        "pulumi                  v3.100.0  2 MB  Pulumi  no",
        f"pulumi                  v{version}  3 MB  Pulumi  yes",
        "pulumi-resource-gone    v1.0.0    1 kB  Pulumi  no",
        "pulumi-resource-random  v4.1.0    1 kB  Pulumi  no",
        f"5 MB in {cache.parent}; no pin names 2 MB of it, which `meshlab tools --prune` removes",
    ]


def test_what_is_no_tool_is_told_apart(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (cache / "chromium-153.0.0").mkdir()
    (cache / "chromium-153.0.0/chromium").write_bytes(b"#" * 3000)
    assert told(capsys)[1:] == [f"0 B in {cache.parent}", "beside them chromium-153.0.0 (3 kB), which is no tool"]


def test_without_a_cache_the_list_is_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "none"))
    assert toolcache.kept() == toolcache.prune() == []
    assert told(capsys, "--prune") == [f"0 B freed in {pins.cache_folder().parent}"]
    assert not (tmp_path / "none").exists()


# Taking away


def test_what_no_pin_names_is_removed_and_how_much_is_said(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = put(cache, HELM.path.parent.name)
    put(cache, OLD, 2_000_000)
    put(cache, "gone-v0.1.0", 3_000_000)
    assert told(capsys, "--prune") == [
        "removed gone v0.1.0 (3 MB)",
        "removed helm v3.1.0 (2 MB)",
        f"5 MB freed in {cache.parent}",
    ]
    assert [path.name for path in cache.iterdir() if path.is_dir()] == [kept.name]
    assert told(capsys, "--prune") == [f"0 B freed in {cache.parent}"]


def test_every_pin_stays(cache: Path) -> None:
    folders = {put(cache, tool.path.parent.name) for tool in pins.table().values()}
    assert toolcache.prune() == []
    assert all(folder.is_dir() for folder in folders)


def test_of_pulumis_downloads_only_the_pinned_versions_stay(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cache.rmdir()
    kept = {by_pulumi("versions", f"{pulumi_download.wanted('pulumi')}/bin/pulumi")}
    for name in ("kubernetes", "random"):
        version = pulumi_download.sdk_version(name)
        kept.add(by_pulumi("plugins", f"resource-{name}-v{version}/pulumi-resource-{name}"))
    by_pulumi("versions", "3.100.0/bin/pulumi")
    by_pulumi("versions", ".new-3.276.0/bin/pulumi")
    old = by_pulumi("plugins", "resource-random-v4.1.0/pulumi-resource-random")
    broken = by_pulumi("plugins", "resource-random-v4.2.0/pulumi-resource-random")
    for folder, ending in ((old, ".lock"), (broken, ".partial"), (broken, ".lock")):
        folder.with_name(folder.name + ending).touch()
    logs = pulumi_download.pulumi_home() / "logs"
    logs.mkdir()
    assert told(capsys, "--prune") == [
        "removed an unfinished download of pulumi by Pulumi (1 kB)",
        "removed pulumi v3.100.0 (1 kB)",
        "removed pulumi-resource-random v4.1.0 (1 kB)",
        "removed an unfinished download of pulumi-resource-random by Pulumi (1 kB)",
        f"4 kB freed in {cache.parent}",
    ]
    left = {path for kind in ("versions", "plugins") for path in (pulumi_download.pulumi_home() / kind).iterdir()}
    assert (left, logs.is_dir()) == (kept, True)


def test_a_download_by_pulumi_that_another_process_is_at_work_on_stays(cache: Path) -> None:
    old = by_pulumi("plugins", "resource-random-v4.1.0/pulumi-resource-random")
    lock = old.with_name(f"{old.name}.lock")
    lock.touch()
    with another_process_holds(tool_lock.fetching("pulumi-resource-random")):
        assert [pruned.busy for pruned in toolcache.prune()] == [True]
        assert old.is_dir()
        assert lock.is_file()
    assert toolcache.prune() == [PrunedEntry("pulumi-resource-random v4.1.0", 1000, busy=False)]
    assert not old.exists()


def test_what_is_no_tool_stays(cache: Path) -> None:
    (cache / "chromium-153.0.0").mkdir()
    for name in (".lock-helm", "build-helm.log", "speed"):
        (cache / name).touch()
    assert toolcache.prune() == []
    assert len(list(cache.iterdir())) == 4


@pytest.mark.parametrize("key", [HELM.folder, tool_lock.fetching("helm")])
def test_what_another_process_is_at_work_on_stays(cache: Path, key: str, capsys: pytest.CaptureFixture[str]) -> None:
    old = put(cache, OLD)
    with another_process_holds(key):
        assert told(capsys, "--prune") == [
            "left helm v3.1.0: another process is at work on it",
            f"0 B freed in {cache.parent}",
        ]
        assert old.is_dir()
    assert [pruned.busy for pruned in toolcache.prune()] == [False]
    assert not old.exists()


def test_work_on_another_tool_is_no_hindrance(cache: Path) -> None:
    put(cache, OLD)
    with another_process_holds("istio"):
        assert toolcache.prune() == [PrunedEntry("helm v3.1.0", 1000, busy=False)]


def test_a_tool_unknown_to_this_checkout_stays_while_anything_is_at_work(cache: Path) -> None:
    put(cache, "gone-v0.1.0")
    with another_process_holds("whatever"):
        assert toolcache.prune() == [PrunedEntry("gone v0.1.0", 1000, busy=True)]
    assert toolcache.prune() == [PrunedEntry("gone v0.1.0", 1000, busy=False)]


def test_the_rest_of_a_killed_build_goes_and_a_running_one_stays(cache: Path) -> None:
    build = cache / ".build-helm"
    build.mkdir()
    (build / "helm").write_bytes(b"#" * 10)
    with another_process_holds("helm"):
        assert [pruned.busy for pruned in toolcache.prune()] == [True]
        assert build.is_dir()
    assert toolcache.prune() == [PrunedEntry("an unfinished build, .build-helm", 10, busy=False)]
    assert not build.exists()


def test_the_beginning_of_a_download_stays_as_long_as_its_pin(cache: Path) -> None:
    pinned = next(tool for tool in pins.table().values() if tool.download)
    assert pinned.download
    current = download.part_of(pinned.name, pinned.download.sha256)
    current.touch()
    old = download.part_of("pulumi-resource-kubernetes", "f" * 64)
    old.write_bytes(b"#" * 7)
    with another_process_holds(tool_lock.fetching("pulumi-resource-kubernetes")):
        assert [pruned.busy for pruned in toolcache.prune()] == [True]
    assert toolcache.prune() == [PrunedEntry("an unfinished download of pulumi-resource-kubernetes", 7, busy=False)]
    assert (current.exists(), old.exists()) == (True, False)


def test_nothing_outside_the_cache_is_touched(cache: Path, tmp_path: Path) -> None:
    outside = put(tmp_path / "outside", OLD)
    (cache / OLD).symlink_to(outside)
    inside = put(cache, "helm-v3.2.0")
    (inside / "more").symlink_to(outside)
    (cache / ".build-helm").symlink_to(outside)
    assert [pruned.busy for pruned in toolcache.prune()] == [False, False, False]
    assert (outside / "helm").is_file()
    assert [place.name for place in cache.iterdir() if not place.name.startswith(".lock-")] == []


def test_a_program_that_runs_goes_on_when_it_is_removed(cache: Path) -> None:
    old = put(cache, OLD)
    (old / "helm").write_bytes(Path("/bin/sleep").read_bytes())
    (old / "helm").chmod(0o755)
    child = subprocess.Popen([old / "helm", "60"])
    try:
        toolcache.prune()
        assert not old.exists()
        assert child.poll() is None
    finally:
        child.kill()
        child.wait()


def test_sizes_count_links_as_links(cache: Path) -> None:
    folder = put(cache, OLD, 100)
    (folder / "link").symlink_to("/bin/sh")
    (one,) = toolcache.kept()
    assert one.size == 100 + len("/bin/sh")

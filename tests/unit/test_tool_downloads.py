"""Which tools are downloaded, from where, and what is built instead. Server, files and go are the test's own."""

import dataclasses
import hashlib
import io
import os
import re
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from base.errors import MeshlabError
from embedded.tools import download, downloads, pins, tool_lock, toolchain, transfer
from embedded.tools.downloads import Download
from embedded.tools.pins import Tool
from meshlab.recording.recorder import ROOT
from tests.support.release_server import ReleaseServer, Served, serving
from tests.support.waiting import HANGS

PROGRAM = b"#!/bin/sh\necho downloaded\n"
LARGE = PROGRAM + b"#" * 3_000_000
PLATFORMS = ("linux-amd64", "linux-arm64", "darwin-amd64", "darwin-arm64")


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with an empty cache, no proxy, and a go that makes programs; returns the file that has go's calls."""
    folder = tmp_path / "bin"
    folder.mkdir()
    go = folder / "go"
    go.write_text(
        f'#!/bin/sh\nPATH=/usr/bin:/bin\necho "$@" >> {tmp_path}/built\n'
        'while [ "$1" != "-o" ]; do shift; done; out="$2"; shift 2\n'
        'for package in "$@"; do echo built > "$out$(basename "$package")"; done\n'
    )
    go.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("MESHLAB_DOWNLOADS", "KUBEBUILDER_ASSETS", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(download, "_silent", {})
    monkeypatch.setattr(download, "_faults", {})
    monkeypatch.setattr(transfer, "PAUSE_SECONDS", 0.01)
    return tmp_path / "built"


@pytest.fixture
def server() -> Iterator[ReleaseServer]:
    with serving() as running:
        yield running


@pytest.fixture
def pin(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Tool]]:
    """Gives tools of the table other downloads, or none."""
    real = pins.table()

    def pin(**of: Download | None) -> dict[str, Tool]:
        table = {name: dataclasses.replace(real[name], download=download) for name, download in of.items()}
        monkeypatch.setattr(pins, "table", lambda: table)
        return table

    return pin


def release(base: str, path: str = "helm", content: bytes = PROGRAM, member: str | None = None) -> Download:
    return Download("helm", base, path, hashlib.sha256(content).hexdigest(), member)


def packed(name: str, content: bytes = PROGRAM) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as file:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        file.addfile(entry, io.BytesIO(content))
        file.addfile(tarfile.TarInfo("linux-amd64/README.md"))
    return archive.getvalue()


def cached() -> list[str]:
    """Every file in the cache but locks and the builds' notes."""
    folder = pins.cache_folder()
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(str(file) for file in files if not file.name.startswith((".lock-", "build-", "speed")))


Pins = Callable[..., dict[str, Tool]]


# What comes


def test_a_program_is_downloaded_to_where_it_is_found(server: ReleaseServer, pin: Pins, machine: Path) -> None:
    server.files["/helm"] = Served(PROGRAM)
    tool = pin(helm=release(server.base))["helm"]
    said: list[str] = []
    assert toolchain.ensure(["helm"], said.append) == {"helm": tool.path}
    assert subprocess.run([tool.path], capture_output=True, check=True).stdout == b"downloaded\n"
    assert tool.downloaded
    assert toolchain.find("helm") == tool.path
    assert cached() == [f"helm-{tool.tag}/helm", f"helm-{tool.tag}/origin"]
    assert (tool.path.parent / "origin").read_text() == f"{server.base}/helm\n"
    assert said == [
        f"tools: downloading helm {tool.release}",
        f"tools: downloaded helm {tool.release} (0 MB) in 0 s",
    ]
    assert not machine.exists(), "nothing was built"


@pytest.mark.parametrize("name", ["linux-amd64/helm", "./linux-amd64/helm"])
def test_a_program_is_taken_out_of_its_archive_and_nothing_else(server: ReleaseServer, pin: Pins, name: str) -> None:
    content = packed(name)
    server.files["/helm.tar.gz"] = Served(content)
    tool = pin(helm=release(server.base, "helm.tar.gz", content, "linux-amd64/helm"))["helm"]
    toolchain.ensure(["helm"], lambda line: None)
    assert tool.path.read_bytes() == PROGRAM
    assert os.access(tool.path, os.X_OK)
    assert cached() == [f"helm-{tool.tag}/helm", f"helm-{tool.tag}/origin"]


def test_several_are_fetched_beside_each_other(server: ReleaseServer, pin: Pins) -> None:
    names = ("kube-apiserver", "kubectl", "kwok", "helm")
    server.files |= {f"/{name}": Served(PROGRAM) for name in names}
    server.together = threading.Barrier(len(names))
    table = pin(**{name: release(server.base, name) for name in names})
    toolchain.ensure(names, lambda line: None)
    assert all(table[name].path.read_bytes() == PROGRAM for name in names)


def test_only_what_has_no_digest_is_built(server: ReleaseServer, pin: Pins, machine: Path) -> None:
    server.files["/helm"] = Served(PROGRAM)
    table = pin(helm=release(server.base), kwok=None)
    toolchain.ensure(["kwok", "helm"], lambda line: None)
    assert [table[name].downloaded for name in ("helm", "kwok")] == [True, False]
    assert machine.read_text().splitlines()[0].endswith(table["kwok"].package)
    assert len(machine.read_text().splitlines()) == 1


def test_a_build_in_place_of_a_download_is_no_download(server: ReleaseServer, pin: Pins) -> None:
    server.files["/helm"] = Served(PROGRAM)
    tool = pin(helm=release(server.base))["helm"]
    toolchain.ensure(["helm"], lambda line: None)
    tool.path.unlink()
    pin(helm=None)
    toolchain.ensure(["helm"], lambda line: None)
    assert not tool.downloaded


# What does not come


def test_a_file_that_is_not_the_pinned_one_stops_and_leaves_nothing(
    server: ReleaseServer, pin: Pins, machine: Path
) -> None:
    server.files["/helm"] = Served(b"something else")
    tool = pin(helm=release(server.base))["helm"]
    with pytest.raises(MeshlabError) as caught:
        toolchain.ensure(["helm"], lambda line: None)
    wanted, got = (hashlib.sha256(content).hexdigest() for content in (PROGRAM, b"something else"))
    assert str(caught.value) == (
        f"helm {tool.release}: {server.base}/helm: expected sha256 {wanted}, got {got}; it was not kept "
        "(fix the mirror or the proxy, or build it: MESHLAB_DOWNLOADS=off)"
    )
    assert cached() == []
    assert not machine.exists()
    assert toolchain.find("helm") is None


@pytest.mark.parametrize("name", ["linux-arm64/helm", "linux-amd64"])
def test_an_archive_without_the_program_is_said_and_the_program_built(
    server: ReleaseServer, pin: Pins, name: str
) -> None:
    content = packed(name)
    server.files["/helm.tar.gz"] = Served(content)
    tool = pin(helm=release(server.base, "helm.tar.gz", content, "linux-amd64/helm"))["helm"]
    said: list[str] = []
    toolchain.ensure(["helm"], said.append)
    assert said[1] == (
        f"tools: the download of helm {tool.release} failed: "
        f"{server.base}/helm.tar.gz: expected the file linux-amd64/helm in it"
    )
    assert cached() == [f"helm-{tool.tag}/helm"]


def test_what_is_no_archive_is_said_and_the_program_built(server: ReleaseServer, pin: Pins) -> None:
    server.files["/helm.tar.gz"] = Served(PROGRAM)
    tool = pin(helm=release(server.base, "helm.tar.gz", PROGRAM, "linux-amd64/helm"))["helm"]
    said: list[str] = []
    toolchain.ensure(["helm"], said.append)
    assert said[1].startswith(f"tools: the download of helm {tool.release} failed: ")
    assert cached() == [f"helm-{tool.tag}/helm"]


def test_a_file_that_is_gone_is_said_and_the_program_built(server: ReleaseServer, pin: Pins, machine: Path) -> None:
    tool = pin(helm=release(server.base))["helm"]
    said: list[str] = []
    toolchain.ensure(["helm"], said.append)
    assert said[1] == (f"tools: the download of helm {tool.release} failed: {server.base}/helm: HTTP 404")
    assert machine.exists()


def test_where_nobody_answers_it_is_built_and_said_once(
    server: ReleaseServer, pin: Pins, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "ANSWER_SECONDS", 0.4)
    server.files |= {"/helm": Served(silent=True), "/kwok": Served(silent=True)}
    table = pin(helm=release(server.base), kwok=release(server.base, "kwok"), kubectl=release(server.base, "kubectl"))
    said: list[str] = []
    toolchain.ensure(["helm", "kwok"], said.append)
    toolchain.ensure(["kubectl"], said.append)
    assert [line for line in said if "answer" in line] == [
        f"tools: not downloaded: helm {table['helm'].release}, kwok {table['kwok'].release} "
        f"({server.base}: no answer within 0.4 s)"
    ]
    assert sorted(path for path, _ in server.asked) == ["/helm", "/kwok"], "the third was not asked for"
    assert len(machine.read_text().splitlines()) == 3


def test_a_name_that_takes_long_to_be_found_is_given_up(
    pin: Pins, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "ANSWER_SECONDS", 0.3)
    found, ended = threading.Event(), threading.Event()

    def look_up(*given: object, **more: object) -> list[object]:
        found.wait(HANGS)
        ended.set()
        return []

    monkeypatch.setattr("socket.getaddrinfo", look_up)
    pin(helm=release("http://releases.invalid"))
    said = list[str]()
    toolchain.ensure(["helm"], said.append)
    assert not ended.is_set()
    found.set()
    assert "http://releases.invalid: no answer within 0.3 s" in said[1]
    assert machine.exists()


def test_one_silent_host_does_not_keep_the_others_from_being_downloaded(
    server: ReleaseServer, pin: Pins, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "ANSWER_SECONDS", 3.0)
    server.files["/helm"] = Served(PROGRAM)
    with serving() as other:
        other.files["/kwok"] = Served(silent=True)
        table = pin(helm=release(server.base), kwok=release(other.base, "kwok"))
        toolchain.ensure(["helm", "kwok"], lambda line: None)
    assert [table[name].downloaded for name in ("helm", "kwok")] == [True, False]


def test_a_slow_download_is_waited_for(server: ReleaseServer, pin: Pins, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "ANSWER_SECONDS", 2.0)
    server.files["/helm"] = Served(PROGRAM, piece=5, pause=0.5)
    tool = pin(helm=release(server.base))["helm"]
    toolchain.ensure(["helm"], lambda line: None)
    assert tool.downloaded


def test_without_a_download_and_go_one_line_says_what_is_missing(
    server: ReleaseServer, pin: Pins, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    server.files["/helm"] = Served(PROGRAM)
    kwok = pin(helm=release(server.base), kwok=None)["kwok"]
    with pytest.raises(
        toolchain.ToolsMissingError, match=rf"^not on this machine: {re.escape(kwok.wanted())}; install Go"
    ):
        toolchain.ensure(["helm", "kwok"], lambda line: None)


# Two at once, and one that was killed

ENSURE = """
import dataclasses, sys
from embedded.tools import pins, toolchain
from embedded.tools.downloads import Download
base, sha256 = sys.argv[1:]
table = {"helm": dataclasses.replace(pins.table()["helm"], download=Download("helm", base, "helm", sha256))}
pins.table = lambda: table
toolchain.ensure(["helm"])
"""


def another(server: ReleaseServer, content: bytes) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", ENSURE, server.base, hashlib.sha256(content).hexdigest()]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_two_processes_at_once_fetch_a_file_once(server: ReleaseServer, pin: Pins) -> None:
    server.files["/helm"] = Served(LARGE, piece=500_000, pause=0.2)
    tool = pin(helm=release(server.base, content=LARGE))["helm"]
    both = [another(server, LARGE), another(server, LARGE)]
    said = [child.communicate(timeout=60)[0] for child in both]
    assert [child.returncode for child in both] == [0, 0]
    assert tool.path.read_bytes() == LARGE
    assert server.asked == [("/helm", "")]
    assert sum("downloaded helm" in text for text in said) == 1


def test_a_killed_download_leaves_no_program_and_goes_on_the_next_time(server: ReleaseServer, pin: Pins) -> None:
    server.files["/helm"] = Served(LARGE, stalls=[2_000_000])
    tool = pin(helm=release(server.base, content=LARGE))["helm"]
    part = download.part_of("helm", hashlib.sha256(LARGE).hexdigest())
    killed = another(server, LARGE)
    end = time.monotonic() + 30
    while not (part.exists() and part.stat().st_size > 1_900_000) and time.monotonic() < end:
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert not tool.path.exists()
    got = part.stat().st_size
    toolchain.ensure(["helm"], lambda line: None)
    assert tool.path.read_bytes() == LARGE
    assert server.asked == [("/helm", ""), ("/helm", f"bytes={got}-")]
    assert not part.exists()


def test_what_another_process_fetches_is_not_taken_for_silence(
    server: ReleaseServer, pin: Pins, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "ANSWER_SECONDS", 1.0)
    tool = pin(helm=release(server.base))["helm"]
    server.files["/helm"] = Served(PROGRAM)
    held, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with tool_lock.held(tool_lock.fetching("helm")):
            held.set()
            let_go.wait(1.5)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    toolchain.ensure(["helm"], lambda line: None)
    holder.join()
    assert tool.downloaded


# Where from


def test_a_mirror_has_every_source_in_a_folder_of_its_name(
    server: ReleaseServer, pin: Pins, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESHLAB_DOWNLOADS", f"{server.base}/tools/")
    server.files["/tools/helm/helm"] = Served(PROGRAM)
    tool = pin(helm=release("https://get.helm.invalid"))["helm"]
    toolchain.ensure(["helm"], lambda line: None)
    assert tool.downloaded


def test_downloads_that_are_off_are_not_asked_for(
    server: ReleaseServer, pin: Pins, monkeypatch: pytest.MonkeyPatch, machine: Path
) -> None:
    monkeypatch.setenv("MESHLAB_DOWNLOADS", "off")
    server.files["/helm"] = Served(PROGRAM)
    tool, said = pin(helm=release(server.base))["helm"], list[str]()
    toolchain.ensure(["helm"], said.append)
    assert (server.asked, tool.downloaded, machine.exists()) == ([], False, True)
    assert not any("download" in line for line in said)
    assert download.why_not(tool) == "downloads are off: MESHLAB_DOWNLOADS=off"


@pytest.mark.parametrize("value", ["mirror.example", "ftp://mirror.example", "https://", "no"])
def test_a_mirror_that_is_no_address_is_refused(pin: Pins, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("MESHLAB_DOWNLOADS", value)
    pin(helm=release("https://get.helm.invalid"))
    with pytest.raises(MeshlabError) as caught:
        toolchain.ensure(["helm"], lambda line: None)
    assert str(caught.value) == (
        f"MESHLAB_DOWNLOADS: expected off or an address as https://mirror.example/tools, got {value!r}"
    )


# tools.toml

DATA = {
    "downloads": {"pulumi": "https://get.pulumi.invalid/sdk/"},
    "sha256": {"pulumi": {"v3.1.0": {"linux-amd64": "a" * 64}}},
}
ENTRY = {
    "download": {
        "from": "pulumi",
        "path": "pulumi-{tag}-{os}-{arch}.tar.gz",
        "member": "pulumi/{version}",
        "arch": {"amd64": "x64"},
    }
}


def test_a_download_is_read_for_this_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "here", lambda: "linux-amd64")
    read = downloads.read("pulumi", "v3.1.0", ENTRY, DATA)
    assert read == Download(
        "pulumi", "https://get.pulumi.invalid/sdk", "pulumi-v3.1.0-linux-x64.tar.gz", "a" * 64, "pulumi/3.1.0"
    )
    assert read.url == "https://get.pulumi.invalid/sdk/pulumi-v3.1.0-linux-x64.tar.gz"


@pytest.mark.parametrize(("release", "place"), [("v3.1.1", "linux-amd64"), ("v3.1.0", "linux-arm64")])
def test_another_release_or_platform_has_no_download(monkeypatch: pytest.MonkeyPatch, release: str, place: str) -> None:
    monkeypatch.setattr(downloads, "here", lambda: place)
    assert downloads.read("pulumi", release, ENTRY, DATA) is None


def test_a_source_that_is_not_in_the_table_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "here", lambda: "linux-amd64")
    with pytest.raises(MeshlabError, match=r"pulumi\.download\.from is 'pulumi', expected one of \[downloads\]$"):
        downloads.read("pulumi", "v3.1.0", ENTRY, {**DATA, "downloads": {}})


@pytest.mark.parametrize(
    ("system", "machine_name", "place"),
    [("Linux", "x86_64", "linux-amd64"), ("Darwin", "arm64", "darwin-arm64"), ("Linux", "aarch64", "linux-arm64")],
)
def test_platforms_are_called_as_releases_call_them(
    monkeypatch: pytest.MonkeyPatch, system: str, machine_name: str, place: str
) -> None:
    monkeypatch.setattr("platform.system", lambda: system)
    monkeypatch.setattr("platform.machine", lambda: machine_name)
    assert downloads.here() == place


@pytest.mark.parametrize("place", PLATFORMS)
def test_every_digest_is_of_a_file_that_a_tool_names(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "here", lambda: place)
    data = pins.toml()
    for name, releases in data["sha256"].items():
        for tag, digests in releases.items():
            assert set(digests) <= set(PLATFORMS), f"{name} {tag}"
            assert all(len(digest) == 64 and int(digest, 16) for digest in digests.values()), f"{name} {tag}"
            if place in digests:
                read = downloads.read(name, tag, data["tool"][name], data)
                assert read is not None
                assert tag.removeprefix("v") in read.path
                assert "{" not in f"{read.path}{read.member}"
    all_of_them = [d for releases in data["sha256"].values() for digests in releases.values() for d in digests.values()]
    assert len(all_of_them) == len(set(all_of_them)) > 0

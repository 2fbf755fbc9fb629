"""Pulumi's own download against its real CLI and the real Automation API. All that they reach is on loopback."""

import io
import os
import socket
import tarfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded.tools import download, downloads, pins, pulumi_download, tool_lock, transfer
from embedded.tools.pulumi_download import CLI, SITE, pulumi_home
from tests.support import pretended_pulumi
from tests.support.release_server import ReleaseServer, Served, serving
from tests.support.waiting import HANGS

# The machine's own, before a test has a cache of its own.
REAL_CLI = pins.table()[CLI].path
RANDOM = "pulumi-resource-random"
VERSION = pulumi_download.sdk_version("random")
RELEASE = pulumi_download.wanted(CLI)
needs_cli = pytest.mark.skipif(not REAL_CLI.is_file(), reason="no pulumi of the pinned version in the tools' cache")


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with an empty cache, whose way out is a proxy on a port that nobody listens on."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("MESHLAB_DOWNLOADS", raising=False)
    for name in ("no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pulumi_download, "_told", set[str]())
    monkeypatch.setattr(download, "_silent", {})
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    through(monkeypatch, f"http://127.0.0.1:{port}")


def through(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    """Lead all requests through a proxy, and forget what was asked before."""
    for name in ("https_proxy", "http_proxy"):
        monkeypatch.setenv(name, proxy)
    # It keeps the proxies that were there when it was first used.
    monkeypatch.setattr(urllib.request, "_opener", None)
    pulumi_download._fault.cache_clear()


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    yield
    pulumi_download._fault.cache_clear()


@pytest.fixture
def server() -> Iterator[ReleaseServer]:
    with serving() as running:
        yield running


@pytest.fixture
def said() -> list[str]:
    return []


def packed(name: str) -> bytes:
    content, archive = b"#!/bin/sh\n", io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as file:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = len(content), 0o755
        file.addfile(entry, io.BytesIO(content))
    return archive.getvalue()


# Whether it answers


def test_a_site_that_cannot_be_reached_is_said_once(said: list[str]) -> None:
    assert not pulumi_download.answers([CLI, RANDOM], said.append)
    assert not pulumi_download.answers([RANDOM], said.append)
    assert said == [
        f"engine: nothing can be downloaded by Pulumi ({SITE}: Connection refused), so these have to be built: "
        f"{CLI}, {RANDOM}"
    ]


def test_a_proxy_that_refuses_is_a_site_that_does_not_answer(
    server: ReleaseServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    through(monkeypatch, server.base)
    assert pulumi_download.why_not() == f"{SITE}: Tunnel connection failed: 501 Unsupported method ('CONNECT')"


def test_a_site_that_is_silent_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "ANSWER_SECONDS", 0.3)
    monkeypatch.setattr(transfer, "ANSWER_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        through(monkeypatch, f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert pulumi_download.why_not() == f"{SITE}: no answer within 0.3 s"
        assert pulumi_download.why_not() == f"{SITE}: no answer within 0.3 s"


def test_a_name_that_takes_long_to_be_found_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "ANSWER_SECONDS", 0.3)
    found, ended = threading.Event(), threading.Event()

    def ask() -> str:
        found.wait(HANGS)
        ended.set()
        return ""

    monkeypatch.setattr(pulumi_download, "_ask", ask)
    assert pulumi_download.why_not() == f"{SITE}: no answer within 0.3 s"
    assert not ended.is_set()
    found.set()


@pytest.mark.parametrize(("answer", "why"), [([], ""), ([403], f"{SITE}: HTTP 403")])
def test_the_script_that_the_api_will_fetch_is_what_is_asked_for(
    server: ReleaseServer, monkeypatch: pytest.MonkeyPatch, answer: list[int], why: str
) -> None:
    server.files["/install.sh"] = Served(b"#!/bin/sh\n", statuses=answer)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with monkeypatch.context() as here:
        here.setattr(pulumi_download, "SITE", server.base)
        assert pulumi_download.why_not() == why.replace(SITE, server.base)
    assert [path for path, _ in server.asked] == ["/install.sh"]


# What it leaves, by the real programs


@needs_cli
def test_a_provider_that_the_real_cli_installs_is_found(
    server: ReleaseServer, said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = downloads.here()
    server.files[f"/{RANDOM}-v{VERSION}-{place}.tar.gz"] = Served(packed(RANDOM))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    # Nothing of the caller's PULUMI_* but logins and places reaches a program.
    led = f"export PULUMI_PLUGIN_DOWNLOAD_URL_OVERRIDES='.*={server.base}'"
    cli = pretended_pulumi.program(tmp_path, CLI, f'#!/bin/sh\n{led}\nexec "{REAL_CLI}" "$@"\n')
    assert pulumi_download.fetch(RANDOM, cli, said.append)
    program = pulumi_home() / "plugins" / f"resource-random-v{VERSION}" / RANDOM
    assert pulumi_download.found(RANDOM) == program
    assert os.access(program, os.X_OK)
    assert said == [f"engine: downloading {RANDOM} {VERSION} by Pulumi, which no digest of tools.toml pins"]
    assert [path for path, _ in server.asked] == [f"/{RANDOM}-v{VERSION}-{place}.tar.gz"]


@needs_cli
def test_a_provider_that_the_real_cli_cannot_install_is_one_line(said: list[str]) -> None:
    assert not pulumi_download.fetch(RANDOM, REAL_CLI, said.append)
    assert pulumi_download.found(RANDOM) is None
    assert len(said) == 2
    assert said[1].startswith(
        f"engine: the download of {RANDOM} {VERSION} by Pulumi failed, so it has to be built: pulumi plugin failed"
    )
    assert said[1].endswith("failed all 5 attempts")


def test_a_cli_that_cannot_be_fetched_is_one_line_and_leaves_nothing(said: list[str]) -> None:
    assert not pulumi_download.fetch(CLI, None, said.append)
    assert len(said) == 2
    assert said[1].startswith(f"engine: the download of pulumi {RELEASE} by Pulumi failed, so it has to be built: ")
    assert said[1].endswith("Connection refused>")
    assert pulumi_download.fetched() == []


def test_an_install_takes_the_place_of_what_a_broken_one_left(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = pulumi_home() / "versions"
    for name in (f"{RELEASE}", f".new-{RELEASE}"):
        (versions / name / "bin").mkdir(parents=True)
        (versions / name / "bin" / "left").touch()
    pretended_pulumi.installs(monkeypatch)
    assert pulumi_download.fetch(CLI, None, lambda line: None)
    assert [str(path.relative_to(versions)) for path in versions.rglob("*") if path.is_file()] == [
        f"{RELEASE}/bin/{CLI}"
    ]


def test_two_at_once_install_once(monkeypatch: pytest.MonkeyPatch, said: list[str]) -> None:
    fetched = pretended_pulumi.installs(monkeypatch)
    with tool_lock.held(tool_lock.fetching(CLI)):
        both = [threading.Thread(target=pulumi_download.fetch, args=(CLI, None, said.append)) for _ in range(2)]
        for cached in both:
            cached.start()
        time.sleep(0.2)
        assert (fetched, said) == ([], [])
    for cached in both:
        cached.join(60)
    assert fetched == [f"pulumi {RELEASE}"]
    assert len(said) == 1


def test_a_provider_is_not_asked_for_without_a_cli(said: list[str]) -> None:
    assert not pulumi_download.fetch(RANDOM, None, said.append)
    assert said == []

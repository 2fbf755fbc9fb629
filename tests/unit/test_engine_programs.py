"""Which Pulumi CLI and providers are taken, in which order, and what is said of it. Nothing is built."""

import dataclasses
import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from pulumi import automation

from embedded.tools import download, pins, pulumi_download, toolchain
from embedded.tools.downloads import Download
from embedded.tools.downloads import here as here_is
from embedded.tools.pulumi_download import pulumi_home as home
from meshlab.cli import main as meshlab_cli
from meshlab.engine import programs as engine_programs
from meshlab.engine.programs import (
    CLI,
    PROVIDERS,
    Engine,
    EngineMissingError,
    Part,
    find_cli,
    find_engine,
    find_installed,
)
from tests.support import pretended_pulumi
from tests.support.release_server import ReleaseServer, Served, serving

OFF = "downloads are off: MESHLAB_DOWNLOADS=off"
REFUSED = "https://get.pulumi.com: HTTP 403"
TOOLS = (CLI, "pulumi-resource-kubernetes", "pulumi-resource-random")
ALL = ", ".join(TOOLS)
KUBERNETES, RANDOM = (engine_programs.sdk_version(name) for name in PROVIDERS)
RELEASE = pins.table()[CLI].release.removeprefix("v")


@pytest.fixture(autouse=True)
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with empty caches, nothing on PATH but the folder that is returned, and downloads that are off."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "pulumi"))
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("MESHLAB_DOWNLOADS", "off")
    monkeypatch.setattr(pulumi_download, "_fault", lambda: REFUSED)
    monkeypatch.setattr(pulumi_download, "_told", set[str]())
    monkeypatch.setattr(download, "_faults", {})
    monkeypatch.setattr(download, "_silent", {})
    return folder


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch) -> Iterator[ReleaseServer]:
    """A machine on which downloads work, from the server that is returned."""
    with serving() as server:
        table = dict(pins.table())
        for name in TOOLS:
            content = f"#!/bin/sh\necho {table[name].release}\n".encode()
            server.files[f"/{name}"] = Served(content)
            of = Download("pulumi", server.base, name, hashlib.sha256(content).hexdigest())
            table[name] = dataclasses.replace(table[name], download=of)
        monkeypatch.setattr(pins, "table", lambda: table)
        monkeypatch.delenv("MESHLAB_DOWNLOADS")
        yield server


@pytest.fixture
def by_pulumi(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A machine on which Pulumi's own download works, and no digest is pinned; the list has what was fetched."""
    table = {name: dataclasses.replace(tool, download=None) for name, tool in pins.table().items()}
    monkeypatch.setattr(pins, "table", lambda: table)
    monkeypatch.delenv("MESHLAB_DOWNLOADS")
    return pretended_pulumi.downloads(monkeypatch)


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch, on_path: Path) -> list[list[str]]:
    """A machine with Go; the list has what each call of the toolchain was asked to build."""
    pretended_pulumi.program(on_path, "go", "#!/bin/sh\nexit 1\n")
    asked: list[list[str]] = []

    def ensure(names: list[str], progress: engine_programs.Say) -> dict[str, Path]:
        asked.append(list(names))
        return {name: pretended(name) for name in names}

    monkeypatch.setattr(toolchain, "ensure", ensure)
    return asked


def pretended(tool: str) -> Path:
    """A tool as it lies in the cache once it is built."""
    path = pins.table()[tool].path
    return pretended_pulumi.program(path.parent, path.name, "#!/bin/sh\n")


def fetched_cli() -> Path:
    """A CLI as Pulumi's installer leaves it."""
    return pretended_pulumi.cli(home() / "versions" / RELEASE / "bin")


def fetched_provider(name: str, version: str) -> Path:
    """A provider as `pulumi plugin install` leaves it; returns its folder."""
    folder = home() / "plugins" / f"resource-{name}-v{version}"
    return pretended_pulumi.program(folder, f"pulumi-resource-{name}", "#!/bin/sh\n").parent


def downloaded(tool: str) -> Path:
    """A tool as it lies in the cache once it is downloaded by its digest."""
    path = pretended(tool)
    (path.parent / pins.ORIGIN).touch()
    return path


def origins(engine: Engine) -> dict[str, str]:
    return {part.name: f"{part.version} {part.origin}" for part in (engine.cli, *engine.providers)}


BUILT = {CLI: f"{RELEASE} built here", "kubernetes": "4.25.0 built here", "random": "4.21.4 built here"}
BY_PULUMI = {
    CLI: f"{RELEASE} downloaded by Pulumi",
    "kubernetes": f"{KUBERNETES} downloaded by Pulumi",
    "random": f"{RANDOM} downloaded by Pulumi",
}


# The CLI


@pytest.mark.parametrize("version", ["3.260.0", "3.276.0", "3.300.1"])
def test_a_fitting_cli_on_path_is_taken_first(on_path: Path, version: str, said: list[str]) -> None:
    pretended(CLI)
    pretended_pulumi.cli(on_path, f"v{version}")
    assert find_installed()[0] == Part(CLI, version, "on PATH", on_path)
    assert find_cli(said.append) == str(on_path / CLI)
    assert said == []


@pytest.mark.parametrize("version", ["v3.259.9", "v2.25.2", "v4.0.0", "dev"])
def test_a_cli_of_another_version_is_not_taken(on_path: Path, version: str) -> None:
    pretended_pulumi.cli(on_path, version)
    assert find_installed()[0] is None
    pretended(CLI)
    cli, *_ = find_installed()
    assert cli is not None
    assert cli.origin == "built here"


def test_a_cli_that_fails_is_not_taken(on_path: Path) -> None:
    pretended_pulumi.program(on_path, CLI, "#!/bin/sh\necho v3.276.0\nexit 1\n")
    assert find_installed()[0] is None


def test_a_pinned_cli_comes_before_pulumis_download_and_a_built_one() -> None:
    pretended(CLI)
    assert [part and part.origin for part in find_installed()] == ["built here", None, None]
    file = fetched_cli()
    assert find_installed()[0] == Part(CLI, RELEASE, "downloaded by Pulumi", file.parent)
    path = downloaded(CLI)
    assert find_installed()[0] == Part(CLI, RELEASE, "downloaded", path.parent)


def test_an_installed_cli_that_is_not_whole_or_of_another_version_is_none() -> None:
    (home() / "versions" / RELEASE / "bin").mkdir(parents=True)
    for name in ("3.275.0", f".new-{RELEASE}"):
        pretended_pulumi.cli(home() / "versions" / name / "bin")
    assert find_installed()[0] is None


# A provider


def test_a_provider_on_path_is_asked_for_its_version(on_path: Path) -> None:
    pretended_pulumi.provider(on_path, "random", "4.30.1")
    pretended("pulumi-resource-random")
    assert find_installed()[2] == Part("random", "4.30.1", "on PATH", on_path, RANDOM)


@pytest.mark.parametrize("version", ["4.20.0", "5.0.0", ""])
def test_a_provider_on_path_of_another_version_is_not_taken(on_path: Path, version: str) -> None:
    pretended_pulumi.provider(on_path, "random", version)
    assert find_installed()[2] is None


@pytest.mark.parametrize(
    "text",
    ["#!/bin/sh\nexit 1\n", "#!/bin/sh\necho ready; exec sleep 60\n", "#!/no/such/shell\n", "#!/bin/sh\necho 1\n"],
)
def test_a_provider_on_path_that_does_not_answer_is_not_taken(
    on_path: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_programs, "ASK_LIMIT_SECONDS", 3.0)
    monkeypatch.setenv("PATH", f"{on_path}:/usr/bin:/bin")
    pretended_pulumi.program(on_path, "pulumi-resource-random", text)
    assert find_installed()[2] is None


def test_a_pinned_provider_comes_before_pulumis_download_and_a_built_one() -> None:
    pretended("pulumi-resource-kubernetes")
    fetched_provider("kubernetes", "4.24.0")
    assert [part and part.origin for part in find_installed()[1:]] == ["built here", None]
    folder = fetched_provider("kubernetes", KUBERNETES)
    assert find_installed()[1] == Part("kubernetes", KUBERNETES, "downloaded by Pulumi", folder, KUBERNETES)
    path = downloaded("pulumi-resource-kubernetes")
    assert find_installed()[1] == Part("kubernetes", "4.25.0", "downloaded", path.parent, KUBERNETES)


def test_what_a_broken_download_left_is_no_provider() -> None:
    folder = fetched_provider("kubernetes", KUBERNETES)
    folder.with_name(f"{folder.name}.partial").touch()
    (home() / "plugins" / f"resource-random-v{RANDOM}").mkdir()
    (home() / "plugins" / f"resource-random-v{RANDOM}.lock").touch()
    assert find_installed()[1:] == [None, None]


# All of it


def test_what_is_not_here_is_built_in_one_go_with_what_else_is_needed(builds: list[list[str]], said: list[str]) -> None:
    engine = find_engine(said.append, also=["helm"])
    assert builds == [["pulumi", "pulumi-resource-kubernetes", "pulumi-resource-random", "helm"]]
    assert origins(engine) == BUILT
    assert said == []


def test_only_what_is_missing_is_built(on_path: Path, builds: list[list[str]], said: list[str]) -> None:
    pretended_pulumi.cli(on_path, "v3.280.0")
    pretended("pulumi-resource-random")
    engine = find_engine(said.append)
    assert builds == [["pulumi-resource-kubernetes"]]
    assert origins(engine) == {**BUILT, CLI: "3.280.0 on PATH"}


def test_what_is_here_is_neither_built_nor_downloaded(downloads: ReleaseServer, said: list[str]) -> None:
    for tool in TOOLS:
        pretended(tool)
    assert origins(find_engine(said.append)) == BUILT
    assert (downloads.asked, said) == ([], [])


def test_what_pulumi_downloaded_before_is_neither_built_nor_downloaded(by_pulumi: list[str], said: list[str]) -> None:
    fetched_cli()
    folders = {name: fetched_provider(name, engine_programs.sdk_version(name)) for name in PROVIDERS}
    engine = find_engine(said.append)
    assert (origins(engine), by_pulumi, said) == (BY_PULUMI, [], [])
    assert engine.plugins == {**folders, "pulumi-python": engine_programs.LAUNCHER}


def test_what_no_digest_pins_is_downloaded_by_pulumi_and_not_built(by_pulumi: list[str], said: list[str]) -> None:
    engine = find_engine(said.append)
    assert by_pulumi == [f"pulumi {RELEASE}"]
    assert (home() / "asked").read_text(encoding="utf-8").splitlines() == [
        f"plugin install resource kubernetes {KUBERNETES}",
        f"plugin install resource random {RANDOM}",
    ]
    assert origins(engine) == BY_PULUMI
    assert not engine.older
    assert said == [
        f"engine: downloading {what} by Pulumi, which no digest of tools.toml pins"
        for what in (
            f"pulumi {RELEASE}",
            f"pulumi-resource-kubernetes {KUBERNETES}",
            f"pulumi-resource-random {RANDOM}",
        )
    ]
    # The second time, all of it is here.
    again: list[str] = []
    assert origins(find_engine(again.append)) == origins(engine)
    assert again == []


def test_a_digest_comes_before_pulumis_own_download(
    downloads: ReleaseServer, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched = pretended_pulumi.downloads(monkeypatch)
    assert {told.partition(" ")[2] for told in origins(find_engine(said.append)).values()} == {"downloaded"}
    assert len(downloads.asked) == 3
    assert fetched == []


def test_a_release_file_that_is_gone_is_downloaded_by_pulumi(
    downloads: ReleaseServer, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched = pretended_pulumi.downloads(monkeypatch)
    downloads.files[f"/{CLI}"].statuses = [404]
    assert origins(find_engine(said.append)) == {
        CLI: BY_PULUMI[CLI],
        "kubernetes": "4.25.0 downloaded",
        "random": "4.21.4 downloaded",
    }
    assert fetched == [f"pulumi {RELEASE}"]


def test_the_cli_alone_is_downloaded_by_pulumi_too(by_pulumi: list[str], said: list[str]) -> None:
    assert find_cli(said.append) == str(home() / "versions" / RELEASE / "bin" / CLI)
    assert by_pulumi == [f"pulumi {RELEASE}"]


def test_where_pulumis_site_does_not_answer_that_is_said_once_and_all_is_built(
    by_pulumi: list[str], builds: list[list[str]], said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulumi_download, "_fault", lambda: REFUSED)
    assert origins(find_engine(said.append)) == BUILT
    for tool in TOOLS:
        pins.table()[tool].path.unlink()
    assert origins(find_engine(said.append)) == BUILT
    assert (by_pulumi, builds) == ([], [list(TOOLS)] * 2)
    assert said == [f"engine: nothing can be downloaded by Pulumi ({REFUSED}), so these have to be built: {ALL}"]


def test_a_host_that_is_silent_already_is_not_asked_again_and_not_told_again(
    by_pulumi: list[str], builds: list[list[str]], said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "_silent", {pulumi_download.SITE: "no answer"})
    monkeypatch.setattr(pulumi_download, "_fault", lambda: pytest.fail("asked"))
    assert origins(find_engine(said.append)) == BUILT
    assert (by_pulumi, said) == ([], [])


@pytest.mark.parametrize("setting", ["off", "https://mirror.invalid/tools"])
def test_nothing_is_asked_of_pulumi_in_a_closed_network(
    by_pulumi: list[str],
    builds: list[list[str]],
    said: list[str],
    setting: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MESHLAB_DOWNLOADS", setting)
    monkeypatch.setattr(pulumi_download, "_fault", lambda: pytest.fail("asked"))
    assert origins(find_engine(said.append)) == BUILT
    assert (by_pulumi, said, builds) == ([], [], [list(TOOLS)])


def test_an_install_that_fails_is_said_and_built(
    by_pulumi: list[str], builds: list[list[str]], said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pretended_pulumi.installs(monkeypatch, automation.errors.InvalidVersionError("Failed to install:\nno room"))
    assert origins(find_engine(said.append)) == BUILT
    assert said[1:] == [f"engine: the download of pulumi {RELEASE} by Pulumi failed, so it has to be built: no room"]
    assert builds == [list(TOOLS)]


def test_a_provider_whose_install_fails_is_said_and_built(
    on_path: Path, by_pulumi: list[str], builds: list[list[str]], said: list[str]
) -> None:
    pretended_pulumi.cli(on_path, otherwise='echo "error: no such plugin" >&2; exit 255')
    assert origins(find_engine(said.append)) == {**BUILT, CLI: "3.276.0 on PATH"}
    assert by_pulumi == []
    assert [line for line in said if "random" in line] == [
        f"engine: downloading pulumi-resource-random {RANDOM} by Pulumi, which no digest of tools.toml pins",
        f"engine: the download of pulumi-resource-random {RANDOM} by Pulumi failed, so it has to be built: "
        "pulumi plugin failed with exit code 255: error: no such plugin",
    ]


def test_an_install_that_leaves_no_program_has_failed(
    on_path: Path, by_pulumi: list[str], builds: list[list[str]], said: list[str]
) -> None:
    pretended_pulumi.cli(on_path)
    assert origins(find_engine(said.append))["random"] == BUILT["random"]
    assert said[-1].endswith("so it has to be built: its program is not where it belongs")


def test_without_go_an_install_that_fails_is_an_engine_that_is_missing(
    by_pulumi: list[str], said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pretended_pulumi.installs(monkeypatch, OSError("no room"))
    with pytest.raises(EngineMissingError, match=r"^no pulumi: .*\(Pulumi's own download failed\), and no Go to build"):
        find_cli(said.append)


def test_where_downloads_answer_nothing_is_built(downloads: ReleaseServer, said: list[str]) -> None:
    engine = find_engine(said.append)
    assert sorted(path for path, _ in downloads.asked) == sorted(f"/{name}" for name in TOOLS)
    assert origins(engine) == {name: told.replace("built here", "downloaded") for name, told in BUILT.items()}
    assert engine.plugins == {
        "kubernetes": pins.table()["pulumi-resource-kubernetes"].path.parent,
        "random": pins.table()["pulumi-resource-random"].path.parent,
        "pulumi-python": engine_programs.LAUNCHER,
    }
    assert "a stand-in" not in engine.told()
    # The second time, all of it is here.
    again: list[str] = []
    assert origins(find_engine(again.append)) == origins(engine)
    assert again == []


def test_a_download_that_fails_is_said_and_built(
    on_path: Path, downloads: ReleaseServer, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pretended_pulumi.program(on_path, "go", "#!/bin/sh\nexit 1\n")
    downloads.files[f"/{CLI}"].statuses = [404]
    built: list[str] = []
    monkeypatch.setattr(
        "embedded.tools.build.build", lambda tools, progress: built.extend(pretended(tool.name).name for tool in tools)
    )
    assert origins(find_engine(said.append))[CLI] == BUILT[CLI]
    assert built == [CLI]
    assert any(f"the download of pulumi {pins.table()[CLI].release} failed" in line for line in said)


def test_without_go_a_download_that_fails_is_an_engine_that_is_missing(
    downloads: ReleaseServer, said: list[str]
) -> None:
    downloads.files[f"/{CLI}"].statuses = [404]
    with pytest.raises(EngineMissingError) as caught:
        find_engine(said.append, also=["helm"])
    assert str(caught.value) == (
        f"no pulumi: not on PATH, not to be downloaded ({downloads.base}/pulumi: HTTP 404; {REFUSED}), "
        "and no Go to build with (install Pulumi 3.260 or newer, or Go 1.26 or newer)"
    )


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ("", f"{{digest}}; {REFUSED}"),
        (
            "http://127.0.0.1/tools",
            "{digest}; MESHLAB_DOWNLOADS names a mirror, and Pulumi downloads from its own site",
        ),
    ],
)
def test_without_go_the_line_says_why_neither_download_is_to_be_had(
    by_pulumi: list[str], setting: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulumi_download, "_fault", lambda: REFUSED)
    monkeypatch.setenv("MESHLAB_DOWNLOADS", setting)
    digest = f"tools.toml has no digest of pulumi v{RELEASE} for {here_is()}"
    with pytest.raises(EngineMissingError) as caught:
        find_engine(lambda line: None)
    assert f"no {ALL}: not on PATH, not to be downloaded ({why.format(digest=digest)}), and" in str(caught.value)


@pytest.mark.parametrize("find", [find_engine, find_cli])
def test_without_download_and_go_one_line_says_what_to_install(find: object) -> None:
    assert shutil.which("go") is None
    with pytest.raises(EngineMissingError) as caught:
        find(lambda line: None)  # type: ignore[operator]
    tools = "pulumi" if find is find_cli else "pulumi, pulumi-resource-kubernetes, pulumi-resource-random"
    assert str(caught.value) == (
        f"no {tools}: not on PATH, not to be downloaded ({OFF}), and no Go to build with "
        "(install Pulumi 3.260 or newer, or Go 1.26 or newer)"
    )


def test_the_command_line_ends_with_that_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Before the charts, which helm would have to be built for.
    monkeypatch.setattr("meshlab.stack.Stack.installable", lambda stack: pytest.fail("asked for charts"))
    assert meshlab_cli.main(["up", "--stack", "dev"]) == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line]
    assert "install Pulumi 3.260 or newer, or Go 1.26 or newer" in line


# What the driver is told


def test_a_provider_older_than_its_sdk_is_said_with_why_it_will_do() -> None:
    for tool in (CLI, "pulumi-resource-kubernetes", "pulumi-resource-random"):
        pretended(tool)
    engine = find_engine(print)
    assert engine.older
    assert engine.told() == (
        f"engine: pulumi {pins.table()[CLI].release.removeprefix('v')} (built here), "
        f"kubernetes 4.25.0 (built here; its SDK is {KUBERNETES}, and the program asks for nothing newer), "
        "random 4.21.4 (built here, a stand-in for generated passwords alone)"
    )


def test_a_random_provider_from_elsewhere_is_no_stand_in(on_path: Path) -> None:
    assert Part("random", RANDOM, "on PATH", on_path, RANDOM).told() == f"random {RANDOM} (on PATH)"


def test_a_provider_that_the_user_has_is_used_if_its_major_version_fits(tmp_path: Path) -> None:
    theirs = tmp_path / "pulumi" / "plugins"
    (theirs / "resource-kubernetes-v5.0.0").mkdir(parents=True)
    assert find_installed()[1] is None
    folder = theirs / f"resource-kubernetes-v{KUBERNETES}"
    folder.mkdir()
    assert find_installed()[1] == Part("kubernetes", KUBERNETES, "downloaded", folder, KUBERNETES)


@pytest.mark.parametrize(
    ("version", "older"), [("4.9.9", True), ("4.34.1", True), ("4.34.2", False), ("4.35.0", False)]
)
def test_versions_are_compared_as_numbers(version: str, older: bool) -> None:
    assert Part("kubernetes", version, "on PATH", Path("bin"), "4.34.2").older is older


def test_the_engine_is_shown_each_provider(on_path: Path) -> None:
    cli = Part(CLI, "3.276.0", "on PATH", on_path)
    engine = Engine(cli, (Part("kubernetes", "4.35.0", "on PATH", on_path, KUBERNETES),))
    assert engine.plugins == {"kubernetes": on_path, "pulumi-python": engine_programs.LAUNCHER}
    assert (engine_programs.LAUNCHER / "pulumi-resource-pulumi-python").stat().st_mode & 0o111


def test_the_cli_is_not_asked_for_its_version_again(on_path: Path) -> None:
    pretended_pulumi.cli(on_path, otherwise="exit 1")
    cli, *_ = find_installed()
    assert cli is not None
    pretended_pulumi.program(on_path, CLI, "#!/bin/sh\nexit 1\n")
    command = Engine(cli, ()).command
    assert (command.command, str(command.version)) == (str(on_path / CLI), "3.276.0")

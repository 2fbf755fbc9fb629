"""Which Pulumi CLI and providers are taken, in which order, and what is said of it. Nothing is downloaded or built."""

import shutil
from pathlib import Path

import pytest
from pulumi import automation
from semver import VersionInfo

from meshlab import cli as meshlab_cli
from meshlab import engine_programs, toolchain
from meshlab.engine_programs import CLI, PROVIDERS, Engine, EngineMissingError, Part, find_cli, find_engine, here
from meshlab.engine_programs import pulumi_home as home
from tests.support import pretended_pulumi

REFUSED = "https://get.pulumi.com/: HTTP 403"
KUBERNETES, RANDOM = (engine_programs.sdk_version(name) for name in PROVIDERS)


@pytest.fixture(autouse=True)
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with empty caches, nothing on PATH but the folder that is returned, and downloads that are refused."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "pulumi"))
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(engine_programs, "_download_fault", lambda: REFUSED)
    return folder


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A machine on which downloads work; the list has what was fetched."""
    fetched: list[str] = []

    def install(root: str, version: VersionInfo) -> None:
        fetched.append(f"{CLI} {version}")
        # Where the plugins go is in its environment.
        plugin = 'mkdir -p "$PULUMI_HOME/plugins/resource-$4-v$5" && echo "$*" >> "$PULUMI_HOME/asked"'
        pretended_pulumi.cli(
            Path(root) / "bin", f"v{version}", f"/usr/bin/env PATH=/usr/bin:/bin sh -c '{plugin}' $0 $*"
        )

    monkeypatch.setattr(engine_programs, "_download_fault", lambda: "")
    monkeypatch.setattr(automation.PulumiCommand, "install", staticmethod(install))
    return fetched


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
    path = toolchain.table()[tool].path
    return pretended_pulumi.program(path.parent, path.name, "#!/bin/sh\n")


def fetched_provider(name: str, version: str) -> Path:
    folder = home() / "plugins" / f"resource-{name}-v{version}"
    folder.mkdir(parents=True)
    return folder


def origins(engine: Engine) -> dict[str, str]:
    return {part.name: f"{part.version} {part.origin}" for part in (engine.cli, *engine.providers)}


BUILT = {
    CLI: f"{toolchain.table()[CLI].release.removeprefix('v')} built here",
    "kubernetes": "4.25.0 built here",
    "random": "4.21.4 built here",
}


# The CLI


@pytest.mark.parametrize("version", ["3.260.0", "3.276.0", "3.300.1"])
def test_a_fitting_cli_on_path_is_taken_first(on_path: Path, version: str, said: list[str]) -> None:
    pretended(CLI)
    pretended_pulumi.cli(on_path, f"v{version}")
    assert here()[0] == Part(CLI, version, "on PATH", on_path)
    assert find_cli(said.append) == str(on_path / CLI)
    assert said == []


@pytest.mark.parametrize("version", ["v3.259.9", "v2.25.2", "v4.0.0", "dev"])
def test_a_cli_of_another_version_is_not_taken(on_path: Path, version: str) -> None:
    pretended_pulumi.cli(on_path, version)
    assert here()[0] is None
    pretended(CLI)
    cli, *_ = here()
    assert cli is not None
    assert cli.origin == "built here"


def test_a_cli_that_fails_is_not_taken(on_path: Path) -> None:
    pretended_pulumi.program(on_path, CLI, "#!/bin/sh\necho v3.276.0\nexit 1\n")
    assert here()[0] is None


def test_a_downloaded_cli_comes_before_a_built_one() -> None:
    pretended(CLI)
    release = toolchain.table()[CLI].release.removeprefix("v")
    folder = home() / "versions" / release / "bin"
    pretended_pulumi.cli(folder)
    assert here()[0] == Part(CLI, release, "downloaded", folder)


def test_a_download_that_is_not_whole_is_none() -> None:
    (home() / "versions" / toolchain.table()[CLI].release.removeprefix("v") / "bin").mkdir(parents=True)
    assert here()[0] is None


# A provider


def test_a_provider_on_path_is_asked_for_its_version(on_path: Path) -> None:
    pretended_pulumi.provider(on_path, "random", "4.30.1")
    pretended("pulumi-resource-random")
    assert here()[2] == Part("random", "4.30.1", "on PATH", on_path, RANDOM)


@pytest.mark.parametrize("version", ["4.20.0", "5.0.0", ""])
def test_a_provider_on_path_of_another_version_is_not_taken(on_path: Path, version: str) -> None:
    pretended_pulumi.provider(on_path, "random", version)
    assert here()[2] is None


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
    assert here()[2] is None


def test_a_downloaded_provider_is_taken_where_it_is_what_its_sdk_asks_for() -> None:
    pretended("pulumi-resource-kubernetes")
    fetched_provider("kubernetes", "4.24.0")
    assert [part and part.origin for part in here()[1:]] == ["built here", None]
    folder = fetched_provider("kubernetes", KUBERNETES)
    assert here()[1] == Part("kubernetes", KUBERNETES, "downloaded", folder, KUBERNETES)


def test_what_a_broken_download_left_is_no_provider() -> None:
    folder = fetched_provider("kubernetes", KUBERNETES)
    folder.with_name(f"{folder.name}.partial").touch()
    lock = home() / "plugins" / f"resource-random-v{RANDOM}.lock"
    lock.touch()
    assert here()[1:] == [None, None]


# All of it


def test_what_is_not_here_is_built_in_one_go_with_what_else_is_needed(builds: list[list[str]], said: list[str]) -> None:
    engine = find_engine(said.append, also=["helm"])
    assert builds == [["pulumi", "pulumi-resource-kubernetes", "pulumi-resource-random", "helm"]]
    assert origins(engine) == BUILT
    assert said == [
        f"engine: no pulumi on PATH, and its download does not answer ({REFUSED}): it is built from its module"
    ]


def test_only_what_is_missing_is_built(on_path: Path, builds: list[list[str]], said: list[str]) -> None:
    pretended_pulumi.cli(on_path, "v3.280.0")
    pretended("pulumi-resource-random")
    engine = find_engine(said.append)
    assert builds == [["pulumi-resource-kubernetes"]]
    assert origins(engine) == {**BUILT, CLI: "3.280.0 on PATH"}


def test_what_is_here_is_neither_built_nor_downloaded(
    builds: list[list[str]], downloads: list[str], said: list[str]
) -> None:
    for tool in (CLI, "pulumi-resource-kubernetes", "pulumi-resource-random"):
        pretended(tool)
    assert origins(find_engine(said.append)) == BUILT
    assert (builds, downloads, said) == ([[]], [], [])


def test_where_downloads_answer_nothing_is_built(downloads: list[str], said: list[str]) -> None:
    engine = find_engine(said.append)
    release = toolchain.table()[CLI].release.removeprefix("v")
    assert downloads == [f"{CLI} {release}"]
    assert origins(engine) == {
        CLI: f"{release} downloaded",
        "kubernetes": f"{KUBERNETES} downloaded",
        "random": f"{RANDOM} downloaded",
    }
    assert said == [
        f"engine: no pulumi on PATH: downloading {release}",
        f"engine: downloading the provider kubernetes {KUBERNETES}",
        f"engine: downloading the provider random {RANDOM}",
    ]
    assert (home() / "asked").read_text(encoding="utf-8").splitlines() == [
        f"plugin install resource kubernetes {KUBERNETES}",
        f"plugin install resource random {RANDOM}",
    ]
    assert not engine.older
    # The second time, all of it is here.
    again: list[str] = []
    assert origins(find_engine(again.append)) == origins(engine)
    assert again == []


def test_a_download_that_fails_is_said_and_built(
    downloads: list[str], builds: list[list[str]], monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    def fails(root: str, version: VersionInfo) -> None:
        raise automation.errors.InvalidVersionError("Failed to install:\nno room")

    monkeypatch.setattr(automation.PulumiCommand, "install", staticmethod(fails))
    assert origins(find_engine(said.append)) == BUILT
    assert said[-1].endswith("failed (no room): it is built from its module")
    assert len(builds) == 1


def test_a_provider_whose_download_fails_is_said_and_built(
    on_path: Path, downloads: list[str], builds: list[list[str]], said: list[str]
) -> None:
    pretended_pulumi.cli(on_path, otherwise='echo "error: no such plugin" >&2; exit 255')
    assert origins(find_engine(said.append)) == {**BUILT, CLI: "3.276.0 on PATH"}
    assert downloads == []
    assert [line for line in said if "random" in line] == [
        f"engine: downloading the provider random {RANDOM}",
        "engine: the download of the provider random failed (pulumi plugin failed with exit code 255: "
        "error: no such plugin): it is built from its module",
    ]


@pytest.mark.parametrize("find", [find_engine, find_cli])
def test_without_download_and_go_one_line_says_what_to_install(find: object) -> None:
    assert shutil.which("go") is None
    with pytest.raises(EngineMissingError) as caught:
        find(lambda line: None)  # type: ignore[operator]
    tools = "pulumi" if find is find_cli else "pulumi, pulumi-resource-kubernetes, pulumi-resource-random"
    assert str(caught.value) == (
        f"no {tools}: not on PATH, not to be downloaded ({REFUSED}), and no Go to build with "
        "(install Pulumi 3.260 or newer, or Go 1.26 or newer)"
    )


def test_the_command_line_ends_with_that_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Before the charts, which helm would have to be built for.
    monkeypatch.setattr("meshlab.session.chosen_charts", lambda stack, charts, say: pytest.fail("asked for charts"))
    assert meshlab_cli.main(["up", "--stack", "dev"]) == 1
    (line,) = [one for one in capsys.readouterr().err.splitlines() if one]
    assert "install Pulumi 3.260 or newer, or Go 1.26 or newer" in line


# What the driver is told


def test_a_provider_older_than_its_sdk_is_said_with_why_it_will_do() -> None:
    for tool in (CLI, "pulumi-resource-kubernetes", "pulumi-resource-random"):
        pretended(tool)
    engine = find_engine(print)
    assert engine.older
    assert engine.told() == (
        f"engine: pulumi {toolchain.table()[CLI].release.removeprefix('v')} (built here), "
        f"kubernetes 4.25.0 (built here; its SDK is {KUBERNETES}, and the program asks for nothing newer), "
        "random 4.21.4 (built here, a stand-in for generated passwords alone)"
    )


def test_a_random_provider_from_elsewhere_is_no_stand_in(on_path: Path) -> None:
    assert Part("random", RANDOM, "on PATH", on_path, RANDOM).told() == f"random {RANDOM} (on PATH)"


def test_a_provider_of_the_users_own_downloads_is_taken_where_it_is_of_the_sdks_major_version(tmp_path: Path) -> None:
    theirs = tmp_path / "pulumi" / "plugins"
    (theirs / "resource-kubernetes-v5.0.0").mkdir(parents=True)
    assert here()[1] is None
    folder = theirs / f"resource-kubernetes-v{KUBERNETES}"
    folder.mkdir()
    assert here()[1] == Part("kubernetes", KUBERNETES, "downloaded", folder, KUBERNETES)


@pytest.mark.parametrize(
    ("version", "older"), [("4.9.9", True), ("4.34.1", True), ("4.34.2", False), ("4.35.0", False)]
)
def test_versions_are_compared_as_numbers(version: str, older: bool) -> None:
    assert Part("kubernetes", version, "on PATH", Path(), "4.34.2").older is older


def test_the_engine_is_shown_each_provider(on_path: Path, tmp_path: Path) -> None:
    cli = Part(CLI, "3.276.0", "on PATH", on_path)
    shown = Part("kubernetes", "4.35.0", "on PATH", on_path, KUBERNETES)
    engine = Engine(cli, (shown, Part("random", RANDOM, "downloaded", tmp_path, RANDOM)))
    assert engine.plugins == {
        "kubernetes": on_path,
        "random": tmp_path,
        "pulumi-python": engine_programs.LAUNCHER,
    }
    assert (engine_programs.LAUNCHER / "pulumi-resource-pulumi-python").stat().st_mode & 0o111


def test_the_cli_is_not_asked_for_its_version_again(on_path: Path) -> None:
    pretended_pulumi.cli(on_path, otherwise="exit 1")
    cli, *_ = here()
    assert cli is not None
    pretended_pulumi.program(on_path, CLI, "#!/bin/sh\nexit 1\n")
    command = Engine(cli, ()).command
    assert (command.command, str(command.version)) == (str(on_path / CLI), "3.276.0")

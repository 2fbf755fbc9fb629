"""Which programs are used, where they lie, and what is read where they cannot be had. Nothing is fetched or built."""

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

from base.errors import MeshlabError
from embedded.tools import build as toolbuild
from embedded.tools import display, pins, toolchain
from embedded.tools.pins import OWN, parse_version

OURS = ("pulumi-resource-kubernetes", "pulumi-resource-random", "pause", "coredns", "kube-router")


@pytest.fixture(autouse=True)
def empty_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with an empty cache and nothing on PATH but the folder that is returned."""
    on_path = tmp_path / "bin"
    on_path.mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(on_path))
    monkeypatch.setenv("MESHLAB_DOWNLOADS", "off")
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    return on_path


def install(folder: Path, name: str, says: str, code: int = 0) -> Path:
    """Puts a program into a folder that says something, whatever it is asked."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / name
    program.write_text(f"#!/bin/sh\necho '{says}'\nexit {code}\n")
    program.chmod(0o755)
    return program


@pytest.fixture
def go(empty_machine: Path) -> Path:
    """A pretended go: it keeps its arguments in the file that is returned, and makes the files that the real one would.

    `go list` answers with a module whose folder is beside that file.
    """
    record, real = empty_machine / "calls", shutil.which("sh", path="/bin:/usr/bin")
    program = empty_machine / "go"
    program.write_text(
        f"#!{real}\nPATH=/usr/bin:/bin\n"
        f'echo "$PWD $GOFLAGS $GOOS|$*" >> {record}\n'
        f"""if [ "$1" = list ]; then echo '{{"Dir": "{empty_machine}/module"}}'; exit 0; fi\n"""
        'while [ "$1" != "-o" ]; do shift; done; out="$2"; shift 2\n'
        'for package in "$@"; do echo "$package" >&2; echo binary > "$out$(basename "$package")"; done\n'
    )
    program.chmod(0o755)
    return record


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of two processors that is as quick as the one that the times of tools.toml are from."""
    monkeypatch.setattr(toolbuild, "_processors", lambda: 2)
    clock = Clock()
    monkeypatch.setattr(toolbuild, "time", clock)
    monkeypatch.setattr(display, "time", clock)


class Clock:
    """Goes on by a minute each time that somebody looks."""

    def __init__(self) -> None:
        self._seconds = 0.0

    def monotonic(self) -> float:
        self._seconds += 60.0
        return self._seconds


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("Kubernetes v1.34.4", (1, 34, 4)),
        ("etcd Version: 3.6.16\nGit SHA: abc\nGo Version: go1.26.8", (3, 6, 16)),
        ("kwok version v0.8.0 go1.26.8 (linux/amd64)", (0, 8, 0)),
        ("v3.20.2+g1234567", (3, 20, 2)),
        ("Client Version: v1.32.4-dispatcher\nKustomize Version: v5.5.0", (1, 32, 4)),
        ("prometheus, version 3.9.1 (branch: HEAD)", (3, 9, 1)),
        ("command not found", None),
    ],
)
def test_a_version_is_read_from_what_programs_say(said: str, version: tuple[int, ...] | None) -> None:
    assert parse_version(said) == version


@pytest.mark.parametrize(
    ("name", "fitting", "other"),
    [
        ("kube-apiserver", ["1.36.0", "1.36.9"], ["1.35.9", "1.37.0"]),
        ("kubectl", ["1.35.0", "1.36.3", "1.37.2"], ["1.34.4", "1.38.0"]),
        ("etcd", ["3.6.0", "3.6.16"], ["3.4.23", "3.5.21", "3.7.0"]),
        ("kwok", ["0.8.0"], ["0.7.0", "0.9.0"]),
        ("helm", ["3.14.0", "3.20.2"], ["3.13.3", "4.0.0"]),
    ],
)
def test_only_versions_that_were_tried_together_fit(name: str, fitting: list[str], other: list[str]) -> None:
    tool = pins.table()[name]
    assert [version for version in fitting + other if tool.fits(parse_version(version) or ())] == fitting


@pytest.mark.parametrize("name", sorted(pins.table()))
def test_every_tool_is_pinned_by_the_module_that_builds_it(name: str) -> None:
    tool = pins.table()[name]
    module_file = (pins.TOOLS_FOLDER / tool.folder / "go.mod").read_text()
    assert f"{tool.module} {tool.tag}" in module_file
    assert (pins.TOOLS_FOLDER / tool.folder / "go.sum").is_file()
    if name in OURS:
        # What our own package imports keeps the requirement tidy, so that it needs no tool line.
        assert imports_of(tool.package, tool.module)
        assert not re.search(rf"^\s*{re.escape(tool.module)} .*// indirect$", module_file, re.MULTILINE)
        return
    assert re.search(rf"^(tool|\t)\s*{re.escape(tool.package)}$", module_file, re.MULTILINE), (
        "the tool line keeps it tidy"
    )
    assert tool.package.startswith(tool.module)


def imports_of(package: str, module: str) -> set[str]:
    """What the Go files of a package of ours import of a module."""
    files = (pins.TOOLS_FOLDER / package.removeprefix(OWN)).glob("*.go")
    return {found for file in files for found in re.findall(rf'"({re.escape(module)}[^"]*)"', file.read_text())}


def test_only_programs_of_ours_have_a_digest_of_their_source() -> None:
    assert {name for name, tool in pins.table().items() if tool.source} == set(OURS)
    assert {name for name, tool in pins.table().items() if tool.package.startswith(OWN)} == set(OURS)


def test_the_module_of_a_package_of_ours_is_called_as_its_folder() -> None:
    for name in OURS:
        tool = pins.table()[name]
        assert f"module {OWN}{tool.folder}\n" in (pins.TOOLS_FOLDER / tool.folder / "go.mod").read_text()
        assert tool.package == f"{OWN}{tool.folder}" or tool.package.startswith(f"{OWN}{tool.folder}/")


def test_another_source_of_ours_is_another_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pins, "TOOLS_FOLDER", tmp_path)
    main = tmp_path / "x" / "main.go"
    main.parent.mkdir()
    digests: list[str] = []
    for source in ("package main", "package main // changed"):
        main.write_text(source)
        digests.append(pins._source(f"{OWN}x"))
    (main.parent / "more.go").write_text("package main")
    digests.append(pins._source(f"{OWN}x"))
    (main.parent / "below").mkdir()
    (main.parent / "below" / "part.go").write_text("package below")
    digests.append(pins._source(f"{OWN}x"))
    (main.parent / "README").write_text("of no account")
    assert pins._source(f"{OWN}x") == digests[-1]
    assert len(set(digests)) == 4
    assert {len(digest) for digest in digests} == {pins.SOURCE_DIGITS}
    assert pins._source("example.com/not/ours") == ""


def test_all_staging_modules_of_kubernetes_follow_its_version() -> None:
    module_file = (pins.TOOLS_FOLDER / "kubernetes" / "go.mod").read_text()
    replaced = re.findall(r"(k8s\.io/\S+) => k8s\.io/\S+ (v\S+)", module_file)
    assert len(replaced) >= 30
    expected = re.sub(r"^v1", "v0", pins.table()["kube-apiserver"].tag)
    assert {version for _, version in replaced} == {expected}


def test_the_version_is_stamped_into_what_would_believe_in_another() -> None:
    table = pins.table()
    assert "k8s.io/component-base/version.gitVersion=v1.36." in table["kube-apiserver"].linker_flags
    assert "k8s.io/component-base/version.gitMinor=36" in table["kube-apiserver"].linker_flags
    assert f"internal/version.version={table['helm'].tag}" in table["helm"].linker_flags
    assert "version.Version=3.9.1" in table["prometheus"].linker_flags


def test_helm_believes_in_the_kubernetes_version_of_its_release() -> None:
    helm = pins.table()["helm"]
    # helm 3.18 was released with the libraries of Kubernetes 1.33, 3.19 with those of 1.34, and so on.
    version = parse_version(helm.tag)
    assert version and version[0] == 3
    minors = re.findall(r"(?:chartutil|rules)\.k8sVersionMinor=(\d+)", helm.linker_flags)
    assert minors == [str(version[1] + 15)] * 2


def test_built_programs_lie_outside_the_tree_by_name_and_version(tmp_path: Path) -> None:
    tool = pins.table()["kube-apiserver"]
    assert tool.path == tmp_path / "cache/meshlab/tools" / f"kube-apiserver-{tool.tag}" / "kube-apiserver"


def test_a_program_of_ours_lies_by_name_version_and_source(tmp_path: Path) -> None:
    tool = pins.table()["pulumi-resource-random"]
    assert tool.path == tmp_path / "cache/meshlab/tools" / f"{tool.name}-{tool.tag}-{tool.source}" / tool.name


def test_without_xdg_the_cache_is_in_the_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for value in ("", "relative/path"):
        monkeypatch.setenv("XDG_CACHE_HOME", value)
        assert pins.cache_folder() == tmp_path / ".cache/meshlab/tools"


def test_a_package_that_ends_in_a_version_is_built_under_the_name_before(tmp_path: Path) -> None:
    assert pins.table()["etcd"].built_as == "server"
    assert pins.table()["kube-apiserver"].built_as == "kube-apiserver"


def test_a_fitting_program_on_path_is_used(empty_machine: Path) -> None:
    program = install(empty_machine, "helm", "v3.18.4+gd80839c")
    assert toolchain.find("helm") == program


def test_a_program_of_another_version_is_not_used(empty_machine: Path) -> None:
    install(empty_machine, "etcd", "etcd Version: 3.4.23")
    install(empty_machine, "helm", "v4.0.1+g12500dd")
    assert (toolchain.find("etcd"), toolchain.find("helm")) == (None, None)


def test_a_program_that_fails_is_not_used_whatever_it_prints(empty_machine: Path) -> None:
    install(empty_machine, "helm", "v3.18.4+gd80839c", code=1)
    assert toolchain.find("helm") is None


def test_a_program_that_cannot_say_its_version_is_not_used(empty_machine: Path) -> None:
    install(empty_machine, "kwok", "what?")
    (empty_machine / "helm").mkdir()
    assert (toolchain.find("kwok"), toolchain.find("helm")) == (None, None)


def test_what_cannot_say_its_version_is_never_taken_from_path(empty_machine: Path) -> None:
    for name in OURS:
        tool = pins.table()[name]
        assert tool.ask == ()
        install(empty_machine, name, tool.release)
        assert toolchain.find(name) is None


def test_kubebuilder_assets_come_before_path(
    empty_machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(empty_machine, "etcd", "etcd Version: 3.6.5")
    asset = install(tmp_path / "assets", "etcd", "etcd Version: 3.6.4")
    install(tmp_path / "assets", "helm", "v3.18.4")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path / "assets"))
    assert toolchain.find("etcd") == asset
    assert toolchain.find("helm") is None, "the assets folder holds the API server, etcd and kubectl"


def test_what_was_built_comes_first_and_is_not_asked(empty_machine: Path) -> None:
    install(empty_machine, "helm", "v3.18.4")
    built = pins.table()["helm"].path
    install(built.parent, "helm", "not asked", code=1)
    assert toolchain.find("helm") == built


def test_without_go_and_programs_one_line_says_what_to_install() -> None:
    with pytest.raises(toolchain.ToolsMissingError) as caught:
        toolchain.ensure(["kubectl", "etcd"])
    assert str(caught.value) == (
        "not on this machine: kubectl 1.35 to below 1.38, etcd 3.6 to below 3.7; "
        "install Go 1.26 or newer, which builds them once, or put them on PATH"
    )


def test_the_go_version_asked_for_builds_every_module() -> None:
    asked = parse_version(toolchain.GO_HINT)
    folders = {tool.folder for tool in pins.table().values()}
    files = [(pins.TOOLS_FOLDER / folder / "go.mod").read_text() for folder in folders]
    needed = [parse_version(line[3:]) for text in files for line in text.splitlines() if line.startswith("go ")]
    assert len(needed) == len(folders)
    assert asked and all(version and version[:2] <= asked for version in needed)


@pytest.mark.usefixtures("machine")
def test_only_what_is_missing_is_built_and_each_folder_once(
    empty_machine: Path, go: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOFLAGS", "-mod=vendor")
    monkeypatch.setenv("GOOS", "plan9")
    kubectl = install(empty_machine, "kubectl", "Client Version: v1.36.1")
    lines: list[str] = []
    found = toolchain.ensure(["kubectl", "kube-scheduler", "kube-apiserver", "kwok"], lines.append)
    table = pins.table()
    assert found == {
        "kubectl": kubectl,
        "kube-scheduler": table["kube-scheduler"].path,
        "kube-apiserver": table["kube-apiserver"].path,
        "kwok": table["kwok"].path,
    }
    assert all(path.is_file() for path in found.values())
    calls = go.read_text().splitlines()
    assert len(calls) == 2
    assert calls[0].startswith(f"{pins.TOOLS_FOLDER}/kubernetes -mod=readonly |build -v -trimpath")
    assert calls[0].endswith("k8s.io/kubernetes/cmd/kube-scheduler k8s.io/kubernetes/cmd/kube-apiserver")
    kubernetes, kwok = f"kube-scheduler, kube-apiserver {table['kube-apiserver'].tag}", f"kwok {table['kwok'].tag}"
    told = [re.sub(r"in \d+ s$", "in N s", line) for line in lines if "packages" not in line]
    assert re.sub(r"about \d+ (s|min)$", "about N", told[2]) == (
        f"tools: building {kwok} from source (2 of 2), once for this machine: about N"
    )
    assert [*told[:2], told[3]] == [
        f"tools: building {kubernetes} from source (1 of 2), once for this machine: about 2 min",
        f"tools: built {kubernetes} in N s",
        f"tools: built {kwok} in N s",
    ]
    assert toolchain.ensure(["kwok"], lines.append) == {"kwok": table["kwok"].path}
    assert len(go.read_text().splitlines()) == 2, "nothing is built twice"


def built(lines: Iterable[str]) -> list[str]:
    """What was built, by the first name of each build, in order."""
    return [found[1] for line in lines if (found := re.match(r"tools: building ([\w-]+)", line))]


def test_the_longest_build_is_the_first(go: Path) -> None:
    lines: list[str] = []
    names = ["helm", "kwok", "pulumi", "pulumi-resource-kubernetes"]
    table = pins.table()
    (beside,) = table["pulumi-resource-kubernetes"].beside
    file = go.parent / "module" / beside
    file.parent.mkdir(parents=True)
    file.touch()
    toolchain.ensure(names, lines.append)
    expected = sorted(names, key=lambda name: table[name].cpu_seconds, reverse=True)
    assert built(lines) == expected == ["pulumi-resource-kubernetes", "pulumi", "helm", "kwok"]


@pytest.mark.usefixtures("go", "machine")
def test_a_single_build_is_told_without_a_count() -> None:
    lines: list[str] = []
    toolchain.ensure(["helm"], lines.append)
    tag = pins.table()["helm"].tag
    assert lines[0] == f"tools: building helm {tag} from source, once for this machine: about 55 s"


@pytest.mark.usefixtures("go", "machine")
def test_a_long_build_tells_how_far_it_is() -> None:
    lines: list[str] = []
    toolchain.ensure(["kube-scheduler", "kube-apiserver"], lines.append)
    far = [line for line in lines if "packages" in line]
    assert far == [
        "tools: kube-scheduler, kube-apiserver: 1 packages, 60 s, about 62 s left",
        "tools: kube-scheduler, kube-apiserver: 2 packages, 120 s, about 2 s left",
    ]


def test_the_files_that_a_program_reads_lie_beside_it(empty_machine: Path, go: Path) -> None:
    tool = pins.table()["pulumi-resource-kubernetes"]
    (beside,) = tool.beside
    original = empty_machine / "module" / beside
    original.parent.mkdir(parents=True)
    original.write_bytes(b'{"name": "kubernetes"}')
    toolchain.ensure([tool.name], lambda line: None)
    assert (tool.path.parent / "schema.json").read_bytes() == original.read_bytes()
    build, listed = go.read_text().splitlines()
    assert build.endswith(f" {tool.package}")
    assert listed.endswith(f"|list -m -json {tool.module}")


def test_a_program_whose_file_is_missing_is_not_there(empty_machine: Path, go: Path) -> None:
    tool = pins.table()["pulumi-resource-kubernetes"]
    with pytest.raises(MeshlabError, match=r"^building pulumi-resource-kubernetes .*schema\.json"):
        toolchain.ensure([tool.name], lambda line: None)
    assert toolchain.find(tool.name) is None


def test_a_failed_build_is_one_line_with_gos_reason_and_leaves_nothing_behind(empty_machine: Path) -> None:
    go = empty_machine / "go"
    go.write_text("#!/bin/sh\necho 'go: go.mod requires go >= 1.26' >&2\nexit 1\n")
    go.chmod(0o755)
    with pytest.raises(MeshlabError) as caught:
        toolchain.ensure(["helm"], lambda line: None)
    tag, folder = pins.table()["helm"].tag, pins.cache_folder()
    reason = "go: go.mod requires go >= 1.26"
    assert str(caught.value) == f"building helm {tag} failed: {reason} (log: {folder}/build-helm.log)"
    assert sorted(path.name for path in folder.iterdir()) == [".lock-helm", "build-helm.log"]


@pytest.mark.usefixtures("go", "machine")
def test_what_a_build_took_here_is_what_the_next_one_is_told_by() -> None:
    toolchain.ensure(["helm"], lambda line: None)
    tool, lines = pins.table()["kwok"], list[str]()
    speed = float((pins.cache_folder() / "speed").read_text())
    assert speed > 1, "the pretended clock is slow"
    toolchain.ensure(["kwok"], lines.append)
    assert lines[0].endswith(f"about {display.about_seconds(tool.cpu_seconds / 2 * speed)}")


@pytest.mark.usefixtures("go")
def test_what_go_had_in_its_cache_says_nothing_of_the_machine() -> None:
    toolchain.ensure(["helm"], lambda line: None)
    assert not (pins.cache_folder() / "speed").exists()

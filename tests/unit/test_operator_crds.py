"""Which CRDs belong to a kube-prometheus-stack: by the table, by packed charts, and never of another operator."""

import gzip
import http.server
import io
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshlab.cli import main as cli
from meshlab.mirror import pairs
from meshlab.recording.chartless import chartless
from meshlab.recording.recorder import record, stack_config
from meshlab.stack import Stack
from settings.charts import ChartSource
from settings.errors import SettingsError
from settings.operator_crds import CRDS_CHART, TABLE, Released, crds_of, misfit, released
from settings.reading import parse_settings
from settings.versions import parse_version

STACK = "kube-prometheus-stack"
UPSTREAM = ChartSource()
LATER = "999.0.0"


def pack(folder: Path, chart: str, version: str, app_version: str | None) -> None:
    described = yaml.safe_dump({"name": chart, "version": version, "appVersion": app_version}).encode()
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as package:
        member = tarfile.TarInfo(f"{chart}/Chart.yaml")
        member.size = len(described)
        package.addfile(member, io.BytesIO(described))
    # helm marks its packages by an extra field in gzip's header.
    packed = bytearray(gzip.compress(archive.getvalue()))
    packed[3] |= 4
    packed[10:10] = bytes([4, 0]) + b"mark"
    (folder / f"{chart}-{version}.tgz").write_bytes(packed)


def settings(source: Path | None = None, **monitoring: str) -> Any:
    raw = {key.removeprefix("meshlab:"): value for key, value in stack_config("dev").items()}
    charts = {"source": str(source)} if source else {}
    return parse_settings({**raw, "monitoring": monitoring, "charts": charts}, project="meshlab", stack="dev")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of charts that no table knows: the stack's own CRDs, and those of two other operators."""
    for chart, version, app_version in (
        (STACK, LATER, "v1.4.1"),
        (CRDS_CHART, "998.0.0", "v1.4.0"),
        (CRDS_CHART, "998.0.1", "v1.4.1"),
        (CRDS_CHART, "998.0.2", "v1.4.1"),
        (CRDS_CHART, "999.0.0", "v1.5.0"),
    ):
        pack(tmp_path, chart, version, app_version)
    for name in ("base-1.17.6", "istiod-1.17.6", "kiali-operator-1.59.1"):
        (tmp_path / f"{name}.tgz").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("stack", "crds"),
    [
        ("42.2.1", "0.1.0"),
        ("45.27.0", "4.0.1"),  # between two operators of one minor version
        ("50.0.0", "5.1.0"),  # 0.67.1, of which no chart of CRDs was released: 0.67.0 has the same
        ("61.3.2", "13.0.2"),  # 0.75.1, between 0.75.0 and 0.75.2
        ("72.0.0", "20.0.3"),  # four charts of CRDs of one operator
        ("88.0.0", "31.0.0"),
        ("88.5.3", "31.0.1"),
        ("40.5.0", None),
        (LATER, None),
    ],
)
def test_a_released_stack_gets_the_crds_of_its_operator(stack: str, crds: str | None) -> None:
    assert crds_of(stack, UPSTREAM) == crds


def test_every_stack_from_the_first_to_the_newest_has_crds_that_fit() -> None:
    table = released()
    for stack in (*table.stacks, table.until):
        crds = crds_of(stack, UPSTREAM)
        assert crds is not None, stack
        assert misfit(stack, crds, UPSTREAM) is None, stack


@pytest.mark.parametrize(
    ("stack", "crds", "expected"),
    [
        ("72.0.0", "20.0.0", None),
        ("72.0.0", "21.0.0", "20.0.3"),
        ("50.0.0", "5.0.0", "5.1.0"),
        ("88.5.3", "999.0.0", "31.0.1"),
        (LATER, "999.0.0", None),
        (LATER, "31.0.1", None),
        (LATER, "30.0.1", "those of a newer operator than v0.93.1"),
    ],
)
def test_crds_of_another_operator_do_not_fit(stack: str, crds: str, expected: str | None) -> None:
    table = Released("88.5.3", released().stacks, {k: v for k, v in released().crds.items() if k != LATER})
    assert misfit(stack, crds, UPSTREAM, table) == expected


def test_a_folder_says_itself_which_of_its_charts_belong_together(folder: Path) -> None:
    assert crds_of(LATER, ChartSource(str(folder))) == "998.0.2"
    assert settings(folder, version=LATER).monitoring.crds_version is None
    assert settings(folder, version=LATER, crdsVersion="998.0.1").monitoring.crds_version == "998.0.1"


def test_the_program_installs_the_crds_that_the_folder_says(folder: Path) -> None:
    config = {"meshlab:charts": {"source": str(folder)}, "meshlab:monitoring": {"version": LATER}}
    crds = record("dev", config=config).named("monitoring-crds").inputs
    assert (crds["version"], Path(crds["chart"]).name) == ("998.0.2", f"{CRDS_CHART}-998.0.2.tgz")


@pytest.mark.parametrize("asked", [False, True])
def test_recording_without_the_folder_keeps_what_it_says(folder: Path, asked: bool) -> None:
    named = {"meshlab:monitoring": {"version": LATER}}
    config = {**stack_config("dev"), **named, **({} if asked else {"meshlab:charts": {"source": str(folder)}})}
    over, source = chartless(config, str(folder) if asked else None)
    assert source == (None if asked else str(folder))
    crds = record("dev", config={**config, **(over or {})}).named("monitoring-crds").inputs
    assert (crds["version"], crds["chart"]) == ("998.0.2", CRDS_CHART)


def test_a_folder_whose_pair_is_of_two_operators_is_refused(folder: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(folder, version=LATER, crdsVersion="999.0.0")
    assert str(caught.value) == (
        f"Pulumi.dev.yaml: meshlab:monitoring.crdsVersion: expected 998.0.2, the {CRDS_CHART} of {STACK} {LATER}, "
        "got \"999.0.0\" (set with: pulumi config set --path 'meshlab:monitoring.crdsVersion' VALUE)"
    )


def test_a_folder_with_the_released_pair_takes_no_other(folder: Path) -> None:
    pack(folder, STACK, "88.5.3", "v0.93.1")
    pack(folder, CRDS_CHART, "31.0.1", "v0.93.1")
    pack(folder, CRDS_CHART, "31.0.9", "v0.93.1")
    assert crds_of("88.5.3", ChartSource(str(folder))) == "31.0.1"


def test_packed_charts_that_say_nothing_leave_it_to_the_table(tmp_path: Path) -> None:
    (tmp_path / f"{STACK}-42.2.1.tgz").write_bytes(b"no chart")
    (tmp_path / f"{CRDS_CHART}-0.1.0.tgz").touch()
    assert crds_of("42.2.1", ChartSource(str(tmp_path))) == "0.1.0"
    assert crds_of("42.2.1", ChartSource(str(tmp_path / "nowhere"))) == "0.1.0"


def test_the_table_is_sorted_and_as_its_command_writes_it() -> None:
    table = released()
    for versions in (list(table.stacks), list(table.crds)):
        assert versions == sorted(versions, key=parse_version)
    assert parse_version(next(reversed(table.stacks))) <= parse_version(table.until)
    assert TABLE.read_text(encoding="utf-8") == pairs.text(table)


def index_of(stacks: dict[str, str], crds: dict[str, str]) -> str:
    entries = {
        chart: [{"name": chart, "version": version, "appVersion": app} for version, app in versions.items()]
        for chart, versions in ((STACK, stacks), (CRDS_CHART, crds))
    }
    return yaml.safe_dump({"apiVersion": "v1", "entries": entries})


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A chart repository on loopback: its address, and the folder that it serves."""
    served = tmp_path / "served"
    served.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(served))

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", served
        server.shutdown()


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the table that the command may change."""
    copy = tmp_path / "operator_crds.yaml"
    copy.write_bytes(TABLE.read_bytes())
    write = pairs.write
    monkeypatch.setattr(pairs, "write", lambda table: write(table, copy))
    return copy


def test_the_command_reads_what_was_released_since(
    repository: tuple[str, Path], table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    address, served = repository
    before = released()
    last, crds = before.stacks[next(reversed(before.stacks))], {**before.crds, "999.0.0": "v998.0.0"}
    since = {before.until: last, "998.0.0": last, "999.0.0": "v998.0.0", "999.1.0-rc.1": "v999.0.0"}
    (served / "index.yaml").write_text(index_of({**before.stacks, **since}, crds), encoding="utf-8")
    assert cli.main(["charts", "pairs", "--from", address]) == 0
    after = released(table)
    assert after == Released("999.0.0", {**before.stacks, "999.0.0": "v998.0.0"}, crds)
    newest = crds_of(before.until, UPSTREAM)
    assert [crds_of(version, UPSTREAM, after) for version in ("998.0.0", "999.0.0", "999.0.1")] == [
        newest,
        "999.0.0",
        None,
    ]
    assert capsys.readouterr().out == (
        "settings/operator_crds.yaml: kube-prometheus-stack up to 999.0.0 "
        f"(before: {before.until}), 1 chart of CRDs added\n"
    )


@pytest.mark.parametrize(
    ("index", "told"),
    [
        (index_of({"89.1.0": "v0.94.0"}, {}), "expected an index with every released version, such as upstream's, got"),
        (
            "apiVersion: v1\nentries: {}",
            "expected an index with kube-prometheus-stack and prometheus-operator-crds, got",
        ),
        ("<html>", "expected an index with kube-prometheus-stack and prometheus-operator-crds, got"),
        (None, "cannot be read: "),
    ],
)
def test_an_index_that_does_not_have_them_all_changes_nothing(
    index: str | None, told: str, repository: tuple[str, Path], table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    address, served = repository
    if index is not None:
        (served / "index.yaml").write_text(index, encoding="utf-8")
    assert cli.main(["charts", "pairs", "--from", address]) == 1
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
    assert table.read_bytes() == TABLE.read_bytes()


@pytest.mark.parametrize("source", ["/charts", "oci://registry.example/charts"])
def test_a_source_that_lists_no_versions_is_refused(source: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["charts", "pairs", "--from", source]) == 1
    assert capsys.readouterr().err.startswith(f"{source}: expected a chart repository with an index, got a ")


def test_a_folder_that_was_asked_for_counts_before_the_settings_are_judged(folder: Path) -> None:
    stack = Stack.load("dev", charts=str(folder), overlay={"monitoring": {"version": LATER}})
    assert [chart.version for chart in stack.wanted if chart.name == CRDS_CHART] == ["998.0.2"]

"""charts.lock: what it says, what it refuses, and that a folder of charts is held to it before anything happens."""

from pathlib import Path

import pytest
import yaml

from base.errors import MeshlabError
from base.files import sha256
from meshlab.charts.lock import LOCK, ChartLock, Locked, check_folder, require
from meshlab.mirror.charts import charts_of, published
from meshlab.stack import Stack
from settings.charts import Chart, ChartSource
from tests.support.stacks import STACKS

CHART, OTHER = Chart("kiali-operator", "1.59.1"), Chart("base", "1.17.6")


def write(folder: Path, chart: tuple[str, str], content: str = "a chart") -> Path:
    file = folder / f"{chart[0]}-{chart[1]}.tgz"
    file.write_text(content, encoding="utf-8")
    return file


def locked(folder: Path, sha: str) -> Path:
    path = folder / "charts.lock"
    path.write_text(ChartLock({CHART: Locked(sha, "somewhere")}).text(), encoding="utf-8")
    return path


def test_the_lock_in_this_tree_is_whole_and_for_charts_that_a_stack_installs() -> None:
    lock = ChartLock.load()
    assert LOCK.read_text(encoding="utf-8") == lock.text()
    assert lock.charts
    assert set(lock.charts) <= set(charts_of(map(Stack.load, STACKS)))
    assert all("https://" in chart.source for chart in lock.charts.values())


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    lock = ChartLock({CHART: Locked("a" * 64, "here"), OTHER: Locked("b" * 64, "there")})
    path = tmp_path / "charts.lock"
    path.write_text(lock.text(), encoding="utf-8")
    assert ChartLock.load(path) == lock
    assert [entry["name"] for entry in yaml.safe_load(lock.text())["charts"]] == ["base", "kiali-operator"]


def test_a_lock_that_is_not_there_locks_nothing(tmp_path: Path) -> None:
    assert ChartLock.load(tmp_path / "charts.lock").charts == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("charts: {", "charts.lock: expected a list `charts`"),
        ("- a", "charts.lock: expected a list `charts`"),
        ("charts: [{name: a, version: 1.0.0, sha256: abc, source: b}]", "64 hexadecimal digits), got {'name': 'a'"),
        ("charts: [{name: a}]", "charts.lock: expected name, sha256, source, version"),
    ],
)
def test_a_lock_that_is_wrong_is_one_line(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "charts.lock").write_text(text, encoding="utf-8")
    with pytest.raises(MeshlabError) as caught:
        ChartLock.load(tmp_path / "charts.lock")
    assert said in str(caught.value)


def test_a_chart_twice_is_refused(tmp_path: Path) -> None:
    path = locked(tmp_path, "a" * 64)
    entry = path.read_text(encoding="utf-8").partition("charts:\n")[2]
    path.write_text(f"charts:\n{entry}{entry}", encoding="utf-8")
    with pytest.raises(MeshlabError, match="each chart and version once"):
        ChartLock.load(path)


def test_a_chart_that_is_another_is_refused_with_both_digests(tmp_path: Path) -> None:
    file = write(tmp_path, CHART)
    with pytest.raises(MeshlabError) as caught:
        check_folder(tmp_path, [CHART], locked(tmp_path, "a" * 64))
    assert str(caught.value) == (
        f"{file}: expected kiali-operator 1.59.1 with sha256 {'a' * 64} (charts.lock, from somewhere), "
        f"got {sha256(file)}"
    )


def test_a_chart_as_locked_passes_and_one_that_is_not_locked_is_told(tmp_path: Path) -> None:
    path = locked(tmp_path, sha256(write(tmp_path, CHART)))
    write(tmp_path, OTHER)
    found = check_folder(tmp_path, [CHART, OTHER], path)
    assert found == {CHART: True, OTHER: False}
    with pytest.raises(MeshlabError, match=r"got none of base 1\.17\.6 \(meshlab charts lock\)$"):
        require(found)
    require({CHART: True})


def test_a_digest_that_stands_is_never_replaced() -> None:
    lock = ChartLock({CHART: Locked("a" * 64, "first")})
    more = lock.with_charts({CHART: Locked("a" * 64, "second"), OTHER: Locked("b" * 64, "second")})
    assert more.charts == {CHART: Locked("a" * 64, "first"), OTHER: Locked("b" * 64, "second")}
    with pytest.raises(MeshlabError, match=r"^second: expected kiali-operator 1\.59\.1 with sha256 a{64}"):
        lock.with_charts({CHART: Locked("c" * 64, "second")})


def test_what_lies_in_a_folder_is_no_publication(tmp_path: Path) -> None:
    with pytest.raises(MeshlabError, match="expected a repository, got a folder"):
        published([CHART], ChartSource(str(tmp_path)), Path("helm"))


def test_up_refuses_a_folder_with_another_chart_before_it_does_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for chart in Stack.load("dev").wanted:
        write(tmp_path, chart)
    path = locked(tmp_path, sha256(tmp_path / "kiali-operator-1.59.1.tgz"))
    monkeypatch.setattr("meshlab.stack.check_folder", lambda folder, charts: check_folder(folder, charts, path))
    stack = Stack.load("dev", charts=str(tmp_path))
    stack.check_lock()
    write(tmp_path, CHART, "another chart")
    with pytest.raises(
        MeshlabError, match=r"kiali-operator-1\.59\.1\.tgz: expected kiali-operator 1\.59\.1 with sha256"
    ):
        stack.check_lock()

"""Tiers as markers of pytest, and the table of a run of several tiers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from meshlab.recording.recorder import ROOT
from tests import tiers
from tests.support.tier_report import tier_of
from tests.tiers import TABLE_FOLLOWS, TIERS

FILES = {
    "unit/test_a.py": "def test_a(): pass\n",
    "golden/test_b.py": "import pytest\ndef test_b(): pass\ndef test_c(): pytest.skip('needs a tool')\n",
    "proxy/test_d.py": "def test_d(): assert False\n",
    "engine/test_e.py": "import pytest\n@pytest.fixture\ndef broken(): raise OSError\ndef test_e(broken): pass\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / "tests" / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
    return tmp_path / "tests"


def run(folder: Path, *options: str) -> str:
    alone = ["--rootdir", folder.parent, "-c", "/dev/null", "-p", "tests.support.tier_report", "--strict-markers"]
    command = [sys.executable, "-m", "pytest", *alone, *options, folder]
    env = {name: value for name, value in os.environ.items() if name != TABLE_FOLLOWS}
    done = subprocess.run(command, check=False, cwd=ROOT, env=env, capture_output=True, text=True)
    return done.stdout + done.stderr


def table(text: str) -> list[list[str]]:
    """Tier, passed, failed and skipped of each row, and the reasons."""
    rows = [line.split() for line in text.partition("= tiers =")[2].splitlines()]
    return [row[:4] for row in rows if row and row[0] in TIERS]


def test_a_run_of_several_tiers_ends_with_a_row_for_each(folder: Path) -> None:
    text = run(folder)
    assert table(text) == [
        ["unit", "1", "0", "0"],
        ["golden", "1", "0", "1"],
        ["proxy", "0", "1", "0"],
        ["engine", "0", "1", "0"],
    ]
    assert "1 skipped: needs a tool" in text


def test_a_marker_selects_a_tier_and_one_tier_has_no_table(folder: Path) -> None:
    text = run(folder, "-m", "golden")
    assert "1 passed, 1 skipped, 3 deselected" in text
    assert table(text) == []


def test_workers_side_by_side_give_the_same_table(folder: Path) -> None:
    pytest.importorskip("xdist", reason="needs pytest-xdist (requirements-dev.txt)")
    assert table(run(folder, "--numprocesses=2")) == table(run(folder))


def test_a_checkout_below_a_folder_tests_changes_nothing() -> None:
    assert tier_of(Path("/tests/unit-labs/meshlab/tests/golden/test_golden.py")) == "golden"


@pytest.mark.parametrize("name", ["tests/support/tier_report.py", "tests/conftest.py", "meshlab/cli/main.py"])
def test_a_file_outside_the_tiers_has_none(name: str) -> None:
    assert tier_of(ROOT / name) == ""


def test_tiers_of_one_run_have_a_row_each(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (folder / "golden" / "test_f.py").write_text("import nothing_of_the_kind\n")
    monkeypatch.setattr(tiers, "HERE", folder)
    monkeypatch.setattr(tiers, "SIDE_BY_SIDE", ("--rootdir", str(folder.parent), "-c", "/dev/null"))
    assert tiers.main(["proxy", "golden", "unit", "engine"]) == 1
    output = capfd.readouterr().out
    assert "=== unit, golden, proxy\n" in output
    assert "=== engine\n" in output
    rows = [line.split()[:4] for line in output.partition("tier  ")[2].splitlines()]
    assert [row for row in rows if row and row[0] in TIERS] == [
        ["unit", "1", "0", "0"],
        ["golden", "1", "1", "1"],
        ["proxy", "0", "1", "0"],
        ["engine", "0", "1", "0"],
    ]


LOWEST = 19
MEETING = """
import os
import time
from pathlib import Path
def test_meets_the_other():
    here = Path(__file__).parent.parent
    (here / "{mine}").write_text(str(os.nice(0)))
    limit = time.monotonic() + 60
    while not (here / "{other}").exists():
        assert time.monotonic() < limit
        time.sleep(0.05)
"""


def test_node_runs_beside_the_quick_tiers_and_its_output_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for tier, other in (("unit", "node"), ("node", "unit")):
        (tmp_path / tier).mkdir()
        (tmp_path / tier / "test_a.py").write_text(MEETING.format(mine=f"{tier}.begun", other=f"{other}.begun"))
    monkeypatch.setattr(tiers, "HERE", tmp_path)
    monkeypatch.setattr(tiers, "SIDE_BY_SIDE", ("--rootdir", str(tmp_path), "-c", "/dev/null"))
    # This test may run beside `node` itself, and so yield already.
    monkeypatch.setattr(tiers, "YIELDING", ("nice", "-n", "1"))
    assert tiers.main(["unit", "node"]) == 0
    quick, beside = (int((tmp_path / f"{tier}.begun").read_text()) for tier in ("unit", "node"))
    assert quick > beside or quick == LOWEST
    output = capfd.readouterr().out
    assert output.index("=== unit\n") < output.index("1 passed") < output.index("=== node\n")
    assert "2 passed, 0 failed, 0 skipped" in output


def test_a_tier_whose_pytest_breaks_down_has_failed_and_tells_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "golden").mkdir()
    (tmp_path / "golden" / "test_a.py").write_text("def test_a(): pass\n")
    (tmp_path / "golden" / "conftest.py").write_text("def pytest_runtest_logreport(report): raise OSError('full')\n")
    monkeypatch.setattr(tiers, "HERE", tmp_path)
    assert tiers.main(["golden"]) == 1
    output = capfd.readouterr().out
    assert "pytest ended with exit code 3, and not every test ran: OSError: full" in output

"""What the bench works out by itself: figures, process trees, the page and the picture. Nothing is compared here."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from bench import course, larger, page, picture, results, targets, where
from bench.compare import shell
from bench.figures import Line, Spread
from bench.inside import seconds_of
from bench.measure import MeasuredError, measured
from bench.program import recorded
from bench.tools import TOOLS
from bench.tools.helm import side_by_side
from bench.tools.releases import ReleaseFile
from bench.tools.tool import Script
from meshlab.recording.recorder import ROOT, record
from tests.support.stacks import overlaid

MEGABYTE = 1_000_000


def test_a_spread_has_the_lowest_the_middle_and_the_highest_value() -> None:
    assert Spread.of([5.0, 1.0, 2.0]) == Spread(1.0, 2.0, 5.0)
    assert Spread.of([1.0, 2.0]).median == 1.5
    with pytest.raises(ValueError, match="at least one"):
        Spread.of([])


def test_a_line_has_the_slope_of_its_points_and_says_how_well_it_fits() -> None:
    exact = Line.through([1, 4, 16], [5.0, 11.0, 35.0])
    assert exact.slope == pytest.approx(2.0)
    assert exact.intercept == pytest.approx(3.0)
    assert exact.r_squared == pytest.approx(1.0)
    curved = Line.through([1, 2, 3, 4], [1.0, 4.0, 9.0, 16.0])
    assert 0.9 < curved.r_squared < 1.0
    assert Line.through([1, 2], [3.0, 3.0]).r_squared == 1.0
    with pytest.raises(ValueError, match="two or more"):
        Line.through([2, 2], [1.0, 2.0])


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_the_cpu_time_of_a_tree_has_what_its_children_and_orphans_used() -> None:
    busy = "import time\nwhile time.process_time() < 0.4: pass"
    # A child that is waited for, and one that outlives who started it.
    code = f"""
import subprocess, sys
subprocess.run([sys.executable, "-c", {busy!r}])
subprocess.Popen([sys.executable, "-c", {busy!r}])
"""
    usage = measured(python(code))
    assert 0.8 <= usage.cpu_seconds < 3.0
    assert usage.seconds >= 0.4


def test_the_memory_of_a_tree_is_that_of_all_its_processes_together() -> None:
    hold = f"import time; held = b'x' * {60 * MEGABYTE}; time.sleep(1.5)"
    both = f"""
import subprocess, sys
held = [subprocess.Popen([sys.executable, "-c", {hold!r}]) for _ in range(2)]
[child.wait() for child in held]
"""
    assert measured(python("pass")).memory_bytes < 40 * MEGABYTE
    assert 120 * MEGABYTE < measured(python(both)).memory_bytes < 200 * MEGABYTE


def test_a_failed_command_is_no_measurement_and_its_first_error_is_the_reason() -> None:
    with pytest.raises(MeasuredError, match="exit code 3: error: no such chart"):
        measured(["/bin/sh", "-c", "echo 'error: no such chart' >&2; echo bye >&2; exit 3"])


def test_a_command_that_leaves_a_process_is_no_measurement_and_it_is_ended(tmp_path: Path) -> None:
    number = tmp_path / "pid"
    with pytest.raises(MeasuredError, match="still running after its end: sleep"):
        measured(["/bin/sh", "-c", f"sleep 600 & echo $! > {number}"])
    assert not Path(f"/proc/{number.read_text().strip()}").exists()


def test_a_script_stops_at_its_first_line_that_fails() -> None:
    with pytest.raises(subprocess.CalledProcessError) as caught:
        subprocess.run(shell(Script(["echo one", "false", "echo two"])), check=True, capture_output=True, text=True)
    assert caught.value.stdout == "one\n"


def release(name: str, *needs: str) -> ReleaseFile:
    return ReleaseFile(name, "ns", "chart", "1", Path("values"), False, needs)


def ran(wanted: list[ReleaseFile], folder: Path, failing: str = "") -> tuple[int, list[str]]:
    """Exit code and order of ends, where base takes longer than the others and `failing` fails."""

    def command(one: ReleaseFile) -> str:
        seconds = 0.5 if one.name == "base" else 0.05
        return f"sleep {seconds} && echo {one.name} >> {folder}/log && test {one.name} != '{failing}'"

    code = subprocess.run(shell(Script(side_by_side(wanted, command))), check=False).returncode
    return code, (folder / "log").read_text(encoding="utf-8").split()


def test_side_by_side_a_release_waits_for_what_it_needs_and_for_nothing_else(tmp_path: Path) -> None:
    wanted = [release("base"), release("old", "base"), release("new", "base"), release("other")]
    code, order = ran(wanted, tmp_path)
    assert code == 0
    assert order[:2] == ["other", "base"]
    assert sorted(order[2:]) == ["new", "old"]


def test_side_by_side_what_is_needed_goes_last_on_removal(tmp_path: Path) -> None:
    wanted = [release("other"), release("new", "base"), release("old", "base"), release("base")]
    code, order = ran(wanted, tmp_path)
    assert code == 0
    assert order[-1] == "base"


@pytest.mark.parametrize("failing", ["base", "old", "new", "other"])
def test_side_by_side_fails_where_any_of_it_does(tmp_path: Path, failing: str) -> None:
    wanted = [release("base"), release("old", "base"), release("new", "base"), release("other")]
    code, order = ran(wanted, tmp_path, failing)
    assert code != 0
    assert failing in order


def test_each_phase_of_the_course_changes_what_it_says() -> None:
    def releases(phase: str) -> dict[str, Any]:
        found = record(course.STACK, config=overlaid(course.STACK, course.overlay(phase)))
        return {resource.name: resource.inputs for resource in found.of_type("kubernetes:helm.sh/v3:Release")}

    first, same, changed, newer = (releases(phase) for phase in ("up", "no-op", "change", "upgrade"))
    assert first == same
    assert [name for name in first if first[name] != changed[name]] == ["monitoring-stack"]
    assert {name: one["version"] for name, one in first.items()} == {
        name: one["version"] for name, one in changed.items()
    }
    assert len(newer) == len(first) + 1
    assert {chart["version"] for chart in newer.values()} >= {"1.17.6", "1.30.3", "88.5.3", "2.29.0"}


def test_a_larger_lab_registers_just_that_much_more(tmp_path: Path) -> None:
    before = recorded(ROOT, {})["resources"]
    assert recorded(larger.tree_with(3, tmp_path), {})["resources"] == before + 2 * 3
    namespaces, revisions, _ = larger.DIMENSIONS
    over = {f"meshlab:{key}": value for key, value in namespaces.overlay(2).items()}
    assert recorded(ROOT, over)["resources"] == before + 2
    over = {f"meshlab:{key}": value for key, value in revisions.overlay(4).items()}
    assert recorded(ROOT, over)["resources"] > before


def test_added_namespaces_exist_with_workloads_that_ask_for_no_pod() -> None:
    objects = list(yaml.safe_load_all(larger.workloads(2)))
    assert [
        object_["metadata"]["name"] for object_ in objects if object_["kind"] == "Namespace"
    ] == larger.added_namespaces(2)
    deployments = [object_ for object_ in objects if object_["kind"] == "Deployment"]
    assert len(deployments) == 2 * larger.WORKLOADS
    assert {deployment["spec"]["replicas"] for deployment in deployments} == {0}


@pytest.fixture(scope="module")
def kept() -> dict[str, Any]:
    return results.load()


def test_the_page_and_the_picture_are_those_of_the_results(kept: dict[str, Any]) -> None:
    assert page.FILE.read_text(encoding="utf-8") == page.page_of(kept), "run: python -m bench page"
    drawn = picture.svg_of(kept["comparison"])
    assert picture.FILE.read_text(encoding="utf-8") == drawn, "run: python -m bench page"
    assert drawn == picture.svg_of(kept["comparison"])


def test_the_results_have_every_tool_and_every_dimension_or_the_reason_why_not(kept: dict[str, Any]) -> None:
    comparison = kept["comparison"]
    assert {run["tool"] for run in comparison["runs"]} | set(comparison["missing"]) == set(TOOLS)
    wanted = {(dimension.name, value) for dimension in larger.DIMENSIONS for value in dimension.values}
    assert {(point["dimension"], point["value"]) for point in kept["growth"]["points"]} == wanted


def test_a_target_is_met_by_comparison_alone() -> None:
    assert targets.Limit("x", 1.0, 1.0, "s").met
    assert not targets.Limit("x", 1.0, 1.01, "s").met
    runs = [
        {"tool": tool, "phase": "up", "seconds": seconds}
        for tool, seconds in (("lab", 15.0), ("helm-in-a-row", 20.0), ("helm-side-by-side", 14.0))
    ]
    found = {limit.what: limit.met for limit in targets.of_comparison({"runs": runs})}
    assert found == {"up: this program beside helm in a row": True, "up: this program beside helm side by side": False}


def test_a_phase_that_failed_counts_as_no_figure_and_the_page_says_so(kept: dict[str, Any]) -> None:
    broken = json.loads(json.dumps(kept))
    run = next(run for run in broken["comparison"]["runs"] if (run["tool"], run["phase"]) == ("lab", "destroy"))
    for field in ("seconds", "cpu_seconds", "memory_bytes"):
        run.pop(field, None)
    run["failed"] = "the API server went away"
    assert "the API server went away" in page.page_of(broken)
    assert picture.svg_of(broken["comparison"]) != picture.svg_of(kept["comparison"])


def test_who_ends_a_measurement_ends_what_is_measured(tmp_path: Path) -> None:
    number = tmp_path / "pid"
    tree = [sys.executable, "-P", str(ROOT / "bench" / "tree.py"), str(tmp_path / "usage.json")]
    watcher = subprocess.Popen(
        [*tree, "/bin/sh", "-c", f"sleep 600 & echo $! > {number}.new; mv {number}.new {number}; wait"]
    )
    while not number.exists():
        assert watcher.poll() is None
    watcher.terminate()
    assert watcher.wait(60) == 128 + signal.SIGTERM
    assert not psutil.pid_exists(int(number.read_text()))


def test_the_cpu_time_of_what_some_work_starts_is_told_by_kind_of_process() -> None:
    busy = "import time\nwhile time.process_time() < 0.5: pass"

    def work() -> None:
        subprocess.run([*python(busy), "pulumi-resource-kubernetes"], check=True)
        subprocess.run(python(busy), check=True)

    used = where.cpu_by_process(work)
    assert set(used) == {"kubernetes provider", "other"}
    assert all(0.3 < seconds < 2.0 for seconds in used.values())


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        (["/opt/pulumi", "preview"], "engine"),
        (["pulumi-language-python", "-root=x"], "the engine's host for Python"),
        (["python", "/opt/pulumi-language-python-exec", "--project", "meshlab"], "the program"),
        (["python", "-m", "pip", "list"], "pip, which the engine asks what is installed"),
        (["pulumi-resource-random", "x"], "other providers"),
        (["sleep", "1"], "other"),
    ],
)
def test_a_process_is_known_by_its_command_line(command: list[str], kind: str) -> None:
    assert where.kind_of(command) == kind


def test_growth_is_called_linear_flat_or_neither_by_its_points() -> None:
    def said(seconds: list[float]) -> str:
        points = [
            {"dimension": "monitors", "value": value, "resources": 1, "program_seconds": [one]}
            for value, one in zip((10, 100, 1000), seconds, strict=True)
        ]
        machine = {"date": "", "cores": 1, "processor": "", "memory_bytes": 1, "system": "", "python": ""}
        part = {"machine": {**machine, "load_before": 0.0}, "charts": "real", "repetitions": 1, "engine": False}
        return page.page_of({"growth": {**part, "points": points}})

    assert "Linear (R² of 0.95 or more): program (s)." in said([1.0, 10.0, 100.0])
    assert "lmost constant (less than 20% from first to last): program (s)." in said([1.0, 1.02, 1.01])
    assert "nclear in these runs: program (s)." in said([1.0, 9.0, 5.0])


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("Showing nodes accounting for 2.18s, 61.24% of 3.56s total", (2.18, 3.56)),
        ("Showing nodes accounting for 380ms, 35.19% of 1.08s total", (0.38, 1.08)),
        ("Showing nodes accounting for 0, 0% of 950ms total", (0.0, 0.95)),
    ],
)
def test_the_seconds_of_a_profile_are_read_off_its_head(head: str, expected: tuple[float, float]) -> None:
    assert seconds_of(f"File: pulumi\nType: cpu\n{head}\n      flat  flat%\n") == pytest.approx(expected)
    with pytest.raises(ValueError, match="pprof: expected"):
        seconds_of("no matches")

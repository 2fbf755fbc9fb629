"""The command: exit codes, what goes to stdout and what to stderr, and the report that it keeps."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kube.api_objects import AccessError, RefusedError, Resource
from kube.objects import NAMESPACES
from meshlab.cli import main as cli
from meshlab.cli.commands import verify
from meshlab.verify.checks import all_checks
from meshlab.verify.program import Program
from tests.verify.api_server import kubeconfig
from tests.verify.fake_cluster import FakeCluster
from tests.verify.running_pods import World
from tests.verify.test_where_nothing_runs import simulated

Run = Callable[..., int]
MADE = ("istio-system", "istioinaction", "kiali-operator", "prometheus")
"""The namespaces that stack dev creates."""


class Live(FakeCluster):
    """A cluster with a version."""

    def version(self) -> str:
        return "v1.34.4"


@pytest.fixture
def run(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command against the world's cluster, as the embedded one; its state is in the test's folder."""
    live = Live()
    live.__dict__ = world.cluster.__dict__
    monkeypatch.setattr(verify, "STATE", tmp_path)
    monkeypatch.setattr(verify, "_cluster", lambda context: (live, "cluster of the test"))
    monkeypatch.setattr(Program, "of_resources", lambda resources: world.program)

    def command(*options: str) -> int:
        return cli.main(["verify", *options])

    return command


def kept(tmp_path: Path) -> dict[str, Any]:
    return json.loads((tmp_path / "verify" / "dev.json").read_text(encoding="utf-8"))


def test_if_all_visible_checks_pass_it_exits_with_0_and_keeps_the_report(
    world: World, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    simulated(world)
    assert run() == 0
    out, err = capsys.readouterr()
    assert err == ""
    document, lines = kept(tmp_path), out.splitlines()
    assert document["result"] == "passed"
    assert document["labs"] == [1, 2, 3]
    assert document["embedded"] is True
    assert lines[0] == f"{len(document['checks'])} checks of dev on the cluster of the test, Kubernetes v1.34.4"
    counts = document["counts"]
    assert counts["passed"] > 20
    assert counts["not_applicable"] > 20
    assert f"{counts['passed']} passed, 0 failed, {counts['not_applicable']} not applicable here" in out
    assert "PASSED, as far as can be seen here" in lines
    for check in document["checks"]:
        (line,) = [line for line in lines if f" {check['id']} " in line]
        assert check["seen"] in line
        assert f"expected: {check['expected']};" in line


def test_a_failed_check_ends_it_with_1_and_is_named_last(
    world: World, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    simulated(world)
    world.cluster.remove("Service", "istiod", "istio-system")
    assert run("--lab", "2") == 1
    assert "FAILED: lab02.alias" in capsys.readouterr().out.splitlines()
    assert kept(tmp_path)["result"] == "failed"
    assert kept(tmp_path)["labs"] == [2]


def test_json_goes_to_stdout_and_progress_to_stderr(
    world: World, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    simulated(world)
    assert run("--lab", "1", "--json") == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == kept(tmp_path)
    assert "lab01.httpbin" in err
    assert "PASSED" in err


def test_a_run_in_which_nothing_passed_ends_with_2_and_says_so(
    world: World, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    simulated(world)
    silent = [check for check in all_checks(world.settings) if check.id == "lab01.sleep-calls"]
    monkeypatch.setattr(verify, "all_checks", lambda settings, lab: silent)
    assert run() == 2
    assert "NOTHING SHOWN: no check applies here, so that this is no pass" in capsys.readouterr().out
    assert kept(tmp_path)["result"] == "inconclusive"


def test_the_report_is_written_where_it_was_asked_for(world: World, run: Run, tmp_path: Path) -> None:
    simulated(world)
    file = tmp_path / "report.html"
    assert run("--lab", "1", "--report", str(file)) == 0
    assert "lab01.httpbin" in file.read_text(encoding="utf-8")


def test_a_report_that_cannot_be_written_is_told_before_anything_runs(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--report", str(tmp_path / "none" / "report.html")) == 2
    assert capsys.readouterr().err.startswith("verify: --report ")
    assert not (tmp_path / "verify").exists()


def test_a_run_that_cannot_be_made_ends_with_2_and_takes_the_last_report_away(
    world: World, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    simulated(world)
    assert run("--lab", "1") == 0

    def away(self: Live) -> str:
        raise AccessError("https://127.0.0.1:1 does not answer: connection refused")

    monkeypatch.setattr(Live, "version", away)
    capsys.readouterr()
    assert run("--lab", "1") == 2
    out, err = capsys.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)
    assert err.startswith("verify: cluster of the test: https://127.0.0.1:1 does not answer")
    assert not (tmp_path / "verify" / "dev.json").exists()


def without_the_stack(world: World) -> None:
    """Leave the namespaces that every cluster has, `default` among them."""
    for name in MADE:
        world.cluster.remove("Namespace", name)
    assert world.cluster.of("Namespace", "default")


def test_a_stack_that_is_not_on_the_cluster_is_one_line(
    world: World, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    simulated(world)
    without_the_stack(world)
    assert run("--cluster", "of the test") == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        f"verify: cluster of the test: expected the namespaces of stack dev ({', '.join(MADE)}), got none of them "
        "(bring the stack up first: meshlab up --stack dev --cluster 'of the test')\n"
    )


@pytest.mark.parametrize(("status", "code"), [(403, 1), (503, 2)])
def test_without_the_right_to_list_namespaces_the_checks_run(
    world: World, run: Run, status: int, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    simulated(world)
    without_the_stack(world)
    listed = Live.list

    def refused(self: Live, resource: Resource, *where: Any, **labels: Any) -> Any:
        if resource == NAMESPACES:
            raise RefusedError("GET /api/v1/namespaces", status, "no")
        return listed(self, resource, *where, **labels)

    monkeypatch.setattr(Live, "list", refused)
    assert run() == code
    told = "verify: cluster of the test: GET /api/v1/namespaces: HTTP 503: no\n"
    assert capsys.readouterr().err == (told if status == 503 else "")


def test_an_interrupted_run_leaves_no_report(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(verify, "run_checks", interrupted)
    assert run() == 130
    assert capsys.readouterr().err == "meshlab: interrupted\n"
    assert not (tmp_path / "verify" / "dev.json").exists()


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ((), r"expected the embedded cluster to run, or a context of your kubeconfig, got neither"),
        (("--cluster", "nowhere"), r"kubeconfig: expected .*context.* named nowhere"),
        (("--stack", "nope"), r"Pulumi\.nope\.yaml: expected a stack file, got none"),
    ],
)
def test_without_a_cluster_or_a_stack_it_ends_with_2_and_one_line(
    options: tuple[str, ...],
    line: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(verify, "STATE", tmp_path)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    kubeconfig(tmp_path, "http://127.0.0.1:1", "here")
    assert cli.main(["verify", *options]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(rf"verify: .*{line}.*\n", err), err


def test_a_lab_that_there_is_not_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["verify", "--lab", "4"])
    assert ended.value.code == 2
    assert "invalid choice: 4" in capsys.readouterr().err


def test_on_a_terminal_the_running_check_shows_below_and_disappears() -> None:
    class Terminal:
        text = ""

        def write(self, text: str) -> None:
            self.text += text

        def flush(self) -> None:
            pass

        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    told = verify.Told(terminal)  # type: ignore[arg-type]
    told.now("1/2 lab01.httpbin")
    told.line("done")
    assert terminal.text == "\x1b[2K\r1/2 lab01.httpbin\r\x1b[2K\rdone\n"

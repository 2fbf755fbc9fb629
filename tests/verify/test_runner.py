"""The runner: what comes of checks that fail, break, take too long or are interrupted."""

import signal
import threading
import time
from collections.abc import Callable

import pytest

from kube.api_objects import AccessError, MissingError
from meshlab.results.outcome import Failed, NotApplicable, Result, Seen, Status
from meshlab.verify import runner
from meshlab.verify.check import Check, Context, Deadline
from meshlab.verify.program import Program
from meshlab.verify.runner import line, run_checks
from meshlab.verify.web import AnswerError
from settings.models import Settings
from tests.support.waiting import HANGS
from tests.verify.fake_cluster import FakeCluster


@pytest.fixture
def result_of(program: Program, settings: Settings) -> Callable[..., Result]:
    """Runs one function as a check."""

    def run(work: Callable[[Context], Seen], limit: float = 5.0) -> Result:
        check = Check("lab01.example", "an example", "something", work, limit)
        return runner.run_check(check, Context(settings, program, FakeCluster(), Deadline(limit), pause=0.01))

    return run


def raising(error: BaseException) -> Callable[[Context], Seen]:
    def work(context: Context) -> Seen:
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "status", "seen"),
    [
        (Failed("two of three"), Status.FAILED, "two of three"),
        (NotApplicable("nothing runs here"), Status.NOT_APPLICABLE, "nothing runs here"),
        (AccessError("the API server is away"), Status.FAILED, "the API server is away"),
        (MissingError("it is not there"), Status.FAILED, "it is not there"),
        (AnswerError("Grafana does not answer"), Status.FAILED, "Grafana does not answer"),
        (KeyError("spec"), Status.FAILED, "the check itself broke: KeyError: 'spec'"),
    ],
)
def test_whatever_a_check_raises_is_its_result(
    result_of: Callable[..., Result], error: Exception, status: Status, seen: str
) -> None:
    result = result_of(raising(error))
    assert (result.status, result.seen) == (status, seen)


def test_what_a_check_saw_is_kept_with_its_details_and_time(result_of: Callable[..., Result]) -> None:
    def work(context: Context) -> Seen:
        time.sleep(0.05)
        return Seen("all of it", ("one", "two"))

    result = result_of(work)
    assert (result.status, result.seen, result.details) == (Status.PASSED, "all of it", ("one", "two"))
    assert result.seconds >= 0.05


def test_details_of_a_failure_are_kept(result_of: Callable[..., Result]) -> None:
    assert result_of(raising(Failed("no", ("why",)))).details == ("why",)


def test_a_check_that_hangs_is_given_up_on_after_its_limit(
    result_of: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "GRACE", 0.1)
    release, ended = threading.Event(), threading.Event()

    def work(context: Context) -> Seen:
        release.wait(HANGS)
        ended.set()
        return Seen("too late")

    result = result_of(work, limit=0.2)
    assert not ended.is_set()
    assert (result.status, result.seen) == (Status.FAILED, "no answer within 0.2 s")
    release.set()


def test_what_needs_time_is_looked_at_again_until_it_is_there(result_of: Callable[..., Result]) -> None:
    looks: list[int] = []

    def look() -> Seen:
        looks.append(1)
        if len(looks) < 3:
            raise Failed("not yet")
        return Seen("there")

    assert result_of(lambda context: context.eventually(look)).status is Status.PASSED
    assert len(looks) == 3


def test_what_does_not_come_in_time_fails_with_the_last_look(result_of: Callable[..., Result]) -> None:
    looks: list[int] = []

    def look() -> Seen:
        looks.append(1)
        raise Failed(f"look {len(looks)}")

    result = result_of(lambda context: context.eventually(look), limit=0.1)
    assert result.seen == f"look {len(looks)}"
    assert len(looks) > 1


def test_a_failure_does_not_end_the_checks_after_it(program: Program, settings: Settings) -> None:
    checks = [
        Check("lab01.a", "first", "x", raising(Failed("no"))),
        Check("lab01.b", "second", "x", raising(ZeroDivisionError())),
        Check("lab02.c", "third", "x", lambda context: Seen("yes")),
    ]
    lines, begun = list[str](), list[str]()
    results = run_checks(checks, settings, program, FakeCluster(), lines.append, begun.append)
    assert [result.status for result in results] == [Status.FAILED, Status.FAILED, Status.PASSED]
    assert [text.split()[0] for text in lines] == ["1/3", "2/3", "3/3"]
    assert begun[2] == "3/3 lab02.c: third (up to 30 s)"
    assert [result.lab for result in results] == [1, 1, 2]


def test_ctrl_c_ends_the_run_at_once(program: Program, settings: Settings) -> None:
    release, ran = threading.Event(), list[str]()

    def hangs(context: Context) -> Seen:
        ran.append("hangs")
        # As a terminal does it: the signal goes to the main thread, which waits for this one.
        threading.Timer(0.1, signal_main).start()
        release.wait(HANGS)
        ran.append("over")
        return Seen("")

    def signal_main() -> None:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    checks = [Check("lab01.a", "first", "x", hangs), Check("lab01.b", "second", "x", raising(AssertionError()))]
    with pytest.raises(KeyboardInterrupt):
        run_checks(checks, settings, program, FakeCluster(), lambda text: None)
    assert ran == ["hangs"]
    release.set()


def test_a_line_says_what_came_of_a_check_what_was_seen_and_what_was_expected() -> None:
    result = Result("lab02.alias", 2, "the alias", Status.FAILED, "four ports", "three ports", (), 0.26)
    wanted = "failed              lab02.alias                      three ports (expected: four ports; 0.3 s)"
    assert line(result) == wanted

"""The helper that every command of meshlab runs through."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from base import process
from base.process import ProcessId


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def wait_until_gone(pid: int) -> bool:
    """True once no process has the number; false where one still has it after a generous while."""
    limit = time.monotonic() + 30
    while ProcessId.of(pid):
        if time.monotonic() > limit:
            return False
        time.sleep(0.02)
    return True


def test_what_a_command_writes_comes_back_by_stream() -> None:
    done = process.run(python("import sys; print('out'); print('err', file=sys.stderr)"), timeout=60)
    assert (done.code, done.stdout, done.stderr) == (0, "out\n", "err\n")


def test_input_reaches_the_command() -> None:
    assert process.run(python("print(input()[::-1])"), timeout=60, stdin="mesh\n").stdout == "hsem\n"


def test_a_command_that_does_not_read_its_input_is_no_error() -> None:
    assert process.run(python("pass"), timeout=60, stdin="x" * 1_000_000).code == 0


def test_input_and_output_larger_than_a_pipe_do_not_block() -> None:
    text = "x" * 3_000_000
    code = "import sys\nfor line in sys.stdin: sys.stdout.write(line)"
    assert process.run(python(code), timeout=60, stdin=text).stdout == text


def test_environment_is_laid_over_ours_and_none_takes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESHLAB_TEST_KEPT", "kept")
    monkeypatch.setenv("MESHLAB_TEST_GONE", "there")
    code = "import os; print([os.environ.get(f'MESHLAB_TEST_{name}') for name in ('KEPT', 'GONE', 'NEW')])"
    done = process.run(python(code), timeout=60, env={"MESHLAB_TEST_GONE": None, "MESHLAB_TEST_NEW": "new"})
    assert done.stdout == "['kept', None, 'new']\n"


def test_lines_are_told_as_they_come() -> None:
    seen: list[str] = []
    process.run(python("print('one'); print('two')"), timeout=60, on_line=seen.append)
    assert seen == ["one", "two"]


def test_failure_is_one_line_with_the_command_its_code_and_its_last_words() -> None:
    code = "import sys; print('first', file=sys.stderr); print('no such chart', file=sys.stderr); sys.exit(3)"
    with pytest.raises(process.CommandFailedError) as caught:
        process.run(["env", *python(code)], timeout=60)
    assert str(caught.value) == f"env {sys.executable} failed with exit code 3: no such chart"
    assert caught.value.completed.stderr == "first\nno such chart\n"


def test_an_error_never_shows_what_may_be_secret_arguments() -> None:
    with pytest.raises(process.CommandFailedError) as caught:
        process.run(["false", "--token=hunter2"], timeout=60)
    assert str(caught.value) == "false failed with exit code 1"


def test_failure_may_be_taken_as_an_answer() -> None:
    assert process.run(python("raise SystemExit(4)"), timeout=60, check=False).code == 4


def test_a_missing_program_is_named_with_what_to_do() -> None:
    with pytest.raises(process.CommandMissingError) as caught:
        process.run(["no-such-program-here", "up"], timeout=60)
    assert str(caught.value) == "no-such-program-here is not there: install it or put it on PATH"


def test_a_file_that_is_no_program_is_named(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("text")
    with pytest.raises(process.CommandMissingError, match="text may not be run: it is not an executable file"):
        process.run([tmp_path / "text"], timeout=60)


def test_a_missing_folder_is_not_taken_for_a_missing_program(tmp_path: Path) -> None:
    with pytest.raises(process.CommandMissingError, match=r"true cannot run in .*/gone: there is no such folder"):
        process.run(["true"], timeout=60, cwd=tmp_path / "gone")


def test_at_the_time_limit_the_whole_family_ends() -> None:
    pids: list[str] = []
    with pytest.raises(process.CommandTimeoutError, match=r"was not done after 3 s and was ended, last words: \d+"):
        process.run(["sh", "-c", "sleep 600 & echo $!; wait"], timeout=3, on_line=pids.append)
    assert wait_until_gone(int(pids[0]))


def test_what_ignores_the_polite_signal_is_killed() -> None:
    pids: list[str] = []
    with pytest.raises(process.CommandTimeoutError):
        process.run(["sh", "-c", "trap '' TERM; echo $$; sleep 600"], timeout=3, grace=0.2, on_line=pids.append)
    assert wait_until_gone(int(pids[0]))


def test_interrupting_the_caller_ends_the_command(tmp_path: Path) -> None:
    seen = tmp_path / "pid"
    child = f"import os, time; open({str(seen)!r}, 'w').write(str(os.getpid()) + '.'); time.sleep(600)"
    caller = (
        f"import sys; from base import process; process.run([sys.executable, '-c', {child!r}], timeout=600, grace=5)"
    )
    running = subprocess.Popen([sys.executable, "-c", caller], stderr=subprocess.PIPE)
    while not (seen.exists() and seen.read_text().endswith(".")):
        assert running.poll() is None
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=60)
    assert b"KeyboardInterrupt" in errors
    assert wait_until_gone(int(seen.read_text().rstrip(".")))


def test_a_daemon_that_keeps_the_pipe_open_does_not_hold_the_caller(tmp_path: Path) -> None:
    code = "import subprocess; print(subprocess.Popen(['sleep', '600'], start_new_session=True).pid)"
    done = process.run(python(code), timeout=60)
    os.kill(int(done.stdout), signal.SIGKILL)
    assert done.code == 0


def test_a_background_command_runs_beside_and_ends_with_the_block(tmp_path: Path) -> None:
    log = tmp_path / "log"
    code = "import time; print('serving', flush=True); time.sleep(600)"
    with process.background(python(code), log=log) as child:
        while b"serving" not in log.read_bytes():
            assert child.poll() is None
            time.sleep(0.05)
        identity = ProcessId.of(child.pid)
        assert identity and identity.alive()
    assert not identity.alive()


def test_a_process_is_known_by_number_and_start_time() -> None:
    me = ProcessId.of(os.getpid())
    assert me and me.alive()
    assert not ProcessId(me.pid, me.started + 1).alive()


def test_a_zombie_is_no_living_process() -> None:
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert ProcessId.of(child.pid) is None
    child.wait()

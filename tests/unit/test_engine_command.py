"""The Pulumi CLI as the Automation API runs it here: its output, its errors, and Ctrl-C."""

import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest
from pulumi import automation as auto

from meshlab.engine.backends import Backend, Source, state_file
from meshlab.engine.command import Command
from meshlab.engine.interruption import interruptible
from tests.support import pretended_pulumi

OPTIONS = "--stack dev"


def command(folder: Path, lines: str) -> Command:
    return Command(str(pretended_pulumi.cli(folder, otherwise=lines)), "3.276.0")


def test_each_callback_gets_the_lines_of_its_own_stream(tmp_path: Path) -> None:
    out: list[str] = []
    errors: list[str] = []
    result = command(tmp_path, "echo result; echo remark >&2").run(["up"], str(tmp_path), {}, out.append, errors.append)
    assert (out, errors) == (["result"], ["remark"])
    assert (result.stdout, result.stderr, result.code) == ("result", "remark", 0)


def test_the_cli_asks_nobody_and_knows_who_called_it(tmp_path: Path) -> None:
    result = command(tmp_path, 'echo "$1 $PULUMI_AUTOMATION_API $OF_THE_STACK"').run(
        ["up"], str(tmp_path), {"OF_THE_STACK": "given"}
    )
    assert result.stdout == "--non-interactive true given"


def test_a_failure_is_the_error_of_the_sdk(tmp_path: Path) -> None:
    with pytest.raises(auto.ConcurrentUpdateError):
        command(tmp_path, "echo 'error: the stack is currently locked by 1 lock(s)' >&2; exit 255").run(
            ["up"], str(tmp_path), {}
        )


def test_ctrl_c_asks_the_engine_once_and_waits_for_its_end(tmp_path: Path) -> None:
    # It needs a second to end, as an engine does in the middle of a resource; a second signal would be told.
    asked = "trap 'echo asked >> asked; sleep 1; echo ended >> asked; exit 255' INT"
    lines = f"{asked}; touch ready; while :; do sleep 0.1; done"
    told: list[str] = []
    cli = command(tmp_path, lines)
    cli.on_interrupt = lambda: told.append("waits")

    def press() -> None:
        while not (tmp_path / "ready").exists():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    presser = threading.Thread(target=press)
    presser.start()
    with pytest.raises(KeyboardInterrupt):
        cli.run(["up"], str(tmp_path), {})
    presser.join()
    assert told == ["waits"]
    assert (tmp_path / "asked").read_text().split() == ["asked", "ended"]


def backend(tmp_path: Path) -> Backend:
    return Backend(f"file://{tmp_path}", Source.EMBEDDED)


def told_after(tmp_path: Path, operation: str) -> str:
    with pytest.raises(KeyboardInterrupt) as caught, interruptible(backend(tmp_path), "dev", OPTIONS, operation):
        raise KeyboardInterrupt
    return str(caught.value)


def test_after_an_interrupted_up_the_next_command_is_named(tmp_path: Path) -> None:
    told = told_after(tmp_path, "up")
    assert told == "what was done is kept; next: meshlab up --stack dev to go on, or meshlab down --stack dev"


def test_after_an_interrupted_down_it_goes_on_or_up_brings_all_back(tmp_path: Path) -> None:
    told = told_after(tmp_path, "down")
    assert told == "what was done is kept; next: meshlab down --stack dev to go on, or meshlab up --stack dev"


def test_operations_without_an_end_ask_for_a_recovery(tmp_path: Path) -> None:
    file = state_file(tmp_path, "dev")
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"checkpoint": {"latest": {"pending_operations": [{"type": "creating"}]}}}))
    assert told_after(tmp_path, "up").endswith("next: meshlab recover --stack dev")


def test_a_lock_that_stays_asks_for_a_recovery(tmp_path: Path) -> None:
    lock = tmp_path / ".pulumi" / "locks" / "organization" / "meshlab" / "dev" / "1.json"
    lock.parent.mkdir(parents=True)
    owner = {"pid": 1, "username": "me", "hostname": "here", "timestamp": "2026-01-01T00:00:00Z"}
    lock.write_text(json.dumps(owner))
    assert told_after(tmp_path, "down").endswith("next: meshlab recover --stack dev")

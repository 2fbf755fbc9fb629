"""A program that runs inside this process finds it as if it were the first, and leaves nothing in it."""

import asyncio
import contextvars
import importlib
import json
import os
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi import log
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc
from pulumi.runtime.settings import get_engine, reset_options

from meshlab.engine import inline, program_end

# What the program finds is told before it leaves all that it can.
PROGRAM = """
import json
import os
import sys
from pathlib import Path

from components import part

seen = {
    "runs of the module": part.COUNT,
    "left by another run": getattr(sys.modules["components"], "LEFT", None),
    "text": part.TEXT,
    "file": part.__file__,
    "limit": getattr(sys, "tracebacklimit", None),
    "given": os.environ.get("GIVEN"),
    "mine": os.environ.get("MINE"),
    "home": os.environ.get("HOME"),
    "path": sys.path,
    "name": __name__,
}
with Path(os.environ["TOLD"]).open("a") as told:
    told.write(json.dumps(seen) + "\\n")
part.COUNT += 1
sys.modules["components"].LEFT = True
sys.tracebacklimit = 0
sys.path.append("/left")
os.environ["MINE"] = "left"
os.environ["GIVEN"] = "left"
os.environ.pop("HOME", None)
if "FAILS" in os.environ:
    raise SystemExit(1)
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program with one module in its package, which writes what it finds into the file `told`."""
    monkeypatch.setenv("TOLD", str(tmp_path / "told"))
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.delenv("GIVEN", raising=False)
    monkeypatch.delenv("MINE", raising=False)
    monkeypatch.delenv("FAILS", raising=False)
    return write(tmp_path / "project", "first")


def write(folder: Path, text: str) -> Path:
    (folder / "components").mkdir(parents=True, exist_ok=True)
    (folder / "components" / "__init__.py").touch()
    (folder / "components" / "part.py").write_text(f"COUNT, TEXT = 0, {text!r}\n", encoding="utf-8")
    (folder / "__main__.py").write_text(PROGRAM, encoding="utf-8")
    return folder


def run(folder: Path, environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Run it, and return what it found."""
    with inline.program(environment or {}, folder) as program:
        program()
    return told()[-1]


def told() -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(os.environ["TOLD"]).read_text(encoding="utf-8").splitlines()]


def of_this_process() -> dict[str, Any]:
    """All that a program may leave in it."""
    return {
        "modules": {name: id(module) for name, module in sys.modules.items() if name.split(".")[0] in inline.PACKAGES},
        "environment": dict(os.environ),
        "path": list(sys.path),
        "limit": getattr(sys, "tracebacklimit", "none"),
        "main": id(sys.modules["__main__"]),
        "words": list(sys.argv),
    }


def test_two_runs_find_the_same(project: Path) -> None:
    first, second = run(project), run(project)
    assert first == second
    assert first["runs of the module"] == 0
    assert first["left by another run"] is None
    assert first["name"] == "__main__"


def test_the_programs_own_modules_are_found_and_not_ours(project: Path) -> None:
    importlib.import_module("settings.models")
    seen = run(project)
    assert seen["file"] == str(project / "components" / "part.py")
    assert seen["path"][0] == str(project)


def test_a_module_that_was_edited_between_runs_is_read_anew(project: Path) -> None:
    assert run(project)["text"] == "first"
    write(project, "second one")
    assert run(project)["text"] == "second one"


def test_a_run_leaves_this_process_as_it_was(project: Path) -> None:
    importlib.import_module("settings.models")
    before = of_this_process()
    run(project, {"GIVEN": "x"})
    assert of_this_process() == before
    assert before["modules"]


@pytest.mark.parametrize("error", [SystemExit, None])
def test_a_run_that_fails_leaves_it_so_too(
    project: Path, error: type[BaseException] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAILS", "yes")
    if error is None:
        (project / "components" / "part.py").write_text("raise ValueError('broken')\n", encoding="utf-8")
    before = of_this_process()
    with pytest.raises(error or ValueError):
        run(project)
    assert of_this_process() == before


@pytest.mark.parametrize("limit", [None, 7])
def test_how_many_frames_a_traceback_has_stays(
    project: Path, limit: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if limit is not None:
        monkeypatch.setattr(sys, "tracebacklimit", limit, raising=False)
    run(project)
    assert run(project)["limit"] == limit
    assert getattr(sys, "tracebacklimit", None) == limit


def test_the_program_finds_the_environment_that_it_is_given(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(project, {"GIVEN": "x"})["given"] == "x"
    assert run(project)["given"] is None
    monkeypatch.setenv("GIVEN", "of the caller")
    assert run(project, {"GIVEN": "x"})["given"] == "x"
    assert os.environ["GIVEN"] == "of the caller"


def test_a_run_in_another_thread_is_the_same(project: Path) -> None:
    """The Automation API runs it in a thread of its server."""
    before, expected = of_this_process(), run(project)
    with inline.program({}, project) as program:
        thread = threading.Thread(target=program)
        thread.start()
        thread.join()
    assert told()[-1] == expected
    assert of_this_process() == before


def test_an_operation_ends_after_its_program_not_only_after_the_engine(project: Path) -> None:
    begun, ended = threading.Event(), threading.Event()

    async def as_the_engine_runs_it(program: Callable[[], None]) -> None:
        program()
        begun.set()
        await asyncio.sleep(0.3)
        ended.set()

    with inline.program({}, project) as program:
        thread = threading.Thread(target=lambda: asyncio.run(as_the_engine_runs_it(program)))
        thread.start()
        assert begun.wait(60)
        assert not ended.is_set()
    assert ended.is_set()
    thread.join()


def test_a_program_that_was_left_half_way_holds_nothing_up(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program_end, "STOPPED_SECONDS", 0.05)
    loop = asyncio.new_event_loop()

    async def once(program: Callable[[], None]) -> None:
        program()

    with inline.program({}, project) as program:
        loop.run_until_complete(once(program))
    assert not loop.is_closed()
    loop.close()


def test_the_engine_gets_no_debug_messages_and_all_others(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    engine = SimpleNamespace(Log=lambda request: sent.append(request.message))
    monkeypatch.setattr(inline, "get_engine", lambda: engine)
    monkeypatch.setattr(log, "get_engine", lambda: engine)
    run(project)
    log.debug("preparing")
    log.warn("look here")
    assert sent == ["look here"]


def test_the_program_of_this_repository_is_the_default() -> None:
    with inline.program({}):
        assert sys.path[0] == str(inline.ROOT)
        assert [name for name in sys.modules if name.split(".")[0] in inline.PACKAGES] == []


class Heard(engine_pb2_grpc.EngineServicer):
    """An engine that keeps what is logged."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def Log(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        self.messages.append(request.message)
        return empty_pb2.Empty()


def engine_at(address: str) -> Any:
    """The engine of a program that is told this address."""

    def connected() -> Any:
        reset_options(project="p", stack="s", engine_address=address)
        return get_engine()

    return contextvars.Context().run(connected)


def test_an_engine_at_the_address_of_one_that_was_killed_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    killed = engine_at(address)
    with pytest.raises(grpc.RpcError, match="Connection refused"):
        killed.Log(engine_pb2.LogRequest())
    engine, server = Heard(), grpc.server(ThreadPoolExecutor(1))
    engine_pb2_grpc.add_EngineServicer_to_server(engine, server)
    server.add_insecure_port(address)
    server.start()
    try:
        engine_at(address).Log(engine_pb2.LogRequest(message="to the next one"))
    finally:
        server.stop(None)
    assert engine.messages == ["to the next one"]

"""What a registration sends of where it was made: the program's own lines, the same on each machine."""

from pathlib import Path
from typing import Any

import pytest
from pulumi.runtime import resource

from meshlab.recording import call_stack, recorder

PARTS = ("__main__.py", "base/", "settings/")
MODULE = """
class Base:
    def __init__(self, ask):
        self.told = ask()

class Kind(Base):
    def __init__(self, ask):
        super().__init__(ask)

class Part(Kind):
    def __init__(self, ask):
        super().__init__(ask)

def make(ask):
    return Part(ask).told
"""
QUEUE = 'Queue("queue", pulumi.ResourceOptions(parent=self))'
MAKES = 15
"""The line of the module that makes a Part."""
PROGRAM = """
import pulumi


class Queue(pulumi.CustomResource):
    def __init__(self, name, opts=None):
        super().__init__("example:index:Queue", name, {"size": 1}, opts)


class Service(pulumi.ComponentResource):
    def __init__(self, name):
        super().__init__("example:index:Service", name)
        Queue("queue", pulumi.ResourceOptions(parent=self))


Service("service")
"""


def asked() -> Any:
    """What the SDK sends with a registration."""
    return resource._get_stack_trace()  # pyright: ignore[reportPrivateUsage]


def registered(file: Path) -> list[str]:
    """What is sent for a resource of three constructors that a module at `file` makes."""
    module: dict[str, Any] = {}
    exec(compile(MODULE, str(file), "exec"), module)
    return [f"{frame.pc.uri}:{frame.pc.line}" for frame in module["make"](asked).frames]


@pytest.mark.parametrize("name", ["__main__.py", "base/part.py", "settings/deep/part.py"])
def test_the_programs_lines_are_sent_as_if_it_were_in_the_project(tmp_path: Path, name: str) -> None:
    with call_stack.told(tmp_path / "checkout", tmp_path / "project", PARTS):
        assert registered(tmp_path / "checkout" / name) == [f"{(tmp_path / 'project' / name).as_uri()}:{MAKES}"]


@pytest.mark.parametrize(
    "name", ["checkout/meshlab/part.py", "checkout/.venv/base/a.py", "base/a.py", "checkout/based"]
)
def test_no_other_line_is_sent(tmp_path: Path, name: str) -> None:
    with call_stack.told(tmp_path / "checkout", tmp_path / "project", PARTS):
        assert registered(tmp_path / name) == []


def test_the_project_is_named_by_its_real_absolute_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "link").symlink_to("project")
    monkeypatch.chdir(tmp_path)
    expected = [f"{(tmp_path.resolve() / 'project' / 'base' / 'part.py').as_uri()}:{MAKES}"]
    for project in (tmp_path / "link", Path("project"), Path("link")):
        with call_stack.told(tmp_path, project, PARTS):
            assert registered(tmp_path / "base" / "part.py") == expected


def test_nothing_is_sent_where_no_engine_asks(tmp_path: Path) -> None:
    call_stack.shorten()
    assert registered(tmp_path / "__main__.py") == []


def test_one_program_inside_another_leaves_it_its_own_lines(tmp_path: Path) -> None:
    inner, outer = tmp_path / "inner", tmp_path / "outer"
    with call_stack.told(outer, outer, PARTS):
        with call_stack.told(inner, inner, PARTS):
            assert registered(inner / "__main__.py")
        assert registered(inner / "__main__.py") == []
        assert registered(outer / "__main__.py")


def test_the_sdk_sends_these_lines_with_each_registration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    main, sent = tmp_path / "__main__.py", dict[str, tuple[list[str], str]]()
    main.write_text(PROGRAM, encoding="utf-8")
    lines = PROGRAM.splitlines()
    queue, service = (
        f"{main.as_uri()}:{lines.index(line) + 1}" for line in (f"{' ' * 8}{QUEUE}", 'Service("service")')
    )
    keep = recorder._RecordingMonitor._recorded  # pyright: ignore[reportPrivateUsage]

    def recorded(self: Any, request: Any, urn: str) -> Any:
        frames = [f"{frame.pc.uri}:{frame.pc.line}" for frame in request.stackTrace.frames]
        sent[request.name] = frames, f"{request.sourcePosition.uri}:{request.sourcePosition.line}"
        return keep(self, request, urn)

    monkeypatch.setattr(recorder._RecordingMonitor, "_recorded", recorded)  # pyright: ignore[reportPrivateUsage]
    with call_stack.told(tmp_path, tmp_path, PARTS):
        recorder.run_program("p", "s", {}, project_dir=tmp_path)
    assert sent == {"queue": ([queue, service], queue), "service": ([service], service)}

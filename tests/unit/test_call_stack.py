"""What a registration tells of where it was made: the program's own lines, the same on each machine."""

from pathlib import Path
from typing import Any

import pytest
from pulumi.runtime import resource

from meshlab.recording import call_stack

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
MAKES = 15
"""The line of the module that makes a Part."""


def asked() -> Any:
    """What the SDK sends with a registration."""
    return resource._get_stack_trace()  # pyright: ignore[reportPrivateUsage]


def registered(file: Path) -> list[str]:
    """What is told of a resource of three constructors that a module at `file` makes."""
    module: dict[str, Any] = {}
    exec(compile(MODULE, str(file), "exec"), module)
    return [f"{frame.pc.uri}:{frame.pc.line}" for frame in module["make"](asked).frames]


@pytest.mark.parametrize("name", ["__main__.py", "components/part.py", "settings/deep/part.py"])
def test_the_programs_lines_are_told_as_if_it_lay_in_the_project(tmp_path: Path, name: str) -> None:
    with call_stack.told(tmp_path / "checkout", tmp_path / "project"):
        assert registered(tmp_path / "checkout" / name) == [f"{(tmp_path / 'project' / name).as_uri()}:{MAKES}"]


@pytest.mark.parametrize(
    "name", ["checkout/meshlab/part.py", "checkout/.venv/base/part.py", "base/part.py", "checkout/basement.py"]
)
def test_no_other_line_is_told(tmp_path: Path, name: str) -> None:
    with call_stack.told(tmp_path / "checkout", tmp_path / "project"):
        assert registered(tmp_path / name) == []


def test_nothing_is_told_where_no_engine_asks(tmp_path: Path) -> None:
    call_stack.shorten()
    assert registered(tmp_path / "__main__.py") == []


def test_one_program_inside_another_leaves_it_its_own_lines(tmp_path: Path) -> None:
    inner, outer = tmp_path / "inner", tmp_path / "outer"
    with call_stack.told(outer, outer):
        with call_stack.told(inner, inner):
            assert registered(inner / "__main__.py")
        assert registered(inner / "__main__.py") == []
        assert registered(outer / "__main__.py")

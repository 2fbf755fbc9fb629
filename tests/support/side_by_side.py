"""How pytest-xdist hands out the tests: whole files, so that each fixture of a module is set up once."""

import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

from meshlab.recording.recorder import ROOT

SHARED = {
    "evidence": re.compile(r"\bevidence: Evidence\b"),
    "commands": re.compile(r"\bmeshlab: Commands\b"),
    "dev": re.compile(r"\bdev_lab: Lab\b"),
}
"""How a test or a fixture takes a lab that several files share: all files that do are one unit of work."""

FIRST = (
    "engine/test_recover.py",
    "engine/test_failed_upgrade.py",
    "engine/test_rolling.py",
    "engine/test_rehearse.py",
    "engine/test_two_clusters.py",
    "engine/test_reasons.py",
    "engine/test_backends.py",
    "engine/test_canary.py",
    "engine/test_removal.py",
    "engine/test_promotion_for_real.py",
    "node/test_whole_stack.py",
    "node/test_whole_stack_faults.py",
    "node/test_whole_stack_removal.py",
    "node/test_lab03.py",
)
"""Files that take long, in the order of their begin: begun last, they would leave the other lanes idle."""


class ByFile(LoadFileScheduling):
    """A file is one unit of work; all files that share a lab are one as well."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return _shared(ROOT / file) or file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    """Have xdist use it."""
    return ByFile(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Order the files as the lanes are to take them: the long ones, then those with most tests."""
    if hasattr(config, "workerinput"):
        tests = Counter(item.path for item in items)
        items.sort(key=lambda item: (_place(item.path), -tests[item.path], item.path))


def _place(file: Path) -> int:
    return next((place for place, name in enumerate(FIRST) if str(file).endswith(name)), len(FIRST))


@cache
def _shared(file: Path) -> str:
    """The lab that a file's tests share with others'; empty where they do not."""
    text = file.read_text(encoding="utf-8")
    return next((lab for lab, taken in SHARED.items() if taken.search(text)), "")

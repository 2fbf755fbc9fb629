"""Pytest hooks: each test has its tier as a marker, and a run of several tiers ends with a table of results by tier.

The tier of a test is its folder below tests/. So `pytest -m "unit or golden"` selects tiers, also for one file name in
several of them.
"""

import os
from pathlib import Path
from typing import Any

import pytest

from tests.tiers import TABLE_FOLLOWS, TIERS, Result, table

OUTCOMES = {"passed": "passed", "failed": "failed", "error": "failed", "skipped": "skipped", "": ""}
"""The column of the table for each category of pytest's terminal report. The empty category has set-up and tear-down,
which count in seconds only."""


def tier_of(path: Path) -> str:
    """The tier of a test file; empty for a file that belongs to none."""
    # From the end: the checkout itself may lie below a folder tests.
    found = (folder.name for folder in path.parents if folder.parent.name == "tests")
    folder = next(found, "")
    return folder if folder in TIERS else ""


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers, which `--strict-markers` requires."""
    for tier in TIERS:
        config.addinivalue_line("markers", f"{tier}: the tests in tests/{tier} (tests/README.md)")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark a test with its tier."""
    if tier := tier_of(item.path):
        item.add_marker(tier)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the table. A run of one tier needs none: pytest's last line has the same numbers."""
    results = {tier: Result(tier) for tier in TIERS}
    ran: set[str] = set()
    for category, column in OUTCOMES.items():
        for report in terminalreporter.stats.get(category, ()):
            tier = tier_of(Path(report.nodeid.partition("::")[0]))
            if not tier:
                continue
            result = results[tier]
            ran.add(tier)
            result.seconds += getattr(report, "duration", 0.0)  # a file that cannot be collected took none
            result.passed += column == "passed"
            result.failed += column == "failed"
            if column == "skipped":
                result.skipped[_reason(report)] += 1
    if len(ran) < 2 or TABLE_FOLLOWS in os.environ:
        return
    terminalreporter.section("tiers")
    for line in table(result for tier, result in results.items() if tier in ran):
        terminalreporter.line(line)


def _reason(report: Any) -> str:
    """Why a test was skipped, without pytest's prefix."""
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")

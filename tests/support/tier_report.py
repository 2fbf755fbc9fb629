"""Pytest hooks: each test has its tier as a marker, and a run of several tiers ends with a table of results by tier.

The tier of a test is its folder below tests/. So `pytest -m "unit or golden"` selects tiers, also for one file name in
several of them.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.tiers import TIERS

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
    counts, seconds, reasons = Counter[tuple[str, str]](), Counter[str](), Counter[tuple[str, str]]()
    for category, column in OUTCOMES.items():
        for report in terminalreporter.stats.get(category, ()):
            tier = tier_of(Path(report.nodeid.partition("::")[0]))
            counts[tier, column] += 1
            seconds[tier] += getattr(report, "duration", 0.0)  # a file that cannot be collected took none
            if column == "skipped":
                reasons[tier, _reason(report)] += 1
    tiers = [tier for tier in TIERS if tier in seconds]
    if len(tiers) < 2:
        return
    terminalreporter.section("tiers")
    terminalreporter.line(f"{'tier':12} {'passed':>7} {'failed':>7} {'skipped':>8} {'seconds':>8}")
    for tier in tiers:
        passed, failed, skipped = (counts[tier, column] for column in ("passed", "failed", "skipped"))
        terminalreporter.line(f"{tier:12} {passed:7} {failed:7} {skipped:8} {seconds[tier]:8.1f}")
        for (other, reason), count in reasons.items():
            if other == tier:
                terminalreporter.line(f"{'':12} {count} skipped: {reason}")


def _reason(report: Any) -> str:
    """Why a test was skipped, without pytest's prefix."""
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")

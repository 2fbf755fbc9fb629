"""One thing that doctor has found out, how bad it is, and what remediates it."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum


class Level(IntEnum):
    """How bad a finding is, the worst highest."""

    OK = 0
    """As it should be."""
    NOTE = 1
    """Was not looked at, or is only good to know."""
    WARNING = 2
    """`up` goes through, but something about the result is not as it should be."""
    PROBLEM = 3
    """`up` would fail, or work on something that is not meant."""


@dataclass(frozen=True)
class Finding:
    """One row of the table."""

    subject: str
    level: Level
    text: str
    fix: str = ""
    """What to do about it, a command where there is one; for warnings and problems."""

    def as_json(self) -> dict[str, str]:
        """The row as `--json` has it."""
        return {"subject": self.subject, "level": self.level.name.lower(), "text": self.text, "fix": self.fix}


def worst(findings: Iterable[Finding]) -> Level:
    """The worst level among findings."""
    return max((finding.level for finding in findings), default=Level.OK)


def table(findings: Iterable[Finding]) -> list[str]:
    """The findings as lines: level, subject, what was found, and below it what to do."""
    rows = list(findings)
    width = max((len(row.subject) for row in rows), default=0)
    lines: list[str] = []
    for row in rows:
        level = row.level.name.lower()
        first, *rest = row.text.splitlines()
        indent = " " * (len(Level.PROBLEM.name) + width + 4)
        lines += [
            f"{level:{len(Level.PROBLEM.name)}}  {row.subject:{width}}  {first}",
            *(indent + line for line in rest),
        ]
        lines += [f"{indent}fix: {line}" for line in row.fix.splitlines()[:1]]
        lines += [f"{indent}     {line}" for line in row.fix.splitlines()[1:]]
    return lines

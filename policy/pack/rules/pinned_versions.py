"""Charts are pinned: the same program installs the same thing tomorrow."""

import re

from ..rule import Findings, PolicyRule
from ..settings import PackSettings
from ..subjects import DeclaredRelease, Subject
from ..walk import UNKNOWN

_EXACT = re.compile(r"\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?")


def _check(subject: Subject, settings: PackSettings) -> Findings:
    if not isinstance(subject, DeclaredRelease) or subject.version == UNKNOWN:
        return
    if not _EXACT.fullmatch(subject.version):
        got = (
            f'"{subject.version}", which is a range to helm' if subject.version else "none, which is to helm the newest"
        )
        yield f"version: expected an exact one such as 1.17.6, got {got}"
    elif subject.reference.endswith(".tgz") and not subject.reference.endswith(f"-{subject.version}.tgz"):
        file = subject.reference.rpartition("/")[2]
        yield f"chart: expected a file of version {subject.version}, got {file} (of a file, helm ignores the version)"


RULE = PolicyRule("pinned-versions", "Every release pins its chart to an exact version.", _check)

"""docs/verify.md describes every check, with its time limit, and nothing that is none."""

import re
from pathlib import Path

from meshlab.verify.checks import all_checks
from settings.models import Settings
from tests.verify.test_where_nothing_runs import stack

PAGE = (Path(__file__).parents[2] / "docs" / "verify.md").read_text(encoding="utf-8")
USUAL = 30.0


def shown(identity: str) -> str:
    """How the page writes a check's id."""
    identity = re.sub(r"^(lab02\.istiod-)\d+-\d+", r"\1<rev>", identity)
    return re.sub(r"^(lab02\.(?:namespace|sidecars)-|lab03\.(?:dashboard|queries)-).+$", r"\1<name>", identity)


def test_the_page_describes_every_check_with_its_time_limit(settings: Settings) -> None:
    # With another namespace in the mesh, for the check that only then is there.
    _, meshed = stack(mesh={"namespaces": {"default": "1-17", "istioinaction": "1-17"}})
    checks = {shown(check.id): check.limit for check in (*all_checks(settings), *all_checks(meshed))}
    rows: dict[str, float] = {}
    for row in re.findall(r"^\| `lab0.*$", PAGE, flags=re.MULTILINE):
        limit = re.search(r"\((\d+) s\)", row)
        for identity in re.findall(r"`(lab0\d\.[^`]+)`", row):
            rows[identity] = float(limit[1]) if limit else USUAL
    assert rows == checks

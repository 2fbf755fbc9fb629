"""Writes docs/reference/."""

from meshlab.recording.recorder import ROOT

from . import PAGES

for name, page in PAGES.items():
    (ROOT / "docs" / "reference" / f"{name}.md").write_text(page(), encoding="utf-8")

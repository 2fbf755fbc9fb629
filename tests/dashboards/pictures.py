"""`python -m tests.dashboards.pictures`: docs/dashboards/*.png, each dashboard drawn from the synthetic mesh.

No Grafana runs here. The panels' own queries, read from the JSON, go to a real Prometheus; matplotlib draws what comes
back where the JSON places the panel. What the pictures show is therefore what the queries say; the look is only close.
"""

import io
import tempfile
from hashlib import sha256
from pathlib import Path

import matplotlib as mpl

mpl.use("agg")

from matplotlib import pyplot as plt
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from . import drawing, mesh
from .grafana import FOLDER as SOURCES
from .grafana import NAMES, interpolate
from .prometheus import Prometheus
from .synthetic import synthetic_prometheus
from .viewer import Viewer

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "dashboards"
COLUMN, LINE, GAP = 58, 30, 4
"""Pixels of one column and one line of Grafana's grid, and between two panels."""
HEAD = 64
DRAWN_FROM = "Drawn from"
DPI = 100


def picture(prometheus: Prometheus, name: str, to: Path) -> None:
    """Draw one dashboard as it opens at the end of the hour, collapsed rows opened."""
    viewer = Viewer.open(prometheus, name)
    places = [panel.model["gridPos"] for panel in viewer.dashboard.panels]
    width, height = 24 * COLUMN, max(place["y"] + place["h"] for place in places) * LINE + HEAD
    figure = plt.figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor="#F4F5F7")
    _text(figure, 10, 12, viewer.dashboard.model["title"], fontsize=14, fontweight="bold")
    _text(figure, 10, 38, _chosen(viewer), fontsize=8, color=drawing.MUTED)
    rows: dict[str, int] = {}
    for panel, place in zip(viewer.dashboard.panels, places, strict=True):
        rows.setdefault(panel.row, place["y"] - 1)
    for row, line in rows.items():
        _text(figure, 10, HEAD + line * LINE + 8, interpolate(row, viewer.values), fontsize=10, fontweight="bold")
    marks = _marks(viewer)
    for panel, place in zip(viewer.dashboard.panels, places, strict=True):
        left, top = place["x"] * COLUMN + GAP, HEAD + place["y"] * LINE + GAP
        size = (place["w"] * COLUMN - 2 * GAP, place["h"] * LINE - 2 * GAP)
        axes = figure.add_axes((left / width, 1 - (top + size[1]) / height, size[0] / width, size[1] / height))
        drawing.draw(axes, panel, {query.ref: viewer.run(query) for query in panel.queries}, marks)
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=DPI)
    plt.close(figure)
    # So many colours are enough, and half the size.
    colours = Image.open(drawn).convert("RGB").quantize(220, dither=Image.Dither.NONE)
    origin = PngInfo()
    origin.add_text(DRAWN_FROM, fingerprint(name))
    colours.save(to, optimize=True, pnginfo=origin)


def fingerprint(name: str) -> str:
    """What a picture says it was drawn from: the dashboard's JSON. A test asks whether that is still so."""
    return sha256((SOURCES / f"{name}.json").read_bytes()).hexdigest()


def main() -> None:
    """Draw every dashboard."""
    with tempfile.TemporaryDirectory() as folder, synthetic_prometheus(Path(folder)) as prometheus:
        for name in NAMES:
            to = FOLDER / f"{name}.png"
            picture(prometheus, name, to)
            print(f"docs/dashboards/{to.name}: {to.stat().st_size} bytes")


def _chosen(viewer: Viewer) -> str:
    shown = []
    for variable in viewer.dashboard.variables:
        if variable["hide"] != 2:
            value = viewer.values[variable["name"]]
            shown.append(f"{variable['label']}: {'All' if value == '.*' else value}")
    return "     ".join(shown)


def _marks(viewer: Viewer) -> list[tuple[float, str]]:
    """When something happened, and the annotation's colour. The first ten minutes have nothing to compare with."""
    marks = []
    for annotation in viewer.dashboard.annotations:
        expression = interpolate(annotation["expr"], viewer.values)
        for entry in viewer.prometheus.query_range(expression, mesh.START + 600, mesh.END, 60):
            marks.append(((entry["values"][0][0] - mesh.START) / 60, annotation["iconColor"]))
    return marks


def _text(figure: plt.Figure, x: float, y: float, text: str, **style: object) -> None:
    """Text at pixels from the upper left corner."""
    width, height = figure.get_size_inches() * DPI
    figure.text(x / width, 1 - y / height, text, va="top", **({"color": drawing.COLOURS["text"]} | style))


if __name__ == "__main__":
    main()

"""Real helm, charts in a folder, and small charts of a test's own."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from base import process
from embedded.tools.toolchain import ToolsMissingError, ensure
from meshlab.charts.choice import Charts
from meshlab.render.helm import HelmRenderer
from meshlab.render.stack import Renderer
from tests.support.charts import chart_folder

KUBERNETES = "1.34.4"

MakeChart = Callable[..., Path]
"""Packs a chart of the given name from files by path; returns the package."""


@pytest.fixture(scope="session")
def helm() -> Path:
    try:
        return ensure(["helm"])["helm"]
    except ToolsMissingError as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def charts(helm: Path) -> Path:
    """The charts of the dev stack."""
    return chart_folder("dev")


@pytest.fixture
def make_chart(helm: Path, tmp_path: Path) -> MakeChart:
    def make(name: str, files: Mapping[str, str], version: str = "1.0.0") -> Path:
        top = tmp_path / "sources" / f"{name}-{version}"
        about = {"apiVersion": "v2", "name": name, "version": version}
        for path, text in {"Chart.yaml": yaml.safe_dump(about), **files}.items():
            file = top / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        packed = tmp_path / "charts"
        process.run([helm, "package", top, "--destination", packed], timeout=60)
        return packed / f"{name}-{version}.tgz"

    return make


@pytest.fixture
def small(helm: Path, tmp_path: Path) -> Renderer:
    """Renders from the charts that `make_chart` packs."""
    lines: list[Any] = []
    return Renderer(Charts(str(tmp_path / "charts"), lines.append), HelmRenderer(helm))

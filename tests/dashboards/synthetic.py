"""A Prometheus that knows the synthetic mesh, raw and recorded."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

from . import cluster, envoy, mesh, series
from .prometheus import Prometheus
from .recorded import recording_rules


@contextmanager
def synthetic_prometheus(folder: Path) -> Iterator[Prometheus]:
    """The hour of mesh.py, cluster.py and envoy.py with all recording rules evaluated; it runs within the block."""
    prometheus = Prometheus(folder)
    samples = folder / "samples.om"
    with samples.open("w") as file:
        series.write(
            chain(mesh.traffic(), cluster.surroundings(), envoy.pods()), file, mesh.START, mesh.LENGTH, mesh.STEP
        )
    prometheus.backfill(samples)
    samples.unlink()
    with prometheus:
        prometheus.record(recording_rules(), mesh.START, mesh.END, mesh.STEP)
        yield prometheus

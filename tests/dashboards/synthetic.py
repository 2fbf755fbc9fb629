"""A Prometheus that knows the synthetic mesh, raw and recorded."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

from components.rules import AlertThresholds, load_rules

from . import envoy, mesh, series
from .prometheus import Prometheus


def recording_rules() -> list[dict[str, Any]]:
    """The recording rules as the program would load them for the lab."""
    objects = load_rules(AlertThresholds(), "prom", "prometheus", "1-17")
    rules = [rule for entry in objects for group in entry["spec"]["groups"] for rule in group["rules"]]
    return [rule for rule in rules if "record" in rule]


@contextmanager
def synthetic_prometheus(folder: Path) -> Iterator[Prometheus]:
    """The hour of mesh.py and envoy.py, with the recording rules evaluated over all of it; it runs within the block."""
    prometheus = Prometheus(folder)
    samples = folder / "samples.om"
    with samples.open("w") as file:
        series.write(chain(mesh.everything(), envoy.pods()), file, mesh.START, mesh.LENGTH, mesh.STEP)
    prometheus.backfill(samples)
    samples.unlink()
    with prometheus:
        prometheus.record(recording_rules(), mesh.START, mesh.END, mesh.STEP)
        yield prometheus

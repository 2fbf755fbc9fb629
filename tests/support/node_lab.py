"""A lab on a cluster with a real node, and what verify says of it."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from embedded.cluster import EmbeddedCluster
from embedded.images import build
from kube.cluster import Cluster
from meshlab.results.outcome import Result, Status
from meshlab.stack import Stack
from meshlab.stackfile.reading import Config
from meshlab.verify.checks import all_checks
from meshlab.verify.program import Program
from meshlab.verify.runner import run_checks
from tests.support.lab import Lab


@contextmanager
def real_lab(folder: Path, name: str, image: Path, names: Iterable[str], over: Config | None = None) -> Iterator[Lab]:
    """A lab whose real node has the test's own image and those that are built under these names; skips where one of
    them cannot be had."""
    built = build(names, folder / "images", lambda line: None)
    missing = [str(made) for made in built if made.archive is None]
    if missing:
        pytest.skip("; ".join(missing))
    archives = [image, *(made.archive for made in built if made.archive)]
    with EmbeddedCluster.up(
        name, nodes=2, state_dir=folder, injection=True, real_node=True, images=archives
    ) as running:
        yield Lab(running, folder, "dev", over)


def verified(lab: Lab, stack: Stack, number: int, only: Collection[str] = ()) -> dict[str, Result]:
    """The results of `meshlab verify --lab <number>`, by check; of some of its checks, where `only` names them."""
    program, cluster = Program.of_resources(stack.recording.resources), Cluster(lab.cluster.kubeconfig)
    checks = [check for check in all_checks(stack.settings, number) if not only or check.id in only]
    results = run_checks(checks, stack.settings, program, cluster, print)
    return {result.id: result for result in results}


def not_passed(results: dict[str, Result]) -> dict[str, str]:
    """What came of the others."""
    return {name: f"{one.status}: {one.seen}" for name, one in results.items() if one.status is not Status.PASSED}

"""Where a tool works: a fresh cluster, an empty folder, and the charts that all tools share."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from base.say import Say
from embedded.cluster import EmbeddedCluster
from meshlab.stack import Stack
from meshlab.target import Target

from . import course


@dataclass(frozen=True)
class Field:
    """One tool's cluster and folder."""

    cluster: EmbeddedCluster
    folder: Path
    charts: Path
    say: Say

    @property
    def target(self) -> Target:
        """The cluster as the program's drivers know it."""
        return Target(self.cluster.kubeconfig, embedded=True, label="bench")

    def stack(self, phase: str) -> Stack:
        """The stack as it is in a phase."""
        return Stack.load(course.STACK, charts=str(self.charts), overlay=course.overlay(phase))


@contextmanager
def fresh_field(charts: Path, say: Say) -> Generator[Field]:
    """A cluster with nothing on it, gone after. Raises MeshlabError."""
    with TemporaryDirectory(prefix="meshlab-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with EmbeddedCluster.up("bench", state_dir=folder, injection=True, progress=say) as cluster:
            yield Field(cluster, folder, charts, say)

"""The figures in docs/proof.md are those of this run."""

from pathlib import Path

from tests.cluster.test_injection_of_the_lab import INJECTED, MOVED
from tests.cluster.test_mutations import ALONE, OBJECTS
from tests.cluster.test_scrape import EXPECTED
from tests.support import claims, monitor_mutants, program_mutants
from tests.support.evidence import MONITORS, Evidence
from tests.support.shapes import NEW, SHAPES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "proof.md"


def test_the_page_has_the_figures_of_this_run(evidence: Evidence) -> None:
    moved = [
        pod for pod in evidence.moved if "istio-proxy" in claims.containers(pod) and claims.revision_of(pod) == NEW
    ]
    ours = {name: len(evidence.pools[name]) for name in MONITORS}
    rows = [
        f"| targets of istiods | {EXPECTED['istio-component-monitor']} | {ours['istio-component-monitor']} |",
        f"| targets of sidecars | {EXPECTED['envoy-stats-monitor']} | {ours['envoy-stats-monitor']} |",
        f"| targets of the standalone Envoy | {EXPECTED['envoy-demo-monitor']} | {ours['envoy-demo-monitor']} |",
        f"| workloads of the lab that get a sidecar | {len(INJECTED)} | {_injected(evidence.pods, set(INJECTED))} |",
        f"| pods of the tests' own that get one | {len(SHAPES) - 2} | {_injected(evidence.pods, _shapes())} |",
        f"| workloads that change their revision | {len(MOVED)} | {_injected(moved, MOVED)} |",
        f"| corrections undone | {made()} | a separate test notices each |",
    ]
    page = PAGE.read_text(encoding="utf-8")
    assert [row for row in rows if row not in page] == []


def made() -> int:
    """How many corrections are undone."""
    return len(monitor_mutants.MUTANTS) + len(OBJECTS) + len(program_mutants.MUTANTS) + ALONE


def _injected(pods: list[claims.Object], workloads: set[tuple[str, str]]) -> int:
    found = {
        (pod["metadata"]["namespace"], pod["metadata"]["labels"].get("app"))
        for pod in pods
        if "istio-proxy" in claims.containers(pod)
    }
    return len(found & workloads)


def _shapes() -> set[tuple[str, str]]:
    return {(shape.namespace, shape.name) for shape in SHAPES}

"""What follows from the needs of resources: closure, reduction, the longest path. Resources wait in no circle."""

from collections.abc import Collection, Hashable, Mapping
from typing import TypeVar

import networkx as nx

K = TypeVar("K", bound=Hashable)


def all_needs(needs: Mapping[K, Collection[K]]) -> dict[K, set[K]]:
    """What each waits for, itself or through others (transitive closure)."""
    return _needs(nx.transitive_closure_dag(_graph(needs)), needs)


def reduced(needs: Mapping[K, Collection[K]]) -> dict[K, set[K]]:
    """The needs without those that follow from others (transitive reduction)."""
    return _needs(nx.transitive_reduction(_graph(needs)), needs)


def longest_path(needs: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    """The most that wait for one another in a row, the first to be begun first; of equal ones always the same."""
    # networkx takes the first of equal ones, in the order in which they were added.
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_edges_from((needed, waiting) for waiting in sorted(needs) for needed in sorted(needs[waiting]))
    graph.add_nodes_from(sorted(needs))
    return tuple(nx.dag_longest_path(graph, topo_order=list(nx.lexicographical_topological_sort(graph))))


def _graph(needs: Mapping[K, Collection[K]]) -> "nx.DiGraph[K]":
    """An edge from each resource to each that it waits for."""
    graph: nx.DiGraph[K] = nx.DiGraph()
    graph.add_nodes_from(needs)
    graph.add_edges_from((waiting, needed) for waiting, others in needs.items() for needed in others)
    return graph


def _needs(graph: "nx.DiGraph[K]", known: Collection[K]) -> dict[K, set[K]]:
    return {resource: set(graph.successors(resource)) for resource in known}

"""Which source depends on which: failures that several sources have in common."""

from __future__ import annotations

from collections.abc import Sequence

import networkx as nx

from sim.oracle.fault import OracleError
from sim.oracle.source import Source


def dependencies(sources: Sequence[Source]) -> nx.DiGraph:
    """An edge from each source to each of its upstreams; ``weight`` of those it is made of.

    An upstream that a source only fails with need not be a source itself (a relay, a cloud).

    Raises:
        OracleError: a circle, a source named twice or not at all, made of what is none.
    """
    names = [s.name for s in sources]
    if not names or len(set(names)) < len(names):
        raise OracleError(f"no source, or one named twice: {names}")
    graph = nx.DiGraph()
    for i, source in enumerate(sources):
        graph.add_node(source.name, weight=source.weight)
        for upstream in source.upstream:
            share = source.made_of.get(upstream)
            if share is not None and upstream not in names:
                raise OracleError(
                    f"source {source.name!r} is made of {upstream!r}, which is no source",
                    ("source", i),
                    upstream,
                    tuple(names),
                )
            graph.add_edge(source.name, upstream, share=share)
    if not nx.is_directed_acyclic_graph(graph):
        circle = [edge[0] for edge in nx.find_cycle(graph)]
        raise OracleError(
            f"sources depend on each other: {' → '.join([*circle, circle[0]])}",
            ("source", names.index(circle[0])),
        )
    return graph


def dependents(graph: nx.DiGraph, name: str, made_of: bool = True) -> set[str]:
    """Every node that depends on `name`, directly or not, itself included.

    Args:
        made_of: also those that are made of it; else only those that fail with it.
    """
    if not made_of:
        keep = [(a, b) for a, b, share in graph.edges(data="share") if share is None]
        graph = graph.edge_subgraph(keep)
    return {name} | (nx.ancestors(graph, name) if name in graph else set())


def in_order(graph: nx.DiGraph, names: Sequence[str]) -> list[int]:
    """Places of `names` such that every source comes after its upstreams."""
    order = [n for n in reversed(list(nx.lexicographical_topological_sort(graph))) if n in names]
    return [list(names).index(n) for n in order]

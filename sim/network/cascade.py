"""The cascade as a graph and as a branching process: which forced order made which (LIQ-09).

A *table* of forced orders is int64[n, 7] in order of seq: seq, time_us, account, instrument, lots
filled, parent order (0: the cause came from outside), offspring (`sim.risk.cascade.Cascade.table`).

Sources: T. Harris, "The Theory of Branching Processes" (1963); O. Diekmann, J. Heesterbeek,
J. Metz, "On the definition and the computation of the basic reproduction ratio R0", Journal of
Mathematical Biology 28 (1990); V. Filimonov and D. Sornette, "Quantifying reflexivity in financial
markets", Physical Review E 85 (2012).
"""

from __future__ import annotations

from dataclasses import dataclass

import networkx as nx
import numpy as np

from sim.exchange import messages as m
from sim.exchange.messages import Event
from sim.network.spectrum import spectral_radius

SEQ, TIME, ACCOUNT, INSTRUMENT, LOTS, PARENT, OFFSPRING = range(7)
WINDOW_US = 300_000_000
LEAST_ORDERS = 20  # forced orders that a window needs for its mean to count


def cascade_graph(events: np.ndarray) -> nx.DiGraph:
    """What caused what: index reading or forced fill → flag → forced order → its fills.

    Nodes are event sequence numbers with ``kind`` (index, flag, order, fill), ``time_us``,
    ``account`` and ``instrument`` (of an index the feed; −1 where there is none); orders and fills
    also ``lots``.  Causes that are no longer among the events have ``kind`` "unknown".

    Args:
        events: int64[k, 16] in order of seq; kinds other than FLAG, STEP, FILL and INDEX are
            left out, and of fills and readings those that nothing comes of but forced fills.
    """
    graph = nx.DiGraph()
    flag_of: dict[int, int] = {}
    readings = {int(r[m.E_SEQ]): r for r in events[events[:, m.E_KIND] == Event.INDEX]}
    forced = (events[:, m.E_KIND] == Event.FILL) & (events[:, m.E_CODE] == 1)
    wanted = forced | np.isin(events[:, m.E_KIND], [Event.FLAG, Event.STEP])
    for row in events[wanted]:
        seq, account = int(row[m.E_SEQ]), int(row[m.E_ACCOUNT])
        kind, parent = int(row[m.E_KIND]), int(row[m.E_PARENT])
        if kind == Event.FLAG:
            _add(graph, row, "flag", -1)
            flag_of[account] = seq
            cause = parent
            if cause in readings and cause not in graph:
                _add(graph, readings[cause], "index", int(readings[cause][m.E_INSTRUMENT]))
        elif kind == Event.STEP:
            _add(graph, row, "order", int(row[m.E_INSTRUMENT]), int(row[m.E_X]))
            cause = flag_of.get(account, 0)
        else:
            _add(graph, row, "fill", int(row[m.E_INSTRUMENT]), int(row[m.E_SIZE]))
            cause = -int(row[m.E_ORDER])
        if cause > 0:
            if cause not in graph:
                graph.add_node(cause, kind="unknown", time_us=-1, account=-1, instrument=-1)
            graph.add_edge(cause, seq)
    return graph


def _add(graph: nx.DiGraph, row: np.ndarray, kind: str, instrument: int, lots: int = 0) -> None:
    graph.add_node(
        int(row[m.E_SEQ]),
        kind=kind,
        time_us=int(row[m.E_TIME]),
        account=-1 if kind == "index" else int(row[m.E_ACCOUNT]),
        instrument=instrument,
        lots=lots,
    )


def order_graph(table: np.ndarray) -> nx.DiGraph:
    """Forced orders alone (seq, with time_us, account, instrument, lots), edges parent → child."""
    graph = nx.DiGraph()
    for seq, time_us, account, instrument, lots, parent, _ in table.tolist():
        graph.add_node(seq, time_us=time_us, account=account, instrument=instrument, lots=lots)
        if parent:
            graph.add_edge(parent, seq)
    return graph


def branching_ratio(table: np.ndarray) -> float | None:
    """R: mean offspring of a forced order; None without any."""
    return float(table[:, OFFSPRING].mean()) if len(table) else None


def rolling_ratio(table: np.ndarray, window_us: int = WINDOW_US) -> tuple[np.ndarray, np.ndarray]:
    """(begin in µs, R) of each window that begins with a forced order and has enough of them.

    R counts the offspring of the orders born in [begin, begin + window), whenever they come; a
    window with fewer than `LEAST_ORDERS` orders is left out.
    """
    born, offspring = table[:, TIME], np.concatenate([[0], np.cumsum(table[:, OFFSPRING])])
    first = np.arange(len(table))
    last = np.searchsorted(born, born + window_us, side="left")
    enough = last - first >= LEAST_ORDERS
    first, last = first[enough], last[enough]
    return born[first], (offspring[last] - offspring[first]) / (last - first)


def peak_ratio(table: np.ndarray, window_us: int = WINDOW_US) -> float | None:
    """Largest rolling R; without a full window R of the whole; None without forced orders."""
    _, ratios = rolling_ratio(table, window_us)
    return float(ratios.max()) if len(ratios) else branching_ratio(table)


@dataclass(frozen=True)
class Generations:
    """The next-generation matrix over the instruments that saw forced orders.

    instruments: ids, int64[k].  orders: forced orders in each.  matrix: float[k, k], K_ij = mean
    number of forced orders in i that one forced order in j caused.
    """

    instruments: np.ndarray
    orders: np.ndarray
    matrix: np.ndarray

    @property
    def radius(self) -> float | None:
        """Growth per generation once the mix of instruments has settled; None without orders."""
        return spectral_radius(self.matrix) if len(self.instruments) else None


def next_generation(table: np.ndarray) -> Generations:
    """K_ij = (orders in i whose parent is an order in j) / (orders in j).

    The mean over i's column is R of orders in j; the radius exceeds R when the orders that have
    offspring have it in their own instrument.
    """
    instruments, of = np.unique(table[:, INSTRUMENT], return_inverse=True)
    k = len(instruments)
    orders = np.bincount(of, minlength=k)
    caused = np.zeros((k, k))
    children = np.flatnonzero(table[:, PARENT] > 0)
    at = np.searchsorted(table[:, SEQ], table[children, PARENT])
    known = at < len(table)
    known[known] = table[at[known], SEQ] == table[children[known], PARENT]
    np.add.at(caused, (of[children[known]], of[at[known]]), 1.0)
    return Generations(instruments, orders, caused / np.maximum(orders, 1))


def trees(table: np.ndarray) -> list[dict[str, int]]:
    """Every tree of forced orders: root, size, generations, accounts, instruments; largest first."""
    row = {int(seq): i for i, seq in enumerate(table[:, SEQ])}
    root, depth = np.arange(len(table)), np.ones(len(table), np.int64)
    for i, parent in enumerate(table[:, PARENT].tolist()):
        if parent in row:  # a parent is older, so its own root is known
            root[i], depth[i] = root[row[parent]], depth[row[parent]] + 1
    found = []
    order = np.argsort(root, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(root[order])) + 1):
        if len(members):
            found.append(
                {
                    "root": int(table[root[members[0]], SEQ]),
                    "time_us": int(table[root[members[0]], TIME]),
                    "orders": len(members),
                    "generations": int(depth[members].max()),
                    "accounts": len(np.unique(table[members, ACCOUNT])),
                    "instruments": len(np.unique(table[members, INSTRUMENT])),
                }
            )
    return sorted(found, key=lambda tree: (-tree["orders"], tree["root"]))

"""The cascade as it streams by: which forced order made which (LIQ-09).

Every forced order (STEP) bears the parent of its account's FLAG: the forced fill that pushed the
book through the account's margin, or the index reading that did, or 0.  A forced order's offspring
are the forced orders whose parent is one of its fills.  What follows from the table, its graph
among it, is `sim.network.cascade`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from sim.exchange import messages as m

if TYPE_CHECKING:
    import networkx as nx

WINDOW_US = 300_000_000


@dataclass
class Cascade:
    """Collects STEP rows and forced FILL rows; O(n log n) in the number of forced orders."""

    _steps: list[np.ndarray] = field(default_factory=list)
    _fills: list[np.ndarray] = field(default_factory=list)

    def add(self, steps: np.ndarray, forced_fills: np.ndarray) -> None:
        """Event rows (int64[k, 16]) of the two kinds, in order."""
        if len(steps):
            columns = [m.E_SEQ, m.E_TIME, m.E_ACCOUNT, m.E_INSTRUMENT, m.E_PARENT, m.E_X]
            self._steps.append(steps[:, columns])
        if len(forced_fills):
            self._fills.append(forced_fills[:, [m.E_SEQ, m.E_ORDER]])

    def table(self) -> np.ndarray:
        """int64[n, 7]: seq, time_us, account, instrument, lots filled, parent order, offspring.

        The parent order is the seq of a STEP, 0 where the cause came from outside.
        """
        steps = np.concatenate(self._steps) if self._steps else np.zeros((0, 6), np.int64)
        fills = np.concatenate(self._fills) if self._fills else np.zeros((0, 2), np.int64)
        fills = fills[np.argsort(fills[:, 0], kind="stable")]
        parents = np.zeros(len(steps), np.int64)
        if len(fills):
            at = np.minimum(np.searchsorted(fills[:, 0], steps[:, 4]), len(fills) - 1)
            found = fills[at, 0] == steps[:, 4]
            parents[found] = -fills[at[found], 1]
        order = np.argsort(steps[:, 0], kind="stable")
        steps, parents = steps[order], parents[order]
        offspring = np.zeros(len(steps), np.int64)
        at = np.searchsorted(steps[:, 0], parents[parents > 0])
        np.add.at(offspring, at[at < len(steps)], 1)
        return np.column_stack([steps[:, :4], steps[:, 5], parents, offspring])

    def reproduction(self, window_us: int = WINDOW_US) -> float | None:
        """Peak over rolling windows of the mean offspring of the orders born in the window.

        A window with fewer than 20 orders does not count; if none has as many, the mean over the
        whole run.  None without forced orders.
        """
        from sim.network.cascade import peak_ratio

        return peak_ratio(self.table(), window_us)

    def radius(self) -> float | None:
        """Spectral radius of the next-generation matrix across instruments; None without orders."""
        from sim.network.cascade import next_generation

        return next_generation(self.table()).radius

    def graph(self) -> nx.DiGraph:
        """Forced orders (seq, with time_us, account, instrument, lots), edges parent → child."""
        from sim.network.cascade import order_graph

        return order_graph(self.table())

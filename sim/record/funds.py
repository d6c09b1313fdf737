"""Where the money of the waterfall came from, as a table over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim.exchange.instruments import MICRO
from sim.exchange.messages import E_AMOUNT, E_CODE, E_TIME, Event
from sim.record.rows import Rows, Units

if TYPE_CHECKING:
    import polars as pl


class Funds:
    """``funds.parquet``: the funds, and what went through each stage, second by second.

    A row holds what was done before its time.
    """

    STAGES = ("book_usd", "backstop_usd", "insurance_usd_paid", "adl_usd", "socialised_usd")

    def __init__(self, units: Units) -> None:
        self._units = units
        self._samples: list[tuple[int, int, int, int]] = []
        self._moves: dict[str, list[np.ndarray]] = {name: [] for name in self.STAGES}

    def add(self, rows: Rows) -> None:
        fills = rows.of(Event.FILL)
        forced = fills[fills[:, E_CODE] == 1]
        self._move("book_usd", forced, self._units.forced_value(forced))
        for name, kind in (("backstop_usd", Event.BACKSTOP), ("adl_usd", Event.ADL)):
            found = rows.of(kind)
            self._move(name, found, self._units.value(found))
        for name, kind in (
            ("insurance_usd_paid", Event.INSURANCE),
            ("socialised_usd", Event.HAIRCUT),
        ):
            found = rows.of(kind)
            self._move(name, found, found[:, E_AMOUNT])

    def sample(self, now_us: int, insurance: int, pool: int, flagged: int) -> None:
        """Note the state at one second: micro-USDC in the fund and in the pool, accounts."""
        self._samples.append((now_us, insurance, pool, flagged))

    def frame(self) -> pl.DataFrame:
        import polars as pl

        kept = np.array(self._samples, dtype=np.int64).reshape(-1, 4)
        times = kept[:, 0].copy()
        columns: dict[str, np.ndarray] = {
            "time_us": times,
            "insurance_usd": kept[:, 1] / MICRO,
            "pool_usdc": kept[:, 2] / MICRO,
            "flagged_accounts": kept[:, 3].copy(),
        }
        for name, moves in self._moves.items():
            done = np.concatenate([np.empty((0, 2), dtype=np.int64), *moves])
            total = np.concatenate(([0], np.cumsum(done[:, 1])))
            columns[name] = total[np.searchsorted(done[:, 0], times)] / MICRO
        return pl.DataFrame(columns)

    def _move(self, name: str, rows: np.ndarray, micro: np.ndarray) -> None:
        if len(rows):
            self._moves[name].append(np.column_stack((rows[:, E_TIME], micro)))

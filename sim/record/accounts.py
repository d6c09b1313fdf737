"""What became of each account, as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.exchange.instruments import MICRO, Listing
from sim.exchange.messages import (
    E_ACCOUNT,
    E_AMOUNT,
    E_CODE,
    E_INSTRUMENT,
    E_OTHER,
    E_PRICE,
    E_SEQ,
    E_SIZE,
    E_TIME,
    Event,
)
from sim.exchange.wallets import Wallets
from sim.record.rows import Rows, Units

if TYPE_CHECKING:
    import polars as pl

STAGES = ("none", "book", "backstop", "insurance", "adl")


class Accounts:
    """``accounts.parquet``: what became of each account.

    ``pnl_usd`` is the change of equity less what was paid in and plus what was taken out since the
    beginning, coins at the index of that moment.  ``adl_notional_usd`` is what was closed of an
    account as a counterparty; what was closed of it as the bankrupt is in
    ``liquidated_notional_usd``.  Where a party has several wallets (MAR-08), ``party`` and
    ``wallet`` say whose account it is.
    """

    def __init__(
        self, listing: Listing, accounts: int, units: Units, wallets: Wallets | None = None
    ) -> None:
        self._wallets = wallets
        self._listing, self._units, self._n = listing, units, accounts
        self._start = np.zeros(accounts, dtype=np.int64)
        self._paid_in = np.zeros(accounts, dtype=np.int64)
        self._flagged = np.full(accounts, -1, dtype=np.int64)
        self._stage = np.zeros(accounts, dtype=np.int64)
        self._micro = {
            name: np.zeros(accounts, dtype=np.int64)
            for name in ("liquidated_notional", "adl_notional", "insurance", "haircut")
        }
        self._index = np.array([f.index_ticks for f in listing.feeds], dtype=np.int64)
        self._began = False

    def begin(self, equities: np.ndarray) -> None:
        """Note the equities (micro-USDC) after the set-up; what comes now is the run."""
        self._start[:] = equities
        self._began = True

    def add(self, rows: Rows) -> None:
        flags = rows.of(Event.FLAG)[::-1]  # written backwards, the first of each stays
        who = flags[:, E_ACCOUNT]
        self._flagged[who] = np.where(self._flagged[who] < 0, flags[:, E_TIME], self._flagged[who])
        fills = rows.of(Event.FILL)
        forced = fills[fills[:, E_CODE] == 1]
        self._book("liquidated_notional", forced, E_ACCOUNT, self._units.forced_value(forced), 1)
        for stage, kind in ((2, Event.BACKSTOP), (4, Event.ADL)):
            found = rows.of(kind)
            self._book("liquidated_notional", found, E_ACCOUNT, self._units.value(found), stage)
            if kind == Event.ADL:
                self._book("adl_notional", found, E_OTHER, self._units.value(found))
        paid = rows.of(Event.INSURANCE)
        self._book("insurance", paid, E_ACCOUNT, paid[:, E_AMOUNT], 3)
        cut = rows.of(Event.HAIRCUT)
        cut = cut[cut[:, E_ACCOUNT] >= 0]  # -1 is the lenders' pool
        self._book("haircut", cut, E_ACCOUNT, cut[:, E_AMOUNT])
        self._flows(rows)

    def frame(self, equities: np.ndarray, cohorts: Mapping[str, Any]) -> pl.DataFrame:
        """The table; `cohorts` gives the account ids of each cohort or trader by its name."""
        import polars as pl

        names = np.full(self._n, "", dtype=object)
        for name, members in cohorts.items():
            names[np.asarray(members, dtype=np.int64)] = name
        end = np.asarray(equities, dtype=np.int64)
        whose: dict[str, pl.Series] = {}
        if self._wallets is not None and self._wallets.count > 1:
            ids = np.arange(self._n, dtype=np.int64)
            parties = self._wallets.parties
            wallet = [self._wallets.names[w] for w in (ids // parties).tolist()]
            whose = {"party": pl.Series(ids % parties), "wallet": pl.Series(wallet)}
        return pl.DataFrame(
            {
                "account": np.arange(self._n, dtype=np.int64),
                **whose,
                "cohort": pl.Series(names.tolist(), dtype=pl.String),
                "start_equity_usd": self._start / MICRO,
                "end_equity_usd": end / MICRO,
                "pnl_usd": (end - self._start - self._paid_in) / MICRO,
                "flagged_us": self._flagged,
                "stage": pl.Series([STAGES[s] for s in self._stage.tolist()], dtype=pl.String),
                **{f"{name}_usd": micro / MICRO for name, micro in self._micro.items()},
            }
        )

    def _book(
        self, name: str, rows: np.ndarray, column: int, micro: np.ndarray, stage: int = 0
    ) -> None:
        if len(rows):
            np.add.at(self._micro[name], rows[:, column], micro)
            np.maximum.at(self._stage, rows[:, column], stage)

    def _flows(self, rows: Rows) -> None:
        """Value what was paid in or taken out since the beginning, and follow the indices."""
        indices = rows.of(Event.INDEX)
        indices = indices[indices[:, E_PRICE] > 0]
        for kind, sign in ((Event.DEPOSIT, 1), (Event.WITHDRAW, -1)):
            for row in rows.of(kind) if self._began else ():
                micro = row[E_SIZE] * self._unit_price(int(row[E_INSTRUMENT]), row, indices)
                self._paid_in[row[E_ACCOUNT]] += sign * micro
        self._index[indices[:, E_INSTRUMENT]] = indices[:, E_PRICE]  # the last of each wins

    def _unit_price(self, asset: int, row: np.ndarray, indices: np.ndarray) -> int:
        """Micro-USDC of one unit of an asset when `row` happened; a share counts nothing."""
        if asset == 0:
            return 1
        if asset > len(self._listing.assets):
            return 0
        feed = self._listing.feed_id(self._listing.assets[asset - 1].feed)
        earlier = indices[
            (indices[:, E_INSTRUMENT] == feed) & (indices[:, E_SEQ] < row[E_SEQ]), E_PRICE
        ]
        price = int(earlier[-1] if len(earlier) else self._index[feed])
        return price * self._listing.asset_tick_value(asset)

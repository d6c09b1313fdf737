"""The risk report's numbers, streamed: feed event rows in order, read the metrics at the end.

Formulas, units and a hand-computed example of each stand in ``docs/metrics.md``.  A chunk of rows
costs a few numpy passes; nothing but forced orders is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sim.exchange import messages as m
from sim.exchange.instruments import MICRO, Kind, Listing
from sim.exchange.messages import Event
from sim.network.monitor import Monitor
from sim.risk.cascade import Cascade
from sim.risk.market import Market
from sim.risk.solvency import Leg, Solvency
from sim.risk.truth import Truth
from sim.risk.units import UNITS

if TYPE_CHECKING:
    from sim.exchange.exchange import Exchange

BUFFER_ROWS = 1 << 15
LARGE_ROWS = 1 << 13  # a chunk that is worked on as it is
STAGES = ("none", "book", "backstop", "insurance", "adl")


@dataclass(frozen=True)
class Report:
    """Metrics by name (None: does not exist in this run) and what went through each stage."""

    metrics: dict[str, float | None]
    stages: dict[str, float | None]

    def with_units(self) -> dict[str, dict[str, float | str | None]]:
        return {k: {"value": v, "unit": UNITS[k]} for k, v in self.metrics.items()}


class Metrics:
    """Accumulates a run's events.

    Args:
        listing: what the exchange lists.
        accounts: number of accounts; the denominator of shares of accounts.
        start_us, end_us: the run's simulated span.
        truth: the true prices, feeds as in the listing; without it, what needs them is None.
        phi: MAR-02, weight of unrealised gains.
        parties: whose wallets the accounts are, account % parties; default: every account's own.
    """

    def __init__(
        self,
        listing: Listing,
        accounts: int,
        start_us: int,
        end_us: int,
        truth: Truth | None = None,
        phi: float = 1.0,
        parties: int = 0,
    ) -> None:
        self.accounts, self.truth = accounts, truth
        self.parties = parties or accounts
        self._buffer = np.empty((BUFFER_ROWS, m.EV_COLS), np.int64)
        self._filled = 0
        n = len(listing.instrument_names())
        self._kind = np.array([listing.kind(i) for i in range(n)])
        self._value = np.array([listing.tick_value(i) for i in range(n)], np.float64) / MICRO
        self._payoff = np.array([listing.price_bound(i) for i in range(n)])
        self._tick_usd = [feed.tick_micro / MICRO for feed in listing.feeds]
        self._solvency = Solvency(listing, phi)
        self.cascade = Cascade()
        self.market = Market(listing, start_us, end_us)
        self.contagion = Monitor(start_us, end_us)
        self.fills = 0
        self._usd = dict.fromkeys(
            ("deficit", "insurance", "returned", "adl", "adl_pnl", "haircut"), 0.0
        )
        self._notional = dict.fromkeys(("book", "backstop"), 0.0)
        self._depleted = False
        self._first_flag = self._first_adl = -1
        self._slippage = 0.0
        self._forced = 0.0  # notional at mark of forced fills
        self._flags = self._wrongful = 0
        self.stage = np.zeros(accounts, np.int8)  # deepest stage per account, of STAGES
        self._deleveraged = np.zeros(accounts, bool)

    def begin(self, marks: Sequence[int]) -> None:
        """Marks in force (ticks, by instrument) when the run begins, if not the declared ones."""
        self.market.begin(marks)

    def look(self, now_us: int, exchange: Exchange) -> None:
        """See who owes whom, if it is time for it; the exchange is only read."""
        self.contagion.look(now_us, exchange)

    def add(self, events: np.ndarray) -> None:
        """Take int64[k, 16] rows, in the order of their seq; they may be reused afterwards."""
        k = len(events)
        if k >= LARGE_ROWS or self._filled + k > BUFFER_ROWS:
            self.flush()
        if k >= LARGE_ROWS:
            self._take(events)
            return
        self._buffer[self._filled : self._filled + k] = events
        self._filled += k

    def flush(self) -> None:
        """Work off the rows that wait in the buffer."""
        if self._filled:
            self._take(self._buffer[: self._filled])
            self._filled = 0

    def _take(self, rows: np.ndarray) -> None:
        kinds = np.ascontiguousarray(rows[:, m.E_KIND])
        by_kind = {
            k: np.flatnonzero(kinds == k) for k in np.flatnonzero(np.bincount(kinds)).tolist()
        }
        empty = np.zeros((0, m.EV_COLS), np.int64)

        def of(kind: Event) -> np.ndarray:
            return rows[by_kind[kind]] if kind in by_kind else empty

        fills = of(Event.FILL)
        forced = fills[fills[:, m.E_CODE] == 1]
        self.fills += len(fills)
        self._take_forced(forced, of(Event.MARK))
        self.cascade.add(of(Event.STEP), forced)
        self.market.add(fills, of(Event.MARK), of(Event.BOOK), of(Event.RESOLVE))
        self._take_waterfall(of)
        if Event.FLAG in by_kind:
            self._take_flags(rows, by_kind[Event.FLAG])

    def _take_forced(self, forced: np.ndarray, marks: np.ndarray) -> None:
        if not len(forced):
            return
        instrument, side = forced[:, m.E_INSTRUMENT], forced[:, m.E_SIDE]
        mark = self.market.mark_before(forced[:, m.E_SEQ], instrument, marks).astype(np.float64)
        price = forced[:, m.E_PRICE].astype(np.float64)
        of_no = (self._kind[instrument] == Kind.EVENT) & (side == m.BUY)  # a forced buy sells NO
        top = self._payoff[instrument]
        price, mark = np.where(of_no, top - price, price), np.where(of_no, top - mark, mark)
        sells = (side == m.SELL) | of_no
        lots = forced[:, m.E_SIZE] * self._value[instrument]
        self._notional["book"] += float((price * lots).sum())
        self._slippage += float((np.where(sells, mark - price, price - mark) * lots).sum())
        self._forced += float((mark * lots).sum())
        self._deepen(forced[:, m.E_ACCOUNT], "book")

    def _take_waterfall(self, of: Callable[[Event], np.ndarray]) -> None:
        taken = of(Event.BACKSTOP)
        i, price = taken[:, m.E_INSTRUMENT], taken[:, m.E_PRICE]
        of_no = (self._kind[i] == Kind.EVENT) & (taken[:, m.E_SIZE] < 0)  # NO shares at their mark
        price = np.where(of_no, self._payoff[i] - price, price)
        lots = np.abs(taken[:, m.E_SIZE])
        self._notional["backstop"] += float((lots * price * self._value[i]).sum())
        self._deepen(taken[:, m.E_ACCOUNT], "backstop")
        paid = of(Event.INSURANCE)
        self._deepen(paid[:, m.E_ACCOUNT], "insurance")
        adl = of(Event.ADL)
        if len(adl):
            value = self._value[adl[:, m.E_INSTRUMENT]]
            self._usd["adl"] += float((adl[:, m.E_SIZE] * adl[:, m.E_PRICE] * value).sum())
            self._deepen(adl[:, m.E_ACCOUNT], "adl")
            self._deleveraged[adl[:, m.E_OTHER]] = True
            if self._first_adl < 0:
                self._first_adl = int(adl[0, m.E_TIME])
        deficits = of(Event.DEFICIT)
        self._depleted |= bool((deficits[:, m.E_X] < deficits[:, m.E_AMOUNT]).any())
        for name, rows in (
            ("deficit", deficits),
            ("insurance", paid),
            ("returned", of(Event.FUND_RETURN)),
            ("adl_pnl", adl),
            ("haircut", of(Event.HAIRCUT)),
        ):
            self._usd[name] += int(rows[:, m.E_AMOUNT].sum()) / MICRO

    def _deepen(self, accounts: np.ndarray, stage: str) -> None:
        if len(accounts):
            np.maximum.at(self.stage, accounts, np.int8(STAGES.index(stage)))

    def _take_flags(self, rows: np.ndarray, at: np.ndarray) -> None:
        if self._first_flag < 0:
            self._first_flag = int(rows[at[0], m.E_TIME])
        self._flags += len(at)
        if self.truth is None:
            return
        for i in at.tolist():
            legs = []
            for row in rows[i + 1 :]:
                if row[m.E_KIND] != Event.LEG or row[m.E_ACCOUNT] != rows[i, m.E_ACCOUNT]:
                    break
                columns = (m.E_INSTRUMENT, m.E_SIZE, m.E_AMOUNT, m.E_PRICE)
                legs.append(Leg(bool(row[m.E_CODE]), *(int(row[c]) for c in columns)))
            equity, maintenance = self._solvency.margins(legs, self._true_prices(rows[i, m.E_TIME]))
            self._wrongful += equity >= maintenance

    def _true_prices(self, time_us: np.int64) -> Callable[[int], float]:
        """True price of a feed in ticks at one time."""
        truth = self.truth
        assert truth is not None
        at = np.array([time_us])
        return lambda feed: float(truth.sample(feed, at)[0]) / self._tick_usd[feed]

    def liquidated_parties(self) -> int:
        """Parties of which a wallet counts in ``liquidated_accounts``, once each."""
        self.flush()
        return len(set((np.flatnonzero(self.stage) % max(1, self.parties)).tolist()))

    def report(self, equities: np.ndarray | None = None) -> Report:
        """The metrics so far; ``equities`` (micro-USDC per account) adds open shortfalls."""
        self.flush()
        usd, notional = self._usd, self._notional
        shortfall = 0.0 if equities is None else float(np.maximum(-equities, 0).sum()) / MICRO
        liquidated = int((self.stage > 0).sum())
        delay = (self._first_adl - self._first_flag) / MICRO if self._first_adl >= 0 else None
        metrics: dict[str, float | None] = {
            "bad_debt_usd": usd["deficit"] + shortfall,
            "insurance_used_usd": usd["insurance"] - usd["returned"],
            "insurance_depleted": int(self._depleted),
            "liquidated_notional_usd": notional["book"] + notional["backstop"] + usd["adl"],
            "liquidated_accounts": liquidated,
            "liquidated_accounts_share": liquidated / self.accounts if self.accounts else None,
            "adl_notional_usd": usd["adl"],
            "adl_pnl_usd": usd["adl_pnl"],
            "socialised_usd": usd["haircut"],
            "first_adl_delay_s": delay,
            "cascade_r": self.cascade.reproduction(),
            "cascade_radius": self.cascade.radius(),
            "liquidation_slippage_bps": self._slippage / self._forced * 1e4
            if self._forced
            else None,
            **self.market.metrics(self.truth),
            **self.contagion.metrics(),
            "wrongful_liquidation_share": (
                self._wrongful / self._flags if self._flags and self.truth is not None else None
            ),
        }
        stages: dict[str, float | None] = {
            "book_usd": notional["book"],
            "backstop_usd": notional["backstop"],
            "insurance_usd": usd["insurance"],
            "adl_usd": usd["adl"],
            "socialised_usd": usd["haircut"],
            "first_adl_delay_s": delay,
            "liquidated_accounts": liquidated,
            "adl_accounts": int(self._deleveraged.sum()),
        }
        return Report({name: metrics[name] for name in UNITS}, stages)

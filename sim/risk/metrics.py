"""The risk report's numbers, streamed: feed event rows in order, read the metrics at the end.

Formulas, units and a hand-computed example of each stand in ``docs/metrics.md``.  A chunk of rows
costs a few numpy passes; nothing but forced orders is kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sim.exchange import messages as m
from sim.exchange.instruments import MICRO, Kind, Listing
from sim.exchange.messages import Event
from sim.exchange.rules import Rules
from sim.network.monitor import Monitor
from sim.network.statement import Statement
from sim.risk.cascade import Cascade
from sim.risk.market import Market
from sim.risk.oracle_blame import Blame, Forced
from sim.risk.oracle_debts import Debts
from sim.risk.oracle_equity import true_equities
from sim.risk.oracle_flows import Flows
from sim.risk.oracle_jumps import JumpExposure
from sim.risk.oracle_quality import OracleQuality
from sim.risk.truth import TrueOutcome, Truth
from sim.risk.units import UNITS

if TYPE_CHECKING:
    from sim.exchange.exchange import Exchange

BUFFER_ROWS = 1 << 15
LARGE_ROWS = 1 << 13  # a chunk that is worked on as it is
STAGES = ("none", "book", "backstop", "insurance", "adl")
OF_RESOLUTION = {
    "resolution_p95_s": "p95_time_to_resolution_s",
    "capital_locked_usd_days": "capital_locked_usd_days",
    "corruption_cost_usd": "cost_of_corruption_usd",
    "corruption_profit_usd": "profit_of_corruption_usd",
}  # what only the event oracle knows, by the names of its summary


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
        rules: the exchange's, which value what flagged accounts held.
        parties: whose wallets the accounts are, account % parties; default: every account's own.
        tick_us: from one liquidation tick to the next.
    """

    def __init__(
        self,
        listing: Listing,
        accounts: int,
        start_us: int,
        end_us: int,
        truth: Truth | None = None,
        rules: Rules | None = None,
        parties: int = 0,
        tick_us: int = MICRO,
    ) -> None:
        self.accounts, self.truth, self.end_us = accounts, truth, end_us
        rules = rules or Rules()
        self.parties = parties or accounts
        self._buffer = np.empty((BUFFER_ROWS, m.EV_COLS), np.int64)
        self._filled = 0
        n = len(listing.instrument_names())
        self._kind = np.array([listing.kind(i) for i in range(n)])
        self._value = np.array([listing.tick_value(i) for i in range(n)], np.float64) / MICRO
        self._payoff = np.array([listing.price_bound(i) for i in range(n)])
        self._face = np.array([listing.face_micro(i) for i in range(n)], np.float64) / MICRO
        self._tick_usd = [feed.tick_micro / MICRO for feed in listing.feeds]
        self.cascade = Cascade()
        self.market = Market(listing, start_us, end_us)
        self.contagion = Monitor(start_us, end_us)
        self.oracle = OracleQuality(listing, start_us, end_us, rules.stale_guard)
        self.flows = Flows(listing, accounts, self.parties)
        self.debts = Debts(listing)
        self.jumps = JumpExposure(listing)
        self.blame = Blame(listing, accounts, rules, tick_us)
        self._resolutions = [0, 0]  # all, wrong ones
        self._events = len(listing.events)
        self.fills = 0
        self._usd = dict.fromkeys(
            ("deficit", "insurance", "returned", "adl", "adl_pnl", "haircut"), 0.0
        )
        self._notional = dict.fromkeys(("book", "backstop"), 0.0)
        self._depleted = False
        self._first_flag = self._first_adl = -1
        self._slippage = 0.0
        self._forced = 0.0  # notional at mark of forced fills
        self.stage = np.zeros(accounts, np.int8)  # deepest stage per account, of STAGES
        self._deleveraged = np.zeros(accounts, bool)

    def set_up(self, events: np.ndarray) -> None:
        """Take rows (int64[k, 16]) from before the run: who brought money, who holds shares."""
        kinds = events[:, m.E_KIND]
        flows = events[(kinds == Event.DEPOSIT) | (kinds == Event.WITHDRAW)]
        self.flows.add(flows, events[kinds == Event.SETTINGS])
        self.blame.shares.add(events[kinds == Event.FILL], events[kinds == Event.BACKSTOP])

    def begin(self, marks: Sequence[int]) -> None:
        """Marks in force (ticks, by instrument) when the run begins, if not the declared ones."""
        self.market.begin(marks)

    def look(self, now_us: int, exchange: Exchange) -> None:
        """See who owes whom and what events could do, if it is time; the exchange is only read."""
        self.contagion.look(now_us, exchange)
        if self._first_flag < 0:
            self.debts.look(now_us, exchange)
        self.jumps.look(now_us, exchange)

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

        fills, marks, resolved = of(Event.FILL), of(Event.MARK), of(Event.RESOLVE)
        self.fills += len(fills)
        forced = self._take_forced(fills[fills[:, m.E_CODE] == 1], marks)
        self.cascade.add(of(Event.STEP), forced.rows)
        takings_usd, adl_usd = self._take_waterfall(of)
        flags = by_kind.get(Event.FLAG, np.zeros(0, np.int64))
        if len(flags) and self._first_flag < 0:
            self._first_flag = int(rows[flags[0], m.E_TIME])

        def mark_before(seq: int, instruments: np.ndarray) -> np.ndarray:
            return self.market.mark_before(np.full(len(instruments), seq), instruments, marks)

        true = None if self.truth is None else self._true_prices
        self.blame.take(rows, flags, of, forced, takings_usd, adl_usd, mark_before, true)
        self.market.add(fills, marks, of(Event.BOOK), resolved)
        self.oracle.add(of(Event.INDEX), of(Event.STATE))
        for kind in (Event.DEPOSIT, Event.WITHDRAW):
            self.flows.add(of(kind), of(Event.SETTINGS))
        self._resolutions[0] += len(resolved)
        self._resolutions[1] += int((resolved[:, m.E_X] == 1).sum())

    def _take_forced(self, rows: np.ndarray, marks: np.ndarray) -> Forced:
        """Forced FILL rows; ``marks`` are this chunk's MARK rows."""
        instrument, side = rows[:, m.E_INSTRUMENT], rows[:, m.E_SIDE]
        mark = self.market.mark_before(rows[:, m.E_SEQ], instrument, marks).astype(np.float64)
        price = rows[:, m.E_PRICE].astype(np.float64)
        of_no = (self._kind[instrument] == Kind.EVENT) & (side == m.BUY)  # a forced buy sells NO
        top = self._payoff[instrument]
        price, mark = np.where(of_no, top - price, price), np.where(of_no, top - mark, mark)
        sells = (side == m.SELL) | of_no
        lots = rows[:, m.E_SIZE] * self._value[instrument]
        usd, mark_usd = price * lots, mark * lots
        slippage = np.where(sells, mark - price, price - mark) * lots
        if (face := self._face[instrument]).any():  # of inverses, whose lots are worth a fixed sum
            fixed, worth = face > 0, rows[:, m.E_SIZE] * face
            off = np.where(sells, 1, -1) * (mark / np.maximum(price, 1) - 1)
            usd, mark_usd = np.where(fixed, worth, usd), np.where(fixed, worth, mark_usd)
            slippage = np.where(fixed, worth * off, slippage)
        self._notional["book"] += float(usd.sum())
        self._slippage += float(slippage.sum())
        self._forced += float(mark_usd.sum())
        self._deepen(rows[:, m.E_ACCOUNT], "book")
        return Forced(rows, usd, mark_usd, slippage)

    def _at_mark(self, rows: np.ndarray) -> np.ndarray:
        """float64[k], USD: |size|·mark of BACKSTOP and ADL rows, NO shares at their own mark."""
        i, price, lots = rows[:, m.E_INSTRUMENT], rows[:, m.E_PRICE], np.abs(rows[:, m.E_SIZE])
        of_no = (self._kind[i] == Kind.EVENT) & (rows[:, m.E_SIZE] < 0)
        price = np.where(of_no, self._payoff[i] - price, price)
        face = self._face[i]
        return np.where(face > 0, lots * face, lots * price * self._value[i])

    def _take_waterfall(self, of: Callable[[Event], np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """USD at mark of the BACKSTOP and of the ADL rows."""
        taken = of(Event.BACKSTOP)
        takings_usd = self._at_mark(taken)
        self._notional["backstop"] += float(takings_usd.sum())
        self._deepen(taken[:, m.E_ACCOUNT], "backstop")
        paid = of(Event.INSURANCE)
        self._deepen(paid[:, m.E_ACCOUNT], "insurance")
        adl = of(Event.ADL)
        adl_usd = self._at_mark(adl)
        if len(adl):
            self._usd["adl"] += float(adl_usd.sum())
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
        return takings_usd, adl_usd

    def _deepen(self, accounts: np.ndarray, stage: str) -> None:
        if len(accounts):
            np.maximum.at(self.stage, accounts, np.int8(STAGES.index(stage)))

    def _true_prices(self, time_us: int) -> Callable[[int], float]:
        """True price of a feed in ticks at one time."""
        truth = self.truth
        assert truth is not None
        at = np.array([time_us])
        return lambda feed: float(truth.sample(feed, at)[0]) / self._tick_usd[feed]

    def liquidated_parties(self) -> int:
        """Parties of which a wallet counts in ``liquidated_accounts``, once each."""
        self.flush()
        return len(set((np.flatnonzero(self.stage) % max(1, self.parties)).tolist()))

    def report(
        self,
        equities: np.ndarray | None = None,
        held: Statement | None = None,
        *,
        outcomes: Sequence[TrueOutcome | None] = (),
        resolution: Mapping[str, float] | None = None,
    ) -> Report:
        """The metrics so far.

        Args:
            equities: micro-USDC per account, adds open shortfalls to the bad debt.
            held: what every account holds at the end, for the bad debt at true prices.
            outcomes: how each event really ends, None where nobody knows.
            resolution: the event oracle's summary (`sim.oracle.summary`); NaN counts as None.
        """
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
            **self.oracle.metrics(self.truth),
            **self.flows.metrics(self.truth),
            **self.blame.metrics(self._borrowed_usd(), self.truth is not None),
            "bad_debt_true_usd": self._true_debt_usd(held, outcomes),
            "event_jump_exposure_usd": self.jumps.worst_usd,
            **self._of_resolution(resolution or {}),
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

    def _true_debt_usd(
        self, held: Statement | None, outcomes: Sequence[TrueOutcome | None]
    ) -> float | None:
        """Deficits taken, and what is missing at the end at true prices."""
        if self.truth is None or held is None:
            return None
        equity = true_equities(held, self._true_prices(self.end_us), outcomes)
        return self._usd["deficit"] + float(np.maximum(-equity, 0).sum())

    def _borrowed_usd(self) -> float | None:
        if self.truth is None or self._first_flag < 0:
            return None
        return self.debts.usd(self._first_flag, self.truth)

    def _of_resolution(self, told: Mapping[str, float]) -> dict[str, float | None]:
        count, wrong = self._resolutions
        known = {name: told.get(key, math.nan) for name, key in OF_RESOLUTION.items()}
        return {
            "resolutions": count if self._events else None,
            "wrong_resolution_share": wrong / count if count else None,
            **{name: None if math.isnan(value) else value for name, value in known.items()},
        }

"""Which liquidations were wrong, and who is to blame for what they cost.

A liquidation is *wrongful* if its account was solvent at true prices when it was flagged.  Its
cause is a resolution if its FLAG goes back to one (or to a proposal), through forced trades of
others or directly: the account would have been safe with its shares as they were valued before.
Otherwise the market is to blame for rightful ones; for wrongful ones the book, if at index prices
the account was safe too and only marks had left the index, else the oracle.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sim.exchange import messages as m
from sim.exchange.account import POSITION, Account, account_of_legs, leg_rows
from sim.exchange.instruments import MICRO, USDC, Kind, Listing
from sim.exchange.messages import SELL, Event
from sim.exchange.rules import Rules
from sim.risk.oracle_episodes import Episodes
from sim.risk.oracle_index import IndexTape
from sim.risk.oracle_shares import Shares
from sim.risk.raised import raised_usd
from sim.risk.solvency import Leg, Solvency
from sim.risk.truth import payouts, share_marks

MARKET, BOOK, ORACLE, RESOLUTION = range(4)
CAUSES = ("market", "book", "oracle", "resolution")
NOTIONAL, LOSS, DEFICIT, CASH = range(4)  # what is added up per liquidation, USD

Rows = Callable[[Event], np.ndarray]
Prices = Callable[[int], float]


@dataclass(frozen=True)
class Forced:
    """Forced FILL rows, their notional at the price and at mark, and what they lost against it."""

    rows: np.ndarray
    usd: np.ndarray
    mark_usd: np.ndarray
    slippage_usd: np.ndarray


@dataclass(frozen=True)
class _Resolved:
    """A RESOLVE; by account what its shares lost and what margin they had asked for, USD."""

    time_us: int
    seq: int
    lost_usd: np.ndarray
    margin_usd: np.ndarray


class Blame:
    """Streams liquidations; ``tick_us`` is the time from one liquidation tick to the next."""

    def __init__(self, listing: Listing, accounts: int, rules: Rules, tick_us: int) -> None:
        self.listing, self.rules, self.tick_us = listing, rules, tick_us
        self.solvency = Solvency(listing, rules.phi)
        self.shares = Shares(listing, accounts)
        self.index = IndexTape(listing)
        self.episodes = Episodes(accounts, 4)
        names = range(len(listing.instrument_names()))
        self._spot = np.array([listing.kind(i) == Kind.SPOT for i in names], bool)
        self._base = np.array([listing.base_of(i) for i in names], np.int64)
        self._wrongful: list[bool] = []
        self._cause: list[int] = []
        self._owed: dict[int, tuple[float, dict[int, float], dict[int, float]]] = {}
        self._bought: dict[tuple[int, int], float] = {}
        self._resolved: list[_Resolved] = []
        self._proposed: dict[int, tuple[int, int]] = {}  # first PROPOSE of an event: time, seq
        self._lost = self._taken = 0.0

    @property
    def causes(self) -> tuple[int, ...]:
        """MARKET, BOOK, ORACLE or RESOLUTION, by FLAG."""
        return tuple(self._cause)

    def proposed(self, seq: int) -> frozenset[int]:
        """Events whose λ is 1, right before an event, because of a proposal."""
        if not self.rules.proposal_margin:
            return frozenset()
        return frozenset(e for e, (_, first) in self._proposed.items() if first < seq)

    @property
    def wrongful(self) -> list[bool]:
        """Of every FLAG in order, whether its account was solvent at true prices."""
        return list(self._wrongful)

    def take(
        self,
        rows: np.ndarray,
        flags_at: np.ndarray,
        of: Rows,
        forced: Forced,
        takings_usd: np.ndarray,
        adl_usd: np.ndarray,
        mark_before: Callable[[int, np.ndarray], np.ndarray],
        true_prices: Callable[[int], Prices] | None,
    ) -> None:
        """A chunk of events.

        Args:
            rows, flags_at, of: all rows, where FLAGs are, and the rows of a kind.
            forced: its forced fills.  takings_usd, adl_usd: its BACKSTOP and ADL rows at mark.
            mark_before: marks in ticks of instruments right before a seq.
            true_prices: true prices in ticks of feeds at a time; None: nobody knows.
        """
        self.shares.add(of(Event.FILL), of(Event.BACKSTOP))
        self.index.add(of(Event.INDEX))
        for row in of(Event.PROPOSE):
            known = int(row[m.E_TIME]), int(row[m.E_SEQ])
            self._proposed.setdefault(int(row[m.E_INSTRUMENT]), known)
        for row in of(Event.RESOLVE):
            self._resolve(row, mark_before)
        if len(rows):
            since = int(rows[0, m.E_TIME]) - self.tick_us
            self._resolved = [done for done in self._resolved if done.time_us > since]
        flags = rows[flags_at]
        self.episodes.open(flags)
        self.episodes.traded(forced.rows)
        if true_prices is not None:
            for at in flags_at.tolist():
                self._judge(rows[at], legs_behind(rows, at), true_prices(int(rows[at, m.E_TIME])))
        self._add_up(of, forced, takings_usd, adl_usd)
        self.episodes.close(flags)

    def _resolve(
        self, row: np.ndarray, mark_before: Callable[[int, np.ndarray], np.ndarray]
    ) -> None:
        e, seq = int(row[m.E_INSTRUMENT]), int(row[m.E_SEQ])
        event, book = self.listing.events[e], self.listing.first_book(e)
        marks = share_marks(event, mark_before(seq, np.arange(book, book + len(event.books))))
        pays = payouts(event, int(row[m.E_CODE]), int(row[m.E_PRICE]))
        held = self.shares.of(e)
        lost, worth = np.zeros(len(held)), np.zeros(len(held))
        for k in range(len(event.shares)):
            lost += held[:, k] * (marks[k] - pays[k])
            worth += held[:, k] * marks[k]
        lam = 1.0 if e in self.proposed(seq) else event.lam
        self._resolved.append(_Resolved(int(row[m.E_TIME]), seq, lost, lam * worth))

    def _judge(self, flag: np.ndarray, held: np.ndarray, true: Prices) -> None:
        """Settle the next liquidation's guilt, by what the account held: LEG rows."""
        number, legs = len(self._cause), legs_of(held)
        seq = int(flag[m.E_SEQ])
        proposed = self.proposed(seq)
        equity, maintenance = self.solvency.margins(legs, true, proposed)
        wrongful = equity >= maintenance
        parent = int(flag[m.E_PARENT])
        before = self.episodes.behind(parent) if parent else -1
        if self._by_event(flag, held) or (before >= 0 and self._cause[before] == RESOLUTION):
            cause = RESOLUTION
        elif wrongful:
            equity, maintenance = self.solvency.margins(legs, self.index.before(seq), proposed)
            cause = BOOK if equity >= maintenance else ORACLE
        else:
            cause = MARKET
        self._wrongful.append(wrongful)
        self._cause.append(cause)
        owed = {
            leg.thing: float(-leg.size) for leg in legs if leg.is_debt(len(self.listing.assets))
        }
        if wrongful and owed:
            prices = {k: self.solvency.unit_usd(k, true) for k in owed if k != USDC}
            self._owed[number] = owed.pop(USDC, 0.0) / MICRO, owed, prices

    def _by_event(self, flag: np.ndarray, held: np.ndarray) -> bool:
        """Whether a resolution or a proposal since the previous tick pushed the account over."""
        account, time, seq = (int(flag[c]) for c in (m.E_ACCOUNT, m.E_TIME, m.E_SEQ))
        ne, mm = (int(flag[c]) / MICRO for c in (m.E_X, m.E_Y))
        touched = False
        for done in self._resolved:
            # Resolutions come before the tick of their time, proposals after it (SEQ-01).
            if time - self.tick_us < done.time_us <= time and done.seq < seq:
                lost = float(done.lost_usd[account])
                if lost > 0:
                    touched = True
                    ne, mm = ne + lost, mm + float(done.margin_usd[account])
        for e, (at, first) in self._proposed.items():
            if first < seq and time - self.tick_us <= at:
                raised = raised_usd(self.listing, self.rules, self._account(held, seq), e)
                if raised > 0:
                    touched, mm = True, mm - raised
        return touched and (int(flag[m.E_PARENT]) == 0 or ne >= mm)

    def _account(self, held: np.ndarray, seq: int) -> Account:
        """What LEG rows describe, right before an event of this chunk."""
        index = self.index.before(seq)
        return account_of_legs(
            self.listing,
            leg_rows(held),
            index={f: int(index(f)) for f in range(len(self.listing.feeds))},
            proposed={e for e, (_, first) in self._proposed.items() if first < seq},
        )

    def _add_up(
        self, of: Rows, forced: Forced, takings_usd: np.ndarray, adl_usd: np.ndarray
    ) -> None:
        add, takings, adl = self.episodes.add, of(Event.BACKSTOP), of(Event.ADL)
        steps, deficits, written = of(Event.STEP), of(Event.DEFICIT), of(Event.WRITE_OFF)
        fees, discounts = steps[:, m.E_AMOUNT] / MICRO, takings[:, m.E_AMOUNT] / MICRO
        add(NOTIONAL, forced.rows, forced.usd)
        add(NOTIONAL, takings, takings_usd)
        add(NOTIONAL, adl, adl_usd)
        add(LOSS, forced.rows, forced.slippage_usd)
        add(LOSS, steps, fees)
        add(LOSS, takings, discounts)
        add(DEFICIT, deficits, deficits[:, m.E_AMOUNT] / MICRO)
        self._lost += float(forced.slippage_usd.sum() + fees.sum() + discounts.sum())
        self._taken += float(forced.mark_usd.sum() + takings_usd.sum())
        # What pays debts: coins and shares sold, and what is written off.
        i, sells = forced.rows[:, m.E_INSTRUMENT], forced.rows[:, m.E_SIDE] == SELL
        shares = i >= self._shares_from
        brings = (self._spot[i] & sells) | shares
        add(CASH, forced.rows[brings], forced.usd[brings])
        shares = takings[:, m.E_INSTRUMENT] >= self._shares_from
        add(CASH, takings[shares], (takings_usd - discounts)[shares])
        in_cash = written[:, m.E_X] == USDC
        add(CASH, written[in_cash], written[in_cash, m.E_AMOUNT] / MICRO)
        buys = forced.rows[self._spot[i] & ~sells]
        if len(buys):
            self._buy(buys, self._base[buys[:, m.E_INSTRUMENT]], buys[:, m.E_SIZE])
        if not in_cash.all():
            lost = written[~in_cash]
            self._buy(lost, lost[:, m.E_X], lost[:, m.E_AMOUNT])

    @property
    def _shares_from(self) -> int:
        return self.listing.first_book(0) if self.listing.events else len(self._spot)

    def _buy(self, rows: np.ndarray, coins: np.ndarray, units: np.ndarray) -> None:
        for number, k, x in zip(
            self.episodes.of(rows).tolist(), coins.tolist(), units.tolist(), strict=True
        ):
            self._bought[number, k] = self._bought.get((number, k), 0.0) + x

    def _closed_usd(self) -> float:
        """Debts of wrongly flagged accounts that were paid by force or written off, USD."""
        cash = self.episodes.sums(CASH)
        closed = 0.0
        for number, (usdc, coins, prices) in self._owed.items():
            closed += min(usdc, float(cash[number]))
            for k, units in coins.items():
                closed += min(units, self._bought.get((number, k), 0.0)) * prices[k]
        return closed

    def metrics(self, borrowed_usd: float | None, judged: bool) -> dict[str, float | None]:
        """By name.

        ``borrowed_usd``: all debts at the first flag at true prices, if known; ``judged``: whether
        the true prices were known all along.
        """
        found: dict[str, float | None] = {
            "wrongful_liquidation_share": None,
            "wrongful_notional_usd": None,
            "wrongful_debt_share": None,
            "liquidation_loss_ratio": self._lost / self._taken if self._taken else None,
            **{f"loss_{name}_usd": None for name in CAUSES},
        }
        if not judged:
            return found
        wrongful, cause = np.array(self._wrongful, bool), np.array(self._cause, np.int64)
        loss = self.episodes.sums(LOSS) + self.episodes.sums(DEFICIT)
        found["wrongful_notional_usd"] = float(self.episodes.sums(NOTIONAL)[wrongful].sum())
        for k, name in enumerate(CAUSES):
            found[f"loss_{name}_usd"] = float(loss[cause == k].sum())
        if len(wrongful):
            found["wrongful_liquidation_share"] = float(wrongful.mean())
        if borrowed_usd:
            found["wrongful_debt_share"] = self._closed_usd() / borrowed_usd
        return found


def legs_behind(rows: np.ndarray, at: int) -> np.ndarray:
    """What the account of the FLAG at a place held: the LEG rows behind it, int64[k, 16]."""
    end = at + 1
    while (
        end < len(rows)
        and rows[end, m.E_KIND] == Event.LEG
        and rows[end, m.E_ACCOUNT] == rows[at, m.E_ACCOUNT]
    ):
        end += 1
    return rows[at + 1 : end]


def legs_of(held: np.ndarray) -> list[Leg]:
    """LEG rows as legs."""
    columns = [m.E_CODE, m.E_INSTRUMENT, m.E_SIZE, m.E_AMOUNT, m.E_PRICE]
    return [Leg(code == POSITION, *leg) for code, *leg in held[:, columns].tolist()]

"""Who pledges event shares: holds one outcome and borrows, or trades perpetuals, against it.

Shares that count as collateral at their price are a loan on an outcome: when the other one is
declared, the loan is left (Polymarket's shares as collateral; in March 2025 a market of 7 million
USD resolved YES by a vote of a quarter of the stake, with the outcome at .09 days before).  By
MAR-05 a holder needs the whole value of his shares as margin, so that they carry nothing; with
lambda below 1 they carry 1 - lambda of it.

The accounts come in pairs: the first mints sets with the second and keeps the outcome of the
cohort, the second keeps the other outcome and does nothing more.  What the shares, and its own
cash, allow by the public rules, a pledger takes by ``ltv_share``: it withdraws USDC at the start,
or opens a perpetual.

Figures: sizes as `agents.population` (Hill exponent 0.56); that a pledger goes to 90 % of what is
allowed is an assumption.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from agents import blocks
from agents.base import Count, NonNegative, Positive, Trader, TraderParams
from agents.credit import room_units
from agents.event_price import Which, pick
from agents.outside import Outside
from agents.positions import Positions
from agents.sizes import bounded_pareto
from sim.exchange.instruments import MICRO, USDC, Perpetual
from sim.exchange.messages import E_ACCOUNT, E_INSTRUMENT, E_KIND, E_SIZE, E_X, Event, Flag, Kind
from sim.exchange.valuation import imf

if TYPE_CHECKING:
    from sim.market import MarketView

FEES = 1.02  # of what the shares cost


class PledgerParams(TraderParams):
    """Parameters of the cohort; a set costs 1 USDC."""

    event: Which = 0
    book: str = ""  # of a categorical event: the outcome whose book it is; none: the first
    outcome: Literal["YES", "NO"] = "NO"  # of that book
    open_sets: NonNegative = 100_000.0  # of all pledgers together
    size_tail_exponent: Annotated[float, Field(gt=0, lt=1)] = 0.56
    max_account_share: Annotated[float, Field(gt=0, le=1)] = 0.2  # of the sets
    cash_ratio: NonNegative = 0.0  # own USDC besides, of the value of the shares
    use: Literal["withdraw", "perpetual"] = "withdraw"
    ltv_share: Annotated[float, Field(gt=0, lt=1)] = 0.9  # of what margin allows
    perpetual: str = ""  # none: the one on the event's coin, else the first
    side: Literal["buy", "sell"] = "buy"
    start_s: NonNegative = 1.0  # when it opens perpetuals, from the start of the run
    max_slippage_bps: NonNegative = 50.0
    tries: Count = 30  # orders for a perpetual, per account
    interval_s: Positive = 1.0


class Pledger(Trader):
    """The cohort; see the module's text.

    Attributes:
        outside: its ledger: USD deposited and USD withdrawn, of all accounts.
        shares: int64[accounts], of the outcome at the start; 0 for the second of each pair.
        borrowed_usd: float64[accounts], withdrawn.
    """

    Params = PledgerParams
    params: PledgerParams
    cohort: ClassVar[bool] = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        p, n, facts = self.params, len(self.accounts), self.facts
        terms = pick(facts, p.event, self.name)
        names = terms.outcomes if terms.books > 1 else ("",)
        if p.book and p.book not in names:
            raise ValueError(f"{self.name}: no outcome {p.book!r} with a book; there is {names}")
        self.book = facts.book_of(terms, names.index(p.book) if p.book else 0)
        self.payoff = facts.payoff_ticks(terms)
        self.lam = facts.listing.events[terms.event].lam
        self.perpetual = self._perpetual(terms.feed)
        self.outside = Outside(self)
        self.positions = Positions(self.accounts, facts)
        self.shares = np.zeros(n, dtype=np.int64)
        self.cash_usd = np.zeros(n)
        self.borrowed_usd = np.zeros(n)
        self.target = np.full(n, -1, dtype=np.int64)  # lots of the perpetual, -1: not yet known
        self.tried = np.zeros(n, dtype=np.int64)

    def _perpetual(self, feed: int) -> int:
        names = [x.name for x in self.facts.listing.perpetuals]
        if self.params.perpetual:
            if self.params.perpetual not in names:
                raise ValueError(
                    f"{self.name}: no perpetual {self.params.perpetual!r}; listed: {names}"
                )
            return names.index(self.params.perpetual)
        if not names and self.params.use == "perpetual":
            raise ValueError(f"{self.name}: no perpetual is listed")
        return max(self.facts.perpetual_on(feed), 0)

    def setup(self) -> list[np.ndarray]:
        """Pairs mint their sets; then, perhaps, loans."""
        p, pairs, start_us = self.params, len(self.accounts) // 2, int(self.world.start_us)
        weight = bounded_pareto(self.rng, pairs, p.size_tail_exponent, p.max_account_share)
        sets = np.floor(p.open_sets * weight / max(float(weight.sum()), 1.0)).astype(np.int64)
        yes = int(self.facts.start_ticks[self.book])
        own = yes if p.outcome == "YES" else self.payoff - yes
        tick_usd = float(self.facts.tick_value[self.book]) / MICRO
        out: list[np.ndarray] = []
        price = np.array([own, self.payoff - own])
        sides = np.array([0, 1]) if p.outcome == "YES" else np.array([1, 0])
        for j in np.flatnonzero(sets >= self.facts.min_lots[self.book]).tolist():
            two, lots = self.accounts[2 * j : 2 * j + 2], int(sets[j])
            usd = price * lots * tick_usd * FEES
            usd[0] += p.cash_ratio * own * lots * tick_usd
            for account, x in zip(two.tolist(), usd.tolist(), strict=True):
                out.append(self.outside.bring(account, USDC, int(x * MICRO) + 1, start_us))
            ids = self.new_ids(2)
            out.append(blocks.new(two, self.book, 0, price, lots, ids, 0, sides))
            self.shares[2 * j] = lots
            self.cash_usd[2 * j] = float(usd[0]) - own * lots * tick_usd
        out.append(blocks.mark())
        if p.use == "withdraw":
            out.append(self._loans(own * tick_usd))
        return out

    def _loans(self, share_usd: float) -> np.ndarray:
        """WITHDRAW of what shares of that price allow."""
        who = np.flatnonzero(self.shares)
        units = [int(self.params.ltv_share * self._room(a, share_usd)) for a in who.tolist()]
        lent = np.array(units, dtype=np.int64)
        return blocks.withdraw(self.accounts[who][lent > 0], USDC, lent[lent > 0])

    def _room(self, a: int, share_usd: float) -> int:
        """Micro-USDC that an account may withdraw: its cash, and 1 - lambda of its shares."""
        carried = (1.0 - self.lam) * int(self.shares[a]) * share_usd
        held = {USDC: float(self.cash_usd[a]) * MICRO}
        return room_units(self.facts.listing, held, {USDC: 1.0 / MICRO}, USDC, -carried)

    def stakes(self) -> np.ndarray:
        out = np.eye(self.facts.instruments)[self.book]
        if self.params.use == "perpetual":
            out[self.perpetual] = 1.0
        return out

    def first_wake_us(self) -> int:
        return super().first_wake_us() + int(self.params.start_s * 1e6)

    def wake(self, now_us: int, view: MarketView, inbox: np.ndarray) -> tuple[np.ndarray, int]:
        p = self.params
        self.positions.apply(inbox)
        self._hear(inbox, now_us)
        pause_us = int(p.interval_s * 1e6)
        if p.use != "perpetual":
            return blocks.none(), pause_us
        i, mark = self.perpetual, int(view.mark[self.perpetual])
        touch = int(view.ask[i]) if p.side == "buy" else int(view.bid[i])
        if touch <= 0 or mark <= 0:
            return blocks.none(), pause_us
        able = (self.shares > 0) & ~self.positions.hit & (self.tried < p.tries)
        give = int(touch * p.max_slippage_bps * 1e-4)
        price = touch + give if p.side == "buy" else max(touch - give, 1)
        loss = max(price - mark if p.side == "buy" else mark - price, 0) / mark
        who = np.flatnonzero(able)
        for a in who[self.target[who] < 0].tolist():
            self.target[a] = self._lots(a, self._share_usd(view), mark, loss)
        left = self.target - np.abs(self.positions.lots[:, i])
        who = who[left[who] >= self.facts.min_lots[i]]
        self.tried[who] += 1
        side, ids = 0 if p.side == "buy" else 1, self.new_ids(len(who))
        flags = int(Flag.IOC)
        return blocks.new(self.accounts[who], i, side, price, left[who], ids, flags), pause_us

    def _share_usd(self, view: MarketView) -> float:
        """What a share of the outcome is worth at the mark, USD."""
        yes = int(view.mark[self.book])
        yes = yes if yes >= 0 else int(self.facts.start_ticks[self.book])
        own = yes if self.params.outcome == "YES" else self.payoff - yes
        return own * float(self.facts.tick_value[self.book]) / MICRO

    def _lots(self, a: int, share_usd: float, mark: int, loss: float) -> int:
        """Lots whose initial margin, and loss to the mark, are `ltv_share` of what is carried."""
        item = self.facts.listing.item(self.perpetual)
        assert isinstance(item, Perpetual)
        carried = (1.0 - self.lam) * int(self.shares[a]) * share_usd + float(self.cash_usd[a])
        low, high = 0.0, carried * self.params.ltv_share / max(imf(item.margin, 0.0) + loss, 1e-6)
        for _ in range(60):
            middle = 0.5 * (low + high)
            if middle * (imf(item.margin, middle) + loss) <= self.params.ltv_share * carried:
                low = middle
            else:
                high = middle
        lots = int(low / self.facts.usd(self.perpetual, mark, 1))
        return min(lots, item.max_size_lots)

    def _hear(self, inbox: np.ndarray, now_us: int) -> None:
        """Loans that came out; perpetuals that were refused are halved."""
        if len(inbox) == 0:
            return
        kind = inbox[:, E_KIND]
        for row in inbox[(kind == Event.WITHDRAW) | (kind == Event.REJECT)]:
            account = self.positions.rows(row[E_ACCOUNT : E_ACCOUNT + 1])
            if row[E_KIND] == Event.WITHDRAW:
                usd = self.outside.sell(USDC, int(row[E_SIZE]), now_us)
                self.borrowed_usd[account] += usd
            elif row[E_X] == Kind.NEW and row[E_INSTRUMENT] == self.perpetual:
                self.target[account] //= 2

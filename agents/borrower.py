"""Borrowers: a cohort that has pledged one asset, borrowed another and taken it away.

Each deposits collateral, withdraws the debt asset on credit at the start and sells it outside, as
yield farmers and looped positions do.  Some repay a part, or bring more collateral, when their debt
comes near what margin allows; most never look.

Figures:

* sizes: the collateral of 271 leveraged stETH loops (2023) has a Hill tail exponent of 0.56 (see
  `agents.population`).  The largest debt is bounded: one address had 46 of the 85 to 89 million
  DAI that Compound liquidated on 26 November 2020 out of 1,300 million borrowed (R. Leshner, in
  Cryptoglobe, November 2020): 3.5 % of the debt, and twice as much if a half was closed.
* debt, as a share of what the initial margin allows: of that debt 85.2 million was closed after
  DAI had printed 1.30 (Compound forum, "DAI liquidation event").  As a liquidation closed half a
  debt at most, between 6.6 and 13 % of the debt lay within 30 % of its limit.  A logistic normal
  with median 0.5, an assumption, and deviation 0.94 puts 10 % of the debt above 1/1.3.
* who acts, and when: assumptions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from pydantic import Field, model_validator

from agents import blocks
from agents.base import Count, NonNegative, Positive, Ratio, Trader, TraderParams
from agents.credit import debt_margin, room_units, uncapped_weight, weight
from agents.outside import Outside
from agents.positions import Positions
from agents.quoting import expit, logit
from agents.sizes import bounded_pareto
from sim.exchange.instruments import MICRO, USDC
from sim.exchange.messages import E_ACCOUNT, E_KIND, E_SIZE, E_X, Event, Kind
from sim.exchange.valuation import imf

if TYPE_CHECKING:
    from sim.market import MarketView

HOLD, TOP_UP, REPAY = range(3)


class BorrowerParams(TraderParams):
    """Parameters of the cohort; a debt's share is of what the initial margin allows."""

    collateral: str = ""  # none: the first coin; or "USDC"
    debt: str = "USDC"  # or a coin that can be borrowed
    debt_usd: Positive = 100_000.0  # of all accounts together, at the start's prices
    size_tail_exponent: Annotated[float, Field(gt=0, lt=1)] = 0.56
    max_account_share: Annotated[float, Field(gt=0, le=1)] = 0.07  # of the debt
    share_median: Annotated[float, Field(gt=0, lt=1)] = 0.5
    share_log_deviation: NonNegative = 0.94  # in logits
    max_share: Annotated[float, Field(gt=0, lt=1)] = 0.98
    top_up_share: Ratio = 0.0  # accounts that bring collateral
    repay_share: Ratio = 0.0  # accounts that pay back
    act_at_share: Annotated[float, Field(gt=0, le=1)] = 0.9  # from this share of what is allowed
    act_to_share: Annotated[float, Field(gt=0, lt=1)] = 0.7
    max_acts: Count = 3
    reaction_s: Positive = 15.0
    interval_s: Positive = 1.0

    @model_validator(mode="after")
    def _consistent(self) -> BorrowerParams:
        if self.top_up_share + self.repay_share > 1:
            raise ValueError("top_up_share + repay_share exceed 1")
        if self.act_to_share >= self.act_at_share:
            raise ValueError("act_to_share must be below act_at_share")
        if self.collateral == self.debt:
            raise ValueError(f"collateral and debt are both {self.debt!r}")
        return self


class Borrower(Trader):
    """The cohort; see the module's text.

    Attributes:
        outside: its ledger: USD spent and received at true prices, of all accounts.
        pledged, owed: int64[accounts], units of collateral and of debt, forced sales apart.
    """

    Params = BorrowerParams
    params: BorrowerParams
    cohort: ClassVar[bool] = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        p, n = self.params, len(self.accounts)
        self.collateral = self._asset(p.collateral or self.facts.listing.asset_names()[1])
        self.debt = self._asset(p.debt)
        if self.debt != USDC and not self.facts.listing.assets[self.debt - 1].borrowable:
            raise ValueError(f"{self.name}: {p.debt} cannot be borrowed")
        self.outside = Outside(self)
        self.positions = Positions(self.accounts, self.facts)
        draw = self.rng.random(n)
        bounds = [p.top_up_share, p.top_up_share + p.repay_share]
        self.behaviour = np.select([draw < b for b in bounds], [TOP_UP, REPAY], HOLD)
        self.pledged = np.zeros(n, dtype=np.int64)
        self.owed = np.zeros(n, dtype=np.int64)
        self.acts = np.zeros(n, dtype=np.int64)
        self.slices = max(1, round(p.reaction_s / p.interval_s))
        self.turn = 0

    def _asset(self, name: str) -> int:
        """The id of USDC or of a coin with a spot book, where its index is seen."""
        listing = self.facts.listing
        known = ["USDC", *(spot.base for spot in listing.spots)]
        if name not in known:
            raise ValueError(f"{self.name}: no asset {name!r} with a spot book; there is {known}")
        return listing.asset_id(name)

    def setup(self) -> list[np.ndarray]:
        """The first readings, deposits, then the loans."""
        p, facts, n = self.params, self.facts, len(self.accounts)
        start_us = int(self.world.start_us)
        price = self._unit_usd(facts.start_ticks)
        shares = bounded_pareto(self.rng, n, p.size_tail_exponent, p.max_account_share)
        part = self.rng.normal(0.0, p.share_log_deviation, n)
        middle = logit(p.share_median)
        total = float(shares.sum())
        for a in range(n):
            usd = p.debt_usd * float(shares[a]) / total
            used = min(expit(middle + float(part[a])), p.max_share)
            owed = int(usd / price[self.debt])
            if owed > 0:
                self.owed[a] = owed
                self.pledged[a] = self._pledge(int(owed / used), price)
        who = np.flatnonzero(self.owed)
        feeds = np.arange(len(facts.listing.feeds))
        ticks = np.array([f.index_ticks for f in facts.listing.feeds])
        return [
            blocks.index(feeds, ticks, start_us),
            blocks.join(
                self._bring(a, self.collateral, int(self.pledged[a]), start_us)
                for a in who.tolist()
            ),
            blocks.withdraw(self.accounts[who], self.debt, self.owed[who]),
        ]

    def _bring(self, a: int, asset: int, units: int, now_us: int) -> np.ndarray:
        return self.outside.bring(int(self.accounts[a]), asset, units, now_us)

    def _pledge(self, debt_units: int, price: dict[int, float]) -> int:
        """Units of collateral that just allow a debt of so many units, whatever cap there is."""
        listing = self.facts.listing
        usd = debt_units * price[self.debt]
        need = usd * (1.0 + imf(debt_margin(listing, self.debt), usd))
        low, high = 0.0, need
        while high * uncapped_weight(listing, self.collateral, high) < need:
            low, high = high, 2.0 * high
        for _ in range(60):
            middle = 0.5 * (low + high)
            if middle * uncapped_weight(listing, self.collateral, middle) < need:
                low = middle
            else:
                high = middle
        return int(high / price[self.collateral]) + 1

    def _unit_usd(self, ticks: np.ndarray) -> dict[int, float]:
        """Index price of one unit of the two assets at `ticks` by instrument; 0 unknown."""
        out = {}
        for asset in (self.collateral, self.debt):
            out[asset] = 1.0 / MICRO
            for i in self.facts.spots[::-1] if asset != USDC else ():
                if self.facts.listing.base_of(int(i)) == asset:
                    worth = max(int(ticks[i]), 0) * int(self.facts.tick_value[i])
                    out[asset] = worth / MICRO
        return out

    def wake(self, now_us: int, view: MarketView, inbox: np.ndarray) -> tuple[np.ndarray, int]:
        p = self.params
        self.positions.apply(inbox)
        self._hear(inbox, now_us)
        pause_us = int(p.interval_s * 1e6)
        self.turn = (self.turn + 1) % self.slices
        looking = np.arange(self.turn, len(self.accounts), self.slices)
        able = (self.behaviour[looking] != HOLD) & (self.acts[looking] < p.max_acts)
        able &= ~self.positions.hit[looking] & (self.owed[looking] > 0)
        price = self._unit_usd(view.index)
        if min(price.values()) <= 0:
            return blocks.none(), pause_us
        near = [a for a in looking[able].tolist() if self._near(a, price)]
        return blocks.join(self._act(a, price, now_us) for a in near), pause_us

    def _near(self, a: int, price: dict[int, float]) -> bool:
        """Whether margin would refuse a debt of 1/act_at_share of what an account owes."""
        listing = self.facts.listing
        more = int(self.owed[a]) * price[self.debt] / self.params.act_at_share
        held = int(self.pledged[a]) * price[self.collateral]
        need = more * (1.0 + imf(debt_margin(listing, self.debt), more))
        return need > held * weight(listing, self.collateral, held)

    def _act(self, a: int, price: dict[int, float], now_us: int) -> np.ndarray:
        """What an account does that is near its limit."""
        p = self.params
        owed, held = int(self.owed[a]), int(self.pledged[a])
        allowed = room_units(self.facts.listing, {self.collateral: held}, price, self.debt)
        self.acts[a] += 1
        if self.behaviour[a] == REPAY:
            units = min(max(int(owed - p.act_to_share * allowed), 0), owed)
            self.owed[a] -= units
            return self._bring(a, self.debt, units, now_us)
        units = max(self._pledge(int(owed / p.act_to_share), price) - held, 0)
        self.pledged[a] += units
        return self._bring(a, self.collateral, units, now_us)

    def _hear(self, inbox: np.ndarray, now_us: int) -> None:
        """Loans that came out are sold outside; those that were refused are not owed."""
        if len(inbox) == 0:
            return
        kind = inbox[:, E_KIND]
        for row in inbox[(kind == Event.WITHDRAW) | (kind == Event.REJECT)]:
            account = self.positions.rows(row[E_ACCOUNT : E_ACCOUNT + 1])
            if row[E_KIND] == Event.WITHDRAW:
                self.outside.sell(self.debt, int(row[E_SIZE]), now_us)
            elif row[E_X] == Kind.WITHDRAW:
                self.owed[account] = 0

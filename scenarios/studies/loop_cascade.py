"""Liquidations that feed themselves: seized collateral is sold, the price falls, more loops fall.

A round liquidates every loop with health below 1 at the price of its beginning, once each; what
was seized is sold at the round's end into a market with linear impact.  Source: Aave's
liquidationCall (close factor, bonus), and the models of cascades made on it.  Not modelled: soft
liquidation, which sells band by band before the threshold (crvUSD).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from scenarios.part import NonNegative, Part, Positive, Ratio
from scenarios.studies.loops import Loops

Policy = Literal["partial", "target", "full"]
POLICIES: tuple[Policy, ...] = ("partial", "target", "full")


class Liquidation(Part):
    """How a loop is liquidated.

    ``partial`` repays ``close_factor`` of its debt, all of it when its health is below
    ``full_below`` or its debt below ``dust_eth``; ``target`` what brings its health back to
    ``target_health``; ``full`` everything.  Collateral worth (1 + bonus) times what was repaid is
    seized.
    """

    close_factor: Annotated[float, Field(gt=0, le=1)] = 0.5
    full_below: Ratio = 0.95
    dust_eth: NonNegative = 0.1
    target_health: Annotated[float, Field(gt=1, le=10)] = 1.05
    bonus: Ratio = 0.075


class Market(Part):
    """Where collateral is sold: ``depth_1pct`` units lower its price by 0.01 (1 at the start)."""

    depth_1pct: Positive = 20_000.0  # units of collateral
    floor: Annotated[float, Field(gt=0, lt=1)] = 0.05  # the price that buyers always pay
    recovery: Ratio = 0.0  # share of a round's impact that is gone before the next round
    rounds: Annotated[int, Field(ge=1, le=100_000)] = 1_000  # at most

    @model_validator(mode="after")
    def _sensible(self) -> Market:
        if self.recovery == 1.0:
            raise ValueError("recovery 1 would mean that nothing is ever sold into the market")
        return self


@dataclass(frozen=True)
class Outcome:
    """What a shock did.  Debts in coins; shares are of all debt at the start.

    Attributes:
        price: at the end, 1 before the shock.  low: the lowest at the end of a round's selling.
        first: debt of the loops that the shock alone made liquidatable.
        touched: debt of all loops that were liquidated at least once.  loops: how many.
        repaid, bad_debt: debt repaid by liquidators; debt left when the collateral was gone.
        sold: units of collateral.  liquidators: what they were paid minus what they repaid.
        rounds: in which something was liquidated.
        complete: False if `Market.rounds` ended it.
    """

    price: float
    low: float
    first: float
    touched: float
    loops: int
    repaid: float
    bad_debt: float
    sold: float
    liquidators: float
    rounds: int
    complete: bool

    @property
    def branching(self) -> float | None:
        """1 − first/touched: the mean debt that a unit of liquidated debt drags along.

        The estimator of a subcritical branching process (total = first/(1 − n)); None when
        nothing was liquidated.
        """
        return 1 - self.first / self.touched if self.touched > 0 else None


def cascade(
    loops: Loops, shock: float, policy: Policy, how: Liquidation, market: Market
) -> Outcome:
    """Let the price of the collateral fall by the share ``shock`` and see what follows."""
    collateral, debt = loops.collateral.copy(), loops.debt.copy()
    price = low = 1.0 - shock
    hit = np.zeros(len(loops), bool)
    first = repaid = bad = sold = liquidators = 0.0
    rounds, complete = 0, False
    while rounds < market.rounds:
        now = Loops(collateral, debt, loops.threshold)
        weak = np.flatnonzero((now.health(price) < 1) & (debt > 0))
        if not len(weak):
            complete = True
            break
        if rounds == 0:
            first = math.fsum(loops.debt[weak])
        rounds += 1
        hit[weak] = True
        asked = wanted(now, weak, price, policy, how)
        # The collateral bounds what a liquidator can be paid with.
        paid = np.minimum(asked, collateral[weak] * price / (1 + how.bonus))
        seized = np.minimum(paid * (1 + how.bonus) / price, collateral[weak])
        gone = paid < asked
        debt[weak] -= paid
        collateral[weak] -= seized
        collateral[weak[gone]] = 0.0
        bad += math.fsum(debt[weak[gone]])
        debt[weak[gone]] = 0.0
        units, money = math.fsum(seized), math.fsum(paid)
        proceeds, after = sell(units, price, market)
        repaid, sold, liquidators = repaid + money, sold + units, liquidators + proceeds - money
        low = min(low, after)
        price = after + market.recovery * (price - after)
    return Outcome(
        price=price,
        low=low,
        first=first,
        touched=math.fsum(loops.debt[hit]),
        loops=int(hit.sum()),
        repaid=repaid,
        bad_debt=bad,
        sold=sold,
        liquidators=liquidators,
        rounds=rounds,
        complete=complete,
    )


def wanted(
    loops: Loops, weak: np.ndarray, price: float, policy: Policy, how: Liquidation
) -> np.ndarray:
    """Debt that liquidators want to repay, float64[len(weak)]."""
    debt = loops.debt[weak]
    if policy == "full":
        return debt
    if policy == "partial":
        whole = (loops.health(price)[weak] < how.full_below) | (debt < how.dust_eth)
        return np.where(whole, debt, how.close_factor * debt)
    # Health after repaying R: (C·p − R·(1 + bonus))·T / (D − R) = target, solved for R.
    threshold = loops.threshold[weak]
    worth = loops.collateral[weak] * price * threshold
    per_unit = how.target_health - (1 + how.bonus) * threshold
    needed = np.divide(
        how.target_health * debt - worth, per_unit, out=debt.copy(), where=per_unit > 0
    )
    return np.where(debt < how.dust_eth, debt, np.minimum(needed, debt))


def sell(units: float, price: float, market: Market) -> tuple[float, float]:
    """(proceeds, price after) of selling into the linear market; below the floor all at the floor."""
    slope = 0.01 / market.depth_1pct
    floor = min(market.floor, price)
    sloped = min(units, (price - floor) / slope)
    after = max(price - slope * sloped, floor)
    return sloped * (price + after) / 2 + (units - sloped) * floor, after

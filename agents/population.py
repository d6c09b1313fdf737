"""Who holds what when a run begins: leveraged accounts whose open interest fills given targets.

Positions come about in a few historic *waves*: the index is set to a past level, longs and shorts
trade with each other through the book, and the last wave trades at the price of the start.

Figures:

* account size: the collateral of 271 leveraged stETH loops (2023) has a Hill tail exponent of
  0.56 (largest tenth): ``size_tail_exponent``.  With such a tail the largest account needs a
  bound: one address held 18.6 % of the 3.70 of 7.63 billion USD open interest held at 3 to 7
  times leverage on one venue on 15 December 2025, 9 % of it all: ``max_account_share``.
* leverage: of that open interest 2.77 billion USD was held below 3 times leverage, 3.70 between
  3 and 7, the rest above.  A lognormal through both points has median 3.72 and log deviation
  0.615.  It does not depend on size: over the loops ln(equity) and ln(leverage) have correlation
  0.01.  The initial margin (MAR-03) bounds it.
* waves: BTC stood near 109,800, 120,300 and 126,000 USD in the fortnight before 10 October 2025,
  0.94, 1.03 and 1.08 of 116,800; their shares are assumptions.
* the number of accounts on either side is the same, as is the number that hold coins, shares or
  debt a small part: assumptions.  Funding of 70 % of 179 perpetuals stood at the interest rate
  in mid 2026, so that neither side is crowded at rest.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Annotated

import numpy as np
from pydantic import Field, model_validator

from agents import blocks
from agents.base import NonNegative, Positive, Ratio, TraderParams
from agents.extras import Extras
from agents.facts import Facts
from agents.sizes import bounded_pareto, initial_margin_usd
from agents.waves import Waves
from sim.exchange.instruments import MICRO

ENTRY_SPARE = 0.05  # of initial margin while a position is built: fees, rounding


class PopulationParams(TraderParams):
    """Parameters of `open_positions`; shares are of accounts unless they say otherwise."""

    size_tail_exponent: Annotated[float, Field(gt=0, lt=1)] = 0.56
    max_account_share: Annotated[float, Field(gt=0, le=1)] = 0.09  # of its side of the OI
    leverage_median: Positive = 3.72
    leverage_log_deviation: NonNegative = 0.615
    margin_spare_ratio: NonNegative = 0.10  # net equity above initial margin at the start
    extra_coins_mean: NonNegative = 0.8  # an account holds 1 + Poisson(this) perpetuals
    long_share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    wave_level: tuple[float, ...] = (0.94, 1.03, 1.08, 1.0)  # of the price at the start
    wave_share: tuple[float, ...] = (0.15, 0.25, 0.15, 0.45)
    coin_share: Ratio = 0.15  # accounts with part of their equity in coins
    coin_ratio: Ratio = 0.6  # of their equity
    debtor_share: Annotated[float, Field(ge=0, le=0.5)] = 0.02  # bought coins on credit
    debt_ratio: NonNegative = 1.64  # debt to equity: the median loop's leverage 2.64
    share_holder_share: Annotated[float, Field(ge=0, le=0.5)] = 0.05  # accounts with event shares
    share_ratio: NonNegative = 0.2  # shares bought for this part of their equity

    @model_validator(mode="after")
    def _waves(self) -> PopulationParams:
        if len(self.wave_level) != len(self.wave_share) or not self.wave_level:
            raise ValueError("wave_level and wave_share need one entry per wave")
        if self.wave_level[-1] != 1.0:
            raise ValueError("wave_level must end with 1.0, the price at the start")
        return self


@dataclass(frozen=True)
class Opening:
    """What `open_positions` made.

    Attributes:
        blocks: messages to be applied in order at the start.
        lots: int64[accounts, perpetuals], signed positions afterwards.
        equity_usd: float64[accounts], value of everything at the start's prices.
        leverage: float64[accounts], perpetual notional to equity; 0 without positions.
        debt_usd: USDC owed to the pool by all accounts together.
        orders: how many orders the blocks hold.
    """

    blocks: list[np.ndarray]
    lots: np.ndarray
    equity_usd: np.ndarray
    leverage: np.ndarray
    debt_usd: float
    orders: int


def open_positions(
    facts: Facts,
    accounts: np.ndarray,
    params: PopulationParams,
    rng: np.random.Generator,
    start_us: int,
    new_ids: Callable[[int], np.ndarray],
) -> Opening:
    """Fill each perpetual's open interest with heavy-tailed longs and shorts.

    Total longs equal total shorts equal ``facts.oi_usd`` in every perpetual, to a lot.  Deposits
    suffice for the initial margin in every wave (MAR-09) and leave the drawn leverage at the end.

    Args:
        facts: the listing and the targets.
        accounts: int64 ids, at least 2.
        params: the shape of the population.
        rng: the stream to draw from.
        start_us: the time of the readings.
        new_ids: hands out order ids.
    """
    n = len(accounts)
    if n < 2:
        raise ValueError(f"a population needs at least 2 accounts, got {n}")
    pairs = int(params.debtor_share * n / 2) if len(facts.spots) else 0
    traders = n - 2 * pairs  # the last accounts hold coins on credit, or sold them those
    side = np.where(rng.permutation(traders) < max(1, round(params.long_share * traders)), 1, -1)
    lots = _sizes(facts, params, rng, side)
    tick_value = facts.tick_value[: facts.perpetuals].astype(np.float64)
    lot_usd = facts.start_ticks[: facts.perpetuals] * tick_value / MICRO
    notional = np.abs(lots) * lot_usd
    gross = notional.sum(axis=1)
    leverage = _leverages(params, rng, side, gross)
    margin = initial_margin_usd(facts, notional)
    equity = np.maximum(gross / leverage, (1.0 + params.margin_spare_ratio) * margin)

    extras = Extras(facts, params, rng, accounts, pairs)
    with_coins = extras.choose_coin_holders(traders)
    waves = Waves(facts, params, rng, lots, gross / np.maximum(equity, 1.0), with_coins)
    need = np.zeros(traders)
    for held, pnl in waves.stages():  # after each wave, at its prices
        margin = initial_margin_usd(facts, held)
        need = np.maximum(need, (1.0 + ENTRY_SPARE) * margin - pnl)
    deposit = np.maximum(need, equity - waves.final_pnl)
    equity = deposit + waves.final_pnl
    usdc, coins = extras.split(deposit, with_coins, need)

    micro = np.floor(usdc * MICRO).astype(np.int64)
    paid = micro > 0
    out = [blocks.deposit(accounts[:traders][paid], 0, micro[paid]), *coins]
    out += waves.blocks(accounts, start_us, new_ids)
    shares = extras.shares(equity, new_ids)
    credit, debt_usd, others = extras.credit(float(equity.mean()), new_ids)
    out += shares + credit + [blocks.mark()]
    orders = waves.orders + extras.orders
    every = np.concatenate((equity + extras.paid_for_shares[:traders], others))
    ratio = np.concatenate((gross, np.zeros(2 * pairs))) / np.maximum(every, 1e-9)
    whole = np.zeros((n, facts.perpetuals), dtype=np.int64)
    whole[:traders] = lots
    return Opening(out, whole, every, ratio, debt_usd, orders)


def _leverages(
    params: PopulationParams, rng: np.random.Generator, side: np.ndarray, gross: np.ndarray
) -> np.ndarray:
    """Leverage of each account: over the open interest of either side it is the lognormal.

    The source knows shares of open interest, not of accounts, so an account gets the quantile at
    the middle of its place among the notional, in random order.
    """
    normal = NormalDist(math.log(params.leverage_median), params.leverage_log_deviation or 1e-9)
    leverage = np.ones(len(side))
    for s in (1, -1):
        order = rng.permutation(np.flatnonzero(side == s))
        whole = float(gross[order].sum())
        before = np.cumsum(gross[order]) - 0.5 * gross[order]
        for a, at in zip(order.tolist(), before.tolist(), strict=True):
            place = min(max(at / whole, 1e-9), 1.0 - 1e-9) if whole > 0 else 0.5
            leverage[a] = math.exp(normal.inv_cdf(place))
    return leverage


def _sizes(
    facts: Facts, params: PopulationParams, rng: np.random.Generator, side: np.ndarray
) -> np.ndarray:
    """Signed positions int64[traders, perpetuals] whose longs and shorts equal the targets."""
    n, coins = len(side), facts.perpetuals
    size = np.empty(n)
    for s in (1, -1):
        own = np.flatnonzero(side == s)
        size[own] = bounded_pareto(
            rng, len(own), params.size_tail_exponent, params.max_account_share
        )
    # Accounts pick coins more evenly than money does; money then follows the open interest.
    pull = np.sqrt(facts.oi_share)
    chance = pull / pull.sum()
    extra = rng.poisson(params.extra_coins_mean, n)
    piece = np.zeros((n, coins))
    possible = int((chance > 0).sum())
    for a in range(n):
        chosen = rng.choice(coins, size=min(1 + int(extra[a]), possible), replace=False, p=chance)
        weight = facts.oi_share[chosen]
        piece[a, chosen] = size[a] * weight / weight.sum()
    lots = np.zeros((n, coins), dtype=np.int64)
    least = facts.min_lots[:coins]
    for c in range(coins):
        lot_usd = facts.usd(c, float(facts.start_ticks[c]), 1)
        target = int(facts.oi[c] / lot_usd)
        if target < least[c]:
            continue
        for s in (1, -1):
            own = np.flatnonzero((side == s) & (piece[:, c] > 0))
            if len(own) == 0:
                own = np.flatnonzero(side == s)[:1]
                piece[own, c] = 1.0
            share = piece[own, c] / piece[own, c].sum()
            got = np.maximum(np.floor(share * target), least[c]).astype(np.int64)
            while got.sum() > target:  # many small ones were rounded up: the largest give way
                big = int(np.argmax(got))
                if got[big] <= least[c]:  # more accounts than the target has room for
                    got[int(np.flatnonzero(got)[-1])] = 0
                    continue
                got[big] -= min(int(got.sum()) - target, int(got[big]) - int(least[c]))
            got[int(np.argmax(got))] += target - int(got.sum())
            lots[own, c] = s * got
    return lots

"""A wave on the real exchange: coins listed, positions opened, the price fallen, one tick to go.

Everybody trades with one large account, the rest of the market, at the prices of the population;
the books are empty again when the wave comes, the insurance fund and the backstop too.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from pydantic import ValidationError

from scenarios.errors import ScenarioError
from scenarios.studies.adl_waves import Wave
from scenarios.studies.adl_winners import LAST, Coin, Population, Short
from sim.exchange.exchange import Exchange
from sim.exchange.instruments import Asset, Feed, Listing, Margin, Perpetual
from sim.exchange.messages import Kind
from sim.exchange.result import Result
from sim.exchange.rules import Rules

SECOND_US = 1_000_000
MARGIN = Margin(base=0.02, factor=0.0, base_m=0.01, factor_m=0.0)


class Arena:
    """An exchange on which a wave is about to break.

    Accounts: the bankrupts, one a coin, in the order of the coins; then the shorts in theirs; the
    rest of the market last.

    Raises ScenarioError where the exchange cannot hold the numbers.
    """

    def __init__(
        self, wave: Wave, coins: list[Coin], shorts: list[Short], how: Population, rules: Rules
    ) -> None:
        self.wave, self.coins, self.shorts, self.how = wave, coins, shorts, how
        self.first, self.rest = len(coins), len(coins) + len(shorts)
        self.exchange = Exchange(
            _listing(wave, coins, shorts, how),
            rules,
            self.rest + 1,
            order_slots=1 << 12,
            order_ids=1 << 16,
            event_rows=1 << 16,
        )
        self._fall(how.prices()[0])  # before the first reading a coin counts nothing
        self._deposit()
        for level, price in enumerate(how.prices()):
            self._fall(price)
            self._open(level, price)
        self._fall(LAST)
        self._open(-1, LAST)
        self._check()

    def tick(self) -> np.ndarray:
        """One liquidation tick; its events, int64[k, 16]."""
        x = self.exchange
        return x.send(Kind.LIQUIDATE, x.now + SECOND_US)

    def _deposit(self) -> None:
        x, prices = self.exchange, self.how.prices()
        everything = 0
        for c, coin in enumerate(self.coins):
            lost = coin.lots * coin.tick * (prices[0] - LAST)
            self._done(x.deposit(c, "USDC", lost - coin.gap))
            everything += coin.lots * coin.tick * prices[0]
        borrowed = 0
        for k, short in enumerate(self.shorts):
            coin = self.coins[short.coin]
            worth = short.lots * coin.worth
            price = LAST if short.level < 0 else prices[short.level]
            if short.hedge in ("spot", "loan"):
                self._done(x.deposit(self.first + k, coin.name, short.lots))
            else:
                lost = short.pair_lots * (price - LAST) * self.coins[short.pair].tick
                cash = int(short.lots * price * coin.tick / short.leverage) + lost
                self._done(x.deposit(self.first + k, "USDC", cash))
            if short.hedge == "loan":
                borrowed += int(self.how.loan * worth)
            everything += 2 * (short.lots * price * coin.tick)
        self._done(x.deposit(self.rest, "USDC", everything))
        if borrowed:
            self._done(x.add_pool("USDC", 2 * borrowed))
            for k, short in enumerate(self.shorts):
                loan = int(self.how.loan * short.lots * self.coins[short.coin].worth)
                if short.hedge == "loan" and loan:
                    self._done(x.withdraw(self.first + k, "USDC", loan, borrow=True))

    def _fall(self, price: int) -> None:
        """A reading of every feed, and the marks that follow it."""
        x = self.exchange
        time_us = x.now + SECOND_US
        for f in range(len(self.coins)):
            x.send(Kind.INDEX, time_us, instrument=f, price=price, arg=time_us, arg2=1)
        x.send(Kind.MARK, time_us)

    def _open(self, level: int, price: int) -> None:
        """Whoever opens at a level does, against the rest of the market."""
        x = self.exchange
        sells: dict[int, list[tuple[int, int]]] = defaultdict(list)
        buys: dict[int, list[tuple[int, int]]] = defaultdict(list)
        if level == 0:
            for c, coin in enumerate(self.coins):
                buys[c].append((c, coin.lots))
        for k, short in enumerate(self.shorts):
            if short.level == level:
                sells[short.coin].append((self.first + k, short.lots))
                if short.pair_lots:
                    buys[short.pair].append((self.first + k, short.pair_lots))
        for orders, side, other in ((buys, "buy", "sell"), (sells, "sell", "buy")):
            for c, wanted in orders.items():
                self._done(x.submit(self.rest, c, other, sum(lots for _, lots in wanted), price))
                for account, lots in wanted:
                    self._done(x.submit(account, c, side, lots, price, ioc=True))

    def _done(self, result: Result) -> None:
        if not result:
            raise ScenarioError(
                f"wave {self.wave.number}: the exchange refused a position that the wave needs:"
                f" {result.reason}",
                path="population",
            )

    def _check(self) -> None:
        """The wave is what the file says, to the micro-USDC."""
        x = self.exchange
        equities = x.equities()
        size = x.positions()
        for c, coin in enumerate(self.coins):
            found = (x.mark(c), int(equities[c]), int(size[c, c]), int(size[self.rest, c]) >= 0)
            if found != (LAST, -coin.gap, coin.lots, True):
                raise ScenarioError(
                    f"wave {self.wave.number}, coin {coin.name}: mark, equity and lots of the"
                    f" bankrupt and the rest's side are {found},"
                    f" not {(LAST, -coin.gap, coin.lots, True)}"
                )


def _listing(wave: Wave, coins: list[Coin], shorts: list[Short], how: Population) -> Listing:
    """One perpetual and one coin as collateral for each; a coin's unit is a lot."""
    lots: dict[int, int] = defaultdict(int)
    for short in shorts:
        lots[short.coin] += short.lots
        lots[short.pair] += short.pair_lots
    first = how.prices()[0]
    try:
        return Listing(
            feeds=tuple(Feed(name=c.name, tick_micro=c.tick, index_ticks=first) for c in coins),
            assets=tuple(
                Asset(name=c.name, feed=c.name, units_per_coin=1, haircut_kappa=0.0) for c in coins
            ),
            perpetuals=tuple(
                Perpetual(
                    name=f"{c.name}-PERP",
                    feed=c.name,
                    lots_per_coin=1,
                    margin=MARGIN,
                    max_size_lots=2 * (lots[k] + c.lots),
                )
                for k, c in enumerate(coins)
            ),
        )
    except ValidationError as error:
        what = error.errors()[0]
        raise ScenarioError(
            f"wave {wave.number}: {what.get('ctx', {}).get('error', what['msg'])}",
            path="population",
        ) from None

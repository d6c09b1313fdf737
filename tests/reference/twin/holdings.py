"""What of a flagged account can be closed, and how much of it in one step (LIQ-02)."""

from __future__ import annotations

from dataclasses import dataclass

from twin.arithmetic import cdiv, fdiv
from twin.codes import BUY, NO, SELL, YES, Event
from twin.disposal import Disposal, Part
from twin.listing import Coin, Instrument
from twin.margin import Margin
from twin.state import State

POSITION, SHARES, DEBT, BUYING = 0, 1, 2, 3


@dataclass(frozen=True)
class Leg:
    code: int  # POSITION, SHARES, DEBT (by selling a coin) or BUYING (an owed coin)
    instrument: Instrument  # the book it is closed in
    side: int  # of the forced order, in YES terms
    outcome: int  # of the shares: YES or NO of the book
    asset: int  # of shares: the share; of a debt: what is owed
    lots: int  # all there is; of a debt: units owed
    mark: int  # ticks; of shares: of that share; of a debt: the index of what is traded

    @property
    def key(self) -> tuple[str, int]:
        """Under which its size when flagged is kept."""
        if self.code == POSITION:
            return "position", self.instrument.id
        return ("shares" if self.code == SHARES else "debt"), self.asset

    def value(self, lots: int) -> int:
        """Micro-USDC of so many lots at the mark (of an inverse: their face)."""
        return self.instrument.notional(lots, self.mark)


class Holdings:
    def __init__(self, state: State, margin: Margin) -> None:
        self.s = state
        self.margin = margin
        self.disposal = Disposal.of(state.rules["disposal"])

    # -- which --------------------------------------------------------------------------------

    def tradable(self, i: Instrument) -> bool:
        grade = self.s.grade(i)
        return grade < self.s.rules["guard_liquidate"] and self.s.tradable_state(i)

    def sizes_now(self, account: int) -> dict[tuple[str, int], int]:
        """F: the leg sizes that the steps are fractions of."""
        a = self.s.ledger.accounts[account]
        sizes = {("position", n): abs(p.size) for n, p in enumerate(a.positions)}
        for event, shares in enumerate(a.shares):
            for outcome, q in enumerate(shares):
                sizes["shares", self.s.market.share(event, outcome)] = q - min(shares)
        for asset in range(1 + len(self.s.market.coins)):
            sizes["debt", asset] = max(0, -a.balance(asset))
        return sizes

    def position_legs(self, account: int) -> list[Leg]:
        found = []
        for i in self.s.market.derivatives:
            size = self.s.ledger.accounts[account].positions[i.id].size
            if size and self.tradable(i):
                side, mark = (SELL if size > 0 else BUY), self.s.marks[i.id].mark
                found.append(Leg(POSITION, i, side, 0, 0, abs(size), mark))
        return found

    def share_legs(self, account: int) -> list[Leg]:
        found = []
        for event, shares in enumerate(self.s.ledger.accounts[account].shares):
            if self.s.winners[event] is not None:
                continue
            product = self.s.market.events[event]
            books, marks = self.s.market.books_of(event), self.margin.share_marks(event)
            for k, q in enumerate(shares):
                lots, asset = q - min(shares), self.s.market.share(event, k)
                side, outcome, book = SELL, YES, books[k if product.categorical else 0]
                if k == 1 and not product.categorical:
                    side, outcome = BUY, NO
                if lots and self.tradable(book):
                    found.append(Leg(SHARES, book, side, outcome, asset, lots, marks[k]))
        return found

    def unit(self, coin: Coin) -> int:
        """P·tv: micro-USDC of one unit."""
        return self.s.feeds[coin.feed].index * coin.tv

    def collateral(self, account: int) -> Coin | None:
        """The coin to sell: the lowest w first, ties by id."""
        a = self.s.ledger.accounts[account]
        coins = [
            c
            for c in self.s.market.coins
            if c.spot >= 0
            and a.coins[c.asset] > 0
            and self.tradable(self.s.market.instruments[c.spot])
        ]
        if not coins:
            return None
        return min(coins, key=lambda c: self.margin.weight(c, a.coins[c.asset], False))

    def debt_legs(self, account: int) -> list[Leg]:
        """USDC and coin debts; an owed coin is bought while there are USDC for one unit of it."""
        a = self.s.ledger.accounts[account]
        coin = self.collateral(account)
        found = []
        for asset in range(1 + len(self.s.market.coins)):
            owed = -a.balance(asset)
            if owed <= 0:
                continue
            if asset > 0 and a.usdc >= self.unit(self.s.market.coin(asset)):
                leg = self._debt(BUYING, self.s.market.coin(asset), asset, owed)
            else:
                leg = self._debt(DEBT, coin, asset, owed)
            if leg is not None:
                found.append(leg)
        return found

    def _debt(self, code: int, traded: Coin | None, asset: int, owed: int) -> Leg | None:
        if traded is None or traded.spot < 0:
            return None
        spot = self.s.market.instruments[traded.spot]
        if not self.tradable(spot):
            return None
        side, index = (SELL if code == DEBT else BUY), self.s.feeds[traded.feed].index
        return Leg(code, spot, side, 0, asset, owed, index)

    def all(self, account: int) -> list[Leg]:
        return self.position_legs(account) + self.share_legs(account) + self.debt_legs(account)

    # -- how much -----------------------------------------------------------------------------

    def step(self, account: int, leg: Leg) -> int:
        """Lots of one step."""
        part, unit = self.part(account, leg).amount, self._unit_of(leg)
        if leg.code in (POSITION, SHARES):
            return part
        a = self.s.ledger.accounts[account]
        if leg.code == BUYING:
            return min(part, fdiv(a.usdc, unit))
        return min(a.coins[leg.instrument.coin], cdiv(part * unit, leg.value(1)))

    def part(self, account: int, leg: Leg) -> Part:
        """What the disposal policy takes of the leg: lots, of a debt units."""
        sizes = self.s.flagged[account].sizes
        if sizes.get(leg.key, 0) == 0:
            sizes[leg.key] = leg.lots
        book = self.s.books[leg.instrument.id].sides[1 - leg.side]
        debt = leg.code in (DEBT, BUYING)
        lots = sum(order.left for order in book)
        return self.disposal.part(leg.lots, self._unit_of(leg), sizes[leg.key], debt, lots)

    def _unit_of(self, leg: Leg) -> int:
        """Micro-USDC of one lot, of a debt of one unit."""
        if leg.code in (POSITION, SHARES):
            return leg.value(1)
        return 1 if leg.asset == 0 else self.unit(self.s.market.coin(leg.asset))

    def say_legs(self, account: int) -> None:
        """LEG rows of a FLAG: balances, claims, positions."""
        a, market = self.s.ledger.accounts[account], self.s.market
        prices = {0: 1, **{c.asset: self.s.feeds[c.feed].index for c in market.coins}}
        rows = [(0, asset, a.balance(asset), price) for asset, price in prices.items()]
        for event, shares in enumerate(a.shares):
            for k, mark in enumerate(self.margin.share_marks(event)):
                rows.append((0, market.share(event, k), shares[k], mark))
        for asset, price in prices.items():
            rows.append((2, asset, self.s.ledger.claim(account, asset), price))
        for code, asset, units, price in rows:
            if units:
                self.s.emit(
                    Event.LEG,
                    account=account,
                    instrument=asset,
                    size=units,
                    price=price,
                    code=code,
                )
        for i in market.derivatives:
            p = a.positions[i.id]
            if p.size:
                self.s.emit(
                    Event.LEG,
                    account=account,
                    instrument=i.id,
                    size=p.size,
                    amount=p.cost,
                    price=self.s.marks[i.id].mark,
                    code=1,
                )

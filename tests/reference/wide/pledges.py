"""Shares that carry debts and positions, and proposals that take their worth away (SET-02)."""

from __future__ import annotations

from session import USD
from twin.codes import BUY, SELL, Flag, Message
from wide.money import MoneyPen
from wide.orders import OrderPen
from wide.pen import MAKERS, TRADERS


class PledgePen(OrderPen, MoneyPen):
    def pledge(self) -> None:
        """A trader goes to the limit on shares with λ below 1; then somebody proposes an outcome."""
        rng = self.rng
        events = [e for e in self.market.events if e.lam < 1.0]
        if not events:
            return
        event, account = rng.choice(events), rng.choice(TRADERS)
        dollars = self.dollars(300, 2_000, 10_000)
        self.send(Message.DEPOSIT, account=account, instrument=0, size=self.units(0, dollars))
        i = rng.choice(self.market.books_of(event.id))
        self.sweep(i)
        lots = max(1, round(0.95 * dollars * i.payoff / self.near(i, 0.0)))
        self.trade(account, rng.choice(MAKERS), i, lots)
        self.mark()
        if rng.random() < 0.6:
            self._owe(account, dollars)
        else:
            self._open(account, dollars)
        proposer = rng.choice([account, account, self.any_account()])
        claimed = self._claimed(event.id)
        for bond in rng.choice([(100 * USD, 10 * USD, USD), (5 * USD,)]):
            self.send(Message.PROPOSE, account=proposer, instrument=event.id, size=bond, **claimed)
        if rng.random() < 0.7:
            self.send(Message.LIQUIDATE)
        self.send(Message.WITHDRAW, account=account, instrument=0, size=USD, arg=1)

    def _owe(self, account: int, dollars: float) -> None:
        """Takes dollars out on credit until margin says no; a little is kept for a bond."""
        self.send(Message.POOL, instrument=0, size=self.units(0, 4 * dollars))
        for part in (0.8, 0.4, 0.2, 0.1, 0.05, 0.02):
            size = self.units(0, dollars * part)
            self.send(Message.WITHDRAW, account=account, instrument=0, size=size, arg=1)
        kept = self.units(0, self.dollars(1, 20))
        self.send(Message.DEPOSIT, account=account, instrument=0, size=kept)

    def _open(self, account: int, dollars: float) -> None:
        """Positions of every size that still passes."""
        rng = self.rng
        if not self.market.derivatives:
            return
        i, side = rng.choice(self.market.derivatives), rng.choice([BUY, SELL])
        self.sweep(i)
        for times in (20.0, 10.0, 5.0, 2.0, 1.0, 0.5):
            size = self.lots(i, dollars * times)
            price = self.near(i, 0.0)
            self.new(MAKERS[0], i, 1 - side, price, size)
            self.new(account, i, side, price, size, Flag.IOC)
            self.cancel_makers(i)

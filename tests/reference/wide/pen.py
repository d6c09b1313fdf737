"""What every part of a wide program writes with: prices, sizes, messages, remembered orders."""

from __future__ import annotations

from random import Random
from typing import Any

from session import SECOND, START
from twin.codes import BUY, MESSAGE_COLUMNS, SELL, Message
from twin.listing import Instrument, Market
from wide.listing import wide_listing
from wide.rules import wide_rules

ACCOUNTS = 11
MAKERS = (0, 1)
TRADERS = (2, 3, 4, 5)
PROVIDERS = (6, 7)
CAST = (8, 9, 10)  # in scenes only


class Pen:
    """Writes messages. It sees no answers: it only keeps to prices that should trade."""

    def __init__(self, seed: int) -> None:
        self.rng = rng = Random(f"wide {seed}")
        self.listing: dict[str, Any] = wide_listing(rng)
        self.rules: dict[str, Any] = wide_rules(rng)
        self.market = Market(self.listing)
        self.messages: list[list[int]] = []
        self.now = START + rng.randrange(SECOND)
        self.next_order = 0
        self.placed: list[tuple[int, int, Instrument, int, int]] = []  # account, order, …, price
        self.index = [float(f.first_index) for f in self.market.feeds]
        self.chance = [self._beliefs(e.outcomes) for e in self.market.events]
        self.stake = [0.0] * ACCOUNTS  # dollars, about what an account is good for

    def _beliefs(self, outcomes: int) -> list[float]:
        weights = [self.rng.uniform(0.1, 1.0) for _ in range(outcomes)]
        return [w / sum(weights) for w in weights]

    def send(self, kind: int, **columns: int) -> None:
        message = [0] * len(MESSAGE_COLUMNS)
        message[0], message[1], message[11] = self.now, int(kind), len(self.messages)
        for name, value in columns.items():
            message[MESSAGE_COLUMNS.index(name)] = int(value)
        self.messages.append(message)

    def wait(self, seconds: float) -> None:
        self.now += round(seconds * SECOND)

    # -- what things are worth --------------------------------------------------------------

    def any_instrument(self) -> Instrument:
        return self.rng.choice(self.market.instruments)

    def any_account(self) -> int:
        return self.rng.randrange(CAST[0])

    def fair(self, i: Instrument) -> float:
        if i.is_event:
            return self.chance[i.event][i.outcome] * i.payoff
        return self.index[i.feed]

    def near(self, i: Instrument, offset: float) -> int:
        """A price that many parts (of an event: of a dollar) away from the fair one."""
        if i.is_event:
            return min(max(round(self.fair(i) + offset * i.payoff), 1), i.payoff - 1)
        return max(1, round(self.fair(i) * (1 + offset)))

    def lots(self, i: Instrument, dollars: float) -> int:
        """So many dollars' worth; of shares so many."""
        if i.is_event:
            return max(1, round(dollars))
        return min(i.max_size, max(1, round(dollars * 1e6 / i.notional(1, self.near(i, 0.0)))))

    def units(self, asset: int, dollars: float) -> int:
        """So many dollars of USDC or a coin."""
        if asset == 0:
            return max(1, round(dollars * 1e6))
        coin = self.market.coin(asset)
        return max(1, round(dollars * 1e6 / (self.index[coin.feed] * coin.tv)))

    def dollars(self, *choices: float) -> float:
        return self.rng.choice(choices) * self.rng.uniform(0.5, 1.5)

    # -- orders -----------------------------------------------------------------------------

    def new(
        self,
        account: int,
        i: Instrument,
        side: int,
        price: int,
        size: int,
        flags: int = 0,
        outcome: int = 0,
        **more: int,
    ) -> None:
        """An order; `price` in YES terms, turned round for an order for NO."""
        self.next_order += 1
        if i.is_event and outcome:
            side, price = 1 - side, i.payoff - price
        kind = more.pop("kind", Message.NEW)
        self.placed.append((account, self.next_order, i, price, size))
        self.send(
            kind,
            account=account,
            instrument=i.id,
            side=side,
            price=price,
            size=size,
            flags=flags,
            order=self.next_order,
            **{"arg": outcome, **more},
        )

    def cancel_makers(self, i: Instrument | None = None) -> None:
        for account in MAKERS:
            self.send(Message.CANCEL_ALL, account=account, instrument=-1 if i is None else i.id)

    def trade(self, buyer: int, seller: int, i: Instrument, size: int) -> None:
        """At the fair price, where the makers do not stand in the way."""
        self.cancel_makers(i)
        self.cross(buyer, seller, i, size)

    def sweep(self, i: Instrument) -> None:
        """Nothing rests in the book, and it is open."""
        for state in (5, 0):
            self.send(Message.STATE, instrument=i.id, arg=state)

    def cross(self, buyer: int, seller: int, i: Instrument, size: int) -> None:
        """At the fair price, whoever stands in the way."""
        price = self.near(i, 0.0)
        self.new(seller, i, SELL, price, size)
        self.new(buyer, i, BUY, price, size)

    # -- readings ---------------------------------------------------------------------------

    def read(self, feed: int, **changed: int) -> None:
        """One good reading of the price as it is, but for what is changed."""
        columns = {"price": round(self.index[feed]), "arg": self.now, "arg2": 3, **changed}
        self.send(Message.INDEX, instrument=feed, **columns)

    def read_all(self) -> None:
        for feed in range(len(self.index)):
            self.read(feed)

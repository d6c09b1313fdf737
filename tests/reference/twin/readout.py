"""What may be asked of the reference exchange between two messages."""

from __future__ import annotations

from twin.arithmetic import MILLION
from twin.codes import BUY, SELL
from twin.ledger import Ledger
from twin.listing import Market
from twin.margin import Margin
from twin.state import State


class ReadOuts:
    """Reads, never changes."""

    market: Market
    memory: State
    margin: Margin

    @property
    def ledger(self) -> Ledger:
        return self.memory.ledger

    def balance(self, account: int, asset: int) -> int:
        return self.ledger.balance(account, asset)

    def claim(self, account: int, asset: int) -> int:
        """INT-01: units of a pool that the account may claim."""
        return self.ledger.claim(account, asset)

    def position(self, account: int, instrument: int) -> tuple[int, int]:
        p = self.ledger.accounts[account].positions[instrument]
        return p.size, p.cost

    def equity(self, account: int) -> int:
        return self.margin.equity(account)

    def maintenance(self, account: int) -> tuple[float, float]:
        return self.margin.net(account), self.margin.maintenance(account)

    def initial(self, account: int) -> tuple[float, float]:
        return self.margin.net(account, strict=True), self.margin.initial(account)

    def bucket(self, name: str, index: int = 0) -> int:
        """A bucket's balance; `vault` in micro-USDC, one million a set."""
        ledger = self.ledger
        match name:
            case "insurance":
                return ledger.insurance
            case "bonds":
                return ledger.bonds
            case "external":
                return ledger.external[index]
            case "clearing":
                return ledger.clearing[index]
            case "vault":
                return ledger.sets[index] * MILLION
            case "pool" | "fees" | "rounding":
                by_asset: list[int] = getattr(ledger, name)
                return by_asset[index] if index < len(by_asset) else 0
        raise KeyError(name)

    def mark(self, instrument: int) -> int:
        return self.memory.marks[instrument].mark

    def book_state(self, instrument: int) -> int:
        """The state of a book."""
        return self.memory.phases[instrument].state

    def index(self, feed: int) -> int:
        return self.memory.feeds[feed].index

    def twap(self, feed: int) -> int:
        return self.memory.feeds[feed].twap

    def book(self, instrument: int) -> list[tuple[int, int, int, int, int]]:
        """(side, price, remaining, order id, account): buys best first, then sells best first."""
        sides = self.memory.books[instrument].sides
        return [
            (side, o.price, o.left, o.id, o.account) for side in (BUY, SELL) for o in sides[side]
        ]

    def flagged(self) -> list[int]:
        return sorted(self.memory.flagged)

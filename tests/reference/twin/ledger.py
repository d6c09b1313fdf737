"""Accounts and buckets; every movement has two sides (LED-02)."""

from __future__ import annotations

from dataclasses import dataclass, field

from twin.arithmetic import MILLION, cdiv, fdiv
from twin.listing import Market


@dataclass
class Position:
    size: int = 0
    cost: int = 0


@dataclass
class Account:
    """One user: USDC, coins by asset id, shares by event as [YES, NO], positions."""

    usdc: int
    coins: dict[int, int]
    shares: list[list[int]]
    positions: list[Position]
    drawn: int = 0  # taken from the insurance fund and not yet returned
    committed: int = 0  # to the backstop

    def has_position(self) -> bool:
        return any(p.size for p in self.positions)

    def snapshot(self) -> tuple[int, list[list[int]], list[tuple[int, int]]]:
        return (
            self.usdc,
            [list(q) for q in self.shares],
            [(p.size, p.cost) for p in self.positions],
        )

    def restore(self, kept: tuple[int, list[list[int]], list[tuple[int, int]]]) -> None:
        self.usdc = kept[0]
        self.shares = [list(q) for q in kept[1]]
        self.positions = [Position(*p) for p in kept[2]]


@dataclass
class Ledger:
    """All money there is."""

    accounts: list[Account]
    pool: int = 0  # USDC lent
    external: list[int] = field(default_factory=list)  # by asset: minus what came in
    insurance: int = 0
    fees: int = 0
    rounding: int = 0
    clearing: list[int] = field(default_factory=list)  # by perpetual
    sets: list[int] = field(default_factory=list)  # by event: complete sets in the vault

    @classmethod
    def empty(cls, market: Market, accounts: int) -> Ledger:
        return cls(
            [
                Account(
                    0,
                    {c.asset: 0 for c in market.coins},
                    [[0, 0] for _ in market.events],
                    [Position() for _ in market.perpetuals],
                )
                for _ in range(accounts)
            ],
            external=[0] * market.assets,
            clearing=[0] * len(market.perpetuals),
            sets=[0] * len(market.events),
        )

    def borrowed(self) -> int:
        """USDC owed by all accounts together."""
        return sum(max(0, -a.usdc) for a in self.accounts)

    def open_interest(self, perpetual: int) -> int:
        """Lots that are held long."""
        return sum(max(0, a.positions[perpetual].size) for a in self.accounts)

    def trade(self, account: int, perpetual: int, d: int, v: int) -> int:
        """Book d lots at value v on a position (LED-02, realised PnL); returns what it realised."""
        holder = self.accounts[account]
        position = holder.positions[perpetual]
        s = position.size
        if s == 0 or (d > 0) == (s > 0):
            position.size += d
            position.cost += v
            return 0
        q = min(abs(d), abs(s))
        v_closing = fdiv(v * q, abs(d))
        released = cdiv(position.cost * q, abs(s))
        realised = -v_closing - released
        holder.usdc += realised
        self.clearing[perpetual] -= realised
        position.cost += v - v_closing - released
        position.size += d
        return realised

    def trade_shares(
        self, event: int, bid: int, ask: int, lots: int, value: int, merge_bid: int, merge_ask: int
    ) -> int:
        """Book an event fill (PRD-03, PRD-04); `merge_*` are held shares given up. Returns sets."""
        b, a = self.accounts[bid], self.accounts[ask]
        b.shares[event][1] -= merge_bid
        b.shares[event][0] += lots - merge_bid
        b.usdc += merge_bid * MILLION - value
        a.shares[event][0] -= merge_ask
        a.shares[event][1] += lots - merge_ask
        a.usdc += value - (lots - merge_ask) * MILLION
        minted = lots - merge_bid - merge_ask
        self.sets[event] += minted
        return minted

    def mint(self, account: int, event: int, sets: int) -> None:
        """PRD-03; a negative number merges."""
        holder = self.accounts[account]
        holder.usdc -= sets * MILLION
        holder.shares[event][0] += sets
        holder.shares[event][1] += sets
        self.sets[event] += sets

    def to_insurance(self, account: int, amount: int) -> None:
        self.accounts[account].usdc -= amount
        self.insurance += amount

    def to_fees(self, account: int, amount: int) -> None:
        self.accounts[account].usdc -= amount
        self.fees += amount

    def sums(self, market: Market) -> list[int]:
        """I1: per asset the sum over everything; all zero."""
        usdc = sum(a.usdc for a in self.accounts) + self.pool + self.external[0]
        usdc += self.insurance + self.fees + self.rounding
        usdc += sum(self.clearing) + sum(self.sets) * MILLION
        found = [usdc]
        for coin in market.coins:
            held = sum(a.coins[coin.asset] for a in self.accounts)
            found.append(held + self.external[coin.asset])
        for event in range(len(market.events)):
            for outcome in (0, 1):
                held = sum(a.shares[event][outcome] for a in self.accounts)
                found.append(held - self.sets[event])
        return found

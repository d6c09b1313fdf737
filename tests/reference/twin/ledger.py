"""Accounts and buckets; every movement has two sides (LED-02)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from twin.arithmetic import MILLION, cdiv, fdiv
from twin.listing import Instrument, Market


@dataclass
class Position:
    size: int = 0
    cost: int = 0  # in units of k(i)


@dataclass
class Account:
    """One user: USDC, coins by asset id, shares by event and outcome, positions."""

    usdc: int
    coins: dict[int, int]
    shares: list[list[int]]
    positions: list[Position]  # by derivative
    lent: dict[int, int]  # shares of the lending pools, by asset id (USDC, coins)
    drawn: int = 0  # taken from the insurance fund and not yet returned
    committed: int = 0  # to the backstop

    def has_position(self) -> bool:
        return any(p.size for p in self.positions)

    def balance(self, asset: int) -> int:
        """Units of USDC or a coin."""
        return self.usdc if asset == 0 else self.coins[asset]

    def add(self, asset: int, units: int) -> None:
        """Change the balance of USDC or a coin; the caller moves the other side."""
        if asset == 0:
            self.usdc += units
        else:
            self.coins[asset] += units

    def snapshot(self) -> tuple[Any, ...]:
        return (
            self.usdc,
            dict(self.coins),
            [list(q) for q in self.shares],
            [(p.size, p.cost) for p in self.positions],
        )

    def restore(self, kept: tuple[Any, ...]) -> None:
        self.usdc = kept[0]
        self.coins = dict(kept[1])
        self.shares = [list(q) for q in kept[2]]
        self.positions = [Position(*p) for p in kept[3]]


@dataclass
class Ledger:
    """All money there is. Lists "by asset" count USDC and the coins, `external` also shares."""

    market: Market
    accounts: list[Account]
    pool: list[int]  # by asset: what all lenders together may claim
    pool_shares: list[int]  # by asset: all shares of it, those of nobody included
    external: list[int]  # by asset: minus what came in
    fees: list[int]  # by asset
    rounding: list[int]  # by asset
    clearing: list[int]  # by derivative, in units of its k(i)
    sets: list[int]  # by event: complete sets in the vault
    insurance: int = 0
    bonds: int = 0

    @classmethod
    def empty(cls, market: Market, accounts: int) -> Ledger:
        assets = range(1 + len(market.coins))
        return cls(
            market,
            [
                Account(
                    0,
                    {c.asset: 0 for c in market.coins},
                    [[0] * e.outcomes for e in market.events],
                    [Position() for _ in market.derivatives],
                    dict.fromkeys(assets, 0),
                )
                for _ in range(accounts)
            ],
            pool=[0 for _ in assets],
            pool_shares=[0 for _ in assets],
            external=[0] * market.assets,
            fees=[0 for _ in assets],
            rounding=[0 for _ in assets],
            clearing=[0] * len(market.derivatives),
            sets=[0] * len(market.events),
        )

    # -- reading ------------------------------------------------------------------------------

    def balance(self, account: int, asset: int) -> int:
        """Units of any asset, shares too."""
        holder = self.accounts[account]
        if asset <= len(self.market.coins):
            return holder.balance(asset)
        event, outcome = self.market.share_of(asset)
        return holder.shares[event][outcome]

    def held(self, account: int, book: Instrument, outcome: int) -> int:
        """Lots that an order selling YES (0) or NO (1) of an event book may give."""
        return held(self.accounts[account].shares[book.event], book.outcome, outcome)

    def borrowed(self, asset: int = 0) -> int:
        """Units owed by all accounts together."""
        return sum(max(0, -a.balance(asset)) for a in self.accounts)

    def claim(self, account: int, asset: int) -> int:
        """INT-01: what an account may claim of a pool."""
        shares = self.accounts[account].lent[asset]
        return fdiv(shares * self.pool[asset], self.pool_shares[asset]) if shares else 0

    def open_interest(self, derivative: int) -> int:
        """Lots that are held long."""
        return sum(max(0, a.positions[derivative].size) for a in self.accounts)

    # -- moving -------------------------------------------------------------------------------

    def add(self, account: int, asset: int, units: int) -> None:
        """Change a balance of USDC or a coin; the caller moves the other side."""
        self.accounts[account].add(asset, units)

    def change_pool(self, asset: int, units: int) -> None:
        """INT-01: a pool that falls to 0 makes all shares of it void."""
        self.pool[asset] += units
        if self.pool[asset] == 0:
            self.pool_shares[asset] = 0
            for a in self.accounts:
                a.lent[asset] = 0

    def trade(self, account: int, derivative: int, d: int, v: int) -> int:
        """Book d lots at value v on a position (LED-02, realised PnL); returns what it realised."""
        holder = self.accounts[account]
        position = holder.positions[derivative]
        s = position.size
        if s == 0 or (d > 0) == (s > 0):
            position.size += d
            position.cost += v
            return 0
        q = min(abs(d), abs(s))
        v_closing = fdiv(v * q, abs(d))
        released = cdiv(position.cost * q, abs(s))
        realised = -v_closing - released
        holder.add(self.market.instruments[derivative].settles, realised)
        self.clearing[derivative] -= realised
        position.cost += v - v_closing - released
        position.size += d
        return realised

    def change_shares(self, account: int, book: Instrument, outcome: int, lots: int) -> None:
        """Change YES (0) or NO (1) of a book; NO of a categorical outcome is all the others."""
        change(self.accounts[account].shares[book.event], book.outcome, outcome, lots)

    def mint(self, account: int, event: int, sets: int) -> None:
        """PRD-03; a negative number merges."""
        holder = self.accounts[account]
        holder.usdc -= sets * MILLION
        holder.shares[event] = [q + sets for q in holder.shares[event]]
        self.sets[event] += sets

    def to_insurance(self, account: int, amount: int) -> None:
        self.accounts[account].usdc -= amount
        self.insurance += amount

    def to_fees(self, account: int, amount: int, asset: int = 0) -> None:
        self.accounts[account].add(asset, -amount)
        self.fees[asset] += amount

    def sums(self) -> list[int]:
        """I1: per asset the sum over everything; all zero."""
        found = []
        for k in range(1 + len(self.market.coins)):
            total = sum(a.balance(k) for a in self.accounts)
            total += self.pool[k] + self.external[k] + self.fees[k] + self.rounding[k]
            total += sum(self.clearing[i.id] for i in self.market.derivatives if i.settles == k)
            found.append(total)
        found[0] += self.insurance + self.bonds + sum(self.sets) * MILLION
        for e in self.market.events:
            for outcome in range(e.outcomes):
                total = sum(a.shares[e.id][outcome] for a in self.accounts)
                found.append(total - self.sets[e.id])
        return found


def held(shares: list[int], k: int, outcome: int) -> int:
    """YES (0) of outcome k, or NO (1) of it: the least of the others."""
    return shares[k] if outcome == 0 else min(q for j, q in enumerate(shares) if j != k)


def change(shares: list[int], k: int, outcome: int, lots: int) -> None:
    """Add lots to YES (0) of outcome k, or to NO (1) of it: to every other."""
    for j in range(len(shares)):
        if (j == k) == (outcome == 0):
            shares[j] += lots

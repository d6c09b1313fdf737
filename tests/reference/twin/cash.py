"""Money in and out, pools, complete sets (LED-02, MAR-09, PRD-03)."""

from __future__ import annotations

from collections.abc import Sequence

from twin.arithmetic import MILLION, usd
from twin.codes import Event, Grade, Reason
from twin.margin import Margin
from twin.state import State


class Cash:
    def __init__(self, state: State, margin: Margin) -> None:
        self.s = state
        self.margin = margin

    def _known(self, account: int) -> bool:
        return 0 <= account < len(self.s.ledger.accounts)

    def _move(self, account: int, asset: int, units: int) -> None:
        """From `external` to the account, back if negative."""
        holder = self.s.ledger.accounts[account]
        if asset == 0:
            holder.usdc += units
        else:
            holder.coins[asset] += units
        self.s.ledger.external[asset] -= units

    def deposit(self, message: Sequence[int]) -> Reason:
        account, asset, units = message[2], message[3], message[6]
        if not self._known(account):
            return Reason.UNKNOWN_ACCOUNT
        if not 0 <= asset <= len(self.s.market.coins):
            return Reason.UNKNOWN_ASSET
        if units <= 0:
            return Reason.BAD_SIZE
        self._move(account, asset, units)
        self.s.emit(Event.DEPOSIT, account=account, instrument=asset, size=units)
        return Reason.NONE

    def pool(self, message: Sequence[int]) -> Reason:
        asset, units = message[3], message[6]
        if asset != 0:
            return Reason.UNKNOWN_ASSET
        if units <= 0:
            return Reason.BAD_SIZE
        self.s.ledger.pool += units
        self.s.ledger.external[0] -= units
        self.s.emit(Event.POOL, instrument=asset, size=units)
        return Reason.NONE

    def fund(self, message: Sequence[int]) -> Reason:
        amount = message[6]
        if amount <= 0:
            return Reason.BAD_SIZE
        self.s.ledger.insurance += amount
        self.s.ledger.external[0] -= amount
        self.s.emit(Event.FUND, amount=amount)
        return Reason.NONE

    def commit(self, message: Sequence[int]) -> Reason:
        account, amount = message[2], message[6]
        if not self._known(account):
            return Reason.UNKNOWN_ACCOUNT
        if amount < 0:
            return Reason.BAD_SIZE
        self.s.ledger.accounts[account].committed = amount
        self.s.emit(Event.COMMIT, account=account, amount=amount)
        return Reason.NONE

    def withdraw(self, message: Sequence[int]) -> Reason:
        """MAR-09: afterwards NE (φ = 0, strict) ≥ max(IM, 10 % of ΣN), custody ≥ 0."""
        account, asset, units = message[2], message[3], message[6]
        if not self._known(account):
            return Reason.UNKNOWN_ACCOUNT
        if not 0 <= asset <= len(self.s.market.coins):
            return Reason.UNKNOWN_ASSET
        if units <= 0:
            return Reason.BAD_SIZE
        if account in self.s.flagged:
            return Reason.FLAGGED
        holder = self.s.ledger.accounts[account]
        if units > (holder.usdc if asset == 0 else holder.coins[asset]):
            return Reason.INSUFFICIENT_BALANCE
        open_now = [i for i in self.s.market.perpetuals if holder.positions[i.id].size]
        feeds = {i.feed for i in open_now}
        if asset > 0:
            feeds.add(self.s.market.coins[asset - 1].feed)
        if any(self.s.feeds[f].grade(self.s.now) >= Grade.STALE for f in feeds):
            return Reason.STALE_ORACLE
        self._move(account, asset, -units)
        total = 0.0
        for i in open_now:
            size, mark = holder.positions[i.id].size, self.s.marks[i.id].mark
            total += usd(abs(size) * mark * i.tv)
        need = max(self.margin.initial(account), self.s.rules["withdraw_floor_ratio"] * total)
        reason = Reason.NONE
        if not self.margin.net(account, strict=True, phi=0.0) >= need:
            reason = Reason.INSUFFICIENT_MARGIN
        elif -self.s.ledger.external[asset] < 0:
            reason = Reason.NO_LIQUIDITY
        if reason:
            self._move(account, asset, units)
            return reason
        self.s.emit(Event.WITHDRAW, account=account, instrument=asset, size=units)
        return Reason.NONE

    def sets(self, message: Sequence[int], merge: bool) -> Reason:
        """MINT and MERGE."""
        account, event, sets = message[2], message[3], message[6]
        if not self._known(account):
            return Reason.UNKNOWN_ACCOUNT
        if not 0 <= event < len(self.s.winners):
            return Reason.UNKNOWN_EVENT
        if self.s.winners[event] is not None:
            return Reason.BOOK_STATE
        if sets <= 0:
            return Reason.BAD_SIZE
        if account in self.s.flagged and not merge:
            return Reason.FLAGGED
        holder = self.s.ledger.accounts[account]
        enough = min(holder.shares[event]) >= sets if merge else holder.usdc >= sets * MILLION
        if not enough:
            return Reason.INSUFFICIENT_BALANCE
        before = self.margin.initial(account)
        signed = -sets if merge else sets
        self.s.ledger.mint(account, event, signed)
        after = self.margin.initial(account)
        if after > before and self.margin.net(account, strict=True) < after:
            self.s.ledger.mint(account, event, -signed)
            return Reason.INSUFFICIENT_MARGIN
        kind = Event.MERGE if merge else Event.MINT
        self.s.emit(kind, account=account, instrument=event, size=sets)
        return Reason.NONE

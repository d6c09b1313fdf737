"""Money in and out, pools, complete sets (LED-02, MAR-09, PRD-03)."""

from __future__ import annotations

from collections.abc import Sequence

from twin.arithmetic import MILLION, usd
from twin.codes import Event, Reason
from twin.listing import Instrument
from twin.margin import Margin
from twin.pools import issued, room_to_borrow
from twin.state import State

LARGEST = 1 << 60  # of one message: units, micro-USDC, sets in micro-USDC


def bad(size: int, unit: int = 1) -> bool:
    """BAD_SIZE: nothing, or too much for one message."""
    return not 0 < size <= LARGEST // unit


class Cash:
    def __init__(self, state: State, margin: Margin) -> None:
        self.s = state
        self.margin = margin

    def _known(self, account: int) -> bool:
        return 0 <= account < len(self.s.ledger.accounts)

    def _move(self, account: int, asset: int, units: int) -> None:
        """From `external` to the account, back if negative."""
        self.s.ledger.add(account, asset, units)
        self.s.ledger.external[asset] -= units

    def _too_much(self, asset: int, units: int) -> bool:
        """BAD_SIZE of what comes in: also more in all than one message may bring."""
        most = LARGEST
        if asset:
            coin = self.s.market.coin(asset)
            price = self.s.market.feeds[coin.feed].highest * coin.tv
            most = min(most, (1 << 62) // price)
        return bad(units) or units - self.s.ledger.external[asset] > most

    def deposit(self, message: Sequence[int]) -> Reason:
        account, asset, units = message[2], message[3], message[6]
        if not self._known(account):
            return Reason.UNKNOWN_ACCOUNT
        if not 0 <= asset <= len(self.s.market.coins):
            return Reason.UNKNOWN_ASSET
        if self._too_much(asset, units):
            return Reason.BAD_SIZE
        self._move(account, asset, units)
        self.s.emit(Event.DEPOSIT, account=account, instrument=asset, size=units)
        return Reason.NONE

    def pool(self, message: Sequence[int]) -> Reason:
        asset, units = message[3], message[6]
        if not 0 <= asset <= len(self.s.market.coins):
            return Reason.UNKNOWN_ASSET
        if self._too_much(asset, units):
            return Reason.BAD_SIZE
        ledger = self.s.ledger
        ledger.pool_shares[asset] += issued(self.s, asset, units)
        ledger.change_pool(asset, units)
        ledger.external[asset] -= units
        self.s.emit(Event.POOL, instrument=asset, size=units)
        return Reason.NONE

    def fund(self, message: Sequence[int]) -> Reason:
        amount = message[6]
        if self._too_much(0, amount):
            return Reason.BAD_SIZE
        self.s.ledger.insurance += amount
        self.s.ledger.external[0] -= amount
        self.s.emit(Event.FUND, amount=amount)
        return Reason.NONE

    def commit(self, message: Sequence[int]) -> Reason:
        account, amount = message[2], message[6]
        if not self._known(account):
            return Reason.UNKNOWN_ACCOUNT
        if amount and bad(amount):
            return Reason.BAD_SIZE
        self.s.ledger.accounts[account].committed = amount
        self.s.emit(Event.COMMIT, account=account, amount=amount)
        return Reason.NONE

    def withdraw(self, message: Sequence[int]) -> Reason:
        """MAR-09: afterwards NE (φ = 0, strict) ≥ max(IM, 10 % of ΣN), custody ≥ 0."""
        account, asset, units, borrow = message[2], message[3], message[6], message[9] == 1
        if not self._known(account):
            return Reason.UNKNOWN_ACCOUNT
        if not 0 <= asset <= len(self.s.market.coins):
            return Reason.UNKNOWN_ASSET
        if bad(units):
            return Reason.BAD_SIZE
        if account in self.s.flagged:
            return Reason.FLAGGED
        holder = self.s.ledger.accounts[account]
        if units > holder.balance(asset):
            reason = self._may_owe(account, asset, units) if borrow else Reason.INSUFFICIENT_BALANCE
            if reason:
                return reason
        if self._unread(account, asset):
            return Reason.STALE_ORACLE
        self._move(account, asset, -units)
        reason = Reason.NONE
        if not self._enough_left(account):
            reason = Reason.INSUFFICIENT_MARGIN
        elif -self.s.ledger.external[asset] < 0:
            reason = Reason.NO_LIQUIDITY
        if reason:
            self._move(account, asset, units)
            return reason
        self.s.emit(Event.WITHDRAW, account=account, instrument=asset, size=units)
        return Reason.NONE

    def transfer(self, message: Sequence[int]) -> Reason:
        """MAR-08: to another account of the same owner, as if withdrawn without credit."""
        account, asset, units, other = message[2], message[3], message[6], message[9]
        if not self._known(account) or not self._known(other):
            return Reason.UNKNOWN_ACCOUNT
        if not 0 <= asset <= len(self.s.market.coins):
            return Reason.UNKNOWN_ASSET
        if bad(units):
            return Reason.BAD_SIZE
        profiles = self.s.profiles
        if other == account or profiles[account].owner != profiles[other].owner:
            return Reason.BAD_FLAGS
        if account in self.s.flagged:
            return Reason.FLAGGED
        ledger = self.s.ledger
        if units > ledger.balance(account, asset):
            return Reason.INSUFFICIENT_BALANCE
        if self._unread(account, asset):
            return Reason.STALE_ORACLE
        ledger.add(account, asset, -units)
        ledger.add(other, asset, units)
        if not self._enough_left(account):
            ledger.add(account, asset, units)
            ledger.add(other, asset, -units)
            return Reason.INSUFFICIENT_MARGIN
        self.s.emit(Event.TRANSFER, account=account, instrument=asset, size=units, other=other)
        return Reason.NONE

    def _open_now(self, account: int) -> list[Instrument]:
        positions = self.s.ledger.accounts[account].positions
        return [i for i in self.s.market.derivatives if positions[i.id].size]

    def _unread(self, account: int, asset: int) -> bool:
        """MAR-09: is a feed that the account's margin rests on too poor to let money go?"""
        feeds = {i.feed for i in self._open_now(account)}
        if asset > 0:
            feeds.add(self.s.market.coin(asset).feed)
        guard = self.s.rules["guard_withdraw"]
        return any(self.s.feeds[f].grade(self.s.now) >= guard for f in feeds)

    def _enough_left(self, account: int) -> bool:
        """MAR-09: after money has gone."""
        total = 0.0
        for i in self._open_now(account):
            size = self.s.ledger.accounts[account].positions[i.id].size
            total += usd(i.notional(abs(size), self.s.marks[i.id].mark))
        need = max(self.margin.initial(account), self.s.rules["withdraw_floor_ratio"] * total)
        return self.margin.net(account, strict=True, phi=0.0) >= need

    def _may_owe(self, account: int, asset: int, units: int) -> Reason:
        """Would the debt after a withdrawal find room in the pool?"""
        if asset > 0 and not self.s.market.coin(asset).borrowable:
            return Reason.INSUFFICIENT_BALANCE
        balance = self.s.ledger.accounts[account].balance(asset)
        return room_to_borrow(self.s, asset, units - balance, max(0, -balance))

    # -- complete sets --------------------------------------------------------------------------

    def sets(self, message: Sequence[int], merge: bool) -> Reason:
        """MINT and MERGE."""
        account, event, sets = message[2], message[3], message[6]
        reason = self._open_event(account, event, sets)
        if reason:
            return reason
        if account in self.s.flagged and not merge:
            return Reason.FLAGGED
        holder = self.s.ledger.accounts[account]
        enough = min(holder.shares[event]) >= sets if merge else holder.usdc >= sets * MILLION
        if not enough:
            return Reason.INSUFFICIENT_BALANCE
        if not self._mint(account, event, -sets if merge else sets):
            return Reason.INSUFFICIENT_MARGIN
        kind = Event.MERGE if merge else Event.MINT
        self.s.emit(kind, account=account, instrument=event, size=sets)
        return Reason.NONE

    def convert(self, message: Sequence[int]) -> Reason:
        """PRD-05: NO of m outcomes becomes m - 1 dollars and one share of each other outcome."""
        account, event, a, mask = message[2], message[3], message[6], message[9]
        reason = self._open_event(account, event, a)
        if reason:
            return reason
        product = self.s.market.events[event]
        if not product.categorical or mask <= 0 or mask >> product.outcomes:
            return Reason.BAD_FLAGS
        m = mask.bit_count()
        for k, q in enumerate(self.s.ledger.accounts[account].shares[event]):
            if q < (m - 1 if mask >> k & 1 else m) * a:
                return Reason.INSUFFICIENT_BALANCE
        sets = (m - 1) * a
        if not self._mint(account, event, -sets):
            return Reason.INSUFFICIENT_MARGIN
        self.s.emit(
            Event.CONVERT,
            account=account,
            instrument=event,
            size=a,
            amount=sets * MILLION,
            order=mask,
        )
        return Reason.NONE

    def _open_event(self, account: int, event: int, size: int) -> Reason:
        if not self._known(account):
            return Reason.UNKNOWN_ACCOUNT
        if not 0 <= event < len(self.s.winners):
            return Reason.UNKNOWN_EVENT
        if self.s.winners[event] is not None:
            return Reason.BOOK_STATE
        return Reason.BAD_SIZE if bad(size, MILLION) else Reason.NONE

    def _mint(self, account: int, event: int, sets: int) -> bool:
        """Mint (or merge), undone where it raises IM and leaves NE below it."""
        before = self.margin.initial(account)
        self.s.ledger.mint(account, event, sets)
        after = self.margin.initial(account)
        if after > before and self.margin.net(account, strict=True) < after:
            self.s.ledger.mint(account, event, -sets)
            return False
        return True

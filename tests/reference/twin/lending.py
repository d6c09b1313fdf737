"""Lending, redeeming and the hour's interest (INT-01)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from twin.arithmetic import cdiv, fdiv
from twin.codes import Event, Reason
from twin.margin import Margin
from twin.pools import issued, redeem_units
from twin.products import Lending as Terms
from twin.settings import AUTO_LEND
from twin.state import State

HOURS = 8760 * 1_000_000_000  # of a year, times the billion of a rate in ppb
ASKED, AUTO = 0, 1


def yearly(terms: Terms, u: float) -> float:
    """r of a utilisation."""
    if u > 1:
        return terms.rate_max
    kink = terms.optimal_utilisation
    if u < kink:
        return terms.rate_zero + (terms.rate_optimal - terms.rate_zero) * u / kink
    return terms.rate_optimal + (terms.rate_max - terms.rate_optimal) * (u - kink) / (1 - kink)


class Lending:
    def __init__(self, state: State, margin: Margin) -> None:
        self.s = state
        self.margin = margin

    # -- messages ---------------------------------------------------------------------------

    def lend(self, message: Sequence[int]) -> Reason:
        account, asset, units = message[2], message[3], message[6]
        reason = self._malformed(account, asset, units)
        if reason:
            return reason
        if account in self.s.flagged:
            return Reason.FLAGGED
        return self._lend(account, asset, units, ASKED)

    def redeem(self, message: Sequence[int]) -> Reason:
        account, asset, units = message[2], message[3], message[6]
        reason = self._malformed(account, asset, units)
        if reason:
            return reason
        ledger = self.s.ledger
        if units > ledger.claim(account, asset):
            return Reason.INSUFFICIENT_BALANCE
        throttle = self.s.market.lending(asset).throttle
        if ledger.borrowed(asset) > throttle * (ledger.pool[asset] - units):
            return Reason.NO_LIQUIDITY
        redeem_units(self.s, account, asset, units)
        self._say(Event.REDEEM, account, asset, units, ASKED)
        return Reason.NONE

    def _malformed(self, account: int, asset: int, units: int) -> Reason:
        if not 0 <= account < len(self.s.ledger.accounts):
            return Reason.UNKNOWN_ACCOUNT
        if not 0 <= asset <= len(self.s.market.coins):
            return Reason.UNKNOWN_ASSET
        return Reason.BAD_SIZE if units <= 0 else Reason.NONE

    def _lend(self, account: int, asset: int, units: int, code: int) -> Reason:
        ledger = self.s.ledger
        holder = ledger.accounts[account]
        if units > holder.balance(asset):
            return Reason.INSUFFICIENT_BALANCE
        cap = self.s.market.lending(asset).lend_cap_units
        if cap and ledger.pool[asset] + units > cap:
            return Reason.NO_LIQUIDITY
        shares = issued(self.s, asset, units)
        if shares == 0:
            return Reason.BAD_SIZE
        before = self.margin.initial(account)
        kept = holder.lent[asset], ledger.pool_shares[asset], ledger.pool[asset]
        holder.lent[asset] += shares
        ledger.pool_shares[asset] += shares
        ledger.change_pool(asset, units)
        holder.add(asset, -units)
        after = self.margin.initial(account)
        if after > before and self.margin.net(account, strict=True) < after:
            holder.add(asset, units)
            holder.lent[asset], ledger.pool_shares[asset], ledger.pool[asset] = kept
            return Reason.INSUFFICIENT_MARGIN
        self._say(Event.LEND, account, asset, units, code)
        return Reason.NONE

    def _say(self, kind: Event, account: int, asset: int, units: int, code: int) -> None:
        self.s.emit(kind, account=account, instrument=asset, size=units, code=code)

    # -- the hour ---------------------------------------------------------------------------

    def interest(self) -> None:
        for asset in range(1 + len(self.s.market.coins)):
            self._book(asset)
        for account in range(len(self.s.ledger.accounts)):
            if self.s.profiles[account].settings & AUTO_LEND and account not in self.s.flagged:
                for asset in range(1 + len(self.s.market.coins)):
                    self._auto(account, asset)

    def _book(self, asset: int) -> None:
        """Borrowers pay, lenders are credited through the pool, the reserve takes the rest."""
        ledger, terms = self.s.ledger, self.s.market.lending(asset)
        borrowed, lent = ledger.borrowed(asset), ledger.pool[asset]
        if borrowed == 0:
            return
        u = borrowed / lent if lent else 2.0
        r = yearly(terms, u)
        ppb = round(r * 1e9)
        ppb_lenders = round(r * u * (1 - terms.reserve_fee) * 1e9)
        collected = 0
        for account, holder in enumerate(ledger.accounts):
            debt = -holder.balance(asset)
            if debt <= 0:
                continue
            paid = cdiv(debt * ppb, HOURS)
            holder.add(asset, -paid)
            collected += paid
            self.s.emit(Event.INTEREST, account=account, instrument=asset, amount=-paid)
        credit = min(fdiv(lent * ppb_lenders, HOURS), collected) if lent else 0
        ledger.pool[asset] += credit
        ledger.fees[asset] += collected - credit
        self.s.emit(
            Event.INTEREST_RATE,
            instrument=asset,
            price=ppb_lenders,
            size=lent,
            amount=ppb,
            other_order=borrowed,
            x=credit,
            y=collected - credit,
        )

    def _auto(self, account: int, asset: int) -> None:
        """A claim repays a debt; what is idle is lent."""
        balance = self.s.ledger.balance(account, asset)
        if balance < 0:
            x = min(self.s.ledger.claim(account, asset), -balance)
            if x > 0:
                redeem_units(self.s, account, asset, x)
                self._say(Event.REDEEM, account, asset, x, AUTO)
            return
        idle = balance - self._bespoken(account, asset)
        if idle > 0:
            self._lend(account, asset, idle, AUTO)

    def _bespoken(self, account: int, asset: int) -> int:
        """Units that resting orders may need."""
        if asset == 0:
            return math.ceil(1e6 * self.margin.outflow(account))
        spot = self.s.market.coin(asset).spot
        if spot < 0:
            return 0
        return self.s.numbers(account, self.s.market.instruments[spot], None).ask_lots

"""The lending pools: shares of them and the room to borrow from them (INT-01, MAR-09)."""

from __future__ import annotations

import math

from twin.arithmetic import cdiv, fdiv
from twin.codes import Reason
from twin.state import State


def issued(state: State, asset: int, units: int) -> int:
    """Shares that so many units buy, before they are in the pool."""
    pool, shares = state.ledger.pool[asset], state.ledger.pool_shares[asset]
    if pool == 0 or shares == 0:
        return units
    return fdiv(units * shares, pool)


def redeem_units(state: State, account: int, asset: int, units: int) -> None:
    """Take units of a claim back into the balance; the caller has checked that it is there."""
    ledger = state.ledger
    holder = ledger.accounts[account]
    burnt = holder.lent[asset]
    if units != ledger.claim(account, asset):
        burnt = min(burnt, cdiv(units * ledger.pool_shares[asset], ledger.pool[asset]))
    holder.lent[asset] -= burnt
    ledger.pool_shares[asset] -= burnt
    ledger.change_pool(asset, -units)
    holder.add(asset, units)


def room_to_borrow(state: State, asset: int, x: int, debt_now: int) -> Reason:
    """May an account that owes `debt_now` units owe x of them?"""
    lending = state.market.lending(asset)
    lent = state.ledger.pool[asset]
    if lent == 0:
        return Reason.INSUFFICIENT_BALANCE
    total = state.ledger.borrowed(asset) - debt_now + x
    if total > lending.throttle * lent:
        return Reason.NO_LIQUIDITY
    if lending.borrow_cap_units and total > lending.borrow_cap_units:
        return Reason.NO_LIQUIDITY
    return Reason.NONE


def free_to_borrow(state: State, asset: int) -> int:
    """Units that could still be borrowed, for the room of a resting spot sell."""
    lending = state.market.lending(asset)
    limit = math.floor(lending.throttle * state.ledger.pool[asset])
    if lending.borrow_cap_units:
        limit = min(limit, lending.borrow_cap_units)
    return max(0, limit - state.ledger.borrowed(asset))

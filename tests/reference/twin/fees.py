"""Fees and the tiers of 30-day volume (ORD-06)."""

from __future__ import annotations

from twin.arithmetic import MILLION, down, up
from twin.codes import Event
from twin.listing import Instrument
from twin.state import State

DAY_US = 86_400 * MILLION
DAYS = 30


def ppm(state: State, account: int | None, side: str) -> int:
    """The rate of an account's tier ('taker' or 'maker'); of nobody: the base rate."""
    tier = 0 if account is None else state.profiles[account].tier
    if tier == 0:
        bps = state.rules[f"{side}_fee_bps"]
    else:
        bps = state.rules["fee_tiers"][tier - 1][f"{side}_bps"]
    rate: int = round(bps * 100)
    return rate


def taker_fee(state: State, i: Instrument, lots: int, price: int, account: int | None) -> int:
    """In units of k(i); account None: at the base rate."""
    if i.is_event:
        rate = round(state.rules["event_fee_bps"] * 100)
        return up(lots * min(price, i.payoff - price) * i.tv, rate)
    return up(abs(i.pv(lots, price)), ppm(state, account, "taker"))


def maker_fee(state: State, i: Instrument, lots: int, price: int, account: int) -> int:
    """A rebate is negative."""
    if i.is_event:
        return 0
    value, rate = abs(i.pv(lots, price)), ppm(state, account, "maker")
    return up(value, rate) if rate >= 0 else -down(value, -rate)


def count_volume(state: State, i: Instrument, lots: int, price: int, *accounts: int) -> None:
    """Add a fill to today's volume of each of the accounts; the last MARK says which day it is."""
    if i.is_event or not state.rules["fee_tiers"] or state.last_mark_time is None:
        return
    today = state.last_mark_time // DAY_US
    for account in accounts:
        volumes = state.profiles[account].volumes
        volumes[today] = volumes.get(today, 0) + i.notional(lots, price)


def new_day(state: State) -> None:
    """At a MARK, before it is the last one: on a later day the tiers are set anew."""
    before, tiers = state.last_mark_time, state.rules["fee_tiers"]
    today = state.now // DAY_US
    if not tiers or before is None or before // DAY_US >= today:
        return
    for account, profile in enumerate(state.profiles):
        days = range(today - DAYS, today)
        volume = sum(micros for day, micros in profile.volumes.items() if day in days)
        tier = 0
        for k, terms in enumerate(tiers, 1):
            if terms["volume_usd"] * 1e6 <= volume:
                tier = k
        if tier != profile.tier:
            profile.tier = tier
            state.emit(Event.FEE_TIER, account=account, code=tier)

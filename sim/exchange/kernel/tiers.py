"""Fees and the volumes that decide their tier (ORD-06)."""

from __future__ import annotations

from sim.exchange.kernel.bits import rate_down, rate_up
from sim.exchange.kernel.events import say
from sim.exchange.kernel.jit import inlined, kernel
from sim.exchange.kernel.state import (
    C_TIER,
    DAY,
    DAYS,
    EVENT_BOOK,
    EVENT_PPM,
    I_KIND,
    I_PAYOFF,
    I_TV,
    L_MAKER,
    L_TAKER,
    L_VOLUME,
    N_ACCOUNTS,
    N_TIERS,
    NOW,
)
from sim.exchange.kernel.value import notional, worth
from sim.exchange.messages import Event

FEE_TIER = int(Event.FEE_TIER)
DAY_US = 86_400_000_000


@inlined
def share_fee(s, i, lots, px):
    """Fee on outcome shares: rate * min(p, 1 - p) each."""
    return rate_up(lots * min(px, s.ins[i, I_PAYOFF] - px) * s.ins[i, I_TV], s.h[EVENT_PPM])


@inlined
def taker_fee(s, a, i, lots, px):
    """What account a pays as taker, in what instrument i settles in."""
    if s.ins[i, I_KIND] == EVENT_BOOK:
        return share_fee(s, i, lots, px)
    return rate_up(abs(worth(s, i, lots, px)), s.tiers[s.acct[a, C_TIER], L_TAKER])


@inlined
def maker_fee(s, a, i, lots, px):
    """What account a pays as maker; negative: a rebate."""
    if s.ins[i, I_KIND] == EVENT_BOOK:
        return lots * 0
    rate = s.tiers[s.acct[a, C_TIER], L_MAKER]
    value = abs(worth(s, i, lots, px))
    return rate_up(value, rate) if rate >= 0 else -rate_down(value, -rate)


@inlined
def count_volume(s, a, i, lots, px):
    """Add a fill to today's volume of an account."""
    h = s.h
    if h[N_TIERS] > 1 and h[DAY] >= 0 and s.ins[i, I_KIND] != EVENT_BOOK:
        s.volume[a, h[DAY] % DAYS] += notional(s, i, lots, px)


@kernel
def new_day(s):
    """At a MARK: on a new day every account gets the tier of its last thirty days."""
    h = s.h
    today = h[NOW] // DAY_US
    last = h[DAY]
    if today <= last:
        return
    h[DAY] = today
    if h[N_TIERS] == 1 or last < 0:
        return
    for a in range(h[N_ACCOUNTS]):
        for day in range(max(last + 1, today - DAYS + 1), today + 1):
            s.volume[a, day % DAYS] = 0
        total = today * 0
        for day in range(DAYS):
            total += s.volume[a, day]
        tier = today * 0
        for n in range(1, h[N_TIERS]):
            if s.tiers[n, L_VOLUME] <= total:
                tier = n
        if tier != s.acct[a, C_TIER]:
            s.acct[a, C_TIER] = tier
            say(s, FEE_TIER, a, 0, 0, 0, tier)

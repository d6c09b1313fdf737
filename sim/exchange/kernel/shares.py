"""Event shares: what is held, what it is worth, and how shares and sets change hands (PRD-02 … PRD-04).

The book of outcome k sees two holdings: its outcome, and its NO, which is one share of every other
outcome.  In binary and scalar events that is simply the second share.
"""

from __future__ import annotations

from sim.exchange.kernel.jit import inlined, kernel
from sim.exchange.kernel.ledger import activate, cash
from sim.exchange.kernel.state import (
    ASK,
    ASK_COST,
    BID,
    BID_COST,
    EVENT_FEE_RATE,
    I_EVENT,
    I_MARK,
    I_OUTCOME,
    I_PAYOFF,
    I_TV,
    N_ASK,
    N_ASK_COST,
    N_BID,
    N_BID_COST,
    SELLS_OUTCOME,
    V_BOOKS,
    V_INSTRUMENT,
    V_SETS,
    V_SHARE,
    V_SHARES,
)

MICRO = 1_000_000


@inlined
def usd(x):
    return x / 1e6


@inlined
def single(s, e):
    """Whether one book trades the event: two shares, the second is the NO of the first."""
    return s.events[e, V_BOOKS] == 1


@inlined
def share_mark(s, e, k):
    """Mark in ticks of share k of event e (PRC-03)."""
    i = s.events[e, V_INSTRUMENT]
    if single(s, e):
        return s.ins[i, I_PAYOFF] - s.ins[i, I_MARK] if k == 1 else s.ins[i, I_MARK]
    return s.ins[i + k, I_MARK]


@kernel
def least(s, a, e, apart):
    """The least balance over the shares of event e, share `apart` (-1: none) left out."""
    first = s.events[e, V_SHARE]
    found = s.bal[a, first + (1 if apart == 0 else 0)]
    for k in range(s.events[e, V_SHARES]):
        if k != apart:
            found = min(found, s.bal[a, first + k])
    return found


@inlined
def complete(s, a, e):
    """Complete sets an account holds."""
    first = s.events[e, V_SHARE]
    if single(s, e):
        return min(s.bal[a, first], s.bal[a, first + 1])
    return least(s, a, e, -1)


@inlined
def held_yes(s, a, i):
    """Shares of book i's outcome."""
    return s.bal[a, s.events[s.ins[i, I_EVENT], V_SHARE] + s.ins[i, I_OUTCOME]]


@inlined
def held_no(s, a, i):
    """NO shares of book i's outcome."""
    e = s.ins[i, I_EVENT]
    if single(s, e):
        return s.bal[a, s.events[e, V_SHARE] + 1]
    return least(s, a, e, s.ins[i, I_OUTCOME])


@inlined
def change_yes(s, a, i, lots):
    s.bal[a, s.events[s.ins[i, I_EVENT], V_SHARE] + s.ins[i, I_OUTCOME]] += lots


@inlined
def change_no(s, a, i, lots):
    e = s.ins[i, I_EVENT]
    first = s.events[e, V_SHARE]
    if single(s, e):
        s.bal[a, first + 1] += lots
    else:
        for k in range(s.events[e, V_SHARES]):
            if k != s.ins[i, I_OUTCOME]:
                s.bal[a, first + k] += lots


@kernel
def many_value(s, a, i, x, y):
    """(V_e in micro-USDC, sets) of a categorical event with x more of book i's outcome, y of the others."""
    e = s.ins[i, I_EVENT]
    first = s.events[e, V_SHARE]
    book = s.events[e, V_INSTRUMENT]
    tv = s.ins[i, I_TV]
    outcome = s.ins[i, I_OUTCOME]
    total = first * 0
    marks = first * 0
    sets = s.bal[a, first] + (x if outcome == 0 else y)
    for k in range(s.events[e, V_SHARES]):
        q = s.bal[a, first + k] + (x if k == outcome else y)
        mark = s.ins[book + k, I_MARK]
        total += q * mark
        marks += mark
        sets = min(sets, q)
    return sets * MICRO + (total - sets * marks) * tv, sets


@inlined
def event_value(s, a, i, x, y):
    """(V_e in micro-USDC, sets) with x more of book i's outcome and y more of its NO (MAR-01)."""
    e = s.ins[i, I_EVENT]
    if not single(s, e):
        return many_value(s, a, i, x, y)
    first = s.events[e, V_SHARE]
    yes = s.bal[a, first] + x
    no = s.bal[a, first + 1] + y
    sets = min(yes, no)
    mark = s.ins[i, I_MARK]
    tv = s.ins[i, I_TV]
    v = sets * MICRO + (yes - sets) * mark * tv + (no - sets) * (s.ins[i, I_PAYOFF] - mark) * tv
    return v, sets


@inlined
def event_net(s, a, i, x, y, lam):
    """V_e - R_e in USD with x more of book i's outcome and y more of its NO."""
    v, sets = event_value(s, a, i, x, y)
    return usd(v) - lam * usd(v - sets * MICRO)


@inlined
def event_fee(s, cost, lots):
    return s.rules[EVENT_FEE_RATE] * usd(min(cost, lots * MICRO - cost))


@kernel
def event_out(s, a, i):
    """USDC that the resting orders of an event book could take out, USD."""
    p = s.pos[a, i]
    out = usd(p[BID_COST])
    out = out + usd(max(0, p[N_BID_COST] - min(held_no(s, a, i), p[N_BID]) * MICRO))
    out = out + usd(p[N_ASK] * MICRO - p[N_ASK_COST])
    out = out + usd(max(0, p[ASK] * MICRO - p[ASK_COST] - min(held_yes(s, a, i), p[ASK]) * MICRO))
    out = out + event_fee(s, p[BID_COST] + p[N_BID_COST], p[BID] + p[N_BID])
    return out + event_fee(s, p[ASK_COST] + p[N_ASK_COST], p[ASK] + p[N_ASK])


@inlined
def bids_filled(s, a, i):
    """(lots bid, NO of them given) if all bids of an event book fill."""
    p = s.pos[a, i]
    return p[BID] + p[N_BID], min(held_no(s, a, i), p[N_BID])


@inlined
def asks_filled(s, a, i):
    """(lots asked, shares of the outcome given of them) if all asks of an event book fill."""
    p = s.pos[a, i]
    return p[ASK] + p[N_ASK], min(held_yes(s, a, i), p[ASK])


@kernel
def event_loss(s, a, i, lam):
    """Fall of V - R if all bids, or all asks, of an event book fill; 0 if that is a gain."""
    p = s.pos[a, i]
    now = event_net(s, a, i, 0, 0, lam)
    loss = 0.0
    lots, d = bids_filled(s, a, i)
    if lots != 0:
        cost = p[BID_COST] + p[N_BID_COST]
        after = event_net(s, a, i, lots - d, -d, lam)
        loss = max(loss, now - after + usd(cost - d * MICRO) + event_fee(s, cost, lots))
    lots, d = asks_filled(s, a, i)
    if lots != 0:
        cost = p[ASK_COST] + p[N_ASK_COST]
        after = event_net(s, a, i, -d, lots - d, lam)
        loss = max(
            loss, now - after - usd(cost - lots * MICRO + d * MICRO) + event_fee(s, cost, lots)
        )
    return loss


@inlined
def touch(s, a, i):
    """Remember that the account may hold shares of the event behind book i."""
    activate(s, a, i)
    activate(s, a, s.events[s.ins[i, I_EVENT], V_INSTRUMENT])


@kernel
def share_trade(s, i, buyer, buyer_flags, seller, seller_flags, lots, px):
    """Exchange event shares between bid and ask side; returns sets minted (+) or merged (-)."""
    give_no = min(held_no(s, buyer, i), lots) if buyer_flags & SELLS_OUTCOME else lots * 0
    give_yes = min(held_yes(s, seller, i), lots) if seller_flags & SELLS_OUTCOME else lots * 0
    value = lots * px * s.ins[i, I_TV]
    change_no(s, buyer, i, -give_no)
    change_yes(s, buyer, i, lots - give_no)
    cash(s, buyer, give_no * MICRO - value)
    change_yes(s, seller, i, -give_yes)
    change_no(s, seller, i, lots - give_yes)
    cash(s, seller, value - (lots - give_yes) * MICRO)
    minted = lots - give_no - give_yes
    s.events[s.ins[i, I_EVENT], V_SETS] += minted
    touch(s, buyer, i)
    touch(s, seller, i)
    return minted


@inlined
def change_sets(s, a, e, sets):
    """Mint (sets > 0) or merge (sets < 0) complete sets on an account."""
    event = s.events[e]
    cash(s, a, -sets * MICRO)
    for k in range(event[V_SHARE], event[V_SHARE] + event[V_SHARES]):
        s.bal[a, k] += sets
    event[V_SETS] += sets
    activate(s, a, event[V_INSTRUMENT])

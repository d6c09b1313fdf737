"""An account as a value: what it holds, what rests, and the prices that it is valued at.

It can be read from a live exchange (``account_of``) or rebuilt from LEG events
(``account_of_legs``), and is explained by the same code either way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from sim.exchange import messages as ms
from sim.exchange.instruments import Listing

if TYPE_CHECKING:
    from sim.exchange.exchange import Exchange

ASSET, POSITION, CLAIM = range(3)  # code of a LEG event


@dataclass(frozen=True)
class Account:
    """What an account holds and the prices it is valued at.

    balances: units by asset id; positions: instrument id -> (size, cost); index: ticks by feed
    id; marks: ticks by instrument id; resting: instrument id -> the eight resting numbers of the
    kernel's position row; totals: exchange-wide positive units by asset id; oi: lots by derivative;
    resolved, proposed: event ids; claims: units lent by asset id; twap: ticks by feed id, the index
    where there is none; stale: ids of feeds graded STALE or worse.
    """

    balances: Mapping[int, int]
    positions: Mapping[int, tuple[int, int]]
    index: Mapping[int, int]
    marks: Mapping[int, int]
    resting: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    totals: Mapping[int, int] = field(default_factory=dict)
    oi: Mapping[int, int] = field(default_factory=dict)
    resolved: frozenset[int] = frozenset()
    claims: Mapping[int, int] = field(default_factory=dict)
    twap: Mapping[int, int] = field(default_factory=dict)
    stale: frozenset[int] = frozenset()
    proposed: frozenset[int] = frozenset()


def account_of(exchange: Exchange, account: int) -> Account:
    """The live account as a value object."""
    from sim.exchange.kernel import state as st

    s, listing = exchange.state, exchange.listing
    derivatives = len(listing.derivatives())
    feeds = range(len(listing.feeds))
    rows = {
        int(i): tuple(int(x) for x in s.pos[account, i])
        for i in np.flatnonzero(s.pos[account].any(axis=1))
    }
    resting = {i: (0, 0, *r[2:6], 0, 0) if i < derivatives else r for i, r in rows.items()}
    events = range(len(listing.events))
    return Account(
        balances={k: int(x) for k, x in enumerate(s.bal[account]) if x},
        positions={
            i: (r[st.SIZE], r[st.COST]) for i, r in rows.items() if i < derivatives and r[st.SIZE]
        },
        index={f: int(x) for f, x in enumerate(s.feeds[:, st.D_INDEX])},
        marks={i: int(x) for i, x in enumerate(s.ins[:, st.I_MARK])},
        resting={i: r for i, r in resting.items() if any(r)},
        totals={k: int(x) for k, x in enumerate(s.assets[:, st.A_TOTAL])},
        oi={i: int(x) for i, x in enumerate(s.ins[:derivatives, st.I_OI])},
        resolved=frozenset(e for e in events if s.events[e, st.V_RESOLVED]),
        claims={k: x for k in range(s.lent.shape[1]) if (x := exchange.claim(account, k))},
        twap={f: int(x) for f, x in enumerate(s.feeds[:, st.D_TWAP])},
        stale=frozenset(f for f in feeds if s.h[st.NOW] >= s.feeds[f, st.D_STALE_AT]),
        proposed=frozenset(e for e in events if s.events[e, st.V_PROPOSALS]),
    )


def leg_rows(events: np.ndarray) -> list[tuple[int, int, int, int, int]]:
    """(code, instrument, size, cost, price) of the LEG rows of an events array."""
    columns = [ms.E_CODE, ms.E_INSTRUMENT, ms.E_SIZE, ms.E_AMOUNT, ms.E_PRICE]
    chosen = events[events[:, ms.E_KIND] == ms.Event.LEG][:, columns]
    return [(c, i, size, cost, price) for c, i, size, cost, price in chosen.tolist()]


def account_of_legs(
    listing: Listing,
    rows: Iterable[tuple[int, int, int, int, int]],
    *,
    index: Mapping[int, int] | None = None,
    oi: Mapping[int, int] | None = None,
    totals: Mapping[int, int] | None = None,
    proposed: Iterable[int] = (),
) -> Account:
    """The account that LEG rows (code, instrument, size, cost, price) describe.

    LEG rows show neither resting orders nor what the rest of the exchange holds: without ``oi`` and
    ``totals`` the open-interest add-on and collateral caps are left out, without ``proposed`` an
    event keeps its declared lambda.  The index of a feed of which no coin is held is not written
    either: without ``index`` (ticks by feed) the mark of a position on it stands in, and without
    positions the feed's first price.  An event that the account holds nothing of counts as resolved.
    """
    balances: dict[int, int] = {}
    claims: dict[int, int] = {}
    positions: dict[int, tuple[int, int]] = {}
    prices = dict(index or {})
    marks: dict[int, int] = {}
    held: set[int] = set()
    for code, thing, size, cost, price in rows:
        if code == POSITION:
            positions[thing] = (size, cost)
            marks[thing] = price
        else:
            (claims if code == CLAIM else balances)[thing] = size
            if 0 < thing <= len(listing.assets):
                prices[listing.feed_id(listing.assets[thing - 1].feed)] = price
            elif thing > len(listing.assets):
                event, outcome = share_of(listing, thing)
                held.add(event)
                item, book = listing.events[event], listing.first_book(event)
                if len(item.books) > 1:
                    marks[book + outcome] = price
                else:
                    marks[book] = item.payoff_ticks - price if outcome else price
    for i in positions:
        prices.setdefault(listing.feed_of(i), marks[i])
    for e in held:
        if listing.events[e].underlying:
            feed = listing.feed_id(listing.events[e].underlying)
            prices.setdefault(feed, listing.feeds[feed].index_ticks)
    return Account(
        balances,
        positions,
        prices,
        marks,
        totals=dict(totals or {}),
        oi=dict(oi or {}),
        resolved=frozenset(range(len(listing.events))) - held,
        claims=claims,
        proposed=frozenset(proposed),
    )


def share_of(listing: Listing, asset: int) -> tuple[int, int]:
    """(event, outcome) of a share; ValueError for another asset."""
    for event, item in enumerate(listing.events):
        outcome = asset - listing.first_share(event)
        if 0 <= outcome < len(item.shares):
            return event, outcome
    raise ValueError(f"asset {asset} is no share")

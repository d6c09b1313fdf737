"""Ways to break a stream of events: each returns the changed rows, or None without such rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from sim.exchange import messages as ms
from sim.exchange.messages import BookState, Event

Rows = np.ndarray
Change = Callable[[Rows], Rows | None]
FILL_AT = 0  # code of a FILL of an order that traded on arrival


def some(events: Rows, kind: Event, **columns: int) -> Iterator[int]:
    """Places of rows of a kind whose columns have these values."""
    mask = events[:, ms.E_KIND] == kind
    for name, value in columns.items():
        mask &= events[:, ms.EVENT_COLUMNS.index(name)] == value
    yield from (int(k) for k in np.flatnonzero(mask))


def altered(kind: Event, column: int, by: int, **columns: int) -> Change:
    """The first row of a kind with `by` added to a column."""

    def change(events: Rows) -> Rows | None:
        for k in some(events, kind, **columns):
            events[k, column] += by
            return events
        return None

    change.__name__ = f"{kind.name} {column} {by}"
    return change


def twice(kind: Event, **columns: int) -> Change:
    """The first row of a kind repeated at the end."""

    def change(events: Rows) -> Rows | None:
        for k in some(events, kind, **columns):
            return np.vstack([events, events[k : k + 1]])
        return None

    change.__name__ = f"{kind.name} twice"
    return change


def lost(kind: Event, **columns: int) -> Change:
    """The first row of a kind left out."""

    def change(events: Rows) -> Rows | None:
        for k in some(events, kind, **columns):
            return np.delete(events, k, axis=0)
        return None

    change.__name__ = f"{kind.name} lost"
    return change


def unpaid_funding(events: Rows) -> Rows | None:
    for k in some(events, Event.FUNDING):
        if events[k, ms.E_SIZE] and events[k, ms.E_AMOUNT]:
            events[k, ms.E_AMOUNT] += 1_000
            return events
    return None


def forgotten_payer(events: Rows) -> Rows | None:
    for k in some(events, Event.FUNDING):
        if events[k, ms.E_SIZE]:
            return np.delete(events, k, axis=0)
    return None


def beyond_the_limit(events: Rows) -> Rows | None:
    for k in some(events, Event.FILL, code=FILL_AT):
        events[k, ms.E_PRICE] += 10**6 * (1 if events[k, ms.E_SIDE] == ms.BUY else -1)
        return events
    return None


def trade_in_an_auction(events: Rows) -> Rows | None:
    for k in some(events, Event.FILL, code=FILL_AT):
        return np.insert(events, k, state_row(events[k], BookState.AUCTION), axis=0)
    return None


def state_row(like: Rows, state: BookState) -> Rows:
    row = like.copy()
    row[2:] = 0
    row[[ms.E_KIND, ms.E_INSTRUMENT, ms.E_CODE]] = Event.STATE, like[ms.E_INSTRUMENT], state
    return row


def own_trade(events: Rows) -> Rows | None:
    for k in some(events, Event.FILL):
        events[k, ms.E_OTHER] = events[k, ms.E_ACCOUNT]
        return events
    return None


def healthy_flag(events: Rows) -> Rows | None:
    for k in some(events, Event.FLAG):
        events[k, ms.E_X] = events[k, ms.E_Y] + 1
        return events
    return None


def step_of_the_unflagged(events: Rows) -> Rows | None:
    for k in some(events, Event.STEP):
        flags = [j for j in some(events, Event.FLAG, account=events[k, ms.E_ACCOUNT]) if j < k]
        return np.delete(events, flags, axis=0)
    return None


def step_in_an_auction(events: Rows) -> Rows | None:
    for k in some(events, Event.STEP):
        return np.insert(events, k, state_row(events[k], BookState.AUCTION), axis=0)
    return None


def growing_position(events: Rows) -> Rows | None:
    for k in some(events, Event.STEP, code=0):
        events[k, ms.E_SIDE] = 1 - events[k, ms.E_SIDE]
        return events
    return None


def insurance_after_adl(events: Rows) -> Rows | None:
    """Two rows of one bankruptcy change places."""
    for k in some(events, Event.INSURANCE):
        for j in range(k + 1, len(events)):
            if events[j, ms.E_KIND] == Event.DEFICIT:
                break
            if events[j, ms.E_KIND] == Event.ADL:
                events[[k, j]] = events[[j, k]]
                return events
    return None


def fund_that_still_had_money(events: Rows) -> Rows | None:
    for k in some(events, Event.ADL):
        for j in some(events, Event.FUND):
            if j < k and events[k, ms.E_AMOUNT] > 0:
                events[j, ms.E_AMOUNT] += 1
                return events
    return None


def unfunded(events: Rows) -> Rows | None:
    """The fund pays what nobody ever gave it."""
    for _ in some(events, Event.INSURANCE):
        events[list(some(events, Event.STEP)), ms.E_AMOUNT] = 0
        return np.delete(events, list(some(events, Event.FUND)), axis=0)
    return None


def flagged_without_position_or_debt(events: Rows) -> Rows | None:
    for k in some(events, Event.FLAG):
        for j in range(k + 1, len(events)):
            if events[j, ms.E_KIND] != Event.LEG:
                break
            events[j, ms.E_CODE] = 0
            events[j, ms.E_SIZE] = abs(events[j, ms.E_SIZE])
        return events
    return None


def event_mark(events: Rows) -> Rows | None:
    """An event book's mark is determined by what its row shows."""
    for k in some(events, Event.MARK, size=0):
        events[k, ms.E_PRICE] += 1
        return events
    return None


def other_index(events: Rows) -> Rows | None:
    for k in some(events, Event.MARK):
        if events[k, ms.E_SIZE]:
            events[k, ms.E_SIZE] += 1
            return events
    return None


def mark_beyond_its_clamp(events: Rows) -> Rows | None:
    for k in some(events, Event.MARK, code=1):
        events[k, ms.E_PRICE] += 10**6
        return events
    return None


def settled_with_a_position_left(events: Rows) -> Rows | None:
    for k in some(events, Event.SETTLEMENT):
        return np.delete(events, k, axis=0)
    return None


def trade_after_the_end(events: Rows) -> Rows | None:
    for k in some(events, Event.SETTLED):
        for j in some(events, Event.FILL, instrument=int(events[k, ms.E_INSTRUMENT])):
            return np.vstack([events, events[j : j + 1]])
    return None


def unproposed(events: Rows) -> Rows | None:
    """A bond comes back that nobody put up."""
    for k in some(events, Event.BOND):
        made = list(some(events, Event.PROPOSE, instrument=int(events[k, ms.E_INSTRUMENT])))
        return np.delete(events, made, axis=0)
    return None


def bond_to_the_other(events: Rows) -> Rows | None:
    for k in some(events, Event.BOND):
        events[k, ms.E_ACCOUNT] += 1
        return events
    return None

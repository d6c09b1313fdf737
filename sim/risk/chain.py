"""From a liquidation back to its cause: forced fill by forced fill to an index reading (LIQ-09), or
to an event's end (SET-02, SET-03)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from sim.exchange import messages as m
from sim.exchange.account import Account
from sim.exchange.instruments import MICRO
from sim.exchange.legs import ne_mm
from sim.exchange.messages import BUY, Event
from sim.exchange.offset import DERIVATIVES
from sim.exchange.rules import Rules
from sim.risk.eventlog import EventLog
from sim.risk.link import Link, link_of
from sim.risk.truth import Truth
from sim.risk.verdict import Verdicts

RECENT_S = 300  # an older forced fill is no parent (LIQ-09)


def at_index(log: EventLog, account: Account) -> Account:
    """The account with every derivative marked at its index."""
    marks = dict(account.marks)
    for p in log.places:
        if p.kind in DERIVATIVES and p.id in marks:
            marks[p.id] = account.index[p.feed]
    return replace(account, marks=marks)


def chain(
    log: EventLog,
    rules: Rules,
    flag: np.ndarray,
    truth: Truth | None,
    verdicts: Verdicts | None = None,
) -> tuple[Link, ...]:
    """The FLAG, what pushed the account over, what caused that …, and at last what came from outside.

    ``rules`` value the flagged accounts at index prices; ``truth`` gives true prices in USD;
    ``verdicts`` say which event pushed an account over.
    """
    verdicts = verdicts or Verdicts(log, rules)
    links: list[Link] = []
    while True:
        links.append(_flag(log, rules, flag))
        if (found := verdicts.of(flag)) is not None:
            return (*links, *verdicts.links(found, int(flag[m.E_ACCOUNT])))
        parent = int(flag[m.E_PARENT])
        cause = log.at(parent) if parent else None
        if cause is None:
            return (*links, _none(flag, parent, links[-1].data["safe_at_index"]))
        if cause[m.E_KIND] == Event.INDEX:
            return (*links, _index(log, cause, truth))
        links.append(_fill(log, cause))
        step = log.at(-int(cause[m.E_ORDER]))
        if step is None:
            return (*links, _none(flag, parent, True))
        links.append(_step(log, step))
        earlier = log.flag_before(int(step[m.E_ACCOUNT]), int(step[m.E_SEQ]))
        if earlier is None:
            return (*links, _none(flag, parent, True))
        flag = earlier


def _flag(log: EventLog, rules: Rules, row: np.ndarray) -> Link:
    account = int(row[m.E_ACCOUNT])
    e, ne, mm = (int(row[c]) / MICRO for c in (m.E_AMOUNT, m.E_X, m.E_Y))
    ne_index, mm_index = ne_mm(log.listing, rules, at_index(log, log.held(row)))
    text = f"account {account} flagged: NE {ne:,.2f} below MM {mm:,.2f} USD (equity {e:,.2f});"
    if ne_index >= mm_index:
        text += f" at index prices it would be safe ({ne_index:,.2f} over {mm_index:,.2f})"
    else:
        text += f" at index prices too ({ne_index:,.2f} below {mm_index:,.2f})"
    return link_of(
        row,
        "LIQ-00",
        text,
        account=account,
        equity_usd=e,
        ne_usd=ne,
        mm_usd=mm,
        ne_at_index_usd=ne_index,
        mm_at_index_usd=mm_index,
        safe_at_index=ne_index >= mm_index,
    )


def _fill(log: EventLog, row: np.ndarray) -> Link:
    i, account, lots = (int(row[c]) for c in (m.E_INSTRUMENT, m.E_ACCOUNT, m.E_SIZE))
    price, verb = log.price_usd(i, int(row[m.E_PRICE])), _verb(row)
    text = f"a forced trade moved the mark: account {account} {verb} {lots:,} lots of"
    text += f" {log.names[i]} at {price:,.6g} USD"
    data = {"account": account, "instrument": log.names[i], "lots": lots, "price_usd": price}
    return link_of(row, "LIQ-09", text, **data)


def _step(log: EventLog, row: np.ndarray) -> Link:
    i, account, lots = (int(row[c]) for c in (m.E_INSTRUMENT, m.E_ACCOUNT, m.E_SIZE))
    bound = log.price_usd(i, int(row[m.E_PRICE]))
    text = f"… in a liquidation step of account {account}: {lots:,} lots of {log.names[i]}"
    text += f" to be {_verb(row)}, {int(row[m.E_X]):,} were, bound {bound:,.6g} USD"
    data = {"account": account, "instrument": log.names[i], "lots": lots, "bound_usd": bound}
    return link_of(row, "LIQ-02", text, filled_lots=int(row[m.E_X]), **data)


def _verb(row: np.ndarray) -> str:
    return "bought" if row[m.E_SIDE] == BUY else "sold"


def _index(log: EventLog, row: np.ndarray, truth: Truth | None) -> Link:
    """The reading that did it: before, after, over the last 300 s, and the true price beside it."""
    feed, time = int(row[m.E_INSTRUMENT]), int(row[m.E_TIME])
    item = log.listing.feeds[feed]
    unit = item.tick_micro / MICRO
    before_row = log.reading_before(feed, int(row[m.E_SEQ]))
    before_time = int(before_row[m.E_TIME]) if before_row is not None else time
    after = int(row[m.E_PRICE]) * unit
    before = log.index_before(feed, int(row[m.E_SEQ])) * unit
    start = max(time - RECENT_S * MICRO, log.start_us)
    span = f"in {RECENT_S} s" if start > log.start_us else "since the start"
    earlier = log.index_at(feed, start) * unit
    source = f"read from its own book {item.own_book}" if item.own_book else "from outside"
    text = f"{source}: index of {item.name} {before:,.6g} → {after:,.6g} USD"
    text += f" ({after / before - 1:+.2%}; {after / earlier - 1:+.2%} {span})"
    data: dict[str, Any] = {
        "feed": item.name,
        "before_usd": before,
        "after_usd": after,
        "move": after / before - 1,
        "earlier_usd": earlier,
        "move_300s": after / earlier - 1,
        "read_us": int(row[m.E_X]),
    }
    if truth is not None:
        true = truth.sample(feed, np.array([start, before_time, time]))
        if np.isfinite(true).all() and (true > 0).all():
            first, last, now = (float(x) for x in true)
            data |= {"true_before_usd": last, "true_after_usd": now, "true_move": now / last - 1}
            data |= {"true_earlier_usd": first, "true_move_300s": now / first - 1}
            text += f"; true price {last:,.6g} → {now:,.6g}"
            text += f" ({now / last - 1:+.2%}; {now / first - 1:+.2%} {span})"
    return link_of(row, "PRC-01", text, **data)


def _none(flag: np.ndarray, parent: int, by_book: bool) -> Link:
    """Where the log knows no further cause."""
    if parent:
        text = f"its cause, event {parent}, is not in the log"
    elif by_book:
        text = f"the book did it, but with no forced trade within {RECENT_S} s: ordinary orders"
    else:
        text = "no price moved against it since the previous tick: funding, interest, fees or a"
        text += " withdrawal did it"
    return Link(parent, int(flag[m.E_TIME]), "LIQ-09", "NONE", text, {})

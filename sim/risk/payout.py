"""What a resolution paid an account, and what its shares were marked at before (SET-03)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.exchange import messages as m
from sim.exchange.instruments import MICRO, ScalarEvent
from sim.exchange.messages import Event
from sim.risk.eventlog import EventLog
from sim.risk.truth import VOID, payouts, share_marks


@dataclass(frozen=True)
class Payout:
    """Of one account by one RESOLVE row, USD.

    ``marked_usd``: all its shares at the marks before; ``paid_usd``: what it got; ``above_usd``: the
    part of ``marked_usd`` above complete sets; ``above``: shares above complete sets.
    """

    row: np.ndarray
    marked_usd: float
    paid_usd: float
    above_usd: float
    above: np.ndarray

    @property
    def lost_usd(self) -> float:
        return self.marked_usd - self.paid_usd


def payout_of(log: EventLog, row: np.ndarray, account: int) -> Payout | None:
    """What a RESOLVE row paid an account; None if it held no shares."""
    e, seq = int(row[m.E_INSTRUMENT]), int(row[m.E_SEQ])
    own = log.payouts_of(account)
    own = own[(own[:, m.E_INSTRUMENT] == e) & (own[:, m.E_SEQ] < seq)]
    if not len(own):
        return None
    event, book = log.listing.events[e], log.listing.first_book(e)
    got, above = int(own[-1, m.E_AMOUNT]) / MICRO, log.shares_of(e)[account]
    ticks = [log.mark_before(i, seq) for i in range(book, book + len(event.books))]
    worth = float((above * share_marks(event, np.array(ticks))).sum())
    pays = payouts(event, int(row[m.E_CODE]), int(row[m.E_PRICE]))
    sets = got - float((above * pays).sum())
    return Payout(row, sets + worth, got, worth, above)


def resolution_after(log: EventLog, paid: np.ndarray) -> np.ndarray | None:
    """The RESOLVE row that a PAYOUT row belongs to."""
    rows = log.of(Event.RESOLVE)
    rows = rows[
        (rows[:, m.E_INSTRUMENT] == paid[m.E_INSTRUMENT]) & (rows[:, m.E_SEQ] > paid[m.E_SEQ])
    ]
    return rows[0] if len(rows) else None


def outcome_name(log: EventLog, e: int, outcome: int, value: int) -> str:
    """An outcome in words."""
    event = log.listing.events[e]
    if outcome == VOID:
        return "void"
    return f"{value:,}" if isinstance(event, ScalarEvent) else event.shares[outcome]


def told(log: EventLog, found: Payout, account: int) -> str:
    """In words."""
    row = found.row
    e = int(row[m.E_INSTRUMENT])
    outcome = outcome_name(log, e, int(row[m.E_CODE]), int(row[m.E_PRICE]))
    text = f"event {log.listing.events[e].name} resolved {outcome}"
    text += ", wrongly" if row[m.E_X] == 1 else ""
    text += f": account {account}'s shares, {found.marked_usd:,.2f} USD at mark, were paid"
    return f"{text} {found.paid_usd:,.2f}"

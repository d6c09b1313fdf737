"""What caused a flag (LIQ-09)."""

from __future__ import annotations

from twin.arithmetic import MILLION
from twin.listing import Instrument
from twin.margin import Margin
from twin.state import State

RECENT_US = 300 * MILLION


def parent_of(state: State, margin: Margin, account: int) -> int:
    """The seq of the forced fill or of the reading that made the account liquidatable."""
    at_index = [m.mark for m in state.marks]
    for i in state.market.derivatives:
        at_index[i.id] = state.feeds[i.feed].index
    if margin.net(account, marks=at_index) >= margin.maintenance(account, marks=at_index):
        return _by_book(state, account)
    return _by_reading(state, account)


def _change(state: State, i: Instrument, size: int, before: int) -> int:
    """Micro-USDC that a position is worth more at its mark than at another price."""
    change = i.pv(size, state.marks[i.id].mark) - i.pv(size, before)
    if i.is_inverse:
        change *= state.feeds[i.feed].index * i.tv
    return change


def _by_book(state: State, account: int) -> int:
    worst: tuple[int, int] | None = None
    for i in state.market.derivatives:
        size = state.ledger.accounts[account].positions[i.id].size
        if size == 0:
            continue
        gap = _change(state, i, size, state.feeds[i.feed].index)
        if worst is None or gap < worst[0]:
            worst = gap, i.id
    if worst is None or worst[1] not in state.forced_fill:
        return 0
    seq, time = state.forced_fill[worst[1]]
    return seq if state.now - time <= RECENT_US else 0


def _by_reading(state: State, account: int) -> int:
    holder = state.ledger.accounts[account]
    worst_loss, parent = 0, 0
    for i in state.market.derivatives:
        loss = -_change(state, i, holder.positions[i.id].size, state.tick_marks[i.id])
        if loss > worst_loss:
            worst_loss, parent = loss, state.index_seq[i.feed]
    for c in state.market.coins:
        change = state.feeds[c.feed].index - state.tick_index[c.feed]
        loss = -change * holder.coins[c.asset] * c.tv
        if loss > worst_loss:
            worst_loss, parent = loss, state.index_seq[c.feed]
    return parent

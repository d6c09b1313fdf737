"""What caused a flag (LIQ-09)."""

from __future__ import annotations

from twin.arithmetic import MILLION
from twin.margin import Margin
from twin.state import State

RECENT_US = 300 * MILLION


def parent_of(state: State, margin: Margin, account: int) -> int:
    """The seq of the forced fill or of the reading that made the account liquidatable."""
    at_index = [
        state.feeds[i.feed].index if i.is_perpetual else state.marks[i.id].mark
        for i in state.market.instruments
    ]
    if margin.net(account, marks=at_index) >= margin.maintenance(account, marks=at_index):
        return _by_book(state, account)
    return _by_reading(state, account)


def _by_book(state: State, account: int) -> int:
    worst: tuple[int, int] | None = None
    for i in state.market.perpetuals:
        size = state.ledger.accounts[account].positions[i.id].size
        if size == 0:
            continue
        gap = (state.marks[i.id].mark - state.feeds[i.feed].index) * size * i.tv
        if worst is None or gap < worst[0]:
            worst = gap, i.id
    if worst is None or worst[1] not in state.forced_fill:
        return 0
    seq, time = state.forced_fill[worst[1]]
    return seq if state.now - time <= RECENT_US else 0


def _by_reading(state: State, account: int) -> int:
    holder = state.ledger.accounts[account]
    worst_loss, parent = 0, 0
    for i in state.market.perpetuals:
        change = state.marks[i.id].mark - state.tick_marks[i.id]
        loss = -change * holder.positions[i.id].size * i.tv
        if loss > worst_loss:
            worst_loss, parent = loss, state.index_seq[i.feed]
    for c in state.market.coins:
        change = state.feeds[c.feed].index - state.tick_index[c.feed]
        loss = -change * holder.coins[c.asset] * c.tv
        if loss > worst_loss:
            worst_loss, parent = loss, state.index_seq[c.feed]
    return parent

"""Resolution of events (SET-03)."""

from __future__ import annotations

from collections.abc import Sequence

from twin.arithmetic import MILLION
from twin.codes import BUY, SELL, Event, Reason
from twin.state import State

VOID = -1
PER_SHARE = {0: (MILLION, 0), 1: (0, MILLION), VOID: (MILLION // 2, MILLION // 2)}


class Settlement:
    def __init__(self, state: State) -> None:
        self.s = state

    def resolve(self, message: Sequence[int]) -> Reason:
        event, winner = message[3], message[9]
        if not 0 <= event < len(self.s.winners):
            return Reason.UNKNOWN_EVENT
        if self.s.winners[event] is not None:
            return Reason.ALREADY_RESOLVED
        if winner not in PER_SHARE:
            return Reason.UNKNOWN_OUTCOME
        i = self.s.market.events[event]
        for side in (BUY, SELL):
            for order in self.s.books[i.id].ascending(side):
                self.s.cancel(order, Reason.RESOLVED)
        total = 0
        for account, holder in enumerate(self.s.ledger.accounts):
            yes, no = holder.shares[event]
            if yes == 0 and no == 0:
                continue
            amount = yes * PER_SHARE[winner][0] + no * PER_SHARE[winner][1]
            holder.usdc += amount
            holder.shares[event] = [0, 0]
            total += amount
            self.s.emit(Event.PAYOUT, account=account, instrument=event, amount=amount)
        self.s.ledger.sets[event] = 0
        self.s.winners[event] = winner
        self.s.marks[i.id].mark = {0: i.payoff, 1: 0, VOID: i.payoff // 2}[winner]
        self.s.emit(Event.RESOLVE, instrument=event, code=winner, amount=total)
        return Reason.NONE

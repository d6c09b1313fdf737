"""The insurance fund: what it pays, what returns to it, and how a deficit is told (LIQ-04, LIQ-08)."""

from __future__ import annotations

from twin.arithmetic import micro
from twin.codes import Event
from twin.margin import Margin
from twin.state import State


class Fund:
    def __init__(self, state: State, margin: Margin) -> None:
        self.s = state
        self.margin = margin

    def insure(self, account: int, loss: int) -> int:
        """Pay what the fund has, up to the cap on what one account may draw."""
        a = self.s.ledger.accounts[account]
        paid = min(loss, self.s.ledger.insurance)
        cap = micro(self.s.rules["insurance_cap_usd"])
        if cap > 0:
            paid = min(paid, max(0, cap - a.drawn))
        if paid > 0:
            self.s.ledger.to_insurance(account, -paid)
            a.drawn += paid
            self.s.emit(Event.INSURANCE, account=account, amount=paid)
        return paid

    def give_back(self, account: int) -> None:
        """Positive equity returns to the fund up to what was drawn."""
        a = self.s.ledger.accounts[account]
        e = self.margin.equity(account)
        debts = a.usdc < 0 or any(units < 0 for units in a.coins.values())
        if a.drawn == 0 or a.has_position() or debts or e <= 0:
            return
        amount = min(e, a.drawn, a.usdc)
        a.drawn = 0
        if amount > 0:
            self.s.ledger.to_insurance(account, amount)
            self.s.emit(Event.FUND_RETURN, account=account, amount=amount)

    def say_deficit(
        self, account: int, deficit: int, insured: int, forgone: int, socialised: int
    ) -> None:
        self.s.emit(
            Event.DEFICIT,
            account=account,
            amount=deficit,
            x=insured,
            y=forgone,
            other_order=socialised,
        )

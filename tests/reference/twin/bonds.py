"""Bonded proposals of an outcome and their disputes (SET-02, SET-04)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twin.arithmetic import MILLION, fdiv
from twin.codes import Event, Reason
from twin.listing import EventProduct
from twin.margin import Margin
from twin.memory import Proposal
from twin.state import State

MOST = 2  # proposals of one event: the first and the reset


class Bonds:
    def __init__(
        self, state: State, margin: Margin, refusal: Callable[[EventProduct, int, int], Reason]
    ) -> None:
        self.s = state
        self.margin = margin
        self.refusal = refusal

    def _open(self, event: int) -> Proposal | None:
        """The proposal that nobody has disputed yet."""
        proposals = self.s.proposals[event]
        return proposals[-1] if proposals and proposals[-1].disputer is None else None

    def _known(self, account: int, event: int) -> Reason:
        if not 0 <= account < len(self.s.ledger.accounts):
            return Reason.UNKNOWN_ACCOUNT
        if not 0 <= event < len(self.s.winners):
            return Reason.UNKNOWN_EVENT
        if self.s.winners[event] is not None:
            return Reason.ALREADY_RESOLVED
        return Reason.NONE

    def propose(self, message: Sequence[int]) -> Reason:
        account, event, bond = message[2], message[3], message[6]
        outcome, value = message[9], message[10]
        reason = self._known(account, event)
        if reason:
            return reason
        proposals = self.s.proposals[event]
        if self._open(event) is not None or len(proposals) >= MOST:
            return Reason.BOOK_STATE
        reason = self.refusal(self.s.market.events[event], outcome, value)
        if reason:
            return reason
        if bond <= 0:
            return Reason.BAD_SIZE
        proposal = Proposal(account, bond, outcome, 0 if outcome < 0 else value)
        proposals.append(proposal)  # it counts already in the test of margin
        reason = self._pay_in(account, bond)
        if reason:
            proposals.pop()
            return reason
        self._say(Event.PROPOSE, account, event, proposal)
        return Reason.NONE

    def dispute(self, message: Sequence[int]) -> Reason:
        account, event, bond = message[2], message[3], message[6]
        reason = self._known(account, event)
        if reason:
            return reason
        proposal = self._open(event)
        if proposal is None:
            return Reason.BOOK_STATE
        if bond != proposal.bond:
            return Reason.BAD_SIZE
        reason = self._pay_in(account, bond)
        if reason:
            return reason
        proposal.disputer = account
        self._say(Event.DISPUTE, account, event, proposal)
        return Reason.NONE

    def _pay_in(self, account: int, bond: int) -> Reason:
        """From the account to `bonds`, where its margin allows it."""
        if account in self.s.flagged:
            return Reason.FLAGGED
        if self.s.ledger.accounts[account].usdc < bond:
            return Reason.INSUFFICIENT_BALANCE
        self.s.ledger.accounts[account].usdc -= bond
        if self.margin.net(account, strict=True) < self.margin.initial(account):
            self.s.ledger.accounts[account].usdc += bond
            return Reason.INSUFFICIENT_MARGIN
        self.s.ledger.bonds += bond
        return Reason.NONE

    def pay(self, event: EventProduct, outcome: int, value: int) -> None:
        """After a resolution: the bonds of each proposal go to who was right."""
        for proposal in self.s.proposals[event.id]:
            bond, to_store = proposal.bond, 0
            right = proposal.outcome == outcome
            if event.scalar:
                right = right and proposal.value == value
            if proposal.disputer is None:
                winner, amount, code = proposal.account, bond, 0
            else:
                winner, code = (proposal.account, 1) if right else (proposal.disputer, 2)
                ppm = round(self.s.rules["bond_winner_ratio"] * MILLION)
                amount = bond + fdiv(bond * ppm, MILLION)
                to_store = 2 * bond - amount
            self.s.ledger.bonds -= amount + to_store
            self.s.ledger.fees[0] += to_store
            self.s.ledger.accounts[winner].usdc += amount
            self.s.emit(
                Event.BOND,
                account=winner,
                instrument=event.id,
                amount=amount,
                x=to_store,
                code=code,
            )

    def _say(self, kind: Event, account: int, event: int, proposal: Proposal) -> None:
        self.s.emit(
            kind,
            account=account,
            instrument=event,
            amount=proposal.bond,
            code=proposal.outcome,
            x=proposal.value,
        )

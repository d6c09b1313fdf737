"""Everything is settled once and whole, and bonds come back to the last unit (I18, I19)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from sim.exchange import messages as ms
from sim.exchange.audit_tape import Row, Tape
from sim.exchange.instruments import MICRO

UNDISPUTED, PROPOSER, DISPUTER = range(3)  # code of a BOND row


@dataclass
class Proposal:
    """Who put up which bond (micro-USDC)."""

    account: int
    bond: int
    disputer: int | None = None

    @property
    def held(self) -> int:
        return self.bond * (1 if self.disputer is None else 2)

    def winner(self, code: int) -> int | None:
        """Whom a BOND row with this code must pay, None if it cannot have that code."""
        if self.disputer is None:
            return self.account if code == UNDISPUTED else None
        return {PROPOSER: self.account, DISPUTER: self.disputer}.get(code)


class Settlement:
    """Checks futures and events as they end."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.payouts: dict[int, int] = defaultdict(int)  # micro-USDC by event
        self.resolved: set[int] = set()
        self.closing: set[int] = set()  # futures settled in the events array at hand
        self.bonds: dict[int, list[Proposal]] = defaultdict(list)

    def done(self) -> None:
        """At the end of an events array: nothing is left of what was settled in it."""
        for i in self.closing:
            self.tape.blame("I18", self.tape.positions[:, i].any())
        self.closing.clear()
        for event in self.resolved:
            self.tape.blame("I19", self.bonds.pop(event, None))

    # futures ------------------------------------------------------------------------------------
    def settled(self, row: Row) -> None:
        i = row[ms.E_INSTRUMENT]
        self.tape.blame("I18", self.tape.ended[i])
        self.tape.ended[i] = True
        self.closing.add(i)

    def settlement(self, row: Row) -> None:
        account, i, size = (row[c] for c in (ms.E_ACCOUNT, ms.E_INSTRUMENT, ms.E_SIZE))
        known = i in self.closing and size != 0
        self.tape.blame("I18", not known or self.tape.positions[account, i] != size)
        self.tape.move(account, i, -size)

    # events -------------------------------------------------------------------------------------
    def payout(self, row: Row) -> None:
        event = row[ms.E_INSTRUMENT]
        self.tape.blame("I18", event in self.resolved)
        self.payouts[event] += row[ms.E_AMOUNT]

    def resolve(self, row: Row) -> None:
        """Once, and what the vault held is what was paid but for what goes to rounding."""
        event, amount, left = (row[c] for c in (ms.E_INSTRUMENT, ms.E_AMOUNT, ms.E_Y))
        tape = self.tape
        vault = int(tape.sets[event]) * MICRO
        paid = self.payouts.pop(event, 0)
        tape.blame("I18", event in self.resolved)
        tape.blame("I18", amount != paid or amount + left != vault or left < 0)
        self.resolved.add(event)
        tape.sets[event] = 0
        for place in tape.places:
            if place.event == event:
                tape.ended[place.id] = True

    # bonds --------------------------------------------------------------------------------------
    def propose(self, row: Row) -> None:
        event, bond = row[ms.E_INSTRUMENT], row[ms.E_AMOUNT]
        proposals = self.bonds[event]
        waiting = proposals and proposals[-1].disputer is None
        self.tape.blame("I19", waiting or event in self.resolved or bond <= 0)
        proposals.append(Proposal(row[ms.E_ACCOUNT], bond))

    def dispute(self, row: Row) -> None:
        proposals = self.bonds[row[ms.E_INSTRUMENT]]
        open_one = proposals and proposals[-1].disputer is None
        if not open_one or proposals[-1].bond != row[ms.E_AMOUNT]:
            self.tape.blame("I19", True)
            return
        proposals[-1].disputer = row[ms.E_ACCOUNT]

    def bond(self, row: Row) -> None:
        """I19: a bond or a pair of them comes back whole: to its winner, and the store's part."""
        event = row[ms.E_INSTRUMENT]
        if not self.bonds[event] or event not in self.resolved:
            self.tape.blame("I19", True)
            return
        first = self.bonds[event].pop(0)
        whole = row[ms.E_AMOUNT] + row[ms.E_X] == first.held and row[ms.E_X] >= 0
        right = first.winner(row[ms.E_CODE]) == row[ms.E_ACCOUNT]
        self.tape.blame("I19", not whole or not right)
        if not self.bonds[event]:
            del self.bonds[event]

"""An event's end as a cause of liquidations: from a RESOLVE back to the vote, disputes, proposals.

LIQ-09 names a price as the parent of a FLAG.  An event pushes an account over without one: its
shares are paid less than they were marked at, or a proposal makes λ 1 (SET-02).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sim.exchange import messages as m
from sim.exchange.instruments import MICRO
from sim.exchange.messages import Event
from sim.exchange.rules import Rules
from sim.risk.eventlog import EventLog
from sim.risk.link import Link, link_of
from sim.risk.payout import Payout, outcome_name, payout_of, told
from sim.risk.raised import raised_usd
from sim.risk.truth import TrueOutcome, payouts


@dataclass(frozen=True)
class Step:
    """A row of the event oracle's log (``resolutions.parquet``); stakes are micro-USD."""

    time_us: int
    event: int
    state: str
    actor: str
    outcome: int
    value: int
    stake_for: int
    stake_against: int
    text: str

    @property
    def voted(self) -> bool:
        return self.actor == "voters"


@dataclass(frozen=True)
class Verdict:
    """The RESOLVE or PROPOSE row that pushed an account over, and what it did to it.

    ``paid``: by a resolution; ``raised_usd``: the margin that a proposal asked for on top.
    """

    row: np.ndarray
    paid: Payout | None = None
    raised_usd: float = 0.0

    @property
    def event(self) -> int:
        return int(self.row[m.E_INSTRUMENT])


class Verdicts:
    """Judges flags of a log; ``steps`` and ``outcomes`` are what the event oracle and the truth say.

    Args:
        tick_us: from one liquidation tick to the next.
        steps: the event oracle's log, empty where there is none.
        outcomes: how each event really ends; None, or not there: unknown.
    """

    def __init__(
        self,
        log: EventLog,
        rules: Rules,
        tick_us: int = MICRO,
        steps: Sequence[Step] = (),
        outcomes: Sequence[TrueOutcome | None] = (),
    ) -> None:
        self.log, self.rules, self.tick_us = log, rules, tick_us
        self.steps, self.outcomes = tuple(steps), tuple(outcomes)
        self._ends = log.of(Event.RESOLVE)
        proposals = log.of(Event.PROPOSE)
        _, first = np.unique(proposals[:, m.E_INSTRUMENT], return_index=True)
        self._first = proposals[np.sort(first)]  # of each event, which makes λ 1

    def of(self, flag: np.ndarray) -> Verdict | None:
        """What pushed a flagged account over, if an event did.

        An event since the previous tick did it if the account would have been safe without it, or
        if no price moved against the account (parent 0).
        """
        time, seq = int(flag[m.E_TIME]), int(flag[m.E_SEQ])
        ne, mm = (int(flag[c]) / MICRO for c in (m.E_X, m.E_Y))
        worst: Verdict | None = None
        weight = 0.0
        # At one time resolutions come before the tick, proposals after it (SEQ-01).
        recent = self._ends[(self._ends[:, m.E_SEQ] < seq) & (self._ends[:, m.E_TIME] <= time)]
        for row in recent[recent[:, m.E_TIME] > time - self.tick_us]:
            paid = payout_of(self.log, row, int(flag[m.E_ACCOUNT]))
            if paid is not None and paid.lost_usd > 0:
                ne, mm = ne + paid.lost_usd, mm + self._margin_usd(paid)
                if paid.lost_usd > weight:
                    worst, weight = Verdict(row, paid), paid.lost_usd
        recent = self._first[(self._first[:, m.E_SEQ] < seq)]
        for row in recent[recent[:, m.E_TIME] >= time - self.tick_us]:
            e = int(row[m.E_INSTRUMENT])
            raised = raised_usd(self.log.listing, self.rules, self.log.held(flag), e)
            if raised > 0:
                mm -= raised
                if raised > weight:
                    worst, weight = Verdict(row, raised_usd=raised), raised
        return worst if int(flag[m.E_PARENT]) == 0 or ne >= mm else None

    def _margin_usd(self, paid: Payout) -> float:
        """What the shares that a resolution paid had asked for in MM (MAR-05)."""
        e = int(paid.row[m.E_INSTRUMENT])
        proposed = self.rules.proposal_margin and e in self._first[:, m.E_INSTRUMENT]
        return (1.0 if proposed else self.log.listing.events[e].lam) * paid.above_usd

    def true_usd(self, paid: Payout) -> float | None:
        """What the true outcome would have paid the account; None where nobody knows it."""
        true, row = self.true_outcome(paid.row), paid.row
        if true is None:
            return None
        event = self.log.listing.events[int(row[m.E_INSTRUMENT])]
        really = payouts(event, true.outcome, true.value)
        pays = payouts(event, int(row[m.E_CODE]), int(row[m.E_PRICE]))
        return paid.paid_usd + float((paid.above * (really - pays)).sum())

    def true_outcome(self, row: np.ndarray) -> TrueOutcome | None:
        """How the event of a RESOLVE row really ended, if it is known."""
        e = int(row[m.E_INSTRUMENT])
        if e < len(self.outcomes) and (known := self.outcomes[e]) is not None:
            return known
        if row[m.E_X] == 0:  # not tagged as wrong
            return TrueOutcome(int(row[m.E_CODE]), int(row[m.E_PRICE]))
        return None

    # links ------------------------------------------------------------------------------------
    def links(self, found: Verdict, account: int) -> tuple[Link, ...]:
        """From the event back to its first proposal."""
        rows = [self._resolved(found, account)] if found.paid is not None else []
        seq = int(found.row[m.E_SEQ])
        if found.paid is not None and (decided := self.decided(found.row)) is not None:
            rows.append(self._decided(decided))
        rows += [
            self._said(row, found, account)
            for row in self.log.rows[::-1]
            if row[m.E_KIND] in (Event.PROPOSE, Event.DISPUTE)
            and row[m.E_INSTRUMENT] == found.event
            and row[m.E_SEQ] <= seq
        ]
        return tuple(rows)

    def decided(self, row: np.ndarray) -> Step | None:
        """Who decided on the outcome of a RESOLVE row, from the event oracle's log."""
        own = [
            step
            for step in self.steps
            if step.event == row[m.E_INSTRUMENT]
            and step.state == "decided"
            and step.time_us <= row[m.E_TIME]
        ]
        return own[-1] if own else None

    def _resolved(self, found: Verdict, account: int) -> Link:
        row, paid = found.row, found.paid
        assert paid is not None
        true, true_usd = self.true_outcome(row), self.true_usd(paid)
        data = {
            "name": self.log.listing.events[found.event].name,
            "outcome": self.name(found.event, int(row[m.E_CODE]), int(row[m.E_PRICE])),
            "wrong": bool(row[m.E_X] == 1),
            "account": account,
            "marked_usd": paid.marked_usd,
            "paid_usd": paid.paid_usd,
            "true_outcome": None,
            "true_usd": true_usd,
        }
        text = told(self.log, paid, account)
        if true is not None:
            data["true_outcome"] = self.name(found.event, true.outcome, true.value)
            if data["wrong"]:
                text += f"; under the true outcome {data['true_outcome']}: {true_usd:,.2f}"
        return link_of(row, "SET-03", text, **data)

    def _decided(self, step: Step) -> Link:
        outcome = self.name(step.event, step.outcome, step.value)
        text = f"decided by the {step.actor}: {outcome}"
        data: dict[str, Any] = {"outcome": outcome, "actor": step.actor}
        if step.voted:
            support, against = step.stake_for / MICRO, step.stake_against / MICRO
            text = f"the vote: {outcome}, with a stake of {support:,.0f} for and {against:,.0f} against"
            data |= {"stake_for": support, "stake_against": against}
        text += f" ({step.text})" if step.text else ""
        return Link(0, step.time_us, "SET-02", "VOTE" if step.voted else "DECIDED", text, data)

    def _said(self, row: np.ndarray, found: Verdict, account: int) -> Link:
        """A PROPOSE or DISPUTE row."""
        who, bond = int(row[m.E_ACCOUNT]), int(row[m.E_AMOUNT]) / MICRO
        outcome = self.name(found.event, int(row[m.E_CODE]), int(row[m.E_X]))
        name = self.log.listing.events[found.event].name
        if row[m.E_KIND] == Event.PROPOSE:
            text = f"account {who} proposed {outcome} for event {name}, bond {bond:,.2f} USD"
        else:
            text = f"account {who} disputed the proposal {outcome}, bond {bond:,.2f} USD"
        data = {"account": who, "name": name, "outcome": outcome, "bond_usd": bond}
        if found.paid is None and row[m.E_SEQ] == found.row[m.E_SEQ]:
            data["raised_usd"] = found.raised_usd
            text += f": λ became 1, which asked {found.raised_usd:,.2f} USD more margin of"
            text += f" account {account}"
        return link_of(row, "SET-02", text, **data)

    def name(self, e: int, outcome: int, value: int) -> str:
        """An outcome in words."""
        return outcome_name(self.log, e, outcome, value)

"""The event oracle: a service of the venue that resolves events (SET-02, SET-03).

The exchange holds the bonds and refuses what it refuses; liveness, votes, delays and what goes
wrong with them are here.  The service hears PROPOSE, DISPUTE, RESOLVE, BOND and refusals and sends
RESOLVE.  States and steps: `sim.oracle.lifecycle`; docs/resolution.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from sim.exchange.instruments import MICRO
from sim.exchange.messages import (
    E_ACCOUNT,
    E_AMOUNT,
    E_CODE,
    E_INSTRUMENT,
    E_KIND,
    E_PRICE,
    E_TIME,
    E_X,
    E_Y,
    Event,
    Kind,
    Reason,
)
from sim.oracle import corruption
from sim.oracle.agenda import Agenda
from sim.oracle.answers import NOTHING, Answer, alternatives, word_of
from sim.oracle.case import Case, Pair
from sim.oracle.corruption import Corruption
from sim.oracle.electorate import Electorate, draw
from sim.oracle.lifecycle import DECIDABLE, State, Step, after
from sim.oracle.question import Procedure, Question, resolve_row, void_us
from sim.oracle.resolution_faults import REFUSED, sending, struck
from sim.oracle.resolution_log import Entry, Log, Seen
from sim.oracle.summary import summary
from sim.oracle.voting import Tally, vote

if TYPE_CHECKING:
    from sim.world import World

SECOND_US = 1_000_000
LOOK_US = SECOND_US  # between looks for an observation that is not known yet
DECIDES = (Step.DECIDE, Step.FINISH, Step.ANNUL)
UNDISPUTED, PROPOSER, DISPUTER = range(3)  # code of a BOND row


class EventOracle:
    """Resolves the events of its questions; see the module's text.

    Args:
        questions: at most one per event.
        seed: of the faults' and the votes' streams.
        corrupters: names of cohorts or traders that are one corrupter, for the accounts of
            corruption; traders whose position decides a whale's vote belong to it.

    Attributes:
        cohorts: accounts by name of cohort or trader; set it before the run.
        log: every step.

    Raises:
        ValueError: two questions about one event, or a fault that an event cannot have.
    """

    def __init__(
        self, questions: Sequence[Question], seed: int, corrupters: Iterable[str] = ()
    ) -> None:
        self.seed = seed
        self.cases = {q.event: Case(q) for q in questions}
        if len(self.cases) < len(questions):
            raise ValueError("two questions about one event")
        self._faults = {q.event: struck(q.faults, q.item, seed) for q in questions}
        self._electorates: dict[int, Electorate] = {}
        by_position = {w.trader for q in questions for w in q.voters.whales if w.trader}
        self.corrupters = frozenset(corrupters) | by_position
        self.cohorts: Mapping[str, Sequence[int]] = {}
        self.log = Log(1 + max(self.cases, default=-1), 0)
        self.tallies: dict[int, Tally] = {}

    # the service ----------------------------------------------------------------------
    @property
    def hears(self) -> frozenset[Event]:
        """REJECT only where something may be refused: there are many of them."""
        kinds = {Event.PROPOSE, Event.DISPUTE, Event.RESOLVE, Event.BOND}
        if any(f.kind in REFUSED for faults in self._faults.values() for f in faults):
            kinds.add(Event.REJECT)
        return frozenset(kinds)

    def attach(self, world: World) -> None:
        """Plan the direct resolutions.

        Raises ValueError for a time that is shorter than the matching window.
        """
        self.world, self._agenda = world, Agenda(world)
        for e, case in self.cases.items():
            question, p = case.question, case.question.procedure
            self._check(question, world.window.window_us)
            due = question.truth.due_us
            if self.corrupters and (at_us := void_us(question.item, world)) is not None:
                self._agenda.plan(at_us, e, partial(self._hold, e))
            if p.method != "direct" or not world.start_us <= due <= world.end_us:
                continue
            if question.plain:
                world.transport.schedule(resolve_row(question, question.truth.answer, due))
                case.sent = True
            else:
                self._agenda.plan(due, e, partial(self._look, e))

    def _check(self, question: Question, window_us: int) -> None:
        """What answers something heard comes a window later, or the window could be seen."""
        p, faults = question.procedure, self._faults[question.event]
        times = [("liveness", p.liveness_us), ("vote", p.vote_us)]
        times += [("retry of a fault", f.retry_us) for f in faults if f.retry_us]
        times += [("delay of a fault 'again'", f.delay_us) for f in faults if f.kind == "again"]
        for what, us in times:
            if us < window_us:
                raise ValueError(
                    f"event {question.item.name!r}: the {what}, {us} us, is shorter than the"
                    f" matching window, {window_us} us"
                )

    def hear(self, events: np.ndarray) -> None:
        """Take the exchange's word for what has happened."""
        ours = {
            Event.PROPOSE: self._proposed,
            Event.DISPUTE: self._disputed,
            Event.RESOLVE: self._resolved,
            Event.BOND: self._bond_back,
            Event.REJECT: self._refused,
        }
        resolved = -1  # the event whose bonds come back now: they follow its RESOLVE at once
        for row in events:
            kind = Event(int(row[E_KIND]))
            e = int(row[E_INSTRUMENT])
            if resolved >= 0 and not (kind == Event.BOND and e == resolved):
                self._account(resolved)
                resolved = -1
            if e not in self.cases or (kind == Event.REJECT and row[E_X] != Kind.RESOLVE):
                continue
            ours[kind](e, row)
            if kind == Event.RESOLVE:
                resolved = e
        if resolved >= 0:
            self._account(resolved)

    # what everybody may ask -------------------------------------------------------------
    def seen(self, event: int, at_us: int) -> Seen:
        """The public state of an event as of `at_us`."""
        return self.log.seen(event, at_us)

    def answer_at(self, event: int, at_us: int) -> Answer | None:
        """What an honest observer answers at `at_us`; None: too early, or no such question."""
        case = self.cases.get(event)
        return None if case is None else case.question.answer_at(at_us)

    def procedure(self, event: int) -> Procedure:
        """How an event is resolved: bond, liveness and the like."""
        return self.cases[event].question.procedure

    def summary(self) -> dict[str, float]:
        """The run's totals: `sim.oracle.summary.summary`."""
        now = min(self.world.clock.now_us, self.world.end_us)
        exchange = self.world.exchange
        sets = {
            e: int(exchange.open_interest(exchange.listing.first_book(e)))
            for e, case in self.cases.items()
            if case.resolved_us < 0 and case.question.truth.due_us <= now
        }
        return summary(self.cases, sets, now)

    # steps of an event ------------------------------------------------------------------
    def _step(
        self,
        e: int,
        step: Step,
        now_us: int,
        actor: str,
        answer: Answer | None = None,
        text: str = "",
        stakes: tuple[int, int] = (0, 0),
        proposal: Answer | None = None,
        bond: int = 0,
    ) -> State:
        case = self.cases[e]
        case.state = after(case.state, step)
        entry = Entry(now_us, e, case.state, actor, answer, *stakes, text)
        decided = answer if step in DECIDES else None
        self.log.add(entry, proposal=proposal, bond=bond, decided=decided)
        return case.state

    def _look(self, e: int, now_us: int) -> None:
        """Direct: decide as soon as the observation is known."""
        answer = self.cases[e].question.answer_at(now_us)
        if answer is not None:
            self._decide(e, answer, now_us, "oracle", "observed")
        elif now_us + LOOK_US <= self.world.end_us:
            self._agenda.plan(now_us + LOOK_US, e, partial(self._look, e))

    def _proposed(self, e: int, row: np.ndarray) -> None:
        case, now = self.cases[e], int(row[E_TIME])
        answer, bond = Answer(int(row[E_CODE]), int(row[E_X])), int(row[E_AMOUNT])
        case.pairs.append(Pair(answer, int(row[E_ACCOUNT]), bond))
        who = self._who(int(row[E_ACCOUNT]))
        state = self._step(
            e, Step.PROPOSE, now, who, answer, f"bond {_usd(bond)}", proposal=answer, bond=bond
        )
        p = case.question.procedure
        if p.method == "optimistic" and state in (State.PROPOSED, State.PROPOSED_AGAIN):
            self._agenda.plan(now + p.liveness_us, e, partial(self._expire, e, len(case.pairs)))

    def _disputed(self, e: int, row: np.ndarray) -> None:
        case, now = self.cases[e], int(row[E_TIME])
        pair, account = case.pairs[-1], int(row[E_ACCOUNT])
        pair.disputer = account
        state = self._step(
            e, Step.DISPUTE, now, self._who(account), pair.answer, f"bond {_usd(pair.bond)}"
        )
        p = case.question.procedure
        if state is State.DISPUTED:
            self._step(e, Step.RESET, now, "oracle")
        elif state is State.DISPUTED_AGAIN and p.method == "optimistic":
            self._step(e, Step.VOTE, now, "oracle", text=f"{p.vote_us / SECOND_US:g} s to vote")
            self._agenda.plan(now + p.vote_us, e, partial(self._count, e))

    def _expire(self, e: int, number: int, now_us: int) -> None:
        """The liveness of the event's proposal `number` (from 1) is over."""
        case = self.cases[e]
        waits = {1: State.PROPOSED, 2: State.PROPOSED_AGAIN}[number]
        if case.state is waits:
            self._decide(e, case.pairs[-1].answer, now_us, "oracle", "nobody disputed it")

    def _count(self, e: int, now_us: int) -> None:
        """The vote is over."""
        case = self.cases[e]
        if case.state is not State.VOTING:
            return
        q = case.question
        case.rounds += 1
        name = f"vote/{q.item.name}"
        options = alternatives(q.item, q.truth.answer, [pair.answer for pair in case.pairs])
        if e not in self._electorates:
            self._electorates[e] = draw(q.voters, self.seed, name)
        electorate = self._electorates[e]
        positions = {
            w.name: corruption.best_answer(q.item, self._held(e, [w.trader]), options)
            for w in q.voters.whales
            if w.votes == "position"
        }
        tally = self.tallies[e] = vote(
            q.voters, electorate, options, self.seed, name, positions, case.rounds
        )
        spent = corruption.of_vote(q.voters, electorate, tally, self.corrupters)
        if case.rounds > 1:
            spent["stake_lost"] = 0  # bought once
        case.corruption = case.corruption.plus(**spent)
        text = f"turnout {tally.turnout:.1%}"
        if tally.bribed:
            text += f", {len(tally.bribed)} voters bribed with {_usd(tally.bribes)}"
        if tally.winner is not None:
            stakes = tally.stake_for[tally.winner], tally.against(tally.winner)
            self._decide(e, tally.winner, now_us, "voters", text, stakes)
        elif q.procedure.tie == "again" and case.rounds < q.procedure.rounds:
            best = max(tally.stake_for.values())
            entry = Entry(
                now_us, e, case.state, "voters", None, best, tally.cast - best,
                f"{text}, no winner: round {case.rounds + 1}",
            )  # fmt: skip
            self.log.add(entry)
            self._agenda.plan(now_us + q.procedure.vote_us, e, partial(self._count, e))
        else:
            best = max(tally.stake_for.values())
            stakes = best, tally.cast - best
            self._decide(e, NOTHING, now_us, "voters", f"{text}, no winner: void", stakes)

    def _decide(
        self,
        e: int,
        answer: Answer,
        now_us: int,
        actor: str,
        text: str,
        stakes: tuple[int, int] = (0, 0),
    ) -> None:
        """The answer stands: send it after its delay, with the faults that strike."""
        case = self.cases[e]
        if case.state not in DECIDABLE:
            return
        q = case.question
        sent = sending(q.item, answer, self._faults[e])
        later = sent.delay_us + (q.procedure.delay_us if q.procedure.method == "direct" else 0)
        if sent.fault:
            text += f"; fault: {sent.fault}"
        if later:
            text += f"; sent {later / SECOND_US:g} s later"
        self._step(e, Step.DECIDE, now_us, actor, answer, text, stakes)
        case.sending = sent
        if later:
            self._agenda.plan(now_us + later, e, partial(self._send, e, sent.outcome, sent.value))
        else:
            self._send(e, sent.outcome, sent.value, now_us)

    def _send(self, e: int, outcome: int, value: int, now_us: int) -> None:
        """Send RESOLVE, at this very time."""
        self._hold(e, now_us)
        self.cases[e].sent = True
        row = resolve_row(self.cases[e].question, Answer(outcome, value), now_us)
        self.world.transport.schedule(row)

    def _hold(self, e: int, now_us: int) -> None:
        """Note what the corrupter holds before a resolution."""
        if self.cases[e].resolved_us < 0:
            self.cases[e].held = self._held(e, sorted(self.corrupters))

    # what the exchange says ---------------------------------------------------------------
    def _resolved(self, e: int, row: np.ndarray) -> None:
        case, now = self.cases[e], int(row[E_TIME])
        answer = Answer(int(row[E_CODE]), int(row[E_PRICE]))
        case.answer, case.resolved_us, case.wrong = answer, now, bool(row[E_X])
        case.locked = int(row[E_AMOUNT] + row[E_Y]) // MICRO
        truth = case.question.truth
        gained = corruption.gain(case.question.item, case.held, answer, truth.answer)
        case.corruption = case.corruption.plus(profit=gained)
        text = f"{case.locked} sets paid"
        if case.wrong:
            text += f"; the truth is {word_of(case.question.item, truth.answer)}"
        step = Step.ANNUL if answer.void else Step.FINISH
        self._step(e, step, now, "oracle" if case.sent else "exchange", answer, text)
        if case.sending is not None and case.sending.again is not None:
            delay, second = case.sending.again
            call = partial(self._send, e, second.outcome, second.value)
            self._agenda.plan(now + delay, e, call)

    def _refused(self, e: int, row: np.ndarray) -> None:
        case, now = self.cases[e], int(row[E_TIME])
        case.refused += 1
        case.sent = False
        reason = Reason(int(row[E_CODE])).name
        self._step(e, Step.REFUSE, now, "exchange", text=f"resolution refused: {reason}")
        sent = case.sending
        if case.state is State.REFUSED and sent is not None and sent.retry_us:
            # The right one this time: what was decided, without the fault.
            decided = self.seen(e, now).decided
            assert decided is not None
            call = partial(self._retry, e, decided)
            self._agenda.plan(now + sent.retry_us, e, call)

    def _retry(self, e: int, answer: Answer, now_us: int) -> None:
        if self.cases[e].state is State.REFUSED:
            self._step(e, Step.DECIDE, now_us, "oracle", answer, "corrected")
            self._send(e, answer.outcome, answer.value, now_us)

    def _bond_back(self, e: int, row: np.ndarray) -> None:
        case = self.cases[e]
        pair = case.pairs[case.returned]
        case.returned += 1
        code = int(row[E_CODE])
        loser = {UNDISPUTED: -1, PROPOSER: pair.disputer, DISPUTER: pair.proposer}[code]
        theirs = self._corrupt_accounts()
        if loser in theirs:  # and the winner, too: only the store's part is gone
            lost = int(row[E_X]) if int(row[E_ACCOUNT]) in theirs else pair.bond
            case.corruption = case.corruption.plus(bonds_lost=lost)

    def _account(self, e: int) -> None:
        """Write down what the corrupter paid and gained, if there was one."""
        case = self.cases[e]
        if case.corruption != Corruption():
            text = f"corruption cost {_usd(case.corruption.cost)}"
            text += f", brought {_usd(case.corruption.profit)}"
            self.log.add(
                Entry(case.resolved_us, e, case.state, "corrupter", case.answer, text=text)
            )

    # accounts -----------------------------------------------------------------------------
    def _corrupt_accounts(self) -> set[int]:
        return {int(a) for name in self.corrupters for a in self.cohorts.get(name, ())}

    def _held(self, e: int, names: Iterable[str]) -> dict[int, list[int]]:
        """Shares of the event in the accounts of these traders, as everything before now left it."""
        accounts = sorted({int(a) for name in names for a in self.cohorts.get(name, ())})
        exchange, shares = self.world.exchange, len(self.cases[e].question.item.shares)
        first = exchange.listing.first_share(e)
        return corruption.holdings(exchange.balance, first, shares, accounts)

    def _who(self, account: int) -> str:
        """The name of the trader whose account it is."""
        for name, accounts in self.cohorts.items():
            if account in accounts:
                return name
        return f"account {account}"


def _usd(micro: int) -> str:
    return f"{micro / MICRO:,.2f} USD"

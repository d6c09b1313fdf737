"""Reporters, disputers and voters: alone before a scripted oracle, and together on the exchange."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import agents
from agents.base import Trader
from agents.disputer import DisputerParams
from agents.facts import EventTerms
from agents.reporter import ReporterParams
from agents.testing import START_US, build, check_agent, tiny_facts, view_at
from sim.exchange.exchange import Exchange
from sim.exchange.messages import (
    M_ACCOUNT,
    M_ARG,
    M_INSTRUMENT,
    M_KIND,
    M_PRICE,
    M_SIDE,
    M_SIZE,
    Flag,
    Kind,
)
from sim.exchange.rules import Rules
from sim.oracle.answers import Answer, Truth
from sim.oracle.electorate import Voters
from sim.oracle.event import EventOracle
from sim.oracle.lifecycle import State
from sim.oracle.question import Procedure, Question
from sim.oracle.resolution_log import Seen
from sim.world import Cadence, World

S = 1_000_000
DUE = START_US + 10 * S
PLAIN = tiny_facts()
FACTS = replace(PLAIN, events=(replace(PLAIN.events[0], resolves_us=DUE),))
YES, NO = Answer(0), Answer(1)
NOBODY = np.zeros((0, 16), np.int64)


class Script:
    """A public oracle in one state, whose truth is YES from ten seconds on."""

    def __init__(self, seen: Seen, truth: Answer = YES) -> None:
        self.state, self.truth = seen, truth
        self.asked_us = 0

    def seen(self, event: int, at_us: int) -> Seen:
        self.asked_us = at_us
        return self.state

    def answer_at(self, event: int, at_us: int) -> Answer | None:
        return self.truth if at_us >= DUE else None

    def procedure(self, event: int) -> Procedure:
        return Procedure("optimistic", bond_micro=500 * S)


def made(kind: str, script: Script | None, seed: int = 1, **params: Any) -> Trader:
    cls = agents.kind(kind)
    trader = build(cls, FACTS, seed, cls.Params.model_validate(params))
    trader.world.services = [] if script is None else [script]
    return trader


def sent(trader: Trader, from_s: int, until_s: int) -> list[tuple[float, list[int]]]:
    """(second, message) of everything it sends between two seconds, waking when it wants."""
    out, now = [], START_US + from_s * S
    while now < START_US + until_s * S:
        block, pause = trader.wake(now, view_at(FACTS, FACTS.start_ticks, now), NOBODY)
        out += [((now - START_US) / S, row.tolist()) for row in block]
        now += pause
    return out


def proposed(row: list[int]) -> Answer:
    assert row[M_KIND] == Kind.PROPOSE
    assert row[M_SIZE] == 500 * S
    assert row[M_INSTRUMENT] == 0
    return Answer(row[M_ARG], 0)


@pytest.mark.parametrize("kind", ["reporter", "disputer", "voter"])
def test_they_pass_the_check(kind: str) -> None:
    cls = agents.kind(kind)
    quick = {} if kind == "voter" else {"reaction_s": 2}
    sent = check_agent(cls, cls.Params.model_validate(quick), FACTS)
    assert sum(len(block) for block in sent) > 1


# the reporter -----------------------------------------------------------------------------
def test_a_reporter_proposes_once_after_the_due_time_and_its_reaction() -> None:
    trader = made("reporter", Script(Seen(State.OPEN, START_US)), reaction_s=0)
    found = sent(trader, 0, 60)
    assert [proposed(row) for _, row in found] == [YES]
    assert 10 <= found[0][0] < 11
    assert found[0][1][M_ACCOUNT] == trader.account
    waits = [
        sent(made("reporter", Script(Seen(State.OPEN, START_US)), s, reaction_s=20), 0, 400)[0][0]
        for s in range(60)
    ]
    assert np.mean(waits) - 10 == pytest.approx(20, rel=0.4)


def test_it_asks_with_its_latency() -> None:
    script = Script(Seen(State.OPEN, START_US))
    trader = made("reporter", script)
    trader.wake(DUE + 5 * S, view_at(FACTS, FACTS.start_ticks, DUE), NOBODY)
    assert script.asked_us == DUE + 5 * S - trader.latency_us


def test_a_dishonest_one_says_what_it_wants() -> None:
    trader = made("reporter", Script(Seen(State.OPEN, START_US)), says="NO", reaction_s=0)
    assert [proposed(row) for _, row in sent(trader, 0, 30)] == [NO]


def test_after_a_reset_it_proposes_again_if_it_is_that_kind() -> None:
    script = Script(Seen(State.OPEN, START_US))
    trader = made("reporter", script, reaction_s=0)
    once = made("reporter", script, reaction_s=0, again=False)
    assert len(sent(trader, 0, 30)) == len(sent(once, 0, 30)) == 1
    script.state = Seen(State.PROPOSED, DUE, NO, 500 * S, 1)
    assert sent(trader, 30, 60) == []
    script.state = Seen(State.RESET, DUE, NO, 500 * S, 1)
    assert [proposed(row) for _, row in sent(trader, 60, 90)] == [YES]
    assert sent(once, 60, 90) == []


@pytest.mark.parametrize("accuracy", [0.0, 0.7, 1.0])
def test_its_accuracy_is_how_often_it_is_right(accuracy: float) -> None:
    said = [
        proposed(sent(made("reporter", Script(Seen(State.OPEN, START_US)), seed, reaction_s=0,
                           accuracy=accuracy), 9, 30)[0][1])
        for seed in range(300)
    ]  # fmt: skip
    assert said.count(YES) / 300 == pytest.approx(accuracy, abs=3 * 0.027)


def test_without_an_oracle_or_a_known_outcome_nothing_is_said() -> None:
    assert sent(made("reporter", None), 0, 200) == []
    late = Script(Seen(State.OPEN, START_US))
    late.answer_at = lambda event, at_us: None  # type: ignore[method-assign]
    assert sent(made("reporter", late, reaction_s=0), 0, 200) == []


def test_unknown_words_are_refused() -> None:
    with pytest.raises(ValueError, match="has no outcome 'MAYBE'"):
        made("reporter", None, says="MAYBE")
    with pytest.raises(ValueError, match="has no outcome 'MAYBE'"):
        made("disputer", None, wants="MAYBE")
    with pytest.raises(ValueError, match="allowed: YES, NO"):
        made("voter", None, outcome="MAYBE")


# the disputer -----------------------------------------------------------------------------
def test_a_disputer_disputes_what_is_wrong_with_the_proposals_bond() -> None:
    wrong = Script(Seen(State.PROPOSED, DUE, NO, 500 * S, 1))
    found = sent(made("disputer", wrong, reaction_s=0), 12, 60)
    assert [(row[M_KIND], row[M_SIZE]) for _, row in found] == [(int(Kind.DISPUTE), 500 * S)]
    right = Script(Seen(State.PROPOSED, DUE, YES, 500 * S, 1))
    assert sent(made("disputer", right, reaction_s=0), 12, 60) == []


def test_it_disputes_again_but_no_more_than_it_may() -> None:
    for disputes in (1, 2):
        script = Script(Seen(State.PROPOSED, DUE, NO, 500 * S, 1))
        trader = made("disputer", script, reaction_s=0, disputes=disputes)
        assert len(sent(trader, 12, 30)) == 1
        script.state = Seen(State.RESET, DUE, NO, 500 * S, 1)
        assert sent(trader, 30, 40) == []
        script.state = Seen(State.PROPOSED_AGAIN, DUE, NO, 500 * S, 2)
        assert len(sent(trader, 40, 60)) == disputes - 1


def test_it_errs_both_ways() -> None:
    for proposal in (YES, NO):
        script = Script(Seen(State.PROPOSED, DUE, proposal, 500 * S, 1))
        counts = [
            len(sent(made("disputer", script, seed, reaction_s=0, accuracy=0.8), 12, 20))
            for seed in range(300)
        ]
        expected = 0.8 if proposal == NO else 0.2
        assert sum(counts) / 300 == pytest.approx(expected, abs=3 * 0.023)


def test_one_who_wants_an_outcome_disputes_the_truth() -> None:
    script = Script(Seen(State.PROPOSED, DUE, YES, 500 * S, 1))
    trader = made("disputer", script, reaction_s=0, wants="NO")
    assert len(sent(trader, 0, 30)) == 1


def test_it_does_not_judge_what_it_cannot_know() -> None:
    early = Script(Seen(State.PROPOSED, START_US, NO, 500 * S, 1))
    assert sent(made("disputer", early, reaction_s=0), 0, 9) == []


# the voter --------------------------------------------------------------------------------
@pytest.mark.parametrize(("outcome", "price", "arg"), [("YES", 301, 0), ("NO", 1000 - 299, 1)])
def test_a_voter_buys_its_outcome_at_the_touch(outcome: str, price: int, arg: int) -> None:
    trader = made("voter", None, outcome=outcome, max_price=0.8, shares=500)
    ((_, row),) = sent(trader, 1, 3)
    assert (row[M_KIND], row[M_SIDE], row[M_ARG]) == (int(Kind.NEW), 0, arg)
    assert (row[M_PRICE], row[M_SIZE]) == (price, 500)
    assert row[7] == int(Flag.IOC)
    dear = made("voter", None, outcome=outcome, max_price=0.25)
    assert sent(dear, 1, 9) == []
    assert sent(trader, 11, 20) == []


# together ---------------------------------------------------------------------------------
def world(window_us: int, **reporter: Any) -> tuple[World, EventOracle]:
    terms: EventTerms = FACTS.events[0]
    voters = Voters(count=50, communities=1, accuracy=0.9, tail_exponent=0.0)
    item = FACTS.listing.events[0]
    question = Question(
        0, item, Truth(0, terms.resolves_us), Procedure("optimistic", 0, 40 * S, 100 * S), voters
    )
    made = World(
        Exchange(FACTS.listing, Rules(), accounts=5), seed=1, start_us=START_US,
        end_us=START_US + 400 * S, window_us=window_us, cadence=Cadence(0, 0, 0, 0, 0, S, 0, 0, 0),
    )  # fmt: skip
    oracle = EventOracle([question], 1)
    oracle.cohorts = {"liar": [0], "watcher": [1], "honest": [2]}
    made.serve(oracle)
    liar = ReporterParams.model_validate({"says": "NO", "reaction_s": 1, **reporter})
    traders = [
        agents.kind("reporter")(made, "liar", np.array([0]), 20_000, liar, FACTS),
        agents.kind("disputer")(made, "watcher", np.array([1]), 20_000,
                                DisputerParams(reaction_s=4), FACTS),
        agents.kind("reporter")(made, "honest", np.array([2]), 20_000,
                                ReporterParams(reaction_s=60), FACTS),
    ]  # fmt: skip
    for trader in traders:
        made.add(trader)
    for trader in traders:
        made.setup(trader.setup())
    made.run()
    return made, oracle


@pytest.mark.spec("SET-02")
@pytest.mark.spec("SET-04")
def test_a_liar_is_disputed_twice_and_loses_both_bonds() -> None:
    made, oracle = world(10_000)
    path = [str(e.state) for e in oracle.log.entries]
    assert path == [
        "proposed", "disputed", "reset", "proposed-again", "disputed-again", "voting", "decided",
        "final",
    ]  # fmt: skip
    actors = [e.actor for e in oracle.log.entries if e.actor not in ("oracle", "voters")]
    assert actors == ["liar", "watcher", "liar", "watcher"]
    cash = [made.exchange.balance(a, 0) / S for a in range(3)]  # type: ignore[attr-defined]
    assert cash == [2000 - 1500, 2000 + 750, 2000]
    assert oracle.cases[0].answer == YES


@pytest.mark.spec("SEQ-01")
def test_every_window_gives_the_same_run() -> None:
    runs = [world(w, again=False) for w in (1_000, 10_000, 20_000)]
    logs = [oracle.log.entries for _, oracle in runs]
    assert logs[0] == logs[1] == logs[2]
    assert [e.actor for e in logs[0]][3] == "honest"
    digests = {made.exchange.state_digest() for made, _ in runs}  # type: ignore[attr-defined]
    assert len(digests) == 1

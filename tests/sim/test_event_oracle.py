"""The event oracle on the real exchange: every path to a resolution, and what can go wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from resolution_scene import (
    ALICE,
    BINARY,
    BOB,
    CAROL,
    HOLDER,
    HONEST,
    LIST,
    LISTING,
    NO,
    OPTIMISTIC,
    QUIET,
    RANGE,
    START,
    YES,
    Keeper,
    S,
    Scene,
    dispute,
    message,
    propose,
)

from sim.exchange.exchange import Exchange
from sim.exchange.messages import (
    E_INSTRUMENT,
    E_TIME,
    Event,
    Kind,
)
from sim.exchange.rules import Rules
from sim.oracle.answers import Answer, Truth, answer_named, payout_micro
from sim.oracle.electorate import Voters
from sim.oracle.event import EventOracle
from sim.oracle.lifecycle import STEPS, State, Step, StepRefused, after
from sim.oracle.question import Procedure, Question
from sim.oracle.resolution_faults import ResolutionFault, struck
from sim.record.resolutions import frame
from sim.world import World


# the machine ------------------------------------------------------------------------------
@pytest.mark.spec("SET-02")
def test_the_table_of_steps_reaches_every_state_and_final_ones_stay() -> None:
    reached = {State.OPEN}
    while more := {to for (at, _), to in STEPS.items() if at in reached} - reached:
        reached |= more
    assert reached == set(State)
    for end in (State.FINAL, State.VOID):
        assert {(p, to) for (at, p), to in STEPS.items() if at == end} == {(Step.REFUSE, end)}
    with pytest.raises(StepRefused, match="voting: no step propose"):
        after(State.VOTING, Step.PROPOSE)


# direct -----------------------------------------------------------------------------------
@pytest.mark.spec("SET-02")
def test_direct_sends_the_truth_at_its_time() -> None:
    scene = Scene(procedure=Procedure())
    assert scene.resolved() == [(10.0, 0, 0)]
    assert scene.states == [(10.0, "final")]


@pytest.mark.spec("SET-02")
def test_direct_with_a_delay() -> None:
    scene = Scene(procedure=Procedure(delay_us=30 * S), truth=NO)
    assert scene.resolved() == [(40.0, 1, 0)]
    assert scene.states == [(10.0, "decided"), (40.0, "final")]
    found = scene.oracle.summary()
    assert found["p95_time_to_resolution_s"] == 30
    assert found["capital_locked_usd_days"] == pytest.approx(100 * 30 / 86_400)


def test_a_delay_is_seven_days_at_most() -> None:
    Procedure(delay_us=7 * 86_400 * S)
    with pytest.raises(ValueError, match="0 to 7"):
        Procedure(delay_us=7 * 86_400 * S + 1)


# optimistic -------------------------------------------------------------------------------
@pytest.mark.spec("SET-02")
def test_an_undisputed_proposal_is_final_after_its_liveness() -> None:
    scene = Scene(propose(12, ALICE, YES))
    assert scene.states == [(12.0, "proposed"), (32.0, "decided"), (32.0, "final")]
    assert scene.resolved() == [(32.0, 0, 0)]
    assert scene.cash(ALICE) == 10_000


@pytest.mark.spec("SET-03")
def test_a_wrong_proposal_that_nobody_disputes_settles_and_is_tagged() -> None:
    scene = Scene(propose(12, ALICE, NO))
    assert scene.resolved() == [(32.0, 1, 1)]
    assert scene.oracle.summary()["wrong"] == 1
    assert "the truth is YES" in scene.oracle.log.entries[-1].text


@pytest.mark.spec("SET-02")
def test_a_dispute_resets_and_the_second_proposal_may_stand() -> None:
    scene = Scene(propose(12, ALICE, NO), dispute(20, BOB), propose(25, CAROL, YES))
    assert scene.states == [
        (12.0, "proposed"), (20.0, "disputed"), (20.0, "reset"), (25.0, "proposed-again"),
        (45.0, "decided"), (45.0, "final"),
    ]  # fmt: skip
    assert (scene.cash(ALICE), scene.cash(BOB), scene.cash(CAROL)) == (9_250, 10_375, 10_000)


@pytest.mark.spec("SET-02")
@pytest.mark.spec("SET-04")
def test_a_second_dispute_calls_the_vote() -> None:
    scene = Scene(
        propose(12, ALICE, NO), dispute(20, BOB), propose(25, ALICE, NO), dispute(30, CAROL)
    )
    assert scene.states[-4:] == [
        (30.0, "disputed-again"), (30.0, "voting"), (80.0, "decided"), (80.0, "final"),
    ]  # fmt: skip
    decided = scene.oracle.log.entries[-2]
    assert decided.actor == "voters"
    assert decided.answer == YES
    assert decided.stake_against == 0
    assert decided.stake_for == scene.oracle.tallies[0].cast > 0
    assert scene.resolved() == [(80.0, 0, 0)]
    assert (scene.cash(ALICE), scene.cash(BOB), scene.cash(CAROL)) == (8_500, 10_375, 10_375)
    assert scene.exchange.bucket("bonds") == 0
    assert scene.oracle.summary()["disputes"] == 2


@pytest.mark.spec("SET-02")
def test_a_dispute_at_the_end_of_liveness_comes_too_late() -> None:
    in_time = Scene(propose(12, ALICE, YES), dispute(31.999999, BOB))
    assert in_time.states[1] == (31.999999, "disputed")
    late = Scene(propose(12, ALICE, YES), dispute(32, BOB))
    assert late.states == [(12.0, "proposed"), (32.0, "decided"), (32.0, "final")]
    assert late.cash(BOB) == 10_000


@pytest.mark.spec("SET-02")
def test_a_vote_without_a_winner_is_void_or_goes_on() -> None:
    rows = [propose(12, ALICE, NO), dispute(13, BOB), propose(14, ALICE, NO), dispute(15, BOB)]
    lazy = Voters(count=9, stake_micro=9_000 * S, communities=1, turnout=0.0)
    scene = Scene(*rows, voters=lazy)
    assert scene.resolved() == [(65.0, -1, 1)]
    assert scene.states[-1] == (65.0, "void")
    assert scene.cash(HOLDER) == 10_000 - 200  # its sets of E came back as half and half
    again = Procedure("optimistic", 0, 20 * S, 50 * S, tie="again", rounds=3)
    scene = Scene(*rows, voters=lazy, procedure=again)
    assert [t for t, s in scene.states if s == "voting"] == [15.0, 65.0, 115.0]
    assert scene.resolved() == [(165.0, -1, 1)]


@pytest.mark.spec("SET-05")
def test_what_nobody_proposes_is_voided_by_the_exchange() -> None:
    scene = Scene(rules=Rules(void_after_days=60 / 86_400))
    assert scene.states == [(70.0, "void")]
    assert scene.oracle.log.entries[0].actor == "exchange"
    assert scene.oracle.summary()["voids"] == 1


# faults -----------------------------------------------------------------------------------
@pytest.mark.spec("SET-03")
@pytest.mark.parametrize(
    ("kind", "event", "truth", "reason"),
    [
        ("double", BINARY, YES, "TWO_WINNERS"),
        ("double", LIST, Answer(2), "TWO_WINNERS"),
        ("unlisted", LIST, Answer(1), "UNKNOWN_OUTCOME"),
        ("out_of_range", RANGE, Answer(0, 15), "UNKNOWN_OUTCOME"),
    ],
)
def test_what_the_exchange_refuses_leaves_the_event_open(
    kind: Any, event: int, truth: Answer, reason: str
) -> None:
    wrong = ResolutionFault(kind)
    scene = Scene(procedure=Procedure(), event=event, truth=truth, faults=(wrong,))
    assert scene.refusals() == [reason]
    assert scene.resolved() == []
    assert scene.states == [(10.0, "decided"), (10.0, "refused")]
    assert reason in scene.oracle.log.entries[-1].text
    found = scene.oracle.summary()
    assert (found["refused"], found["unresolved"]) == (1, 1)
    assert found["capital_locked_usd_days"] == pytest.approx(100 * 190 / 86_400)
    # Until another resolution ...
    healed = ResolutionFault(kind, retry_us=40 * S)
    scene = Scene(procedure=Procedure(), event=event, truth=truth, faults=(healed,))
    assert scene.resolved() == [(50.0, truth.outcome, 0)]
    # ... or the void.
    rules = Rules(void_after_days=60 / 86_400)
    scene = Scene(procedure=Procedure(), event=event, truth=truth, faults=(wrong,), rules=rules)
    assert scene.resolved() == [(70.0, -1, 0)]
    assert scene.states[-1] == (70.0, "void")
    assert scene.oracle.log.entries[-1].actor == "exchange"


@pytest.mark.spec("SET-03")
def test_a_second_resolution_is_refused() -> None:
    again = ResolutionFault("again", delay_us=25 * S)
    scene = Scene(procedure=Procedure(), faults=(again,))
    assert scene.resolved() == [(10.0, 0, 0)]
    assert scene.refusals() == ["ALREADY_RESOLVED"]
    assert scene.states == [(10.0, "decided"), (10.0, "final"), (35.0, "final")]
    assert scene.cash(HOLDER) == 10_000 - 200


@pytest.mark.spec("SET-03")
def test_wrong_late_and_void() -> None:
    wrong = Scene(procedure=Procedure(), faults=(ResolutionFault("wrong"),))
    assert wrong.resolved() == [(10.0, 1, 1)]
    void = Scene(procedure=Procedure(), faults=(ResolutionFault("void"),))
    assert void.resolved() == [(10.0, -1, 1)]
    faults = (ResolutionFault("late", delay_us=70 * S), ResolutionFault("wrong"))
    late = Scene(propose(12, ALICE, YES), faults=faults)
    assert late.resolved() == [(102.0, 1, 1)]
    assert late.states[1:] == [(32.0, "decided"), (102.0, "final")]
    far = Scene(procedure=Procedure(), event=RANGE, truth=Answer(0, 18),
                faults=(ResolutionFault("wrong"),))  # fmt: skip
    assert far.oracle.cases[RANGE].answer == Answer(0, 10)


def test_a_dispute_of_a_decided_answer_moves_only_bonds() -> None:
    late = (ResolutionFault("late", delay_us=70 * S),)
    scene = Scene(propose(12, ALICE, YES), dispute(60, BOB), faults=late)
    assert scene.resolved() == [(102.0, 0, 0)]
    assert scene.states[2] == (60.0, "decided")
    assert (scene.cash(ALICE), scene.cash(BOB)) == (10_375, 9_250)


def test_faults_are_drawn_per_event_and_from_nothing_else() -> None:
    maybe = (ResolutionFault("wrong", probability=0.3), ResolutionFault("late", None, S, 0.5))
    item = LISTING.events[BINARY]
    found = [tuple(f.kind for f in struck(maybe, item, seed)) for seed in range(400)]
    assert sum("wrong" in f for f in found) / 400 == pytest.approx(0.3, abs=0.07)
    assert sum("late" in f for f in found) / 400 == pytest.approx(0.5, abs=0.08)
    alone = [bool(struck(maybe[:1], item, seed)) for seed in range(400)]
    assert alone == ["wrong" in f for f in found]


@pytest.mark.parametrize(
    ("fault", "event", "says"),
    [
        (ResolutionFault("wrong", Answer(0, 21)), RANGE, "cannot resolve to 21"),
        (ResolutionFault("wrong", Answer(3)), LIST, "cannot resolve to outcome 3"),
        (ResolutionFault("late"), BINARY, "needs a delay"),
        (ResolutionFault("double"), RANGE, "has no winners"),
        (ResolutionFault("out_of_range"), LIST, "is no scalar"),
    ],
)
def test_impossible_faults_are_refused(fault: ResolutionFault, event: int, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        struck((fault,), LISTING.events[event], 1)


def test_two_answers_at_once_are_refused() -> None:
    two = (ResolutionFault("wrong"), ResolutionFault("void"))
    with pytest.raises(ValueError, match="wrong and void exclude each other"):
        struck(two, LISTING.events[BINARY], 1)


# answers ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("event", "word", "says"),
    [
        (BINARY, "YESS", "did you mean 'YES'"),
        (LIST, "d", "allowed: a, b, c, void"),
        (RANGE, 25, "value 25 is outside the whole numbers 10 … 20"),
        (RANGE, "LONG", "a number or 'void'"),
    ],
)
def test_unknown_answers_are_named(event: int, word: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        answer_named(LISTING.events[event], word)


@pytest.mark.spec("SET-03")
@pytest.mark.parametrize("event", [BINARY, LIST, RANGE])
def test_payouts_are_the_exchanges(event: int) -> None:
    item = LISTING.events[event]
    answers = [Answer(-1), *(Answer(k) for k in range(len(item.shares)))]
    if event == RANGE:
        answers = [Answer(-1), Answer(0, 10), Answer(0, 13), Answer(0, 20)]
    for answer in answers:
        exchange = Exchange(LISTING, Rules(), accounts=2)
        rows = [message(0, Kind.DEPOSIT, 0, 0, size=1000 * S)]
        rows += [message(0, Kind.MINT, 0, event, size=7)]
        first = LISTING.first_share(event)
        exchange.process(np.array(rows, np.int64))
        held = [exchange.balance(0, first + k) for k in range(len(item.shares))]
        before = exchange.balance(0, 0)
        row = message(1, Kind.RESOLVE, 0, event, arg=answer.outcome, arg2=answer.value)
        exchange.process(np.array([row], np.int64))
        assert exchange.balance(0, 0) - before == payout_micro(item, held, answer)


# the public, the table, the window ----------------------------------------------------------
def test_the_public_sees_states_as_of_a_time() -> None:
    scene = Scene(propose(12, ALICE, NO), dispute(20, BOB), propose(25, CAROL, YES))
    seen = scene.oracle.seen
    assert seen(BINARY, START + 12 * S - 1).state is State.OPEN
    first = seen(BINARY, START + 12 * S)
    assert (first.state, first.proposal, first.bond) == (State.PROPOSED, NO, 750 * S)
    assert seen(BINARY, START + 20 * S).state is State.RESET
    second = seen(BINARY, START + 30 * S)
    assert (second.proposal, second.proposals, second.since_us) == (YES, 2, START + 25 * S)
    assert seen(BINARY, START + 199 * S).state is State.FINAL


def test_the_public_sees_what_was_decided_whatever_was_proposed() -> None:
    rows = [propose(12, ALICE, NO), dispute(20, BOB), propose(25, ALICE, NO), dispute(30, CAROL)]
    late = (ResolutionFault("late", delay_us=40 * S),)
    seen = Scene(*rows, faults=late).oracle.seen
    assert seen(BINARY, START + 80 * S - 1).decided is None
    voted = seen(BINARY, START + 80 * S)
    assert (voted.state, voted.proposal, voted.decided) == (State.DECIDED, NO, YES)
    direct = Procedure(delay_us=30 * S)
    seen = Scene(propose(12, ALICE, NO), procedure=direct).oracle.seen
    assert seen(BINARY, START + 11 * S).decided == seen(BINARY, START + 39 * S).decided == YES
    assert seen(BINARY, START + 39 * S).proposal == NO


def test_a_proposal_after_the_decision_is_not_what_is_sent_after_a_refusal() -> None:
    faults = (ResolutionFault("double", retry_us=20 * S), ResolutionFault("late", delay_us=30 * S))
    scene = Scene(propose(12, ALICE, NO), procedure=Procedure(), faults=faults)
    assert scene.states[:3] == [(10.0, "decided"), (12.0, "decided"), (40.0, "refused")]
    assert scene.resolved() == [(60.0, 0, 0)]


def test_the_log_is_a_table() -> None:
    scene = Scene(propose(12, ALICE, NO), dispute(20, BOB), propose(25, CAROL, YES))
    table = frame(scene.oracle.log)
    assert table.height == 6
    assert table["state"].to_list()[0] == "proposed"
    assert table["actor"].to_list()[:4] == ["alice", "bob", "oracle", "carol"]
    assert table["outcome"].to_list() == [1, 1, -2, 0, 0, 0]
    assert frame(None).schema == table.schema


@pytest.mark.spec("SEQ-01")
@pytest.mark.parametrize("kind", ["direct", "optimistic"])
def test_every_window_gives_the_same_run(kind: str) -> None:
    def run(window_us: int) -> tuple[Any, ...]:
        if kind == "direct":
            faults = (
                ResolutionFault("double", retry_us=7 * S + 3),
                ResolutionFault("again", delay_us=11 * S),
            )
            scene = Scene(procedure=Procedure(delay_us=5 * S + 1), window_us=window_us,
                          faults=faults)  # fmt: skip
        else:
            scene = Scene(
                propose(12.0005, ALICE, NO), dispute(20.003, BOB), propose(20.0031, CAROL, NO),
                dispute(40.0030, ALICE), window_us=window_us,
            )  # fmt: skip
        return scene.oracle.log.entries, scene.exchange.state_digest()

    one = run(0)
    assert len(one[0]) > 3
    assert all(run(w) == one for w in (1_000, 10_000, 500_000))


def test_a_liveness_below_the_window_is_refused() -> None:
    with pytest.raises(ValueError, match="the liveness, 5000 us, is shorter than the matching"):
        Scene(procedure=Procedure("optimistic", liveness_us=5_000), window_us=10_000)
    with pytest.raises(ValueError, match="the retry of a fault, 10 us, is shorter"):
        Scene(procedure=Procedure(), faults=(ResolutionFault("double", retry_us=10),))


def test_two_questions_about_one_event_are_refused() -> None:
    question = Question(0, LISTING.events[0], Truth(0, START))
    with pytest.raises(ValueError, match="two questions"):
        EventOracle([question, question], 1)


@pytest.mark.spec("SEQ-01")
def test_resolutions_of_one_time_come_in_the_order_of_their_events() -> None:
    """Whatever was planned first: what is heard is heard when a window closes."""

    def run(window_us: int) -> list[int]:
        direct = Procedure(delay_us=5 * S + 3_000)  # planned at 10 s, for 15.003 s
        soon = Procedure("optimistic", liveness_us=5 * S, vote_us=S)  # planned when it is heard
        asked = [
            Question(e, LISTING.events[e], Truth(0, START + 10 * S, v), p, HONEST)
            for e, v, p in ((LIST, 0, soon), (RANGE, 12, direct), (BINARY, 0, direct))
        ]
        oracle, keeper = EventOracle(asked, 1), Keeper()
        world = World(
            Exchange(LISTING, Rules(), accounts=5), seed=1, start_us=START, end_us=START + 20 * S,
            window_us=window_us, recorder=keeper, cadence=QUIET,
        )  # fmt: skip
        world.serve(oracle)
        world.setup(np.array([message(0, Kind.DEPOSIT, ALICE, 0, size=1000 * S)], np.int64))
        world.transport.schedule(np.array([propose(10.003, ALICE, Answer(0), LIST)], np.int64))
        world.run()
        rows = keeper.of(Event.RESOLVE)
        assert set(rows[:, E_TIME].tolist()) == {START + 15_003_000}
        return [int(e) for e in rows[:, E_INSTRUMENT]]

    assert [run(w) for w in (0, 1_000, 10_000)] == [[BINARY, LIST, RANGE]] * 3


@pytest.mark.spec("SEQ-01")
def test_the_log_of_events_that_end_together_is_the_same_for_every_window() -> None:
    def run(window_us: int) -> list[Any]:
        asked = [
            Question(e, LISTING.events[e], Truth(0, START + 10 * S), OPTIMISTIC, HONEST)
            for e in (BINARY, LIST)
        ]
        oracle = EventOracle(asked, 1, ["alice"])
        oracle.cohorts = {"alice": [ALICE]}
        world = World(
            Exchange(LISTING, Rules(), accounts=5), seed=1, start_us=START, end_us=START + 60 * S,
            window_us=window_us, cadence=QUIET,
        )  # fmt: skip
        world.serve(oracle)
        deposits = [message(0, Kind.DEPOSIT, a, 0, size=10_000 * S) for a in range(4)]
        world.setup(np.array(deposits, np.int64))
        rows = [propose(12, ALICE, NO, e) for e in (BINARY, LIST)]
        rows += [dispute(13, BOB, e) for e in (BINARY, LIST)]
        rows += [propose(14, CAROL, YES, e) for e in (BINARY, LIST)]
        rows += [propose(34.0004, ALICE, NO, RANGE)]
        world.transport.schedule(np.array(rows, np.int64))
        world.run()
        return oracle.log.entries

    one = run(0)
    assert [(e.event, e.actor) for e in one[-6:]] == [
        (BINARY, "oracle"), (LIST, "oracle"),
        (BINARY, "oracle"), (BINARY, "corrupter"), (LIST, "oracle"), (LIST, "corrupter"),
    ]  # fmt: skip
    assert [e.time_us for e in one] == sorted(e.time_us for e in one)
    assert "cost 750.00 USD" in one[-1].text
    assert all(run(w) == one for w in (1_000, 10_000, 500_000))

"""The oracle's metrics on rows written by hand: what the examples of docs/metrics.md leave out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from metric_rows import Steps, rows

from sim.exchange.instruments import (
    Asset,
    BinaryEvent,
    CategoricalEvent,
    Feed,
    InversePerpetual,
    Listing,
    Margin,
    Perpetual,
    ScalarEvent,
    Spot,
)
from sim.exchange.messages import Grade
from sim.exchange.rules import Rules
from sim.network.statement import Statement
from sim.risk import eventlog, oracle_index
from sim.risk.metrics import Metrics
from sim.risk.oracle_equity import true_equities
from sim.risk.oracle_jumps import JumpExposure
from sim.risk.oracle_quality import episodes
from sim.risk.truth import VOID, TrueOutcome, payouts, share_marks

MICRO = 1_000_000
ACCOUNTS = 10
FLAT = Margin(base=0.1, factor=0, base_m=0.05, factor_m=0)
LISTING = Listing(
    feeds=(
        Feed(name="C", tick_micro=100_000, index_ticks=1000),
        Feed(name="D", tick_micro=100_000, index_ticks=1000, stale_after_s=5),
    ),
    assets=(Asset(name="C", feed="C", units_per_coin=10),),
    perpetuals=(
        Perpetual(name="C-PERP", feed="C", lots_per_coin=1, margin=FLAT),
        Perpetual(name="D-PERP", feed="D", lots_per_coin=1, margin=FLAT),
    ),
    spots=(Spot(name="C/USDC", base="C"),),
    events=(BinaryEvent(name="E", lam=0.2),),
)


def report(
    lines: Sequence[str], truth: Steps | None = None, rules: Rules | None = None
) -> dict[str, float | None]:
    tool = Metrics(LISTING, ACCOUNTS, 0, 100 * MICRO, truth or Steps({0.0: 1000.0}), rules)
    tool.add(rows(*lines))
    return tool.report().metrics


def reading(t: float, price: int, feed: int = 0, code: int = 0, read: float | None = None) -> str:
    read_us = round((t if read is None else read) * MICRO)
    return f"INDEX t={t} instrument={feed} price={price} code={code} x={read_us}"


FALLEN = Steps({0.0: 1000.0, 20.0: 800.0})


def test_episodes_close_short_gaps() -> None:
    mask = np.zeros(300, bool)
    mask[[3, 4, 10, 71, 132, 299]] = True
    assert episodes(mask, 0) == [(3, 4), (10, 10), (71, 71), (132, 132), (299, 299)]
    # 10 to 71 is 61 s, 132 to 299 is more; 4 to 10 is 6
    assert episodes(mask) == [(3, 10), (71, 71), (132, 132), (299, 299)]
    mask[70] = True
    assert episodes(mask) == [(3, 71), (132, 132), (299, 299)]
    assert episodes(np.zeros(5, bool)) == []


@pytest.mark.spec("PRC-04")
def test_without_the_stale_guard_a_frozen_feed_is_never_noticed() -> None:
    lines = [reading(0, 1000), reading(95, 800)]
    guarded, unguarded = report(lines, FALLEN), report(lines, FALLEN, Rules(stale_guard=False))
    assert (guarded["oracle_detect_s"], guarded["oracle_undetected"]) == (41, 0)
    assert (unguarded["oracle_detect_s"], unguarded["oracle_undetected"]) == (None, 1)
    for found in (guarded, unguarded):
        assert found["oracle_stale_s"] == 34  # 61 … 94
        assert found["oracle_error_s"] == 75


@pytest.mark.spec("PRC-04")
def test_a_refused_reading_is_no_index_and_refusing_a_true_one_is_a_false_alarm() -> None:
    """TOO_VOLATILE (4): the index stays at 1000 while what is offered is right."""
    lines = [reading(0, 1000), reading(20, 800, code=4), reading(30, 800), reading(80, 800)]
    found = report(lines, FALLEN)
    assert found["oracle_error_max_bps"] == pytest.approx(2500)
    assert found["oracle_error_s"] == 10
    assert (found["oracle_detect_s"], found["oracle_recover_s"]) == (0, 0)
    assert (found["oracle_false_alarms"], found["oracle_false_alarm_s"]) == (1, 10)
    # the same refusal of a wrong reading is neither an error nor a false alarm
    found = report([*lines[:2], reading(30, 1000), reading(80, 1000)])
    assert found["oracle_error_s"] == 0
    assert found["oracle_false_alarms"] == 0
    assert found["oracle_stale_s"] == 10


@pytest.mark.spec("PRC-04")
def test_the_first_grade_that_is_no_index_is_named() -> None:
    assert eventlog.UNUSED_GRADE is oracle_index.UNUSED_GRADE is Grade.TOO_VOLATILE


def test_a_reading_that_is_not_positive_keeps_price_and_age() -> None:
    found = report([reading(0, 1000), reading(50, 0, code=5), reading(55, 1000)])
    assert found["oracle_error_s"] == 0
    assert found["oracle_stale_s"] == 5
    assert found["oracle_false_alarms"] == 0
    # 50 s of NON_POSITIVE, then a reading already 70 s old: graded by age, not by the bad one's
    found = report([reading(0, 1000), reading(40, 0, code=5), reading(90, 1000, read=80)])
    assert found["oracle_stale_s"] == 50


def test_the_worst_feed_counts_and_each_has_its_own_age() -> None:
    """D is stale after 5 s; C is wrong for 10 s, D for 20 s."""
    lines = [reading(0, 1000), reading(0, 1000, 1), reading(30, 800), reading(40, 800, 1)]
    found = report(lines, FALLEN)
    assert found["oracle_error_s"] == 20
    assert found["oracle_stale_s"] == 55  # D from 46 to 100
    assert found["oracle_undetected"] == 1  # C; D was stale when it became wrong
    assert found["oracle_detect_s"] == 0
    assert found["oracle_recover_s"] == 0


def test_pauses_count_by_message_only() -> None:
    lines = [reading(0, 1000), reading(50, 1000)]
    for state, alarms in (
        ("STATE t=10 instrument=0 code=4 y=1", 0),  # a volatility auction
        ("STATE t=10 instrument=0 code=1", 0),  # post-only still trades
        ("STATE t=10 instrument=0 code=5", 1),
        ("STATE t=10 instrument=2 code=3", 1),  # the spot book of the same coin
        ("STATE t=10 instrument=1 code=3", 0),  # another feed, which has no readings
    ):
        found = report([lines[0], state, f"STATE t=15 {state.split()[2]} code=0 y=3", lines[1]])
        assert found["oracle_false_alarms"] == alarms, state
        assert found["oracle_false_alarm_s"] == 5 * alarms


def test_the_end_of_the_run_ends_what_is_not_over() -> None:
    """Wrong from 20 to 79 and paused from 25 on, for good; recovery counts to the end."""
    lines = [reading(0, 1000), "STATE t=25 instrument=0 code=3", reading(80, 800)]
    assert report(lines, FALLEN)["oracle_recover_s"] == 21
    assert report(lines[:2], FALLEN)["oracle_recover_s"] is None
    assert report(lines[:2], FALLEN)["oracle_detect_s"] == 5


LEGS = (
    "LEG t={t} account={a} code=0 instrument=0 size=40000000 price=1",
    "LEG t={t} account={a} code=1 instrument=0 size=10 amount=1000000000 price=940",
)


def flagged(t: float, a: int, parent: int = 0, ne: int = 0) -> list[str]:
    """A FLAG whose account has 40 USD and needs 50 at true prices."""
    flag = f"FLAG t={t} account={a} parent={parent} x={ne} y=47000000"
    return [flag, *(leg.format(t=t, a=a) for leg in LEGS)]


@pytest.mark.spec("LIQ-09", "SET-03")
def test_who_is_flagged_by_anothers_forced_trade_shares_its_cause() -> None:
    lines = [
        "FILL t=1 account=3 other=8 instrument=3 side=0 price=500 size=100",  # 100 YES
        "RESOLVE t=10 instrument=0 code=1",
        *flagged(10, 3, ne=10_000_000),  # NE 10 + 50 over 47 + λ·50 = 57: the event
        "STEP t=10 account=3 amount=1000000 order=-6",
        "FILL t=10 account=3 instrument=0 side=1 price=1000 size=10 code=1 order=-6",  # seq 7
        *flagged(11, 4, parent=7),
        "STEP t=11 account=4 amount=2000000 order=-11",
        *flagged(11, 5, parent=99),
        "STEP t=11 account=5 amount=4000000 order=-15",
    ]
    found = report(lines)
    assert found["loss_resolution_usd"] == pytest.approx(3)
    assert found["loss_market_usd"] == pytest.approx(4)
    # an NE that would have been too low with the shares too: a price did it
    lines[2] = lines[2].replace("x=10000000", "x=6000000").replace("parent=0", "parent=1")
    found = report(lines)
    assert found["loss_resolution_usd"] == 0
    assert found["loss_market_usd"] == pytest.approx(7)


@pytest.mark.spec("SET-02", "MAR-05")
def test_shares_of_a_proposed_event_had_carried_nothing() -> None:
    """NE 10 + 50 over 47 + λ·50: λ is 1 after a proposal, so the resolution took nothing away."""
    lines = [
        "FILL t=1 account=3 other=8 instrument=3 side=0 price=500 size=100",
        "PROPOSE t=2 account=7 instrument=0 amount=1000000",
        "RESOLVE t=10 instrument=0 code=1",
        *(line.replace("parent=0", "parent=1") for line in flagged(10, 3, ne=10_000_000)),
        "STEP t=10 account=3 amount=1000000 order=-7",
    ]
    assert report(lines)["loss_resolution_usd"] == 0
    assert report(lines, rules=Rules(proposal_margin=False))["loss_resolution_usd"] == 1
    del lines[1]
    assert report(lines)["loss_resolution_usd"] == 1


@pytest.mark.spec("SEQ-01")
def test_a_resolution_before_the_previous_tick_is_no_cause() -> None:
    """At 9 s sharp it came before that second's tick, which would have flagged the account."""
    for at, expected in (("9", 0.0), ("9.000001", 1.0)):
        lines = [
            "FILL t=1 account=3 other=8 instrument=3 side=0 price=500 size=100",
            f"RESOLVE t={at} instrument=0 code=1",
            *flagged(10, 3, ne=10_000_000),
            "STEP t=10 account=3 amount=1000000 order=-6",
        ]
        assert report(lines)["loss_resolution_usd"] == expected


def test_claims_on_the_pool_are_no_positions() -> None:
    """20 USDC in hand and 40 lent: 60 over 50 at the true price."""
    lines = flagged(10, 3)
    lines[1] = lines[1].replace("40000000", "20000000")
    lines.insert(2, "LEG t=10 account=3 code=2 instrument=0 size=40000000 price=1")
    assert report(lines)["wrongful_liquidation_share"] == 1


def test_proposed_events_ask_for_all_their_value() -> None:
    """40 + 60 YES at 0.50 against 5 % of 1000 and λ·30: 56 before a proposal, 80 after."""
    lines = flagged(10, 3)
    lines.insert(2, "LEG t=10 account=3 code=0 instrument=2 size=60 price=500")
    assert report(lines)["wrongful_liquidation_share"] == 1
    later = "PROPOSE t=11 account=7 instrument=0 amount=1000000"
    assert report([*lines, later])["wrongful_liquidation_share"] == 1
    lines.insert(0, "PROPOSE t=1 account=7 instrument=0 amount=1000000")
    assert report(lines)["wrongful_liquidation_share"] == 0
    off = Rules(proposal_margin=False)
    assert report(lines, rules=off)["wrongful_liquidation_share"] == 1


def test_owed_coins_are_closed_by_buying_and_write_offs() -> None:
    """3 coins owed, 100 USD each: 1 bought, 2.5 more written off, of which 2 are debt."""
    lines = [
        "FLAG t=10 account=3",
        "LEG t=10 account=3 code=0 instrument=0 size=400000000 price=1",
        "LEG t=10 account=3 code=0 instrument=1 size=-30 price=2000",
        "FILL t=10 account=3 instrument=2 side=0 price=1500 size=10 code=1 order=-4",
        "WRITE_OFF t=11 account=3 amount=25 x=1",
    ]
    tool = Metrics(LISTING, ACCOUNTS, 0, 100 * MICRO, Steps({0.0: 1000.0}))
    tool.debts.note(9 * MICRO, np.array([300 * MICRO, 30]))
    tool.debts.note(12 * MICRO, np.array([0, 0]))
    tool.add(rows(*lines))
    assert tool.report().metrics["wrongful_debt_share"] == pytest.approx(300 / 600)


def test_wallets_of_a_party_are_one_owner() -> None:
    """Accounts 1 and 6 of 10 are wallets of party 1 of 5."""
    flows = rows(
        "DEPOSIT t=0 account=1 instrument=0 size=100000000",
        "WITHDRAW t=9 account=6 instrument=0 size=300000000",
    )
    truth = Steps({0.0: 1000.0})
    for parties, ratio, usd in ((5, 3.0, 200.0), (0, None, 300.0)):
        tool = Metrics(LISTING, ACCOUNTS, 0, 100 * MICRO, truth, parties=parties)
        tool.set_up(flows[:1])
        tool.add(flows[1:])
        found = tool.report().metrics
        assert (found["extraction_ratio"], found["extracted_usd"]) == (ratio, usd)
    tool.flows.join([6, 1])
    assert tool.report().metrics["extraction_ratio"] == 3


WIDE = Listing(
    feeds=LISTING.feeds[:1],
    assets=LISTING.assets,
    inverses=(InversePerpetual(name="INV", base="C", face_usd=100, margin=FLAT),),
    spots=LISTING.spots,
    events=(
        CategoricalEvent(name="K", outcomes=("a", "b", "c")),
        ScalarEvent(name="S", low=0, high=10),
    ),
)


def held() -> Statement:
    """Account 0: an inverse; 1: shares of K, a lender; 2: a scalar's SHORT and a coin debt."""
    found = Statement(
        WIDE,
        sizes=np.array([[2], [0], [0]]),
        costs=np.array([[-20], [0], [0]]),  # 2 coins owed: 200 USD at 100 USD a coin
        balances=np.array(
            [
                [0, 10, 0, 0, 0, 0, 0],
                [5 * MICRO, 0, 7, 2, 3, 0, 0],
                [90 * MICRO, -10, 0, 0, 0, 0, 20],
            ]
        ),
        claims=np.array([[0, 0], [4 * MICRO, 0], [0, 0]]),
        marks=np.array([1000, 1000, 500, 200, 300, 400]),
        index=np.array([1000]),
        pools=np.array([4 * MICRO, 0]),
    )
    return found


def test_equities_at_true_prices() -> None:
    """At 80 USD: 1 coin, less 2·(1/80 − 1/100)·100 = 0.5 coins; K 2 sets + 5·.5 + 1·.3."""
    found = true_equities(held(), lambda _: 800.0)
    assert found == pytest.approx([40, 5 + 4 + 2 + 2.5 + 0.3, 90 - 80 + 20 * 0.6])
    ended = [TrueOutcome(2), TrueOutcome(0, 10)]
    found = true_equities(held(), lambda _: 800.0, ended)
    assert found == pytest.approx([40, 5 + 4 + 3, 10])
    found = true_equities(held(), lambda _: 800.0, [TrueOutcome(VOID), None])
    assert found == pytest.approx([40, 5 + 4 + 12 / 3, 22])


def test_jump_exposure_of_categorical_and_scalar_events() -> None:
    """Account 1 has equity 1 and 5 a, 1 c above sets, 2.8 at mark; account 2 equity 3 and 20 SHORT."""
    state = held()
    tool = JumpExposure(WIDE)
    equities = np.array([-7 * MICRO, 1 * MICRO, 3 * MICRO])
    tool.take(equities, state.balances, state.marks, frozenset({1}))
    assert tool.worst_usd == pytest.approx(1.8)  # b wins
    tool.take(equities, state.balances, state.marks)
    assert tool.worst_usd == pytest.approx(9)  # SHORT pays nothing: 3 − 12
    assert JumpExposure(LISTING.model_copy(update={"events": ()})).worst_usd is None


@pytest.mark.spec("PRD-01", "LIQ-03")
def test_contracts_of_an_inverse_are_worth_their_face() -> None:
    """10 contracts of 100 USD sold at 99 instead of 100, 5 taken by the backstop, 2 deleveraged."""
    tool = Metrics(WIDE, ACCOUNTS, 0, 100 * MICRO, Steps({0.0: 1000.0}))
    tool.add(
        rows(
            "FILL t=1 account=3 instrument=0 side=1 price=990 size=10 code=1 order=-1",
            "BACKSTOP t=2 account=3 other=4 instrument=0 price=1000 size=5 amount=7000000",
            "ADL t=3 account=3 other=5 instrument=0 price=1000 size=2",
        )
    )
    found = tool.report().metrics
    assert found["liquidated_notional_usd"] == pytest.approx(1000 + 500 + 200)
    assert found["adl_notional_usd"] == pytest.approx(200)
    assert found["liquidation_slippage_bps"] == pytest.approx((1000 / 990 - 1) * 1e4)
    lost = 1000 * (1000 / 990 - 1) + 7
    assert found["liquidation_loss_ratio"] == pytest.approx(lost / 1500)


@pytest.mark.spec("SET-03", "PRD-02")
def test_payouts_and_marks_of_shares() -> None:
    k, s = WIDE.events
    assert payouts(k, 1).tolist() == [0, 1, 0]
    assert payouts(k, VOID) == pytest.approx([1 / 3] * 3)
    assert payouts(s, 0, 4) == pytest.approx([0.4, 0.6])
    assert payouts(s, VOID).tolist() == [0.5, 0.5]
    assert share_marks(s, np.array([400])) == pytest.approx([0.4, 0.6])
    assert share_marks(k, np.array([500, 200, 300])) == pytest.approx([0.5, 0.2, 0.3])

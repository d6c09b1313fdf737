"""Events that no price decides: makers and traders follow the news, and stay when one is overdue."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from agents.event_ear import AGAIN_US
from agents.event_maker import EventMaker, EventMakerParams
from agents.event_trader import EventTrader, EventTraderParams
from agents.facts import VOID, EventTerms, Facts
from agents.hedger import Hedger, HedgerParams
from agents.positions import Positions
from agents.testing import START_US, build, check_agent, tiny_facts, view_at
from sim.exchange.instruments import BinaryEvent, CategoricalEvent, Listing, ScalarEvent
from sim.exchange.messages import (
    E_ACCOUNT,
    E_AMOUNT,
    E_CODE,
    E_INSTRUMENT,
    E_KIND,
    E_OTHER,
    E_PRICE,
    E_SIDE,
    E_SIZE,
    EV_COLS,
    M_ARG,
    M_INSTRUMENT,
    M_KIND,
    M_PRICE,
    M_SIDE,
    M_SIZE,
    Event,
    Kind,
    Reason,
)
from sim.oracle.answers import Answer
from sim.oracle.belief import BeliefPath
from sim.oracle.lifecycle import State
from sim.oracle.resolution_log import Seen

S = 1_000_000
NOTHING = np.zeros((0, EV_COLS), dtype=np.int64)
CUP_PRICES = (0.5, 0.3, 0.2)
DUE_S = 1000


def facts() -> Facts:
    """A price-linked event E, and three others whose belief changes at second 30 and is due at 1000."""
    tiny = tiny_facts()
    listing = Listing(
        feeds=tiny.listing.feeds,
        assets=tiny.listing.assets,
        perpetuals=tiny.listing.perpetuals,
        spots=tiny.listing.spots,
        events=(
            CategoricalEvent(name="cup", outcomes=("a", "b", "c")),
            BinaryEvent(name="E"),
            BinaryEvent(name="rain", payoff_ticks=100),
            ScalarEvent(name="count", low=0, high=10),
        ),
    )
    linked = replace(tiny.events[0], event=1, name="E")
    return Facts(
        listing,
        tiny.oi_usd,
        (
            news(0, "categorical", "cup", ("a", "b", "c"), CUP_PRICES, (0.1, 0.1, 0.8)),
            linked,
            news(2, "binary", "rain", ("YES", "NO"), (0.3, 0.7), (0.6, 0.4)),
            news(3, "scalar", "count", ("LONG", "SHORT"), (0.5, 0.5), (0.7, 0.3)),
        ),
    )


def news(
    event: int, kind: Any, name: str, shares: tuple[str, ...], before: tuple[float, ...],
    after: tuple[float, ...],
) -> EventTerms:  # fmt: skip
    values = np.array([before] * 30 + [after] * (DUE_S - 30)).T
    end = np.eye(len(shares))[0]
    belief = BeliefPath(START_US, S, values, START_US + DUE_S * S, end)
    return EventTerms(
        event, -1, 0, START_US + DUE_S * S, price=before[0], kind=kind, name=name, outcomes=shares,
        prices=before, high=10, outcome=0, sigma_per_sqrt_h=1.0, belief=belief,
    )  # fmt: skip


FACTS = facts()
CUP, LINKED, RAIN, COUNT = FACTS.events
PRICE = np.maximum(FACTS.start_ticks, 1).astype(np.float64)


def at(trader: Any, second: float, inbox: np.ndarray = NOTHING, price: np.ndarray = PRICE) -> Any:
    now = START_US + int(second * 1e6)
    return trader.wake(now, view_at(FACTS, price, now), inbox)[0]


def row(kind: Event, account: int, **columns: int) -> np.ndarray:
    made = np.zeros((1, EV_COLS), dtype=np.int64)
    made[0, E_KIND], made[0, E_ACCOUNT], made[0, E_OTHER] = int(kind), account, -1
    named = {
        "instrument": E_INSTRUMENT, "side": E_SIDE, "size": E_SIZE, "price": E_PRICE,
        "amount": E_AMOUNT, "code": E_CODE,
    }  # fmt: skip
    for name, value in columns.items():
        made[0, named[name]] = value
    return made


def maker(**params: Any) -> EventMaker:
    made = build(EventMaker, FACTS, 1, EventMakerParams.model_validate(params))
    assert isinstance(made, EventMaker)
    return made


def middles(block: np.ndarray) -> dict[int, float]:
    """Middle of the quotes of each book, as a fraction of its payoff."""
    out = {}
    for book in sorted(set(block[:, M_INSTRUMENT].tolist())):
        own = block[(block[:, M_INSTRUMENT] == book) & (block[:, M_KIND] != Kind.CANCEL)]
        if len(own):
            bid = own[own[:, M_SIDE] == 0, M_PRICE].max()
            ask = own[own[:, M_SIDE] == 1, M_PRICE].min()
            out[book] = (bid + ask) / 2 / FACTS.listing.item(book).payoff_ticks  # type: ignore[union-attr]
    return out


# books and numbers ------------------------------------------------------------------------
def test_books_assets_and_start_prices_of_an_event() -> None:
    names = FACTS.listing.instrument_names()
    assert [names[b] for b in FACTS.books_of(CUP)] == ["cup:a", "cup:b", "cup:c"]
    assert names[FACTS.book_of(CUP, 2)] == "cup:c"
    assert names[FACTS.book_of(RAIN, 1)] == "rain"  # NO has no book of its own
    assert FACTS.listing.asset_names()[FACTS.asset_of(RAIN, 1)] == "rain:NO"
    assert FACTS.start_ticks[list(FACTS.books_of(CUP))].tolist() == [500, 300, 200]
    assert FACTS.start_ticks[FACTS.book_of(RAIN)] == 30
    assert CUP.outcome_named("b") == 1
    assert CUP.outcome_named("void") == VOID
    with pytest.raises(ValueError, match="unknown outcome 'd'; allowed: a, b, c, void"):
        CUP.outcome_named("d")


def test_a_payout_of_an_event_with_several_books_clears_them_all() -> None:
    """40 of a sold naked at 0.5: 40 of b and 40 of c; b wins."""
    positions = Positions(np.array([7]), FACTS)
    sold = row(Event.FILL, 7, instrument=FACTS.book_of(CUP), side=1, size=40, price=500)
    positions.apply(sold)
    positions.apply(row(Event.PAYOUT, 7, instrument=0, amount=40 * S))
    assert positions.lots.tolist() == [[0] * FACTS.instruments]
    assert positions.cash.tolist() == [20 * S]
    positions.apply(row(Event.FILL, 7, instrument=FACTS.book_of(COUNT), size=10, price=500))
    positions.apply(row(Event.PAYOUT, 7, instrument=3, amount=7 * S))
    assert positions.cash.tolist() == [22 * S]


# the maker --------------------------------------------------------------------------------
@pytest.mark.parametrize("which", [0, "cup", "rain", "count"])
def test_makers_and_traders_keep_the_rules_of_agents(which: Any) -> None:
    check_agent(EventMaker, EventMakerParams(event=which), FACTS)
    check_agent(EventTrader, EventTraderParams(event=which, looks_per_s=20.0), FACTS)


def test_every_book_is_quoted_around_the_belief_of_a_while_ago() -> None:
    trader = maker(event="cup", news_lag_s=5.0)
    books = list(FACTS.books_of(CUP))
    early = middles(at(trader, 34))
    assert [early[b] for b in books] == pytest.approx(CUP_PRICES, abs=0.01)
    late = middles(at(trader, 35))
    assert [late[b] for b in books] == pytest.approx((0.1, 0.1, 0.8), abs=0.02)


def test_one_book_is_quoted_if_one_is_named() -> None:
    block = at(maker(event="cup", outcome="c"), 1)
    assert set(block[:, M_INSTRUMENT].tolist()) == {FACTS.book_of(CUP, 2)}
    assert middles(block)[FACTS.book_of(CUP, 2)] == pytest.approx(0.2, abs=0.01)


def test_a_scalar_is_quoted_at_its_expected_fraction() -> None:
    assert middles(at(maker(event="count"), 40))[FACTS.book_of(COUNT)] == pytest.approx(
        0.7, abs=0.01
    )


def test_complete_sets_are_no_risk_to_lean_against() -> None:
    def second_quotes(held: dict[int, int]) -> dict[int, float]:
        trader = maker(event="cup", max_shares=50_000)
        at(trader, 1)
        fills = [
            row(Event.FILL, trader.account, instrument=FACTS.book_of(CUP, k), size=n, price=300)
            for k, n in held.items()
        ]
        return middles(at(trader, 2, np.concatenate([NOTHING, *fills])))

    nothing, sets = second_quotes({}), second_quotes(dict.fromkeys(range(3), 20_000))
    assert sets == nothing
    one = second_quotes({0: 20_000})
    a, b = FACTS.book_of(CUP), FACTS.book_of(CUP, 1)
    assert one[a] < nothing[a]
    assert one[b] > nothing[b]  # who holds a is short of b


def test_quotes_stop_before_it_is_due_and_come_back_until_it_is_resolved() -> None:
    trader = maker(event="rain", stop_before_s=10.0, news_lag_s=2.0)
    assert len(at(trader, DUE_S - 20)) == 8
    assert (at(trader, DUE_S - 9)[:, M_KIND] == Kind.CANCEL).all()
    assert len(at(trader, DUE_S + 1)) == 0
    block = at(trader, DUE_S + 3)  # the truth, YES, is known by now
    assert block[:, M_KIND].tolist() == [int(Kind.NEW)] * 4
    assert (block[:, M_SIDE] == 0).all()  # nobody sells at 1
    assert block[:, M_PRICE].min() >= 99
    gone = row(
        Event.CANCELLED, trader.account, instrument=FACTS.book_of(RAIN), code=Reason.RESOLVED
    )
    assert len(at(trader, DUE_S + 4, gone)) == 0


def test_a_price_linked_event_is_quoted_when_overdue_only_if_asked_for() -> None:
    due_s = (LINKED.resolves_us - START_US) / S
    assert len(at(maker(event="E"), due_s + 5)) == 0
    trader = maker(event="E", quotes_overdue=True)
    below, above = PRICE.copy(), PRICE.copy()
    below[0], above[0] = 19_000, 21_000
    at(trader, due_s - 1, price=below)
    # The price has come back since, but it was below the strike when the event was due.
    assert (at(trader, due_s + 5, price=above)[:, M_SIDE] == 0).all()


def test_a_refusal_keeps_it_away_for_a_while() -> None:
    trader = maker(event="rain", stop_before_s=0.0)
    refused = row(
        Event.REJECT, trader.account, instrument=FACTS.book_of(RAIN), code=Reason.BOOK_STATE
    )
    assert len(at(trader, DUE_S + 5, refused)) == 0
    assert len(at(trader, DUE_S + 4 + AGAIN_US / S)) == 0
    assert len(at(trader, DUE_S + 6 + AGAIN_US / S)) > 0


def test_no_quotes_before_it_opens() -> None:
    later = replace(RAIN, opens_us=START_US + 50 * S)
    opening = Facts(FACTS.listing, FACTS.oi_usd, (CUP, LINKED, later, COUNT))
    trader = build(EventMaker, opening, 1, EventMakerParams(event="rain"))
    assert len(at(trader, 40)) == 0
    assert len(at(trader, 50)) == 8
    cohort = build(EventTrader, opening, 1, EventTraderParams(event="rain", looks_per_s=50.0))
    assert len(at(cohort, 49)) == 0
    assert len(at(cohort, 50)) > 0


def test_nobody_hedges_a_strike_that_is_not_set_yet() -> None:
    later = replace(LINKED, opens_us=START_US + 50 * S)
    opening = Facts(FACTS.listing, FACTS.oi_usd, (CUP, later, RAIN, COUNT))
    trader = build(Hedger, opening, 1, HedgerParams(event="E"))
    assert len(at(trader, 49)) == 0
    assert at(trader, 50)[0, M_INSTRUMENT] == opening.book_of(later)


# the oracle -------------------------------------------------------------------------------
class Oracle:
    """Shows one state from second 50 on, with a proposal or what was decided."""

    def __init__(self, state: str, outcome: int | None, decided: int | None = None) -> None:
        said, end = (None if k is None else Answer(k, 8) for k in (outcome, decided))
        self.shown = Seen(State(state), 0, said, decided=end)

    def seen(self, event: int, at_us: int) -> Seen:
        return Seen(State.OPEN, 0) if at_us < START_US + 50 * S else self.shown

    def answer_at(self, event: int, at_us: int) -> None: ...


@pytest.mark.parametrize(("trusts", "middle"), [(False, 0.6), (True, 0.0)])
def test_a_wrong_proposal_moves_only_who_trusts_it(trusts: bool, middle: float) -> None:
    trader = maker(event="rain", trusts_oracle=trusts)
    trader.world.services = [object(), Oracle("proposed", 1)]  # NO
    asks = at(trader, 50)  # not heard of yet: 20 ms
    assert middles(asks)[FACTS.book_of(RAIN)] == pytest.approx(0.6, abs=0.02)
    block = at(trader, 51)
    sold = block[(block[:, M_SIDE] == 1) & (block[:, M_KIND] != Kind.CANCEL), M_PRICE]
    bought = block[(block[:, M_SIDE] == 0) & (block[:, M_KIND] != Kind.CANCEL), M_PRICE]
    best = (sold.min() + (bought.max() if len(bought) else 0)) / 200
    assert best == pytest.approx(middle, abs=0.02)


def test_who_trusts_the_oracle_takes_a_void_and_a_scalars_value() -> None:
    void = maker(event="cup", trusts_oracle=True)
    void.world.services = [Oracle("proposed", VOID)]
    assert list(middles(at(void, 51)).values()) == pytest.approx([1 / 3] * 3, abs=0.01)
    scalar = maker(event="count", trusts_oracle=True)
    scalar.world.services = [Oracle("proposed-again", 0)]
    assert middles(at(scalar, 51))[FACTS.book_of(COUNT)] == pytest.approx(0.8, abs=0.01)


@pytest.mark.parametrize("state", ["decided", "refused"])
@pytest.mark.parametrize("proposal", [None, 0])
def test_who_trusts_the_oracle_takes_what_was_decided_not_what_was_proposed(
    state: str, proposal: int | None
) -> None:
    """A vote goes against the last proposal; a direct answer was never proposed."""
    quoting = maker(event="cup", trusts_oracle=True)
    quoting.world.services = [Oracle(state, proposal, VOID)]
    assert list(middles(at(quoting, 51)).values()) == pytest.approx([1 / 3] * 3, abs=0.01)


@pytest.mark.parametrize("state", ["final", "void"])
def test_what_is_final_is_not_quoted(state: str) -> None:
    trader = maker(event="rain")
    trader.world.services = [Oracle(state, 0)]
    assert len(at(trader, DUE_S + 5)) == 0


# the traders ------------------------------------------------------------------------------
def traders(**params: Any) -> EventTrader:
    made = build(EventTrader, FACTS, 1, EventTraderParams.model_validate(params))
    assert isinstance(made, EventTrader)
    return made


def test_opening_pairs_take_the_outcomes_in_turn() -> None:
    block = np.concatenate(traders(event="cup", open_sets=10_000.0).setup())
    new = block[block[:, M_KIND] == Kind.NEW].reshape(-1, 2, 12)
    assert set(new[:, :, M_INSTRUMENT].ravel().tolist()) == set(FACTS.books_of(CUP))
    assert (new[:, 0, M_INSTRUMENT] == new[:, 1, M_INSTRUMENT]).all()
    assert (new[:, 0, M_PRICE] + new[:, 1, M_PRICE] == 1000).all()
    assert new[:, 0, M_SIZE].sum() == pytest.approx(10_000, abs=20)


def test_traders_buy_the_outcome_that_the_news_raise_and_sell_the_others() -> None:
    cohort = traders(
        event="cup", looks_per_s=20.0, edge_ticks=150, belief_error_logit=0.2, look_error_logit=0.1
    )
    early = np.concatenate([at(cohort, s) for s in range(1, 20)])
    late = np.concatenate([at(cohort, s) for s in range(36, 56)])  # the lag is 5 s
    assert len(late) > 10 * len(early)
    up = late[late[:, M_INSTRUMENT] == FACTS.book_of(CUP, 2)]
    down = late[late[:, M_INSTRUMENT] == FACTS.book_of(CUP, 0)]
    assert len(up) > 20
    assert len(down) > 20
    assert (up[:, M_ARG] == 0).all()
    assert (down[:, M_ARG] == 1).all()


def test_traders_trade_what_is_overdue_and_stop_when_it_is_resolved() -> None:
    cohort = traders(event="rain", looks_per_s=50.0, news_lag_s=1.0)
    block = at(cohort, DUE_S + 2)
    assert len(block) > 0
    assert (block[:, M_ARG] == 0).all()  # YES is true, and costs 31
    cohort.world.services = [Oracle("final", 0)]
    assert len(at(cohort, DUE_S + 3)) == 0


# who cannot -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"event": "rain", "outcome": "YES"}, "event 'rain' has one book"),
        ({"event": "cup", "outcome": "d"}, "unknown outcome 'd'; allowed: a, b, c"),
        ({"event": "cup", "outcome": "void"}, "no book of a void"),
        ({"event": "snow"}, "unknown event 'snow'; there are: cup, E, rain, count"),
    ],
)
def test_a_maker_of_what_is_not_there(params: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        maker(**params)


def test_no_perpetual_hedges_what_no_price_decides() -> None:
    with pytest.raises(ValueError, match=r"no price decides event 'rain'.*price-linked: E"):
        build(Hedger, FACTS, 1, HedgerParams(event="rain"))
    build(Hedger, FACTS, 1, HedgerParams(event="E"))

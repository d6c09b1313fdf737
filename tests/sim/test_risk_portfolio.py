"""The portfolio's value object: what legs and shares are worth, and names that are not there."""

from __future__ import annotations

import numpy as np
import pytest

from sim.risk.errors import RiskError
from sim.risk.events import Digital, Event, Outcome
from sim.risk.portfolio import Portfolio
from sim.risk.prices import PriceLeg, Underlying

COIN = Underlying("COIN", price_usd=100, sigma=0.1)
E = Event.binary("E", 0.3)


def test_every_product_is_linear_in_the_move() -> None:
    """At 110: 2 coins make 20, a short perpetual −30, a future 5; the inverse see below."""
    moves = np.array([0.10])
    assert PriceLeg.spot("COIN", 2, 100).pnl_usd(moves) == pytest.approx(20)
    assert PriceLeg.perpetual("COIN", -3, 100).pnl_usd(moves) == pytest.approx(-30)
    assert PriceLeg.future("COIN", 0.5, 100).pnl_usd(moves) == pytest.approx(5)


@pytest.mark.parametrize("move", [-0.5, -0.1, 0.0, 0.1, 1.0])
def test_an_inverse_perpetual_in_dollars(move: float) -> None:
    """50 contracts of 10 USD from 80, now 100: coins 500 (1/80 − 1/P), each worth P."""

    def worth(price: float) -> float:
        return 500 * (1 / 80 - 1 / price) * price

    leg = PriceLeg.inverse("COIN", 50, face_usd=10, price_usd=100, entry_usd=80)
    assert leg.delta_usd == pytest.approx(625)
    found = leg.pnl_usd(np.array([move]))[0]
    assert found == pytest.approx(worth(100 * (1 + move)) - worth(100))


def test_shares_pay_from_their_marks() -> None:
    """A scalar event: long pays .75, short .25; a void of three outcomes pays a third."""
    scalar = Event(
        "s",
        (Outcome("high", 0.5, {"LONG": 0.75, "SHORT": 0.25}), Outcome("low", 0.5, {"SHORT": 1.0})),
    )
    assert scalar.shares == ("LONG", "SHORT")
    assert scalar.mark_row() == pytest.approx([0.375, 0.625])
    assert scalar.pnl_usd({"LONG": 8, "SHORT": -8}) == pytest.approx([3 + 3, -3 - 3])
    three = Event("t", (Outcome("A", 0.5), Outcome("B", 0.25), Outcome("C", 0.25)), {"A": 0.6})
    assert three.pnl_usd({"A": 10, "C": -4}) == pytest.approx([4 + 1, -6 + 1, -6 - 3])
    assert three.void_pnl_usd({"A": 10, "C": -4}) == pytest.approx(-10 * (0.6 - 1 / 3) - 4 / 12)


def test_a_complete_set_has_no_risk() -> None:
    for event in (E, Event("t", (Outcome("A", 0.5), Outcome("B", 0.2), Outcome("C", 0.3)))):
        held = dict.fromkeys(event.shares, 7.0)
        assert event.pnl_usd(held) == pytest.approx(np.zeros(len(event.outcomes)))
        assert event.void_pnl_usd(held) == pytest.approx(0)


@pytest.mark.parametrize("percent", range(-60, 200, 5))
def test_at_the_strike_the_digital_above_wins(percent: int) -> None:
    """10 YES at .4 each: at or above the strike the one wins, below it the other."""
    strike, move = 100.0 + percent, percent / 100
    moves = np.array([[move - 1e-7], [move], [move + 1e-7]])
    none = np.zeros((3, 0), np.int64)
    for above, paid in ((True, [-4, 6, 6]), (False, [6, -4, -4])):
        digital = Digital("d", "COIN", strike, 0.4, above=above)
        for share, sign in (("YES", 1), ("NO", -1)):
            book = Portfolio((COIN,), digitals=(digital,), shares={"d": {share: 10}})
            assert book.pnl_usd(moves, none) == pytest.approx(sign * np.array(paid, float))


def test_a_curve_that_returns_nonsense() -> None:
    with pytest.raises(RiskError, match=r"leg on COIN.curve: its profits are not finite numbers"):
        PriceLeg.of_curve("COIN", np.log).pnl_usd(np.array([0.0]) * np.nan)
    with pytest.raises(RiskError, match=r"kind 'curve' and a function go together"):
        PriceLeg("COIN", 1, "curve")
    with pytest.raises(RiskError, match=r"'perp' is unknown; did you mean 'perpetual'"):
        PriceLeg("COIN", 1, "perp")


def test_portfolios_that_name_what_is_not_there() -> None:
    with pytest.raises(RiskError, match=r"event E.YES: probability 1.3"):
        Event("E", (Outcome("YES", 1.3), Outcome("NO", -0.3)))
    with pytest.raises(
        RiskError, match=r"event E.probability: probability 1.3 is outside \[0, 1\]"
    ):
        Event.binary("E", 1.3)
    with pytest.raises(RiskError, match=r"event E.probabilities: their sum is 0.9, not 1"):
        Event("E", (Outcome("YES", 0.3), Outcome("NO", 0.6)))
    with pytest.raises(RiskError, match=r"leg on COINS: 'COINS' is unknown; did you mean 'COIN'"):
        Portfolio((COIN,), legs=(PriceLeg("COINS", 1),))
    with pytest.raises(RiskError, match=r"shares.E: 'MAYBE' is unknown.*allowed: YES, NO"):
        Portfolio(events=(E,), shares={"E": {"MAYBE": 1}})
    with pytest.raises(RiskError, match=r"event X.YES.jumps: 'BTC' is unknown"):
        Portfolio((COIN,), (Event.binary("X", 0.5, jumps_yes={"BTC": 0.1}),))
    with pytest.raises(RiskError, match=r"E: two underlyings or events have this name"):
        Portfolio(events=(E, E))
    with pytest.raises(RiskError, match=r"underlying COIN.sigma: -1 is negative"):
        Underlying("COIN", 1, -1)
    with pytest.raises(RiskError, match=r"df: 2 is not above 2"):
        Underlying("COIN", 1, 1, df=2)

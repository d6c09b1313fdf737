"""Pledgers: what shares carry with and without MAR-05, and what a wrong outcome leaves behind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from agents import blocks
from agents.pledger import Pledger, PledgerParams
from agents.testing import check_agent
from sim.exchange.messages import E_ACCOUNT, E_SIZE, M_ARG, M_KIND, Event, Kind
from tests.agents.stage import FIRST, PERP, Stage, listing, quotes, stage

COUNT = 40  # 20 pairs
PARAMS = {"outcome": "NO", "open_sets": 100_000.0}


def cast(lam: float, params: dict[str, Any] | None = None, **more: Any) -> Stage:
    """NO is worth .9 at the start: 90,000 USD of shares."""
    given = {"count": COUNT, "event_price": 0.1, "seconds": 30, **more}
    return stage("pledger", {**PARAMS, **(params or {})}, listed=listing(lam=lam), **given)


@pytest.mark.parametrize("use", ["withdraw", "perpetual"])
def test_it_passes_the_check(use: str) -> None:
    check_agent(Pledger, PledgerParams.model_validate({"use": use, "cash_ratio": 0.2}))


@pytest.mark.parametrize("outcome", ["YES", "NO"])
def test_pairs_hold_the_two_outcomes(outcome: str) -> None:
    made = cast(1.0, {"outcome": outcome})
    other = "NO" if outcome == "YES" else "YES"
    accounts = np.arange(FIRST, FIRST + COUNT)
    held = [sum(made.exchange.balance(a, f"E:{x}") for a in accounts) for x in (outcome, other)]
    assert held[0] == held[1] == made.trader.shares.sum()
    assert 99_900 < held[0] <= 100_000
    for j in range(0, COUNT, 2):
        assert made.exchange.balance(FIRST + j, f"E:{other}") == 0
        assert made.exchange.balance(FIRST + j, f"E:{outcome}") == made.trader.shares[j]


@pytest.mark.spec("MAR-05")
@pytest.mark.parametrize("lam", [0.0, 0.5, 1.0])
def test_shares_carry_a_loan_of_what_lambda_leaves(lam: float) -> None:
    made = cast(lam).run()
    value = 0.9 * made.trader.shares.sum()
    cash = made.trader.cash_usd.sum()  # 2 % that were kept for fees
    got = made.trader.outside.received_usd
    assert made.refusals(Kind.WITHDRAW) == []
    assert got == pytest.approx(0.9 * ((1 - lam) * value / 1.05 + cash), rel=0.02, abs=20)
    assert got == pytest.approx(made.trader.borrowed_usd.sum())
    assert len(made.events(Event.FLAG)) == 0


def resolve(made: Stage, outcome: int) -> None:
    row = blocks.orders(1)
    row[:, M_KIND], row[:, M_ARG] = Kind.RESOLVE, outcome
    made.world.setup([row])


@pytest.mark.spec("SET-03")
@pytest.mark.parametrize(("lam", "bad"), [(0.0, True), (1.0, False)])
def test_a_wrong_outcome_leaves_the_loans_only_where_shares_carried_them(
    lam: float, bad: bool
) -> None:
    made = cast(lam)
    resolve(made, 0)  # YES, which was worth .1
    made.run()
    owed = -sum(min(0, made.exchange.balance(FIRST + j, "USDC")) for j in range(COUNT))
    written_off = made.events(Event.DEFICIT)
    assert (len(written_off) > 0) == bad
    assert owed == 0  # what was owed is written off by now
    lost = written_off[:, 8].sum() / 1e6
    assert (lost > 0.7 * 90_000) == bad
    assert made.trader.outside.received_usd - made.trader.cash_usd.sum() <= lost + 1


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_perpetuals_against_shares(side: str) -> None:
    """Base margin 2 %, no slope at this size, and .6 % to the limit price: 35 times the carried."""
    deep = [*quotes(PERP, 0, [0.999], 10**7), *quotes(PERP, 1, [1.001], 10**7)]
    params = {"use": "perpetual", "side": side, "open_sets": 200.0}
    got = []
    for lam in (0.0, 1.0):
        made = cast(lam, params, before=deep).run()
        lots = made.exchange.positions()[FIRST : FIRST + COUNT, PERP]
        assert (lots[1::2] == 0).all()
        assert (lots >= 0).all() if side == "buy" else (lots <= 0).all()
        got.append(np.abs(lots).sum())
        for account in made.events(Event.FILL)[:, E_ACCOUNT]:
            net, margin = made.exchange.initial(int(account))
            assert net >= margin
    shares = made.trader.shares.sum()
    assert got[0] == pytest.approx(0.9 * 0.9 * 1.02 * shares / 0.026, rel=0.05)
    assert got[1] < 0.03 * got[0]  # only the cash kept for fees
    assert made.events(Event.FILL)[:, E_SIZE].sum() >= got[1]


def test_bad_parameters_are_refused() -> None:
    with pytest.raises(ValueError, match=r"no perpetual 'Q'; listed: \['T-PERP'\]"):
        cast(1.0, {"perpetual": "Q"})
    with pytest.raises(ValueError, match="event 3 of 1 events"):
        cast(1.0, {"event": 3})
    with pytest.raises(ValueError, match="no outcome 'X' with a book"):
        cast(1.0, {"book": "X"})

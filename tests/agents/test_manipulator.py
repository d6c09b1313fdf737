"""The manipulator: rich where the index reads a thin book and nothing bounds it, poor elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from agents import blocks
from agents.base import Trader
from agents.manipulator import Manipulator, ManipulatorParams
from agents.testing import check_agent
from sim.exchange.instruments import Margin
from sim.exchange.messages import E_ACCOUNT, E_INSTRUMENT, E_OTHER, E_PRICE, Event
from sim.exchange.rules import Rules
from tests.agents.stage import (
    FIRST,
    PERP,
    T_BOOK,
    TICKS,
    UNGUARDED,
    USDC,
    Stage,
    T,
    listing,
    stage,
)

PARAMS = {
    "capital_usd": 100_000.0,
    "start_s": 5.0,
    "target_multiple": 15.0,
    "min_usd": 100.0,
}
STEEP = Margin(base=0.02, factor=5e-3, base_m=0.01, factor_m=4e-3)


class Thin(Trader):
    """Quotes 200 USD a side in spot book and perpetual, around the index, once a second."""

    def setup(self) -> list[np.ndarray]:
        return [blocks.deposit(self.account, USDC, 10**13), blocks.deposit(self.account, T, 10**7)]

    def wake(self, now_us: int, view: Any, inbox: np.ndarray) -> tuple[np.ndarray, int]:
        out = [blocks.cancel_all(self.account)]
        for book in (PERP, T_BOOK):
            index = int(view.index[book])
            away = np.array([0.005, 0.02, 0.05, 0.1])
            lots = max(1, int(50 / (max(index, 1) / TICKS)))
            if index > 0:
                for side, sign in ((0, -1), (1, 1)):
                    price = (index * (1 + sign * away)).astype(np.int64)
                    ids = self.new_ids(len(price))
                    out.append(blocks.new(self.account, book, side, price, lots, ids))
        return blocks.join(out), 1_000_000


def cast(rules: Rules = UNGUARDED, params: dict[str, Any] | None = None, **listed: Any) -> Stage:
    """On an exchange whose index of T is its own thin spot book, 20 million USD to be lent."""
    made = stage(
        "manipulator",
        {**PARAMS, **(params or {})},
        listed=listing(own_book=listed.pop("own_book", True), **listed),
        rules=rules,
        seconds=180,
        pool_usd=2e7,
    )
    thin = Thin(made.world, "thin", np.array([1]), 20_000, None, made.trader.facts)
    made.world.add(thin)
    made.world.setup(thin.setup())
    return made.run()


def test_it_passes_the_check() -> None:
    sent = check_agent(Manipulator, ManipulatorParams(start_s=1.0, capital_usd=10_000.0))
    assert len(sent) > 10


def test_without_guards_it_ends_richer() -> None:
    made = cast()
    ledger, drain = made.trader.outside, made.trader.drain
    assert ledger.spent_usd == pytest.approx(100_000, rel=1e-6)
    assert peak(made) > 12 * TICKS
    assert ledger.received_usd > 3 * ledger.spent_usd
    assert drain.taken[USDC] / 1e6 == ledger.received_usd
    assert made.exchange.balance(FIRST, "USDC") < 0


def test_with_most_of_its_capital_in_the_coin_it_takes_tenfold() -> None:
    made = cast(params={"coin_share": 0.85, "perpetual_share": 0.05})
    assert made.trader.outside.received_usd > 10 * made.trader.outside.spent_usd


def test_its_accounts_take_both_sides_and_the_short_one_is_left() -> None:
    made = cast()
    fills = made.events(Event.FILL)
    both = fills[(fills[:, E_ACCOUNT] == FIRST) & (fills[:, E_OTHER] == FIRST + 1)]
    assert len(both) > 0
    assert (made.events(Event.FLAG)[:, E_ACCOUNT] == FIRST + 1).any()


def peak(made: Stage) -> int:
    """The highest index of T, ticks."""
    index = made.events(Event.INDEX)
    return int(index[index[:, E_INSTRUMENT] == 0][:, E_PRICE].max())


def bounded(made: Stage) -> bool:
    return bool(made.trader.outside.received_usd <= made.trader.outside.spent_usd)


@pytest.mark.spec("MAR-02")
@pytest.mark.spec("MAR-03")
def test_steep_margins_and_a_collateral_cap_bound_it() -> None:
    made = cast(collateral_cap_usd=20_000.0, perpetual=STEEP)
    assert peak(made) > 12 * TICKS
    assert bounded(made)


@pytest.mark.spec("PRC-04")
@pytest.mark.spec("MAR-09")
def test_grades_and_average_prices_make_it_wait() -> None:
    """Two calm minutes before: in the first 25 s at the top the average is still low."""
    got = []
    for rules in (UNGUARDED, Rules(guard_increase=6)):  # an own book is quoted before it is read
        made = cast(rules, {"start_s": 120.0})
        assert peak(made) > 12 * TICKS
        got.append(made.trader.outside.received_usd)
    assert got[1] < 0.5 * got[0]


@pytest.mark.spec("PRC-01")
def test_an_index_from_outside_bounds_it() -> None:
    made = cast(own_book=False)
    assert peak(made) == TICKS
    assert bounded(made)


def test_bad_parameters_are_refused() -> None:
    with pytest.raises(ValueError, match="leave nothing to buy with"):
        ManipulatorParams(coin_share=0.6, perpetual_share=0.4)
    with pytest.raises(ValueError, match=r"no spot book of 'Q'; there are \['T', 'D'\]"):
        stage("manipulator", {"coin": "Q"})

"""Who owes whom on an exchange: MAR-01 to the cent, shocks as the exchange would feel them, dominoes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from facade import USD, funded

from sim.exchange import Exchange, Listing, Rules
from sim.exchange.instruments import (
    Asset,
    BinaryEvent,
    CategoricalEvent,
    Feed,
    InversePerpetual,
    Perpetual,
    ScalarEvent,
    Spot,
)
from sim.network.debtrank import debtrank
from sim.network.depth import holdings_usd, near_usd
from sim.network.exposures import CALM, Shock, exposures
from sim.network.statement import Statement, statement_of
from sim.network.stress import exposure_radius, stress

WIDE = Listing(
    feeds=(
        Feed(name="BTC", tick_micro=100_000, index_ticks=1_000_000),
        Feed(name="ETH", tick_micro=10_000, index_ticks=400_000),
    ),
    assets=(Asset(name="BTC", feed="BTC", units_per_coin=10_000),),
    perpetuals=(
        Perpetual(name="BTC-PERP", feed="BTC", lots_per_coin=1000),
        Perpetual(name="ETH-PERP", feed="ETH", lots_per_coin=100),
    ),
    inverses=(InversePerpetual(name="BTC-INV", base="BTC", face_usd=100),),
    spots=(Spot(name="BTC/USDC", base="BTC"),),
    events=(
        BinaryEvent(name="Rain"),
        CategoricalEvent(name="Cup", outcomes=("Ann", "Bob", "Cid")),
        ScalarEvent(name="Degrees", low=0, high=100),
    ),
)


def busy() -> Exchange:
    """Positions in everything, loans both ways, shares of three events, prices that moved."""
    x = Exchange(
        WIDE,
        Rules(taker_fee_bps=4.0),
        6,
        order_slots=1 << 10,
        order_ids=1 << 12,
        event_rows=1 << 13,
    )
    for account in range(6):
        x.deposit(account, "USDC", 100_000 * USD)
        x.deposit(account, "BTC", 5_000)
    x.price("BTC", 1_000_000)
    x.price("ETH", 400_000)
    x.add_pool("BTC", 3_000)
    x.add_insurance(500 * USD)
    x.send(2)
    for maker, taker, name, lots, price in (
        (0, 1, "BTC-PERP", 400, 1_000_000),
        (2, 1, "ETH-PERP", 900, 400_000),
        (3, 4, "BTC-INV", 300, 1_000_000),
        (0, 5, "Rain", 900, 400),
        (1, 2, "Ann", 500, 300),
    ):
        instrument = next(n for n in x.names.instruments.names if n == name or n.endswith(name))
        assert x.submit(maker, instrument, "buy", lots, price)
        assert x.submit(taker, instrument, "sell", lots, price, ioc=True)
    assert x.mint(4, "Degrees", 50)
    assert x.lend(3, "USDC", 20_000 * USD)
    assert x.lend(5, "BTC", 2_000)
    x.price("BTC", 1_070_000)
    x.price("ETH", 370_000)
    x.send(2)
    return x


@pytest.mark.spec("MAR-01")
def test_balance_sheets_are_the_equities_of_the_exchange() -> None:
    x = busy()
    found = exposures(statement_of(x))
    assert (found.dues.toarray().sum(axis=0) > 0).sum() >= 3
    assert found.equity == pytest.approx(x.equities() / 1e6, abs=2e-6)


def test_hubs_have_what_they_owe() -> None:
    found = exposures(statement_of(busy()), Shock(-0.3))
    have = np.asarray(found.dues.sum(axis=0)).ravel() + found.hub_cash
    assert have == pytest.approx(found.turnover)
    assert (found.dues.toarray() >= 0).all()
    assert (found.gains.toarray() >= 0).all()
    through = found.claims() @ np.ones(6)  # nobody can claim more of others than of the hubs
    assert (through <= np.asarray(found.gains.sum(axis=1)).ravel() + 1e-9).all()


@pytest.mark.parametrize("move", [-0.05, 0.04])
def test_a_shock_is_what_the_exchange_would_feel(move: float) -> None:
    """Equities after the shock are those after a reading that moved as much (books are empty)."""
    x = busy()
    said = exposures(statement_of(x), Shock(move)).equity
    x.price("BTC", round(1_070_000 * (1 + move)))
    x.price("ETH", round(370_000 * (1 + move)))
    x.send(2)
    assert x.mark("BTC-PERP") == x.index("BTC")
    assert said == pytest.approx(x.equities() / 1e6, abs=2e-6)


def test_moves_of_one_feed_and_outcomes() -> None:
    x = busy()
    statement = statement_of(x)
    calm = exposures(statement, CALM)
    eth = exposures(statement, Shock(moves={1: -0.1}))
    lots = statement.sizes[:, 1]
    assert eth.equity - calm.equity == pytest.approx(-lots * 37_000 * 100 / 1e6)
    rain = exposures(statement, Shock(outcomes={0: 0}))
    yes, no = (statement.balances[:, x.names.assets.known(f"Rain:{o}")] for o in ("YES", "NO"))
    worth = yes - (yes * 0.001 + no * -0.001) * x.mark("Rain") - no
    assert rain.cash - calm.cash == pytest.approx(worth)


def test_what_cannot_be_is_refused() -> None:
    statement = statement_of(busy())
    with pytest.raises(ValueError, match="BTC"):
        exposures(statement, Shock(-1.0))
    with pytest.raises(ValueError, match="Cup"):
        exposures(statement, Shock(outcomes={1: 3}))


def test_it_only_reads() -> None:
    x = busy()
    before = x.state_digest()
    statement = statement_of(x)
    statement.balances[:] = 0
    stress(statement_of(x), Shock(-0.5))
    assert x.state_digest() == before


TWO = Listing(
    feeds=(
        Feed(name="A", tick_micro=1_000_000, index_ticks=100),
        Feed(name="B", tick_micro=1_000_000, index_ticks=100),
    ),
    perpetuals=(
        Perpetual(name="A-PERP", feed="A", lots_per_coin=1),
        Perpetual(name="B-PERP", feed="B", lots_per_coin=1),
    ),
)


def two(cash_usd: list[int], sizes: list[list[int]], **other: int) -> Statement:
    """Accounts with dollars and positions in A and B, opened at their marks, 100 USD a lot."""
    n = len(cash_usd)
    size = np.array(sizes, np.int64)
    return Statement(
        TWO,
        sizes=size,
        costs=size * 100 * USD,
        balances=np.array(cash_usd, np.int64)[:, None] * USD,
        claims=np.zeros((n, 1), np.int64),
        marks=np.array([100, 100]),
        index=np.array([100, 100]),
        pools=np.zeros(1, np.int64),
        **other,
    )


def test_dominoes() -> None:
    """0 cannot pay its loss in A; 1 needs that gain to pay its own in B; 2 gets what is left.

    After −50 %: 0 owes 50 and has 10; 1 is owed 50 and owes 50, has 20, gets 10, pays 30; 2 is owed
    50 and gets 30.
    """
    statement = two([10, 20, 5], [[1, 0], [-1, 1], [0, -1]])
    found = stress(statement, Shock(-0.5))
    assert found.defaults == (1, 1)
    assert found.clearing.paid[:3] == pytest.approx([10, 30, 0])
    assert found.unpaid_usd == pytest.approx(60)
    assert found.unpaid_share == pytest.approx(0.6)


def test_the_fund_pays_first() -> None:
    """40 USD of insurance fill the hole of 0, and 1 is never touched; half of it halves the hole."""
    statement = two([10, 20, 5], [[1, 0], [-1, 1], [0, -1]], insurance=40 * USD)
    whole = stress(statement, Shock(-0.5))
    assert whole.unpaid_usd == pytest.approx(0)
    assert whole.defaults == (0, 0)
    half = stress(replace(statement, insurance=20 * USD), Shock(-0.5))
    assert half.clearing.paid[:3] == pytest.approx([30, 50, 0])
    assert half.unpaid_share == pytest.approx(0.2)
    without = half.after.clearing(insured=False)
    assert without.paid[:3] == pytest.approx([10, 30, 0])


def test_debtrank_along_the_same_dominoes() -> None:
    """Before anybody defaults: −10 % costs 0 half its equity, 1 a quarter more, 2 what that makes.

    0: 20 → 10.  1: has 30, gains 10 from 0, owes 10 to 2.  2: 30 → 40, all of the gain from 1.
    """
    found = stress(two([20, 30, 30], [[1, 0], [-1, 1], [0, -1]]), Shock(-0.1))
    h1 = 0.5 * 10 / 30
    assert found.distress.first == pytest.approx([0.5, 0, 0])
    assert found.distress.final == pytest.approx([0.5, h1, h1 * 10 / 40])
    assert found.distress.contagion_share == pytest.approx((h1 * 30 + h1 * 10) / (20 + 30 + 40))


def test_claims_through_hubs_are_those_of_the_full_matrix() -> None:
    """Many accounts: the operator, the hubs' matrix and the n x n one agree."""
    rng = np.random.default_rng(5)
    n = 40
    sizes = rng.integers(-5, 6, (n, 2))
    sizes[-1] -= sizes.sum(axis=0)
    statement = two(rng.integers(200, 900, n).tolist(), sizes.tolist())
    found = exposures(statement, Shock(moves={0: -0.2, 1: 0.15}))
    full = np.column_stack([found.claims() @ row for row in np.eye(n)])
    gains, dues = found.gains.toarray(), found.dues.toarray()
    assert full == pytest.approx((gains[:, :2] / found.turnover[:2]) @ dues[:, :2].T)
    eigenvalues = np.linalg.eigvals(full / found.equity[:, None])
    assert exposure_radius(found) == pytest.approx(np.abs(eigenvalues).max())
    lost = rng.random(n) * 50
    h = debtrank(found.claims(), found.equity, lost).final
    assert h == pytest.approx(debtrank(full, found.equity, lost).final)


def test_a_lender_who_owes_the_same_is_netted() -> None:
    """A claim repays a debt in the same asset first (LIQ-01), so nobody owes himself."""
    x = funded()
    assert x.lend(0, "USDC", 50_000 * USD)
    statement = statement_of(x)
    statement.balances[0, 0] = -20_000 * USD
    found = exposures(statement)
    assert found.gains.toarray()[0] == pytest.approx([0, 0, 30_000, 0])
    assert found.dues.toarray()[0] == pytest.approx([0, 0, 0, 0])
    assert found.turnover[2] == pytest.approx(30_000)


def test_depth_and_holdings_in_usd() -> None:
    x = funded()
    x.submit(0, "BTC-PERP", "buy", 100, 999_000)  # 10 bp under the mid of 1,000,000
    x.submit(0, "BTC-PERP", "buy", 70, 990_000)  # too far away
    x.submit(1, "BTC-PERP", "sell", 300, 1_001_000)
    x.submit(2, "BTC-PERP", "buy", 20, 1_001_000)
    near = near_usd(x)
    assert near[0] == pytest.approx((100 + 280) / 2 * 100)
    assert near[1] == 0
    held = holdings_usd(statement_of(x))
    spot = x.names.instruments.known("BTC/USDC")
    assert held[[1, 2], 0].tolist() == [-2_000, 2_000]
    assert held[:, spot] == pytest.approx(np.full(6, 50_000))

"""Coins of a scenario: true paths of their own, pools to borrow them from."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest

import scenarios
from scenarios.assembly import assemble
from scenarios.errors import ScenarioError
from scenarios.files import build
from scenarios.scale import resolve
from scenarios.schema import Scenario
from scenarios.truth import truth_of
from sim.exchange.instruments import MICRO

SHORT = ("end=2025-06-02T12:11:00Z",)
WAYPOINTS = (
    'coin.ETH.waypoint=[{at="2025-06-02T12:10:10Z", price_usd=3000},'
    '{at="2025-06-02T12:10:40Z", price_usd=30}]'
)
POOL = ("coin.BTC.spot.borrowable=true", "coin.BTC.spot.pool_coins=2.5")


def smoke(*overrides: str) -> Scenario:
    return scenarios.market("smoke", [*SHORT, *overrides])


def test_a_coin_with_waypoints_leaves_the_lead_and_the_others_alone() -> None:
    before, after = truth_of(smoke(), 1), truth_of(smoke(WAYPOINTS), 1)
    eth = after.names.index("ETH")
    assert after.names == before.names
    assert (np.delete(after.values, eth, axis=0) == np.delete(before.values, eth, axis=0)).all()
    own = after.values[eth]
    assert own[:11].tolist() == [3000.0] * 11  # flat before the first point
    assert own[40:].tolist() == [30.0] * 21  # and after the last
    slope = np.diff(np.log(own[10:41]))
    assert np.allclose(slope, np.log(0.01) / 30)  # without noise a straight line of logarithms


def test_the_noise_of_a_path_of_its_own_is_a_seeded_bridge() -> None:
    noisy = smoke(WAYPOINTS, "coin.ETH.sigma_1m=0.01")
    eth = [c.name for c in noisy.coin].index("ETH")
    one, same, other = (truth_of(noisy, seed).values[eth] for seed in (1, 1, 2))
    assert (one == same).all()
    assert (one != other).any()
    assert (one[10], one[40]) == (3000.0, 30.0)
    slope = np.diff(np.log(one[10:41]))
    assert 0.2 < slope.std() / (0.01 / np.sqrt(60)) < 3.0


def test_the_scale_of_the_index_shrinks_it_too() -> None:
    half = truth_of(smoke(WAYPOINTS, "index.scale=0.5"), 1)
    assert half.values[half.names.index("ETH"), -1] == pytest.approx(300.0)


def test_the_exchange_starts_at_the_path_not_at_the_price_that_chose_the_ticks() -> None:
    made = assemble(resolve(smoke(WAYPOINTS)))
    feed = made.listing.feeds[made.listing.feed_id("ETH")]
    assert feed.index_ticks * feed.tick_micro == 3000 * MICRO
    plain = assemble(resolve(smoke()))
    assert plain.listing.feeds[plain.listing.feed_id("ETH")].tick_micro == feed.tick_micro


@pytest.mark.parametrize(
    ("override", "said"),
    [
        (
            'coin.BTC.waypoint=[{at="2025-06-02T12:10:00Z", price_usd=1}]',
            "stands in index.waypoint",
        ),
        (
            'coin.ETH.waypoint=[{at="2025-06-02T12:10:00Z", price_usd=1},'
            '{at="2025-06-02T12:10:00Z", price_usd=2}]',
            "coin.ETH.waypoint.*not later than the one before",
        ),
    ],
)
def test_bad_waypoints_are_refused(override: str, said: str) -> None:
    with pytest.raises(ScenarioError, match=said):
        truth_of(smoke(override), 1)


@pytest.mark.spec("INT-01")
def test_a_pool_of_coins_is_lent_at_the_start_and_scales() -> None:
    for scale in (1.0, 2.0):
        made = assemble(resolve(smoke(*POOL), scale=scale))
        units = made.listing.asset_units("BTC")
        assert made.exchange.bucket("pool", "BTC") == round(2.5 * scale * units)
        assert made.exchange.bucket("pool", "ETH") == 0
        asset = made.listing.assets[made.listing.asset_id("BTC") - 1]
        assert asset.borrowable
        assert not made.listing.assets[made.listing.asset_id("ETH") - 1].borrowable


def test_the_debt_and_the_rates_of_a_coin_reach_the_listing() -> None:
    scenario = smoke(
        *POOL,
        "coin.BTC.spot.debt={base=0.2, factor=0.0, base_m=0.1, factor_m=0.0}",
        "coin.BTC.spot.lending.throttle=0.5",
    )
    from scenarios.listing import listing_of

    asset = listing_of(scenario).assets[0]
    assert (asset.debt.base, asset.debt.base_m) == (0.2, 0.1)
    assert asset.lending.throttle == 0.5


def test_coins_lent_that_nobody_may_owe_are_refused() -> None:
    with pytest.raises(
        ScenarioError, match=r"coin\.0\.spot: pool_coins 2, but borrowable is false"
    ):
        smoke("coin.BTC.spot.pool_coins=2")


def test_the_example_of_the_page_is_a_scenario(repo: Path) -> None:
    text = (repo / "docs" / "actors.md").read_text("utf-8")
    example = tomllib.loads(text.split("```toml\n")[1].split("```")[0])
    first = {"name": "BTC", "price_usd": 100_000.0, "perpetual": False}
    head = {"name": "page", "title": "page", "coin": [first, *example["coin"]]}
    times = {"start": "2022-05-12T11:50:00Z", "end": "2022-05-12T12:30:00Z"}
    scenario = build({**example, **head, **times})
    assert isinstance(scenario, Scenario)
    path = truth_of(scenario, 1).values[1]
    assert (path[0], path[600], path[-1]) == (0.2, 0.2, 0.01)
    assert scenario.coin[1].spot is not None
    assert scenario.coin[1].spot.lending.throttle == 0.9

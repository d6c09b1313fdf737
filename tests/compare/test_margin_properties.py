"""What margin must always be (MAR-10, I14), on live exchanges with drawn parameters."""

from __future__ import annotations

from typing import Any

import lives
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from kernel_venue import KernelVenue
from session import START, USD

from sim.exchange.messages import BUY, SELL, Kind

COIN, INDEX = "BTC", 50_000  # a tick is a dollar
PERPETUAL, INVERSE, FUTURE, SPOT, EVENTS = range(5)
RICH = 10**9 * USD  # micro-USDC
ratio = some.floats(0.001, 1.0)
factor = some.floats(0.0, 0.01)


@some.composite
def margins(draw: Any) -> dict[str, float]:
    base, slope = draw(ratio), draw(factor)
    low = draw(some.floats(0.0, 1e6))
    return {
        "base": base,
        "base_m": base * draw(some.floats(0.0, 1.0)),
        "factor": slope,
        "factor_m": slope * draw(some.floats(0.0, 1.0)),
        "leverage_limit": draw(some.sampled_from([0.0, 1.0, 5.0, 50.0])),
        "oi_low_usd": low,
        "oi_up_usd": draw(some.sampled_from([0.0, low + 1.0, 10 * low + 1e6])),
    }


def venue_with(
    margin: dict[str, float] | None = None, coin: dict[str, Any] | None = None, lam: float = 1.0
) -> KernelVenue:
    """One of every product on one coin; accounts 0 to 2 have nothing yet."""
    product: dict[str, Any] = {"margin": margin or {}, "max_size_lots": 10**6}
    event = {"payoff_ticks": 100, "lam": lam}
    listing: dict[str, Any] = {
        "feeds": [{"name": COIN, "tick_micro": USD, "index_ticks": INDEX}],
        "assets": [
            {
                "name": COIN,
                "feed": COIN,
                "units_per_coin": 1000,
                "borrowable": True,
                "debt": margin or {},
                **(coin or {}),
            }
        ],
        "perpetuals": [{"name": "PERP", "feed": COIN, "lots_per_coin": 1000, **product}],
        "inverses": [{"name": "INV", "base": COIN, "face_usd": 100, **product}],
        "futures": [
            {
                "name": "FUT",
                "feed": COIN,
                "lots_per_coin": 1000,
                "expiry_us": START + 10**12,
                **product,
            }
        ],
        "spots": [{"name": "SPOT", "base": COIN}],
        "events": [
            {"name": "binary", **event},
            {"name": "categorical", "outcomes": ["a", "b", "c", "d"], **event},
            {"name": "scalar", "low": 0, "high": 10, **event},
        ],
        "usdc_debt": margin or {},
    }
    venue = KernelVenue(listing, {"strict_prices": False, "guard_increase": 6}, 3)
    venue.send(Kind.INDEX, START, instrument=0, price=INDEX, arg=START, arg2=3)
    venue.send(Kind.MARK)
    return venue


def trade(venue: KernelVenue, instrument: int, lots: int, price: int) -> None:
    """Account 0 buys from account 1."""
    for account, side in ((1, SELL), (0, BUY)):
        venue.send(
            Kind.NEW,
            account=account,
            instrument=instrument,
            side=side,
            price=price,
            size=lots,
            order=1 + account,
        )


@pytest.mark.spec("I14", "MAR-10", "MAR-02")
@given(
    w=some.floats(0.0, 1.0),
    b=some.floats(0.0, 2.0),
    kappa=some.floats(0.0, 1.0),
    cap=some.sampled_from([0.0, 1e3, 1e6]),
    units=some.integers(1, 10**9),
    others=some.integers(0, 10**9),
)
@settings(max_examples=60)
def test_a_coin_counts_at_most_what_it_is_worth(
    w: float, b: float, kappa: float, cap: float, units: int, others: int
) -> None:
    coin = {"haircut_w": w, "haircut_b": b, "haircut_kappa": kappa, "collateral_cap_usd": cap}
    venue = venue_with(coin=coin)
    for account, size in ((0, units), (1, others)):
        venue.send(Kind.DEPOSIT, account=account, instrument=1, size=size)
    worth = venue.equity(0) / 1e6
    assert worth == units * INDEX / 1000
    ne, mm = venue.maintenance(0)
    assert 0.0 <= ne <= worth * min(w, b)
    if cap:
        assert ne + venue.maintenance(1)[0] <= cap * (1 + 1e-9)
    assert mm == 0.0 == venue.initial(0)[1]


@pytest.mark.spec("I14", "MAR-10", "MAR-03")
@given(
    margin=margins(),
    instrument=some.sampled_from([PERPETUAL, INVERSE, FUTURE]),
    sizes=some.lists(some.integers(1, 10**5), min_size=2, max_size=5),
)
@settings(max_examples=60)
def test_a_larger_position_never_requires_less(
    margin: dict[str, float], instrument: int, sizes: list[int]
) -> None:
    venue = venue_with(margin)
    for account in (0, 1):
        venue.send(Kind.DEPOSIT, account=account, instrument=0, size=RICH)
    held, before = 0, (0.0, 0.0)
    for lots in sorted({sum(sizes[: k + 1]) for k in range(len(sizes))}):
        trade(venue, instrument, lots - held, INDEX)
        held = lots
        assert venue.position(0, instrument)[0] == held
        im, mm = venue.initial(0)[1], venue.maintenance(0)[1]
        assert 0.0 <= mm <= im
        assert im >= before[0]
        assert mm >= before[1]
        # both sides of the trade require the same
        assert (venue.initial(1)[1], venue.maintenance(1)[1]) == (im, mm)
        before = im, mm


@pytest.mark.spec("I14", "MAR-10", "MAR-04")
@given(
    margin=margins(),
    asset=some.sampled_from([0, 1]),
    sizes=some.lists(some.integers(1, 10**6), min_size=2, max_size=4),
)
@settings(max_examples=40)
def test_a_larger_debt_never_requires_less(
    margin: dict[str, float], asset: int, sizes: list[int]
) -> None:
    margin = {**margin, "oi_up_usd": 0.0, "oi_low_usd": 0.0}
    venue = venue_with(margin)
    plenty = (10**15, 10**9)  # units of USDC, of the coin
    venue.send(Kind.DEPOSIT, account=0, instrument=1 - asset, size=plenty[1 - asset])
    for kind in (Kind.DEPOSIT, Kind.LEND):
        venue.send(kind, account=1, instrument=asset, size=plenty[asset])
    before = (0.0, 0.0)
    sizes = [size * (1 if asset else 10**6) for size in sizes]
    for units in sizes:
        venue.send(Kind.WITHDRAW, account=0, instrument=asset, size=units, arg=1)
        im, mm = venue.initial(0)[1], venue.maintenance(0)[1]
        assert im > 0.0
        assert 0.0 <= mm <= im
        assert im >= before[0]
        assert mm >= before[1]
        before = im, mm
    assert venue.balance(0, asset) == -sum(sizes)


def free(venue: KernelVenue, account: int) -> float:
    ne, im = venue.initial(account)
    return ne - im


@pytest.mark.spec("I14", "MAR-10", "MAR-05", "PRD-03", "PRD-05")
@given(
    event=some.sampled_from([0, 1, 2]),
    lam=some.floats(0.0, 1.0),
    bought=some.lists(
        some.tuples(some.integers(0, 3), some.integers(1, 99), some.integers(1, 500)), max_size=4
    ),
    acts=some.lists(some.tuples(some.sampled_from([0, 1, 2]), some.integers(1, 300)), max_size=6),
    mask=some.integers(1, 15),
)
@settings(max_examples=80)
def test_minting_merging_and_converting_change_nothing(
    event: int,
    lam: float,
    bought: list[tuple[int, int, int]],
    acts: list[tuple[int, int]],
    mask: int,
) -> None:
    venue = venue_with(lam=lam)
    for account in (0, 1):
        venue.send(Kind.DEPOSIT, account=account, instrument=0, size=10**4 * USD)
    first, books = venue.listing.first_book(event), len(venue.listing.events[event].books)
    for outcome, price, lots in bought:
        trade(venue, first + outcome % books, lots, price)
    venue.send(Kind.MARK)
    for act, size in acts:
        before = venue.equity(0), free(venue, 0), venue.maintenance(0)[1]
        kind = (Kind.MINT, Kind.MERGE, Kind.CONVERT)[act]
        venue.send(kind, account=0, instrument=event, size=size, arg=mask if act == 2 else 0)
        assert venue.equity(0) == before[0]
        assert free(venue, 0) == pytest.approx(before[1], abs=1e-6)
        assert venue.maintenance(0)[1] == pytest.approx(before[2], abs=1e-6)


@pytest.mark.spec("I14", "MAR-10", "MAR-05")
@given(event=some.sampled_from([0, 1, 2]), lam=some.floats(0.0, 1.0), sets=some.integers(1, 10**4))
@settings(max_examples=30)
def test_a_complete_set_requires_nothing(event: int, lam: float, sets: int) -> None:
    venue = venue_with(lam=lam)
    venue.send(Kind.DEPOSIT, account=0, instrument=0, size=10**4 * USD)
    rows = venue.send(Kind.MINT, account=0, instrument=event, size=sets)
    assert venue.balance(0, venue.listing.first_share(event)) == sets
    assert venue.initial(0)[1] == venue.maintenance(0)[1] == 0.0
    assert venue.equity(0) == 10**4 * USD
    assert len(rows) == 1


@pytest.mark.spec("I14", "MAR-10")
def test_initial_margin_is_never_below_maintenance() -> None:
    """With orders, debts and any rules: IM >= MM >= 0, term by term."""
    required = 0
    for seed in range(10):
        for venue in lives.stages(seed, parts=30):
            for account in range(venue.accounts):
                im, mm = venue.initial(account)[1], venue.maintenance(account)[1]
                assert im >= mm >= 0.0
                required += mm > 0
    assert required > 200

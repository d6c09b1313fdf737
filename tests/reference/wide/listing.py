"""What is listed in a wide program: every kind of product, in many shapes."""

from __future__ import annotations

from random import Random
from typing import Any

from session import SECOND, START
from variants import GRIDS, random_margin
from wide.links import Links

Declared = dict[str, Any]
# name, tick in micro-USD, first index, units per coin, lots per coin, faces of the inverse
COINS = (
    ("BTC", 1_000_000, 100_000, 100_000, 1000, (10, 100)),
    ("ETH", 100_000, 40_000, 1_000, 100, (1, 10)),
    ("LOW", 1_000_000, 40, 10, 1, (1, 7)),  # coarse: every tick is 2.5 %
)
SPAN_S = (60, 700)  # where in a program futures expire, seconds from its beginning


def volatility(rng: Random) -> Declared | None:
    """Bounds that a crash breaks, or any trade, or none."""
    if rng.random() < 0.55:
        return None
    return {
        "mu": rng.choice([0.0, 0.0, 20.0]),
        "sigma": rng.choice([3.0, 10.0, 60.0]),
        "horizon_s": rng.choice([5.0, 30.0, 300.0]),
        "z": rng.choice([1.0, 4.0]),
        "auction_s": rng.choice([5.0, 20.0]),
    }


def lending(rng: Random, unit_usd: float) -> Declared:
    cap = rng.choice([0.0, 0.0, 0.0, 3_000.0, 100_000.0])
    borrow = rng.choice([0.0, 0.0, 0.0, 1_000.0, 20_000.0])
    return {
        "optimal_utilisation": rng.choice([0.8, 0.3]),
        "rate_zero": rng.choice([0.0, 0.02]),
        "rate_optimal": rng.choice([0.1, 5.0]),
        "rate_max": rng.choice([5.0, 100.0]),
        "reserve_fee": rng.choice([0.1, 0.0, 1.0]),
        "throttle": rng.choice([0.95, 0.95, 0.5, 1.0]),
        "lend_cap_units": int(cap / unit_usd),
        "borrow_cap_units": int(borrow / unit_usd),
    }


def coins(rng: Random) -> list[tuple[str, int, int, int, int, tuple[int, ...]]]:
    """Two or three of them, at slightly different first prices."""
    chosen = COINS if rng.random() < 0.4 else COINS[:2]
    return [
        (name, tick, max(20, round(index * rng.uniform(0.98, 1.02))), units, lots, faces)
        for name, tick, index, units, lots, faces in chosen
    ]


def _ladder(rng: Random, index: int) -> int:
    return rng.choice([16, 64, 16384]) if index < 100 else rng.choice([65536, 65536, 16384, 4096])


def _derivative(rng: Random, name: str, index: int, minimum: float) -> Declared:
    return {
        "name": name,
        "margin": random_margin(rng, add_on=rng.random() < 0.25),
        "ladder_ticks": _ladder(rng, index),
        "max_size_lots": 10_000_000,
        "min_notional_usd": minimum,
        "backstop_cap_usd": rng.choice([0.0, 0.0, 30_000.0, 1_000.0]),
        "volatility": volatility(rng),
    }


def events(rng: Random, links: Links) -> list[Declared]:
    """A binary, one or two categorical and a scalar event, each likely, some tied to a price."""
    found: list[Declared] = []

    def add(name: str, payoff: int, **more: Any) -> None:
        after = rng.choice([0, 0, rng.randrange(*SPAN_S)])
        found.append(
            {
                "name": name,
                "payoff_ticks": payoff,
                "lam": rng.choice([1.0, 0.7, 0.5, 0.0]),
                "min_notional_usd": rng.choice([0.0, 0.0, 1.0]),
                "date_us": START + after * SECOND if after else 0,
                **more,
            }
        )
        found[-1] |= links.some(rng, found[-1])

    if rng.random() < 0.75:
        add("B", rng.choice([100, 1000]))
    for name in ("B2", "B3"):
        if rng.random() < 0.3:
            add(name, rng.choice([100, 1000]))
    if rng.random() < 0.75:
        names = rng.choice(["ab", "abc", "abcde"])
        add("C", rng.choice([100, 10, 1000]), outcomes=list(names), exhaustive=rng.random() < 0.5)
    if rng.random() < 0.15:
        add("D", 4, outcomes=["x", "y"], exhaustive=True)
    if rng.random() < 0.7:
        low, high = rng.choice([(0, 200), (-50, 7), (5, 6), (-(10**12), 10**12)])
        add("S", rng.choice([100, 1000]), low=low, high=high)
    return found


def wide_listing(rng: Random) -> Declared:
    """Coins with their books, derivatives on them, and events; each kind may be missing."""
    listed, minimum = coins(rng), rng.choice([0.0, 0.0, 10.0])
    crowded = rng.choice([0.9, 0.6, 0.6, 0.4])  # how likely each derivative is listed
    debts = rng.choice([0.9, 0.6, 0.0])  # how likely a coin may be borrowed
    own = rng.random() < 0.12
    what: Declared = {
        "feeds": [
            {
                "name": name,
                "tick_micro": tick,
                "index_ticks": index,
                "stale_after_s": rng.choice([60, 60, 20]),
                "min_sources": rng.choice([1, 2]),
                "bound": rng.choice([64, 64, 64, 64, 3, 300]),
                "own_book": f"{name}/USDC" if own and name == "ETH" else "",
                "grid": list(rng.choice(GRIDS)),
            }
            for name, tick, index, *_ in listed
        ],
        "assets": [
            {
                "name": name,
                "feed": name,
                "units_per_coin": units,
                "haircut_w": rng.choice([0.95, 0.8, 1.0]),
                "haircut_b": 1.1,
                "haircut_kappa": rng.choice([0.0, 4e-5, 4e-4]),
                "collateral_cap_usd": rng.choice([0.0, 0.0, 60_000.0]),
                "debt": random_margin(rng),
                "borrowable": rng.random() < debts,
                "lending": lending(rng, tick * index / units / 1e6),
            }
            for name, tick, index, units, *_ in listed
        ],
        "perpetuals": [],
        "inverses": [],
        "futures": [],
        "spots": [
            {
                "name": f"{name}/USDC",
                "base": name,
                "ladder_ticks": _ladder(rng, index),
                "min_notional_usd": minimum,
                "volatility": volatility(rng) if rng.random() < 0.5 else None,
            }
            for name, _, index, *_ in listed
        ],
        "events": events(rng, Links({name: index for name, _, index, *_ in listed})),
        "usdc_debt": random_margin(rng),
        "usdc_lending": lending(rng, 1e-6),
    }
    for name, _, index, _, lots, faces in listed:
        impact = rng.choice([10_000.0, 3_333.0])
        if rng.random() < crowded:
            one = _derivative(rng, f"{name}-PERP", index, minimum)
            more = {"feed": name, "lots_per_coin": lots, "impact_notional_usd": impact}
            what["perpetuals"].append(one | more)
        if rng.random() < crowded:
            one = _derivative(rng, f"{name}-INV", index, minimum)
            more = {"base": name, "face_usd": rng.choice(faces), "impact_notional_usd": impact}
            what["inverses"].append(one | more)
        if rng.random() < crowded * 0.3:
            one = _derivative(rng, f"{name}-MAXI", index, minimum)
            more = {"feed": name, "lots_per_coin": lots // 10 or 1, "impact_notional_usd": impact}
            what["perpetuals"].append(one | more)
        for future, likely in (("FUT", 0.7), ("FUT2", 0.25)):
            if rng.random() < crowded * likely:
                one = _derivative(rng, f"{name}-{future}", index, minimum)
                expiry = START + rng.randrange(*SPAN_S) * SECOND
                more = {"feed": name, "lots_per_coin": lots, "expiry_us": expiry}
                what["futures"].append(one | more)
    return what

"""The rules that a wide program runs under."""

from __future__ import annotations

from random import Random
from typing import Any

from variants import random_rules

DAY_S = 86_400


def fee_tiers(rng: Random, maker: float, taker: float) -> list[dict[str, float]]:
    """Each cheaper than the one before, and no trade pays more than it brings."""
    found, volume = [], rng.choice([100.0, 5_000.0, 100_000.0])
    for _ in range(rng.choice([0, 1, 3])):
        taker = max(taker - rng.choice([0.0, 0.5]), 0.0)
        maker = max(maker - rng.choice([0.0, 0.5]), -taker)
        found.append({"volume_usd": volume, "maker_bps": maker, "taker_bps": taker})
        volume *= rng.choice([1.5, 20.0])
    return found


def guards(rng: Random) -> dict[str, int]:
    """Mostly the defaults, one or two of them moved."""
    usual = {
        "guard_increase": 1,
        "guard_withdraw": 1,
        "guard_borrow": 1,
        "guard_fill": 3,
        "guard_funding": 3,
        "guard_settlement": 3,
        "guard_liquidate": 4,
        "guard_trigger": 4,
    }
    for name in rng.sample(sorted(usual), rng.choice([0, 1, 2])):
        usual[name] = rng.randrange(1, 7)
    return usual


def wide_rules(rng: Random) -> dict[str, Any]:
    base = random_rules(rng)
    clamps = rng.choice([(0.8, 1.25), (0.8, 1.25), (0.3, 3.0), (0.97, 1.03)])
    return {
        **base,
        **guards(rng),
        "mark_min_multiplier": clamps[0],
        "mark_max_multiplier": clamps[1],
        "self_trade_by_owner": rng.random() < 0.5,
        "fee_tiers": fee_tiers(rng, base["maker_fee_bps"], base["taker_fee_bps"]),
        "external_stale_s": rng.choice([60.0, 5.0]),
        "volatile_ratio": rng.choice([5.0, 5.0, 1.3]),
        "uncertain_ratio": rng.choice([0.02, 0.02, 0.0]),
        "interest_8h": rng.choice([0.0001, -0.01, 0.0]),
        "withdraw_floor_ratio": rng.choice([0.1, 0.0, 1.0]),
        "settlement_window_s": rng.choice([1800.0, 60.0, 15.0]),
        "void_after_days": rng.choice([30.0, 60 / DAY_S, 300 / DAY_S]),
        "bond_winner_ratio": rng.choice([0.5, 0.0, 1.0, 0.333]),
    }

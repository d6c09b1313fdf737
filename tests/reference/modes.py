"""Margin modes and ways to liquidate, at random: what `variants` and wide programs run under."""

from __future__ import annotations

from random import Random
from typing import Any

DISPOSALS = ("steps", "full", "vega", "two_step")
ADL = ("hyperliquid", "binance", "random", "pro_rata", "integer_pro_rata", "risk_weighted")


def random_disposal(rng: Random) -> dict[str, Any]:
    """Half of the time the default policy, each with parameters that bind."""
    policy = rng.choice(("steps", "steps", *DISPOSALS))
    match policy:
        case "steps":
            return {
                "policy": policy,
                "ratio": rng.choice([0.1, 0.1, 0.35, 1.0]),
                "min_usd": rng.choice([1000.0, 1000.0, 50.0]),
            }
        case "vega":
            return {
                "policy": policy,
                "interval_s": rng.choice([10.0, 1.0, 0.0]),
                "fraction": rng.choice([0.5, 0.5, 1.0, 0.01]),
                "full_size_lots": rng.choice([50, 0, 10_000]),
                "book_share": rng.choice([0.01, 0.3, 1.0]),
            }
        case "two_step":
            return {
                "policy": policy,
                "threshold_usd": rng.choice([100_000.0, 2_000.0, 100.0, 0.0]),
                "ratio": rng.choice([0.2, 0.2, 0.7, 1.0]),
                "wait_s": rng.choice([30.0, 1.0, 0.0]),
            }
    return {"policy": policy}


def random_mode(rng: Random) -> dict[str, Any]:
    """MAR-06 to MAR-08."""
    return {
        "margin_mode": rng.choice(["unified"] * 5 + ["portfolio"] * 4 + ["segregated", "isolated"]),
        "offset_ratio": rng.choice([0.01, 0.01, 0.0, 0.2]),
        "portfolio_extreme": rng.choice([3.0, 3.0, 1.0, 10.0]),
        "portfolio_extreme_weight": rng.choice([0.33, 0.33, 1.0, 0.0]),
        "portfolio_floor": rng.choice([0.5, 0.5, 0.0, 1.0]),
        "portfolio_initial": rng.choice([1.25, 1.25, 1.0, 2.0]),
    }


def random_waterfall(rng: Random) -> dict[str, Any]:
    """LIQ-02 to LIQ-07."""
    return {
        "disposal": random_disposal(rng),
        "bounds": rng.choice(["bankruptcy"] * 3 + ["dydx_exact"]),
        "exact_fee_cap": rng.choice([0.015, 0.015, 0.0005, 1.0]),
        "adl": rng.choice(("hyperliquid", *ADL)),
        "shortfall": rng.choice(["gains", "gains", "lenders"]),
        "insurance_cap_usd": rng.choice([0.0, 0.0, 0.0, 0.5, 40.0, 2_000.0]),
        "backstop": rng.random() < 0.8,
    }

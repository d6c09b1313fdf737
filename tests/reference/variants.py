"""The rules and listings that random programs are run under."""

from __future__ import annotations

from random import Random
from typing import Any

from modes import random_mode, random_waterfall
from session import RULES, bounded

Margins = dict[str, float]


def random_rules(rng: Random) -> dict[str, Any]:
    """One variant of the rules.

    Where marks are held to their average the factor is small and the average short, so that a
    crash meets the bound and then drags it along.
    """
    maker, taker = rng.choice([(0.0, 0.0), (2.0, 5.0), (-1.0, 3.5), (0.5, 4.5)])
    return {
        **RULES,
        "maker_fee_bps": maker,
        "taker_fee_bps": taker,
        "event_fee_bps": rng.choice([0.0, 0.0, 50.0, 125.0]),
        "band_ratio": rng.choice([0.5, 0.5, 0.1, 2.0]),
        "max_impact_ratio": rng.choice([0.05, 0.002]),
        "max_open_orders": 12 if rng.random() < 0.15 else 1000,
        "self_trade": rng.randrange(3),
        "forced_trades_count": rng.random() < 0.7,
        "twap_window_s": rng.choice([300.0, 20.0]),
        "stale_guard": rng.random() < 0.8,
        "strict_prices": rng.random() < 0.6,
        "funding_cap_1h": rng.choice([0.04, 0.0005]),
        "phi": rng.choice([1.0, 1.0, 0.5, 0.0]),
        "unflag_buffer": rng.choice([0.02, 0.0]),
        "liquidation_fee_bps": rng.choice([10.0, 10.0, 100.0, 0.0]),
        "backstop_trigger_ratio": rng.choice([2 / 3, 2 / 3, 0.9]),
        "backstop_failed_steps": rng.choice([5, 2]),
        "backstop_bonus_bps": rng.choice([100.0, 33.0]),
        "fillable_ba": rng.choice([1.0, 1.0, 5.0]),
        "fillable_smmr": rng.choice([1.5, 0.7]),
        "mark_average_cap": rng.choice([0.0, 0.0, 0.0, 1.0, 1.02, 1.1, 1.5]),
        "mark_average_tau_s": rng.choice([5.0, 15.0, 60.0]),
        "proposal_margin": rng.random() < 0.6,
        **random_mode(rng),
        **random_waterfall(rng),
    }


GRIDS = ((0.04, 0.08, 0.12), (0.04, 0.08, 0.12), (0.02,), (0.05, 0.01), (0.3, 0.1, 0.2, 0.15))


def random_margin(rng: Random, add_on: bool = False) -> Margins:
    base = rng.choice([0.02, 0.02, 0.05])
    factor = rng.choice([0.0, 1e-5, 1e-4])
    low = rng.choice([0.0, 2e5])
    return {
        "base": base,
        "factor": factor,
        "base_m": base / 2,
        "factor_m": factor * rng.choice([0.5, 1.0]),
        "leverage_limit": rng.choice([0.0, 0.0, 30.0]),
        "oi_low_usd": low if add_on else 0.0,
        "oi_up_usd": low + 3e6 if add_on else 0.0,
    }


def random_listing(rng: Random) -> dict[str, Any]:
    """Two coins (one a yield-dollar), two or three perpetuals, two spots, one or two events."""
    minimum = rng.choice([0.0, 0.0, 10.0])
    feeds = [
        ("BTC", 1_000_000, 100_000 + rng.randrange(-500, 500), 60),
        ("USDE", 100, 10_000, 180),
        ("ETH", 100_000, 40_000 + rng.randrange(-500, 500), 60),
    ]
    perpetuals = [("BTC-PERP", "BTC", 1000), ("ETH-PERP", "ETH", 100), ("BTC-MAXI", "BTC", 10)]
    caps = rng.choice([0.0, 0.0, 60_000.0])
    return bounded(
        {
            "feeds": [
                {
                    "name": name,
                    "tick_micro": tick,
                    "index_ticks": index,
                    "stale_after_s": stale,
                    "min_sources": rng.choice([1, 2]),
                    "grid": list(rng.choice(GRIDS)),
                }
                for name, tick, index, stale in feeds
            ],
            "assets": [
                {
                    "name": name,
                    "feed": name,
                    "units_per_coin": units,
                    "haircut_w": w,
                    "haircut_b": 1.1,
                    "haircut_kappa": kappa,
                    "collateral_cap_usd": caps,
                    "debt": random_margin(rng),
                    "borrowable": False,
                }
                for name, units, w, kappa in (
                    ("BTC", 100_000, 0.95, rng.choice([0.0, 4e-5, 4e-4])),
                    ("USDE", 10, 0.9, 0.0),
                )
            ],
            "perpetuals": [
                {
                    "name": name,
                    "feed": feed,
                    "lots_per_coin": lots,
                    "margin": random_margin(rng, add_on=rng.random() < 0.3),
                    "ladder_ticks": rng.choice([65536] * 5 + [16384, 4096]),
                    "max_size_lots": 100_000_000,
                    "min_notional_usd": minimum,
                    "impact_notional_usd": rng.choice([10_000.0, 3_333.0]),
                    "backstop_cap_usd": rng.choice([0.0, 0.0, 30_000.0]),
                }
                for name, feed, lots in perpetuals[: rng.choice([2, 3])]
            ],
            "spots": [
                {
                    "name": f"{name}/USDC",
                    "base": name,
                    "ladder_ticks": rng.choice([65536, 16384]),
                    "min_notional_usd": minimum,
                }
                for name in ("BTC", "USDE")
            ],
            "events": [
                {
                    "name": f"E{payoff}",
                    "payoff_ticks": payoff,
                    "lam": rng.choice([1.0, 1.0, 0.5]),
                    "min_notional_usd": rng.choice([0.0, 1.0]),
                }
                for payoff in rng.choice([(1000,), (100, 1000)])
            ],
            "usdc_debt": random_margin(rng),
        }
    )

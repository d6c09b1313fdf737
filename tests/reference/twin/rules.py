"""Parameters that a dict of rules may leave out, with their declared values."""

from __future__ import annotations

from typing import Any

DEFAULTS: dict[str, Any] = {
    "self_trade_by_owner": False,
    "fee_tiers": (),
    "external_stale_s": 60.0,
    "mark_average_cap": 0.0,
    "mark_average_tau_s": 28_800.0,
    "guard_increase": 1,
    "guard_withdraw": 1,
    "guard_borrow": 1,
    "guard_fill": 3,
    "guard_funding": 3,
    "guard_settlement": 3,
    "guard_liquidate": 4,
    "guard_trigger": 4,
    "settlement_window_s": 1800.0,
    "void_after_days": 30.0,
    "proposal_margin": True,
    "bond_winner_ratio": 0.5,
    "margin_mode": "unified",
    "offset_ratio": 0.01,
    "portfolio_extreme": 3.0,
    "portfolio_extreme_weight": 0.33,
    "portfolio_floor": 0.5,
    "portfolio_initial": 1.25,
    "disposal": {"policy": "steps"},
    "bounds": "bankruptcy",
    "exact_fee_cap": 0.015,
    "adl": "hyperliquid",
    "shortfall": "gains",
    "insurance_cap_usd": 0.0,
    "backstop": True,
}


def completed(rules: dict[str, Any]) -> dict[str, Any]:
    return {**DEFAULTS, **rules}

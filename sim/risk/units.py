"""The metrics of the report by name, with their units (formulas: ``docs/metrics.md``)."""

from __future__ import annotations

UNITS = {
    "bad_debt_usd": "USD",
    "insurance_used_usd": "USD",
    "insurance_depleted": "0 or 1",
    "liquidated_notional_usd": "USD",
    "liquidated_accounts": "accounts",
    "liquidated_accounts_share": "share",
    "adl_notional_usd": "USD",
    "adl_pnl_usd": "USD",
    "socialised_usd": "USD",
    "first_adl_delay_s": "s",
    "cascade_r": "orders per order",
    "amplification": "ratio",
    "liquidation_slippage_bps": "bps",
    "depth_min_share": "share",
    "mark_gap_max_bps": "bps",
    "event_price_min": "USDC",
    "event_price_max": "USDC",
    "wrongful_liquidation_share": "share",
}

# Of each study (`scenarios.studies`), in the order of its report.
STUDY_UNITS: dict[str, dict[str, str]] = {
    "loop-ladder": {
        "liquidatable_share_2pct": "%",
        "liquidatable_share_4pct": "%",
        "liquidatable_share_6pct": "%",
        "liquidatable_share_8pct": "%",
    },
}

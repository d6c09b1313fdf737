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
    "cascade_radius": "orders per order",
    "amplification": "ratio",
    "liquidation_slippage_bps": "bps",
    "depth_min_share": "share",
    "mark_gap_max_bps": "bps",
    "event_price_min": "USDC",
    "event_price_max": "USDC",
    "wrongful_liquidation_share": "share",
    "debtrank_share": "share",
    "exposure_radius": "ratio",
    "unpaid_share": "share",
}

# Of each study (`scenarios.studies`), in the order of its report.
STUDY_UNITS: dict[str, dict[str, str]] = {
    "loop-ladder": {
        "liquidatable_share_2pct": "%",
        "liquidatable_share_4pct": "%",
        "liquidatable_share_6pct": "%",
        "liquidatable_share_8pct": "%",
        "loop_price_partial_pct": "%",
        "loop_price_target_pct": "%",
        "loop_price_full_pct": "%",
        "loop_liquidated_partial_pct": "%",
        "loop_liquidated_target_pct": "%",
        "loop_liquidated_full_pct": "%",
        "loop_bad_debt_partial_eth": "ETH",
        "loop_bad_debt_target_eth": "ETH",
        "loop_bad_debt_full_eth": "ETH",
        "loop_branching_partial": "debt per debt",
        "loop_branching_target": "debt per debt",
        "loop_branching_full": "debt per debt",
    },
    "adl-contest": {
        "adl_waves": "waves",
        "adl_needed_usd": "USD",
        **{
            f"{name}_{policy}": unit
            for policy in ("hyperliquid", "pro_rata", "integer_pro_rata", "risk_weighted")
            for name, unit in (
                ("adl_coverage_min", "taken/needed"),
                ("adl_overshoot_max", "taken/needed"),
                ("adl_x_over_u_max", "ratio"),
                ("adl_gini", "0 to 1"),
                ("adl_hedges_broken", "share"),
                ("adl_overshoot_apart", "taken/needed"),
                ("adl_x_over_u_apart", "ratio"),
                ("adl_end_taken", "taken/needed"),
                ("adl_end_hedges_broken", "share"),
            )
        },
    },
    "capital-silos": {
        "silos_gross_usd": "USD",
        "silos_flat_harm_usd": "USD",
        "silos_order_breaks": "parties",
        "silos_monotone_breaks": "pairs",
        "silos_violations": "violations",
        "silos_cut_off": "runs",
        **{
            name.format(mode): unit
            for mode in ("unified", "portfolio", "segregated", "isolated")
            for name, unit in (
                ("silos_capital_{}", "share"),
                ("silos_bad_debt_{}_bps", "bps"),
                ("silos_outsiders_{}_bps", "bps"),
                ("silos_untouched_{}", "share"),
                ("silos_lost_hedged_{}", "share"),
                ("silos_equal_bad_debt_{}_bps", "bps"),
            )
        },
    },
    "policy-contest": {
        "policy_runs": "runs",
        "policy_bad_debt_usd": "USD",
        "policy_insurance_usd": "USD",
        "policy_adl_notional_usd": "USD",
        "policy_adl_haircut_usd": "USD",
        "policy_socialised_usd": "USD",
        "policy_bad_debt_least_usd": "USD",
        "policy_bad_debt_most_usd": "USD",
        "policy_bad_debt_clear": "variants",
        "policy_deficit_breaks": "violations",
        "policy_violations": "violations",
        "policy_path_breaks": "runs",
        "policy_start_breaks": "runs",
    },
    "oracle-roulette": {
        "roulette_runs": "runs",
        "roulette_reference_runs": "runs",
        "roulette_fault_draws": "draws",
        "roulette_crash_draws": "draws",
        "roulette_calm_draws": "draws",
        "roulette_loss_usd": "USD",
        "roulette_bad_debt_usd": "USD",
        "roulette_extracted_usd": "USD",
        "roulette_victims_usd": "USD",
        "roulette_clear": "guards",
        "roulette_crash_best_usd": "USD",
        "roulette_crash_worst_usd": "USD",
        "roulette_crash_never_usd": "USD",
        "roulette_never_gap_usd": "USD",
        "roulette_violations": "violations",
        "roulette_path_breaks": "runs",
        "roulette_start_breaks": "runs",
    },
}

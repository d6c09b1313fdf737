"""The picture of a contest: each variant's paired difference with its interval, a panel a measure."""

from __future__ import annotations

from collections.abc import Sequence

from scenarios.studies.forest import forest
from scenarios.studies.policy_table import Comparison

PANELS = (
    ("bad_debt_usd", "bad debt, USD"),
    ("adl_haircut_usd", "profit given up in ADL, USD"),
    ("adl_notional_usd", "closed by ADL, USD"),
    ("slippage_bps", "slippage of forced orders, bp"),
)


def picture(compared: Sequence[Comparison]) -> str:
    """SVG; a row a variant."""
    reference = compared[0].against
    labels = [
        c.variant if c.against == reference else f"{c.variant} / {c.against}" for c in compared
    ]
    return forest(
        "Liquidation policies: difference within a seed, mean and 90 % interval",
        labels,
        {label: [c.measures[name] for c in compared] for name, label in PANELS},
    )

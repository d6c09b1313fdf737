"""The matching window changes nothing for those who withdraw on credit and trade on a script."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sim.exchange.messages import E_KIND, Event
from tests.agents.stage import PERP, T_BOOK, listing, quotes, stage

WRONG = {"true": (0.1, 1.0), "index": (1.0, 1.0)}
RISING = np.linspace(1.0, 1.3, 61)
DEEP = [*quotes(PERP, 1, [1.001], 10**6), *quotes(T_BOOK, 1, [1.0, 1.1, 1.2], 5_000)]
CASES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("exploiter", {"capital_usd": 50_000.0, "clip_usd": 9_000.0}, WRONG),
    (
        "borrower",
        {"collateral": "T", "debt": "D", "debt_usd": 1e5, "repay_share": 0.5, "top_up_share": 0.5},
        {"true": (1.0, RISING), "count": 40, "pool_dollars": 2e5},
    ),
    ("flow", {"instrument": "T/USDC", "total_usd": 9_000.0, "limit_price": 1.3}, {"before": DEEP}),
    (
        "pledger",
        {"use": "perpetual", "open_sets": 5_000.0},
        {"listed": listing(lam=0.0), "count": 10, "before": DEEP},
    ),
    ("manipulator", {"capital_usd": 2e4, "start_s": 1.0, "pump_s": 20.0}, {"before": DEEP}),
]


@pytest.mark.parametrize(("kind", "params", "world"), CASES, ids=[c[0] for c in CASES])
def test_any_window_gives_the_same_events(
    kind: str, params: dict[str, Any], world: dict[str, Any]
) -> None:
    seen = [
        stage(kind, params, **world, window_us=window_us).run().keeper.all()
        for window_us in (10_000, 0)
    ]
    assert seen[0].shape == seen[1].shape
    assert (seen[0] == seen[1]).all()
    done = np.isin(seen[0][:, E_KIND], [Event.FILL, Event.WITHDRAW])
    assert done.sum() > 3

"""The event oracle's totals of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sim.exchange.instruments import MICRO

if TYPE_CHECKING:
    from sim.oracle.case import Case

SECOND_US = 1_000_000
DAY_US = 86_400 * SECOND_US


def summary(
    cases: Mapping[int, Case], open_sets: Mapping[int, int], now_us: int
) -> dict[str, float]:
    """Totals over events.

    ``resolutions`` that came, void ones included; ``wrong``: tagged as differing from the truth;
    ``refused`` resolutions; ``voids``; ``disputes``; ``p95_time_to_resolution_s``: from due to
    resolution, the smallest time that 95 % of the resolved events kept (NaN: none was resolved);
    ``unresolved``: due, but not resolved yet; ``cost_of_corruption_usd`` and
    ``profit_of_corruption_usd``; ``capital_locked_usd_days``: Σ sets · days between due and
    resolution (or now), with the sets at its end, each backed by 1 USDC.

    Args:
        cases: by event.
        open_sets: sets now of the events that are due and not resolved.
        now_us: the time.
    """
    done = [c for c in cases.values() if c.resolved_us >= 0]
    waits = sorted((c.resolved_us - c.question.truth.due_us) / SECOND_US for c in done)
    place = -(-95 * len(waits) // 100) - 1  # nearest rank
    micro_days = sum(
        c.locked * max(c.resolved_us - c.question.truth.due_us, 0) for c in done
    ) + sum(n * max(now_us - cases[e].question.truth.due_us, 0) for e, n in open_sets.items())
    return {
        "resolutions": float(len(done)),
        "wrong": float(sum(c.wrong for c in done)),
        "refused": float(sum(c.refused for c in cases.values())),
        "voids": float(sum(c.answer is not None and c.answer.void for c in done)),
        "disputes": float(sum(p.disputer >= 0 for c in cases.values() for p in c.pairs)),
        "unresolved": float(len(open_sets)),
        "p95_time_to_resolution_s": waits[place] if waits else float("nan"),
        "cost_of_corruption_usd": sum(c.corruption.cost for c in cases.values()) / MICRO,
        "profit_of_corruption_usd": sum(c.corruption.profit for c in cases.values()) / MICRO,
        "capital_locked_usd_days": micro_days / DAY_US,
    }

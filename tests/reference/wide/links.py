"""Which events of a wide program a price decides, or move a price."""

from __future__ import annotations

from random import Random
from typing import Any

JOINT = (4, 12, 30, 64)  # how many joint outcomes of jumps one underlying may have, void included
JUMPS = (-0.9, -0.3, -0.1, 0.0, 0.0, 0.05, 0.2, 2.0)


def outcomes(event: dict[str, Any]) -> int:
    if "outcomes" in event:
        return len(event["outcomes"]) + (0 if event["exhaustive"] else 1)
    return 2


class Links:
    """Ties events to feeds (by name: the first index of each)."""

    def __init__(self, feeds: dict[str, int]) -> None:
        self.feeds = feeds
        self.joint = dict.fromkeys(feeds, 1)

    def some(self, rng: Random, event: dict[str, Any]) -> dict[str, Any]:
        """A strike for most binary events, jumps for some of any kind, or nothing."""
        feed, chance = rng.choice(sorted(self.feeds)), rng.random()
        if "outcomes" not in event and "low" not in event and chance < 0.5:
            strike = round(self.feeds[feed] * rng.uniform(0.85, 1.15))
            if rng.random() < 0.1:
                strike = self.feeds[feed]
            below = rng.random() < 0.4
            return {"underlying": feed, "strike_ticks": max(1, strike), "below": below}
        together = self.joint[feed] * (1 + outcomes(event))
        if chance < 0.75 and together <= rng.choice(JOINT):
            self.joint[feed] = together
            jumps = [rng.choice(JUMPS) for _ in range(outcomes(event))]
            return {"underlying": feed, "jumps": jumps}
        return {}

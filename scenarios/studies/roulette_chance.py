"""What may happen in ``oracle-roulette``, and how often: its table ``[chance]``."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from scenarios.errors import choose
from scenarios.part import Name, Part, Ratio
from sim.oracle.faults import KINDS, SEVERITIES

Count = Annotated[int, Field(ge=0)]
Seconds = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
AnySeverity = Literal["mild", "adverse", "severe"]


class Chance(Part):
    """A pair is a range, from which a number is drawn evenly.

    Attributes:
        crash_share, calm_share: of the draws, rounded; the others have faults.
        storm_share: of the draws with faults, how likely a true move is beside them;
            storm_ratio: how far it goes, as fall_ratio.
        on_share: how likely a guard is on.
        faults: how many in a draw.
        breadth: sources that a fault hits, 0 for all; one of these.
        coins: that are hit; none named: all.  coins_share: how likely a fault hits all of these.
        quiet_s: nothing begins before.
        duration_s: of a fault.
        fall_ratio: by how much a price falls or rises in a crash.
        rise_share: how likely it goes up.
        fall_s: how long it takes; back_ratio: what is made good in twice that time.
    """

    crash_share: Ratio = 0.3
    calm_share: Ratio = 0.15
    storm_share: Ratio = 0.5
    storm_ratio: tuple[Share, Share] = (0.02, 0.15)
    on_share: Ratio = 0.5
    faults: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(le=20)]] = (1, 3)
    kinds: Annotated[tuple[str, ...], Field(min_length=1)] = tuple(KINDS)
    severities: Annotated[tuple[AnySeverity, ...], Field(min_length=1)] = SEVERITIES
    breadth: Annotated[tuple[Count, ...], Field(min_length=1)] = (1, 3, 5, 0)
    coins: tuple[Name, ...] = ()
    coins_share: Ratio = 0.2
    quiet_s: Seconds = 60
    duration_s: tuple[Seconds, Seconds] = (60, 300)
    fall_ratio: tuple[Share, Share] = (0.1, 0.6)
    rise_share: Ratio = 0.25
    fall_s: tuple[Seconds, Seconds] = (20, 200)
    back_ratio: tuple[Ratio, Ratio] = (0.0, 0.5)

    @model_validator(mode="after")
    def _ranges(self) -> Self:
        for name in ("faults", "duration_s", "storm_ratio", "fall_ratio", "fall_s", "back_ratio"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name}: {low:g} … {high:g} is no range")
        if self.crash_share + self.calm_share > 1:
            raise ValueError("crash_share + calm_share exceed 1")
        for kind in self.kinds:
            if kind not in KINDS:
                raise ValueError(f"kinds: unknown fault {kind!r}{choose(kind, KINDS)}")
        return self

    @property
    def longest_s(self) -> int:
        """What a market needs from its start to its end."""
        return self.quiet_s + max(self.duration_s[1], 3 * self.fall_s[1]) + 1

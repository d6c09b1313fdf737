"""What a guard does, draw by draw: the same draw without it and with it, then means over draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scenarios.studies.policy_table import Difference, difference, frame, said, short
from scenarios.studies.roulette_draw import KINDS, NAME, Draw
from scenarios.studies.roulette_run import Spun

if TYPE_CHECKING:
    import polars as pl

AVOIDED = ("loss_usd", "unpaid_usd", "extracted_usd", "victims_usd")
ADDED = ("alarms", "alarm_s", "error_s")
MEASURES = (*AVOIDED, *ADDED)


@dataclass(frozen=True)
class Pair:
    """Runs of one draw that differ in one guard only."""

    draw: Draw
    without: Spun
    having: Spun


@dataclass(frozen=True)
class Effect:
    """A guard by measure, over all draws and over those of a kind (``by_kind``).

    Money is what was lost without less what was lost with it; alarms and seconds are what there
    are with it less without.
    """

    guard: str
    every: Mapping[str, Difference]
    by_kind: Mapping[str, Mapping[str, Difference]]

    @property
    def avoided_usd(self) -> float:
        return _mean(self.every["loss_usd"])

    @property
    def alarms(self) -> float:
        return _mean(self.every["alarms"])

    @property
    def per_alarm_usd(self) -> float | None:
        """Losses avoided per false alarm added; None for a guard that adds none."""
        return self.avoided_usd / self.alarms if self.alarms > 0 else None

    @property
    def order(self) -> tuple[int, float, float]:
        """Sorts the better one first: what helps without alarms, then by the ratio, then the rest.

        A guard that avoids nothing is judged by what it costs, alarms or not.
        """
        if self.avoided_usd <= 0:
            return (2, -self.avoided_usd, self.alarms)
        ratio = self.per_alarm_usd
        return (0, -self.avoided_usd, 0.0) if ratio is None else (1, -ratio, 0.0)


def effect_of(guard: str, pairs: Sequence[Pair], seed: int) -> Effect:
    """From one pair a draw; ``seed`` draws the resamples."""

    def over(chosen: Sequence[Pair]) -> dict[str, Difference]:
        found = {}
        for name in MEASURES:
            both = [(getattr(p.without, name), getattr(p.having, name)) for p in chosen]
            if name in ADDED:
                both = [(b, a) for a, b in both]
            found[name] = difference(both, seed, NAME)
        return found

    by_kind: dict[str, dict[str, Difference]] = {
        kind: over([p for p in pairs if p.draw.kind == kind]) for kind in KINDS
    }
    return Effect(guard, over(pairs), by_kind)


def ranked(effects: Sequence[Effect]) -> list[Effect]:
    """The best first."""
    return sorted(effects, key=lambda e: e.order)


def ranking(effects: Sequence[Effect]) -> pl.DataFrame:
    """As people read it: means with their 90 % interval, a row a guard, the best first."""
    import polars as pl

    rows = []
    for place, e in enumerate(ranked(effects), 1):
        ratio, avoided = e.per_alarm_usd, e.every["loss_usd"]
        per_alarm = "no alarm" if ratio is None else short(ratio)
        rows.append(
            {
                "guard": e.guard,
                "rank": place,
                "avoided_usd": said(avoided),
                "alarms": said(e.every["alarms"]),
                "per_alarm_usd": per_alarm,
                **{f"{kind}_usd": said(e.by_kind[kind]["loss_usd"]) for kind in KINDS},
                "better": avoided.higher,
                "worse": avoided.lower,
            }
        )
    return pl.DataFrame(rows)


def parts(effects: Sequence[Effect]) -> pl.DataFrame:
    """What the avoided loss is made of, and the other prices of a guard; as people read it."""
    import polars as pl

    names = (*AVOIDED[1:], "alarm_s", "error_s")
    return pl.DataFrame(
        [{"guard": e.guard} | {n: said(e.every[n]) for n in names} for e in ranked(effects)]
    )


def numbers(effects: Sequence[Effect]) -> pl.DataFrame:
    """A row a guard, kind of draw and measure."""
    rows = []
    for e in ranked(effects):
        for kind, found in (("all", e.every), *e.by_kind.items()):
            for name, d in found.items():
                i = d.interval
                rows.append(
                    {
                        "guard": e.guard,
                        "draws": kind,
                        "measure": name,
                        "pairs": d.pairs,
                        "lower": d.lower,
                        "higher": d.higher,
                        "difference": i.mean if i else None,
                        "low": i.low if i else None,
                        "high": i.high if i else None,
                        "clear": d.clear,
                    }
                )
    return frame(rows)


def draws_table(
    draws: Sequence[Draw], bases: Sequence[Spun], guards: Sequence[str]
) -> pl.DataFrame:
    """A row a draw: what happens, which guards are on, what is lost with them."""
    return frame(
        [
            {
                "draw": d.place,
                "seed": d.seed,
                "kind": d.kind,
                "loss_usd": b.loss_usd,
                "on": " ".join(name for name in guards if name in d.on) or "none",
                "what": d.words,
            }
            for d, b in zip(draws, bases, strict=True)
        ]
    )


def _mean(d: Difference) -> float:
    return d.interval.mean if d.interval else 0.0

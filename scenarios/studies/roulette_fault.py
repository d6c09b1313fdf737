"""Random faults of an oracle, as the tables of a scenario file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from scenarios.schema import Scenario
from scenarios.studies.roulette_chance import Chance
from scenarios.studies.wheel import Wheel
from sim.oracle.faults import KINDS, MAGNITUDES, SEVERITIES
from sim.oracle.price import DEFAULT_SOURCES

TRIES = 50  # at a place for a fault, before the draw has to do without it
# Magnitudes that have a direction, and what is the same the other way.
OPPOSITE = {"bias_pct": "minus", "depth_pct": "minus", "places": "minus", "factor": "inverse"}


@dataclass(frozen=True)
class Place:
    """What faults can hit: the sources and coins of a market, over so many seconds."""

    start: datetime
    seconds: int
    sources: tuple[str, ...]
    upstreams: tuple[str, ...]
    coins: tuple[str, ...]


@dataclass(frozen=True)
class Hit:
    """One fault: its table ``[[oracle.fault]]``, when it is there, and what it is."""

    table: dict[str, Any]
    begins_s: int
    ends_s: int
    words: str

    @property
    def exclusive(self) -> bool:
        return KINDS[self.table["kind"]].exclusive

    def excludes(self, other: Hit) -> bool:
        """Whether both cannot be; sources are not looked at, since failures spread over them."""
        apart = self.ends_s <= other.begins_s or other.ends_s <= self.begins_s
        common = set(self.table["feeds"]) & set(other.table["feeds"])
        return self.exclusive and other.exclusive and bool(common) and not apart


def place_of(market: Scenario, chance: Chance) -> Place:
    """The sources of a market, the usual ones if it declares none, and its coins."""
    declared = market.oracle.source or DEFAULT_SOURCES
    names = [s.name for s in declared]
    above = sorted({up for s in declared for up in s.upstream})
    coins = chance.coins or tuple(c.name for c in market.coin)
    seconds = round((market.end - market.start).total_seconds())
    return Place(market.start, seconds, tuple(names), tuple(above or names), coins)


def draw_faults(chance: Chance, place: Place, wheel: Wheel) -> list[Hit]:
    """One or more faults that can be together, by their beginning."""
    made: list[Hit] = []
    for _ in range(wheel.whole(*chance.faults)):
        for _ in range(TRIES):
            hit = _fault(chance, place, wheel)
            if not any(hit.excludes(other) for other in made):
                made.append(hit)
                break
    return sorted(made, key=lambda hit: hit.begins_s)


def _fault(chance: Chance, place: Place, wheel: Wheel) -> Hit:
    kind = wheel.pick(chance.kinds)
    severity = wheel.pick(chance.severities)
    every = wheel.chance(chance.coins_share)
    coins = list(place.coins) if every else [wheel.pick(place.coins)]
    count = wheel.pick(chance.breadth)
    sources = wheel.some(place.sources, count) if count else list(place.sources)
    lasts = wheel.whole(*chance.duration_s)
    begins = wheel.whole(chance.quiet_s, max(chance.quiet_s, place.seconds - lasts))
    turned = wheel.chance(0.5)
    table: dict[str, Any] = {
        "kind": kind,
        "severity": severity,
        "feeds": coins,
        "start": place.start + timedelta(seconds=begins),
        "duration_s": lasts,
    }
    if kind == "outage":
        table["upstream"] = wheel.pick(place.upstreams)
        where = f"of {table['upstream']}"
    else:
        table["sources"] = sources
        where = f"of {len(sources)} of {len(place.sources)} sources"
    magnitudes = _turned(kind, severity) if turned else {}
    said = f"{severity} {kind}{' down' if magnitudes else ''} {where} of {_named(coins, every)}"
    return Hit(
        {**table, **magnitudes}, begins, begins + lasts, f"{said}, {lasts} s from {begins} s"
    )


def _turned(kind: str, severity: str) -> dict[str, float]:
    """The magnitude of a fault in the other direction; nothing if it has none."""
    found = {}
    for name, values in MAGNITUDES[kind].items():
        value = values[SEVERITIES.index(severity)]
        match OPPOSITE.get(name):
            case "minus":
                found[name] = -value
            case "inverse":
                found[name] = 1.0 / value
    return found


def _named(coins: list[str], every: bool) -> str:
    return "every coin" if every else coins[0]

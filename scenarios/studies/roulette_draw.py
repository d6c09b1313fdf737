"""What ``oracle-roulette`` draws: a disturbance and the guards that are on, each from its stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

from scenarios.schema import Scenario
from scenarios.studies.roulette_chance import Chance
from scenarios.studies.roulette_fault import draw_faults, place_of
from scenarios.studies.wheel import Wheel

Kind = Literal["fault", "crash", "calm"]
KINDS: tuple[Kind, ...] = ("fault", "crash", "calm")
NAME = "oracle-roulette"


@dataclass(frozen=True)
class Draw:
    """One turn of the wheel.

    Attributes:
        place, seed: its number, and the seed of every run of it.
        kind: faults, a true crash (or rise), or nothing at all.
        on: the guards that are on.
        change: overrides that make the disturbance.
        words: what happens.
    """

    place: int
    seed: int
    kind: Kind
    on: frozenset[str]
    change: Mapping[str, Any] = field(default_factory=dict)
    words: str = ""


def draw_all(
    chance: Chance, market: Scenario, guards: Sequence[str], draws: int, seed: int
) -> list[Draw]:
    """All draws, each from streams of its own: a further guard shifts no other."""
    on = {name: Wheel(seed, NAME, f"guard/{name}").rng.random(draws) for name in guards}
    made = []
    for k, kind in enumerate(_kinds(chance, draws, seed)):
        change, words = _disturbance(chance, market, kind, Wheel(seed, NAME, f"draw/{k}"))
        chosen = frozenset(name for name in guards if on[name][k] < chance.on_share)
        made.append(Draw(k, seed + k, kind, chosen, change, words))
    return made


def _kinds(chance: Chance, draws: int, seed: int) -> list[Kind]:
    """As many of each as the shares say, in random order."""
    crashes = round(chance.crash_share * draws)
    calm = min(round(chance.calm_share * draws), draws - crashes)
    order = Wheel(seed, NAME, "kinds").rng.permutation(draws)
    return [
        "crash" if i < crashes else "calm" if i < crashes + calm else "fault"
        for i in order.tolist()
    ]


def _disturbance(
    chance: Chance, market: Scenario, kind: Kind, wheel: Wheel
) -> tuple[dict[str, Any], str]:
    """Overrides and words."""
    if kind == "calm":
        return {}, "nothing"
    change: dict[str, Any] = {}
    said: list[str] = []
    if kind == "fault":
        hits = draw_faults(chance, place_of(market, chance), wheel)
        change["oracle.fault"] = [hit.table for hit in hits]
        said = [hit.words for hit in hits]
    if kind == "crash" or wheel.chance(chance.storm_share):
        ratio = chance.fall_ratio if kind == "crash" else chance.storm_ratio
        path, points, words = _move(chance, market, ratio, wheel)
        change[path] = points
        said.append(words)
    return change, "; ".join(said)


def _move(
    chance: Chance, market: Scenario, ratio: tuple[float, float], wheel: Wheel
) -> tuple[str, list[dict[str, Any]], str]:
    """A coin's true price goes elsewhere and partly back; if it leads, the others follow."""
    place = place_of(market, chance)
    coin = wheel.pick(place.coins)
    leads = coin == market.index.lead
    first = next(c.price_usd for c in market.coin if c.name == coin)
    if leads and market.index.waypoint:
        first = market.index.waypoint[0].price_usd
    size, rises = wheel.between(*ratio), wheel.chance(chance.rise_share)
    lasts, back = wheel.whole(*chance.fall_s), wheel.between(*chance.back_ratio)
    begins = wheel.whole(chance.quiet_s, max(chance.quiet_s, place.seconds - 3 * lasts - 1))
    worst = first * (1.0 + size if rises else 1.0 - size)
    end = worst + back * (first - worst)
    by_second = {
        0: first,
        begins: first,
        begins + lasts: worst,
        begins + 3 * lasts: end,
        place.seconds: end,
    }
    points = [
        {"at": place.start + timedelta(seconds=s), "price_usd": round(p, 8)}
        for s, p in by_second.items()
    ]
    path = "index.waypoint" if leads else f"coin.{coin}.waypoint"
    words = (
        f"{coin} truly {100 * (worst / first - 1):+.0f} % in {lasts} s from {begins} s,"
        f" {100 * back:.0f} % of it back"
    )
    return path, points, words

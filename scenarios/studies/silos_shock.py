"""One shock on opened books: prices fall, events go against the crowd, the exchange liquidates.

Nobody else acts.  The books are quoted by the outside: some levels around the fair price, full
again at every step, of a depth in proportion to what is open.  The run ends when nothing has been
liquidated for a while; accounts may then still be flagged, whose orders nobody meets at a price
that LIQ-07 allows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field, model_validator

from agents import blocks
from scenarios.part import Name, NonNegative, Part, Positive, Ratio
from scenarios.studies.silos_desk import Desk
from scenarios.studies.silos_venue import PRICE_TICKS, SHARE_TICKS, Venue
from sim.exchange.instruments import MICRO, Kind
from sim.exchange.messages import (
    E_CODE,
    E_INSTRUMENT,
    E_KIND,
    M_ARG,
    M_INSTRUMENT,
    M_KIND,
    M_TIME,
    Event,
)
from sim.exchange.messages import Kind as Message
from sim.streams import stream

NO_WINS = 1
_KEPT = np.zeros(64, dtype=np.bool_)
_KEPT[
    [
        Event.FLAG,
        Event.FILL,
        Event.ADL,
        Event.HAIRCUT,
        Event.INSURANCE,
        Event.FUND_RETURN,
        Event.WRITE_OFF,
        Event.DEFICIT,
        Event.MARK,
    ]
] = True

_BUSY = np.zeros(64, dtype=np.bool_)
_BUSY[[Event.FLAG, Event.UNFLAG, Event.ADL, Event.INSURANCE, Event.WRITE_OFF]] = True

Drop = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]


class Shock(Part):
    """Falls of coins over `Market.fall_s`, and an event that fails at the end with its jump."""

    name: Name
    drop: dict[Name, Drop] = Field(default_factory=dict)  # of the first price, by coin
    event: str = ""  # ACT or LAUNCH: NO wins

    @property
    def size(self) -> float:
        return sum(self.drop.values())


class Market(Part):
    """How the shock comes and what the books can take."""

    fall_s: Positive = 180.0
    step_s: Positive = 2.0
    noise_bps: NonNegative = 5.0  # of a falling price, per square root of a second, a bridge
    depth_ratio: Positive = 0.004  # of what is open, each side, at every step
    level_bps: tuple[Positive, ...] = (
        5.0,
        20.0,
        80.0,
        250.0,
    )  # of a share: twice that, of what it pays
    level_share: tuple[Ratio, ...] = (0.1, 0.2, 0.3, 0.4)
    insurance_ratio: NonNegative = 1e-4  # the fund, of the notional of all books
    quiet_s: Positive = 20.0
    longest_s: Positive = 3600.0

    @model_validator(mode="after")
    def _levels(self) -> Market:
        if len(self.level_bps) != len(self.level_share):
            raise ValueError("level_bps and level_share need one entry per level")
        return self


@dataclass(frozen=True)
class Outcome:
    """What a shock caused.

    events: int64[k, 16], those that say who lost what.  seconds: how long it took.  quiet: whether
    it ended by itself.
    """

    events: np.ndarray
    seconds: float
    quiet: bool


def paths(venue: Venue, shock: Shock, market: Market, seed: int) -> list[list[int]]:
    """Index in ticks by step and feed: log-linear falls with a seeded bridge, then a jump.

    The draws do not depend on the shock, so that a larger fall has the same noise.
    """
    steps = max(1, round(market.fall_s / market.step_s))
    feeds = venue.listing.feed_names()
    jumps = {}
    if shock.event:
        event = next(e for e in venue.listing.events if e.name == shock.event)
        jumps[event.underlying] = 1.0 + event.jumps[NO_WINS]
    by_feed = []
    for feed in feeds:
        drop = shock.drop.get(feed, 0.0)
        path = [float(PRICE_TICKS)] * (steps + 1)
        if drop > 0.0:
            draws = stream(seed, "capital-silos", f"path/{feed}").normal(0.0, 1.0, steps).tolist()
            sigma = market.noise_bps * 1e-4 * math.sqrt(market.step_s)
            walk, total = [0.0], 0.0
            for z in draws:
                total += sigma * z
                walk.append(total)
            for k in range(steps + 1):
                bridge = walk[k] - total * k / steps
                path[k] = PRICE_TICKS * math.exp(math.log1p(-drop) * k / steps + bridge)
        end = path[-1] * jumps.get(feed, 1.0)
        by_feed.append([max(1, round(x)) for x in [*path[:-1], end]])
    return [list(ticks) for ticks in zip(*by_feed, strict=True)]


class Books:
    """The outside's quotes: prices at fixed distances from the fair one, full at every step."""

    def __init__(self, desk: Desk, market: Market) -> None:
        self.desk, self.market = desk, market
        venue = desk.venue
        names = range(len(venue.names))
        self.open = [
            max(
                sum(max(0, p.book.get(i, 0)) for p in desk.parties),
                sum(max(0, -p.book.get(i, 0)) for p in desk.parties),
            )
            for i in names
        ]
        self.share = [venue.listing.kind(i) == Kind.EVENT for i in names]
        self.quoted: list[int] = [-1] * len(self.open)
        self.closed: set[int] = set()

    def block(self, index: list[int], traded: set[int]) -> np.ndarray:
        """New quotes for the books whose price moved or that were traded in."""
        out = []
        for i, held in enumerate(self.open):
            fair = self.desk.venue.fair(i, index)
            if held == 0 or i in self.closed or (fair == self.quoted[i] and i not in traded):
                continue
            self.quoted[i] = fair
            out += [blocks.cancel_all(self.desk.outside, i), self._levels(i, fair, held)]
        return blocks.join(out)

    def missing(self, events: np.ndarray) -> None:
        """Quote again where the exchange refused: outside the band, until the mark has followed."""
        for i in events[events[:, E_KIND] == Event.REJECT, E_INSTRUMENT].tolist():
            self.quoted[i] = -1

    def _levels(self, i: int, fair: int, held: int) -> np.ndarray:
        market, rows = self.market, []
        top = SHARE_TICKS - 1 if self.share[i] else 1 << 40
        scale = SHARE_TICKS if self.share[i] else fair
        for bps, share in zip(market.level_bps, market.level_share, strict=True):
            lots = int(held * market.depth_ratio * share)
            away = max(1, math.ceil(scale * bps * (2.0 if self.share[i] else 1.0) * 1e-4))
            for side, price in ((0, fair - away), (1, fair + away)):
                if lots > 0 and 1 <= price <= top:
                    rows.append((side, price, lots))
        if not rows:
            return blocks.none()
        side_, price_, lots_ = (np.array(column) for column in zip(*rows, strict=True))
        outside = self.desk.outside
        return blocks.new(outside, i, side_, price_, lots_, self.desk.ids(len(rows)))


def strike(desk: Desk, shock: Shock, market: Market, seed: int) -> Outcome:
    """Let the shock happen to the desk as it is funded now."""
    path = paths(desk.venue, shock, market, seed)
    books = Books(desk, market)
    listing = desk.venue.listing
    step_us = round(market.step_s * MICRO)
    last = len(path) - 1
    longest = max(last, round(market.longest_s / market.step_s))
    kept: list[np.ndarray] = []
    traded: set[int] = set()
    shown: list[int] = []
    now, busy, quiet, k = desk.exchange.now, 0, False, 0
    for k in range(longest + 1):
        now += step_us
        index = path[min(k, last)]
        out = [
            blocks.index(f, ticks, now)
            for f, ticks in enumerate(index)
            if not shown or ticks != shown[f]
        ]
        shown = index
        resolves = bool(shock.event) and k == last
        if resolves:
            e = [x.name for x in listing.events].index(shock.event)
            books.closed.add(listing.first_book(e))
        out += [books.block(index, traded), blocks.mark()]
        if resolves:
            end = blocks.orders(1)
            end[0, [M_KIND, M_INSTRUMENT, M_ARG]] = Message.RESOLVE, e, NO_WINS
            out.append(end)
        tick = blocks.orders(1)
        tick[0, M_KIND] = Message.LIQUIDATE
        rows = blocks.join([*out, tick])
        rows[:, M_TIME] = now
        events = desk.exchange.process(rows)
        kind = events[:, E_KIND]
        traded = set(events[kind == Event.FILL, E_INSTRUMENT].tolist())
        kept.append(events[_KEPT[kind]])
        books.missing(events)
        if _BUSY[kind].any() or (traded and (events[kind == Event.FILL, E_CODE] == 1).any()):
            busy = k
        if k >= last and (k - busy) * market.step_s >= market.quiet_s:
            quiet = True
            break
    return Outcome(np.concatenate(kept), k * market.step_s, quiet)

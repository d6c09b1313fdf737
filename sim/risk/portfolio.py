"""A portfolio for risk: what may happen, what is held, and the profit of any joint state.

Gathered once into a value object; tails, stresses and hedges are pure functions of it.  One horizon
holds for all of it: every ``sigma`` and every probability is over that time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sim.risk.errors import RiskError, choose, finite
from sim.risk.events import Digital, Event
from sim.risk.prices import ROUNDING, PriceLeg, Underlying


@dataclass(frozen=True)
class Portfolio:
    """Price legs and event shares of one account.

    Args:
        underlyings: the prices that move.
        events: whose outcome is drawn.
        digitals: whose outcome a price decides.
        legs: what is held of the prices.
        shares: quantity by event (or digital) and share; short is negative.

    A state is a relative move per underlying, diffusion and jumps together, and an outcome index
    per event.

    Raises:
        RiskError: two things of one name, or a leg, share, jump or digital that names something
            which is not there; it names the entry and what is allowed.
    """

    underlyings: tuple[Underlying, ...] = ()
    events: tuple[Event, ...] = ()
    digitals: tuple[Digital, ...] = ()
    legs: tuple[PriceLeg, ...] = ()
    shares: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [*self.price_names, *self.event_names, *(d.name for d in self.digitals)]
        for name in names:
            if names.count(name) > 1:
                raise RiskError(name, "two underlyings or events have this name")
        known = self.price_names
        for leg in self.legs:
            self._known(f"leg on {leg.underlying}", leg.underlying, known)
        for digital in self.digitals:
            self._known(f"event {digital.name}.underlying", digital.underlying, known)
        for event in self.events:
            for outcome in event.outcomes:
                for name in outcome.jumps:
                    self._known(f"event {event.name}.{outcome.name}.jumps", name, known)
        for name, held in self.shares.items():
            self._known(f"shares.{name}", name, self._by_name)
            for share, quantity in held.items():
                finite(f"shares.{name}.{share}", quantity)
                self._known(f"shares.{name}", share, self._by_name[name].shares)

    @staticmethod
    def _known(entry: str, name: str, allowed: Iterable[str]) -> None:
        if name not in allowed:
            raise RiskError(entry, f"{name!r} is unknown{choose(name, allowed)}")

    @cached_property
    def _by_name(self) -> dict[str, Event | Digital]:
        found: dict[str, Event | Digital] = {event.name: event for event in self.events}
        return found | {digital.name: digital for digital in self.digitals}

    @property
    def price_names(self) -> tuple[str, ...]:
        return tuple(u.name for u in self.underlyings)

    @property
    def event_names(self) -> tuple[str, ...]:
        """Of events whose outcome is drawn; digitals are not among them."""
        return tuple(event.name for event in self.events)

    def with_legs(self, *legs: PriceLeg) -> Portfolio:
        """The portfolio with more legs: a hedge, or a what-if."""
        return replace(self, legs=self.legs + legs)

    def with_shares(self, event: str, share: str, quantity: float) -> Portfolio:
        """The portfolio with ``quantity`` more of one share (fewer, if negative)."""
        held = {name: dict(row) for name, row in self.shares.items()}
        row = held.setdefault(event, {})
        row[share] = row.get(share, 0.0) + quantity
        return replace(self, shares=held)

    def held(self, event: str) -> Mapping[str, float]:
        """Quantity by share of one event or digital."""
        return self.shares.get(event, {})

    def deltas_usd(self) -> NDArray[np.float64]:
        """float[underlyings]: USD per move of 1 (100 %), curves left out."""
        row = np.zeros(len(self.underlyings))
        for leg in self.legs:
            row[self.price_names.index(leg.underlying)] += leg.delta_usd
        return row

    def curves(self) -> tuple[PriceLeg, ...]:
        """Legs that are not linear."""
        return tuple(leg for leg in self.legs if leg.curve is not None)

    def jumps(self, event: Event) -> NDArray[np.float64]:
        """float[outcomes, underlyings]: relative moves that the event's news makes."""
        return np.array(
            [[o.jumps.get(u, 0.0) for u in self.price_names] for o in event.outcomes], float
        )

    def prices_pnl_usd(
        self, moves: NDArray[np.float64], *, spot_only: bool = False
    ) -> NDArray[np.float64]:
        """Profit of the legs at float[…, underlyings] moves: float[…]."""
        total = np.zeros(moves.shape[:-1])
        for leg in self.legs:
            if leg.kind == "spot" or not spot_only:
                total += leg.pnl_usd(moves[..., self.price_names.index(leg.underlying)])
        return total

    def digital_pnl_usd(self, digital: Digital, moves: NDArray[np.float64]) -> NDArray[np.float64]:
        """Profit of one digital's shares at float[…, underlyings] moves: float[…]."""
        at = self.price_names.index(digital.underlying)
        high, low = digital.pnl_usd(self.held(digital.name))
        return np.where(moves[..., at] >= self.strike_move(digital) - ROUNDING, high, low)

    def strike_move(self, digital: Digital) -> float:
        """The relative move that takes the price to the digital's strike."""
        at = self.price_names.index(digital.underlying)
        return digital.strike_usd / self.underlyings[at].price_usd - 1

    def pnl_usd(
        self, moves: NDArray[np.float64], outcomes: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Profit of n joint states: moves float[n, underlyings], outcomes int[n, events]."""
        return sum(self.parts_usd(moves, outcomes).values(), np.zeros(len(moves)))

    def parts_usd(
        self, moves: NDArray[np.float64], outcomes: NDArray[np.int64]
    ) -> dict[str, NDArray[np.float64]]:
        """The same by name: the legs of each underlying, the shares of each event and digital."""
        parts: dict[str, NDArray[np.float64]] = {}
        for leg in self.legs:
            pnl = leg.pnl_usd(moves[:, self.price_names.index(leg.underlying)])
            parts[leg.underlying] = parts.get(leg.underlying, 0.0) + pnl
        for e, event in enumerate(self.events):
            if self.held(event.name):
                parts[event.name] = event.pnl_usd(self.held(event.name))[outcomes[:, e]]
        for digital in self.digitals:
            if self.held(digital.name):
                parts[digital.name] = self.digital_pnl_usd(digital, moves)
        return parts

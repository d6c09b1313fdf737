"""Stresses without probabilities: price × outcome × oracle, and what a resolution jumps to.

The oracle is fallible, and how it fails decides who is paid:

- ``true``: prices and outcomes as they are.
- ``stale``: it stays at the previous prices.  Everything it marks stays where it was, events are
  not resolved, and digitals settle at the previous price; only spot shows the move.
- ``wrong``: prices are true, but each event resolves to the outcome, other than the true one, that
  is worst for the book; a digital to its other side.
- ``void``: prices are true, every event and digital is void: each share pays 1/number of shares.

News moves prices by the true outcome's jumps, whatever the oracle says of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from sim.risk.errors import RiskError, TooManyStates, choose, finite
from sim.risk.events import Event
from sim.risk.portfolio import Portfolio
from sim.risk.states import MOST_STATES, outcome_table

ORACLES = ("true", "stale", "wrong", "void")
Move = float | Mapping[str, float]


@dataclass(frozen=True)
class Cell:
    """One cell of a stress matrix: the profit and what happens in it."""

    pnl_usd: float
    move: str
    outcomes: Mapping[str, str]
    oracle: str

    def __str__(self) -> str:
        events = ", ".join(f"{event} {outcome}" for event, outcome in self.outcomes.items())
        return f"{self.move}; {events or 'no event resolves'}; oracle {self.oracle}: {self.pnl_usd:+,.2f} USD"


@dataclass(frozen=True, eq=False)
class StressMatrix:
    """``pnl_usd`` float[moves, states, oracles]; labels of the three axes."""

    pnl_usd: NDArray[np.float64]
    moves: tuple[str, ...]
    states: tuple[Mapping[str, str], ...]
    oracles: tuple[str, ...]

    def cell(self, move: int, state: int, oracle: int) -> Cell:
        pnl = float(self.pnl_usd[move, state, oracle])
        return Cell(pnl, self.moves[move], self.states[state], self.oracles[oracle])

    @property
    def worst(self) -> Cell:
        """The cell with the largest loss; the first of equals."""
        at = np.unravel_index(int(np.argmin(self.pnl_usd)), self.pnl_usd.shape)
        return self.cell(*(int(i) for i in at))

    def worst_by_oracle(self) -> dict[str, Cell]:
        """The worst cell of each oracle state."""
        found = {}
        for o, oracle in enumerate(self.oracles):
            at = np.unravel_index(int(np.argmin(self.pnl_usd[:, :, o])), self.pnl_usd.shape[:2])
            found[oracle] = self.cell(int(at[0]), int(at[1]), o)
        return found


def stress_matrix(
    portfolio: Portfolio,
    moves: Sequence[Move],
    *,
    events: Sequence[str] | None = None,
    oracles: Sequence[str] = ORACLES,
) -> StressMatrix:
    """Profit in every combination of a price move, joint outcome and oracle state.

    Args:
        moves: each a relative move of every underlying (−0.2), or one by name ({"BTC": −0.2}; a
            name that is left out stays).
        events: those that resolve, jointly; the others stay at their marks.  None: all.
        oracles: of `ORACLES`.

    Raises:
        RiskError: no move, an unknown name, or a move that is not finite; TooManyStates: the
            events have more than 2^12 joint outcomes.
    """
    names = portfolio.event_names if events is None else tuple(events)
    for name in names:
        if name not in portfolio.event_names:
            raise RiskError(f"events.{name}", f"unknown{choose(name, portfolio.event_names)}")
    for oracle in oracles:
        if oracle not in ORACLES:
            raise RiskError("oracles", f"{oracle!r} is unknown{choose(oracle, ORACLES)}")
    if not moves or not oracles:
        raise RiskError("moves" if not moves else "oracles", "there are none")
    chosen = [event for event in portfolio.events if event.name in names]
    count = prod(len(event.outcomes) for event in chosen)
    if count > MOST_STATES:
        raise TooManyStates(
            "events",
            f"{count} joint outcomes, more than {MOST_STATES}; name fewer events to resolve",
        )
    table = outcome_table(chosen)
    diffusion = np.stack([_move(portfolio, move) for move in moves])
    jumps = np.zeros((len(table), len(portfolio.underlyings)))
    for e, event in enumerate(chosen):
        jumps = jumps + portfolio.jumps(event)[table[:, e]]
    total = diffusion[:, None, :] + jumps
    pnl = np.empty((len(moves), len(table), len(oracles)))
    for o, oracle in enumerate(oracles):
        pnl[:, :, o] = portfolio.prices_pnl_usd(total, spot_only=oracle == "stale")
        for e, event in enumerate(chosen):
            pnl[:, :, o] += _event_row(portfolio, event, oracle)[table[:, e]]
        pnl[:, :, o] += _digitals(portfolio, total, oracle)
    states = tuple(
        {event.name: event.names[i] for event, i in zip(chosen, row, strict=True)} for row in table
    )
    return StressMatrix(pnl, tuple(_label(move) for move in moves), states, tuple(oracles))


def _move(portfolio: Portfolio, move: Move) -> NDArray[np.float64]:
    names = portfolio.price_names
    if not isinstance(move, Mapping):
        return np.full(len(names), finite("moves", move))
    for name, value in move.items():
        if name not in names:
            raise RiskError(f"moves.{name}", f"unknown{choose(name, names)}")
        finite(f"moves.{name}", value)
    return np.array([move.get(name, 0.0) for name in names], float)


def _label(move: Move) -> str:
    if not isinstance(move, Mapping):
        return f"prices {move:+.1%}"
    return ", ".join(f"{name} {value:+.1%}" for name, value in move.items()) or "prices unmoved"


def _event_row(portfolio: Portfolio, event: Event, oracle: str) -> NDArray[np.float64]:
    """float[outcomes]: profit of one event's shares, by its true outcome."""
    held = portfolio.held(event.name)
    paid = event.pnl_usd(held)
    if oracle == "stale":
        return np.zeros(len(paid))
    if oracle == "void":
        return np.full(len(paid), event.void_pnl_usd(held))
    if oracle == "wrong" and len(paid) > 1:
        return np.array([np.delete(paid, i).min() for i in range(len(paid))])
    return paid


def _digitals(portfolio: Portfolio, moves: NDArray[np.float64], oracle: str) -> NDArray[np.float64]:
    """Profit of all digitals' shares at float[…, underlyings] true moves."""
    total = np.zeros(moves.shape[:-1])
    for digital in portfolio.digitals:
        held = portfolio.held(digital.name)
        if oracle == "void":
            total += digital.void_pnl_usd(held)
        elif oracle == "stale":
            total += portfolio.digital_pnl_usd(digital, np.zeros_like(moves))
        elif oracle == "wrong":
            total += sum(digital.pnl_usd(held)) - portfolio.digital_pnl_usd(digital, moves)
        else:
            total += portfolio.digital_pnl_usd(digital, moves)
    return total


@dataclass(frozen=True)
class JumpExposure:
    """What the book loses if one event resolves now: by outcome, USD; gains are negative."""

    event: str
    loss_usd: Mapping[str, float]

    @property
    def worst_outcome(self) -> str:
        return max(self.loss_usd, key=lambda outcome: self.loss_usd[outcome])

    @property
    def exposure_usd(self) -> float:
        """max over outcomes of the loss."""
        return self.loss_usd[self.worst_outcome]


def jump_exposures(portfolio: Portfolio) -> dict[str, JumpExposure]:
    """Jump-to-resolution exposure of every event and digital, by name.

    Loss = −(payouts − marks of its shares) − (profit of the price legs in its declared jumps);
    all else stays at its mark, digitals on the jumping price too.
    """
    found = {}
    for event in portfolio.events:
        pnl = event.pnl_usd(portfolio.held(event.name))
        pnl = pnl + portfolio.prices_pnl_usd(portfolio.jumps(event))
        found[event.name] = JumpExposure(
            event.name, dict(zip(event.names, (-pnl).tolist(), strict=True))
        )
    for digital in portfolio.digitals:
        above, below = digital.pnl_usd(portfolio.held(digital.name))
        yes, no = (above, below) if digital.above else (below, above)
        found[digital.name] = JumpExposure(digital.name, {"YES": -yes, "NO": -no})
    return found

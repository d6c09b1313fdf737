"""The joint states of events: which there are, and how probable each is.

At most 2^12 states are enumerated.  Probabilities come from independence, from a table, or from a
Gaussian copula: event e has a standard normal variable Z_e, cut into intervals whose probabilities
are those of its outcomes (the first outcome on top), and the Z are correlated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from sim.risk.correlation import Correlation
from sim.risk.errors import RiskError, TooManyStates, probability
from sim.risk.events import Event
from sim.risk.orthants import box_probabilities

MOST_STATES = 1 << 12


@dataclass(frozen=True)
class Joint:
    """A given joint distribution: probability by outcome names, in the order of the events.

    States that are not named have probability 0.
    """

    probabilities: Mapping[tuple[str, ...], float]


def check_count(events: Sequence[Event], digitals: int = 0) -> None:
    """Raises TooManyStates if the events have more than 2^12 joint states."""
    count = prod(len(event.outcomes) for event in events) << digitals
    if count > MOST_STATES:
        raise TooManyStates(
            "events",
            f"{len(events) + digitals} events have {count} joint states, more than the {MOST_STATES} "
            "(12 binary events) that are enumerated exactly; use Monte Carlo (simulate) instead",
        )


def outcome_table(events: Sequence[Event]) -> NDArray[np.int64]:
    """int[states, events]: outcome index of each event in each state, the last event fastest."""
    counts = [len(event.outcomes) for event in events]
    if not counts:
        return np.zeros((1, 0), np.int64)
    return np.stack(np.unravel_index(np.arange(prod(counts)), counts), axis=1).astype(np.int64)


def state_probabilities(
    events: Sequence[Event], dependence: Correlation | Joint | None = None
) -> NDArray[np.float64]:
    """float[states], together 1, in the order of `outcome_table`.

    Args:
        events: at most 2^12 joint states.
        dependence: None for independence; a correlation that holds (at least) every event's name,
            for a Gaussian copula; or a joint table.

    Raises:
        TooManyStates: too many; RiskError: a table that does not fit the events' own
            probabilities; CorrelationError: a missing name.
    """
    check_count(events)
    if isinstance(dependence, Joint):
        return _given(events, dependence)
    names = [event.name for event in events]
    if dependence is not None:
        part = dependence.part(names)
        if np.any(part.matrix != np.eye(len(names))):
            cuts = [ndtri(event.tops()) for event in events]
            return _fitted(events, box_probabilities(cuts, part))
    chances = np.ones(1)
    for event in events:
        chances = np.multiply.outer(chances, event.probabilities).ravel()
    return chances


def _given(events: Sequence[Event], joint: Joint) -> NDArray[np.float64]:
    table = np.zeros([len(event.outcomes) for event in events])
    for state, value in joint.probabilities.items():
        entry = f"joint ({', '.join(state)})"
        if len(state) != len(events):
            raise RiskError(entry, f"{len(state)} outcomes for {len(events)} events")
        for name, event in zip(state, events, strict=True):
            if name not in event.names:
                allowed = ", ".join(event.names)
                raise RiskError(
                    entry, f"event {event.name} has no outcome {name!r}; allowed: {allowed}"
                )
        at = tuple(event.names.index(name) for name, event in zip(state, events, strict=True))
        table[at] = probability(entry, value)
    for e, event in enumerate(events):
        others = tuple(i for i in range(len(events)) if i != e)
        for name, own, found in zip(
            event.names, event.probabilities, table.sum(axis=others), strict=True
        ):
            if abs(own - found) > 1e-6:
                raise RiskError(
                    f"joint, event {event.name}.{name}",
                    f"the table gives it {found:g}, the event itself {own:g}",
                )
    return np.asarray(table.ravel() / table.sum())


def _fitted(events: Sequence[Event], chances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scaled so that each event keeps its own probabilities: takes the integral's error off them."""
    table = chances.reshape([len(event.outcomes) for event in events])
    for _ in range(20):
        for e, event in enumerate(events):
            found = table.sum(axis=tuple(i for i in range(len(events)) if i != e))
            scale = np.divide(event.probabilities, found, out=np.zeros_like(found), where=found > 0)
            shape = [1] * len(events)
            shape[e] = -1
            table = table * scale.reshape(shape)
    return np.asarray(table.ravel() / table.sum())

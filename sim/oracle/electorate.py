"""Who votes: stakes, communities on a network, and large voters of their own mind."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import networkx as nx
import numpy as np

from sim.oracle.answers import Answer
from sim.streams import stream

Mind = Literal["honest", "position"] | Answer


@dataclass(frozen=True)
class Whale:
    """A voter with a given share of all stake, who always votes.

    ``votes``: for an answer; "honest": as everybody; "position": for the answer that pays most on
    the shares that ``trader``'s accounts hold when the votes are counted (flat: honestly).
    ``bought``: the stake was bought for this vote, and ``resale_loss`` of its price is lost.
    """

    name: str
    share: float
    votes: Mind = "honest"
    trader: str = ""
    bought: bool = False
    resale_loss: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.share < 1 or not 0 <= self.resale_loss <= 1:
            raise ValueError(f"voter {self.name!r}: 0 < share < 1, 0 <= resale_loss <= 1")
        if self.votes == "position" and not self.trader:
            raise ValueError(f"voter {self.name!r} votes by a position: name its trader")


@dataclass(frozen=True)
class Bribe:
    """An offer to all voters for one answer.

    ``price_per_stake``: USD per USD of stake; 0: each is paid the least that it takes.
    """

    answer: Answer
    budget_micro: int
    price_per_stake: float = 0.0


@dataclass(frozen=True)
class Voters:
    """How an event's voters are made and how they vote; shares and probabilities in 0 … 1.

    Args:
        count: voters besides the whales.
        stake_micro: all stake, whales included, in micro-USD.
        tail_exponent: of the Pareto distribution of stakes; 0: equal stakes.
        communities: stars of the network: a caller and those who listen to it.
        accuracy: P(a signal shows the truth).
        correlation: P(a voter votes as its community's caller says instead of as it sees).
        turnout: P(a voter that is no whale votes).
        slash: part of the stake that who votes for another answer than the winner loses.
        majority: of the stake cast that the winner must exceed.
        min_turnout: of all stake that must be cast.
    """

    count: int = 1000
    stake_micro: int = 50_000_000_000_000
    tail_exponent: float = 1.2
    communities: int = 10
    accuracy: float = 0.95
    correlation: float = 0.1
    turnout: float = 0.6
    slash: float = 0.001
    majority: float = 0.5
    min_turnout: float = 0.05
    whales: tuple[Whale, ...] = ()
    bribe: Bribe | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.communities <= self.count:
            raise ValueError(f"{self.communities} communities of {self.count} voters")
        names = [w.name for w in self.whales]
        for k, name in enumerate(names):
            if name in names[:k]:
                raise ValueError(f"two voters are named {name!r}")
        shares = sum(w.share for w in self.whales)
        if not shares < 1:
            raise ValueError(f"whales hold {shares:g} of the stake: nothing is left for voters")
        if self.tail_exponent < 0 or self.stake_micro < 0:
            raise ValueError("tail_exponent and stake are not negative")


@dataclass(frozen=True)
class Electorate:
    """Voters as drawn: ``stakes`` in micro-USD by voter, whales last; ``community`` by voter."""

    graph: nx.DiGraph
    stakes: tuple[int, ...]
    community: np.ndarray  # int64[count], without whales

    @property
    def communities(self) -> int:
        return int(self.community.max()) + 1


def callers(count: int, communities: int) -> nx.DiGraph:
    """Stars of nearly equal size: an edge leads from a caller to each of its listeners."""
    graph = nx.DiGraph()
    graph.add_nodes_from(range(count))
    graph.add_edges_from((v % communities, v) for v in range(communities, count))
    return graph


def draw(voters: Voters, seed: int, name: str, graph: nx.DiGraph | None = None) -> Electorate:
    """The voters of one question: stakes from the stream (seed, name, "stakes").

    Args:
        graph: who listens to whom, over nodes 0 … count − 1; its weakly connected components are
            the communities.  `callers` unless given.
    """
    graph = callers(voters.count, voters.communities) if graph is None else graph
    if sorted(graph) != list(range(voters.count)):
        raise ValueError(f"the network's nodes are not 0 … {voters.count - 1}")
    community = np.zeros(voters.count, dtype=np.int64)
    parts = sorted(nx.weakly_connected_components(graph), key=min)
    for k, members in enumerate(parts):
        community[sorted(members)] = k
    whales = [math.floor(voters.stake_micro * Fraction(w.share)) for w in voters.whales]
    rest = voters.stake_micro - sum(whales)
    weights = [1.0] * voters.count
    if voters.tail_exponent:
        drawn = stream(seed, name, "stakes").random(voters.count).tolist()
        # Python's math: the last bit of numpy's power depends on the processor.
        weights = [math.exp(-math.log1p(-u) / voters.tail_exponent) for u in drawn]
    return Electorate(graph, (*apportion(rest, weights), *whales), community)


def apportion(total: int, weights: Sequence[float]) -> list[int]:
    """Integers in proportion to `weights` that add to `total`: floors, the rest to the largest."""
    exact = [w.as_integer_ratio() for w in weights]
    # The denominators of floats are powers of two: the largest is a common one.
    unit = max((d for _, d in exact), default=1)
    scaled = [n * (unit // d) for n, d in exact]
    whole = sum(scaled)
    parts = [total * n // whole for n in scaled]
    parts[weights.index(max(weights))] += total - sum(parts)
    return parts

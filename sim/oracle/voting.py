"""Stake-weighted votes: signals, correlation, turnout, bribes, the count, and slashing.

The vote is UMA's data verification mechanism: stake-weighted commit and reveal, 48 hours, who
votes against the result loses part of its stake to those who voted for it
(docs.uma.xyz/protocol-overview/dvm-2.0).  Juries: Condorcet (1785), `sim.oracle.jury`;
correlated ones: Ladha (1992).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from sim.oracle.answers import Answer
from sim.oracle.electorate import Bribe, Electorate, Voters, apportion
from sim.streams import stream

ABSENT = -1


@dataclass(frozen=True)
class Tally:
    """A counted vote; money in micro-USD, lists by voter (whales last).

    ``winner``: None for a tie, too small a majority or too small a turnout.
    """

    options: tuple[Answer, ...]
    votes: tuple[int, ...]  # place in `options`, -1 absent
    stake_for: dict[Answer, int]
    cast: int
    total: int
    winner: Answer | None
    bribed: tuple[int, ...]  # voters
    bribes: int
    slashed: tuple[int, ...]
    rewards: tuple[int, ...]

    @property
    def turnout(self) -> float:
        """Of all stake."""
        return self.cast / self.total if self.total else 0.0

    def against(self, answer: Answer) -> int:
        """Stake cast for anything else."""
        return self.cast - self.stake_for.get(answer, 0)


def vote(
    voters: Voters,
    electorate: Electorate,
    options: Sequence[Answer],
    seed: int,
    name: str,
    positions: Mapping[str, Answer | None] | None = None,
    round_: int = 1,
) -> Tally:
    """One vote.

    A signal shows ``options[0]``, the truth, with probability `accuracy`, else one of the others.
    A voter votes as its community's signal with probability `correlation`, else as its own.

    Args:
        options: the truth, then every other answer that a voter may take for true.
        seed, name: of the stream (seed, name, "vote 1"); how much is drawn depends on nothing
            else than the number of voters, whales and communities.
        positions: by name of a whale, the answer that pays its trader most (None: flat).
        round_: of the vote, from 1; each has its own draws.
    """
    told = {w.name: _mind(w.votes, (positions or {}).get(w.name)) for w in voters.whales}
    named = [a for a in told.values() if a is not None]
    if voters.bribe is not None:
        named.append(voters.bribe.answer)
    answers = tuple(dict.fromkeys((*options, *named)))
    wrong = len(options) - 1
    n, whales = voters.count, len(voters.whales)
    draws = stream(seed, name, f"vote {round_}")
    own = _signals(draws, n + whales, voters.accuracy, wrong)
    common = _signals(draws, electorate.communities, voters.accuracy, wrong)
    follows = draws.random(n) < voters.correlation
    present = draws.random(n) < voters.turnout
    signal = np.where(follows, common[electorate.community], own[:n])
    votes = np.where(present, signal, ABSENT).tolist()
    for w, whale in enumerate(voters.whales):
        answer = told[whale.name]
        votes.append(int(own[n + w]) if answer is None else answers.index(answer))
    bribed: list[int] = []
    bribes = 0
    if voters.bribe is not None:
        bribed, bribes = _buy(voters, electorate, voters.bribe, answers, votes, signal.tolist(), n)
    return count(voters, electorate.stakes, answers, votes, bribed, bribes)


def count(
    voters: Voters,
    stakes: Sequence[int],
    options: tuple[Answer, ...],
    votes: Sequence[int],
    bribed: Sequence[int] = (),
    bribes: int = 0,
) -> Tally:
    """Count votes (places in `options`, -1 absent), slash the losers, pay the winners.

    What is slashed is paid out, to the micro-USD: in proportion to stake, rest to the largest.
    """
    stake_for = dict.fromkeys(options, 0)
    for stake, choice in zip(stakes, votes, strict=True):
        if choice != ABSENT:
            stake_for[options[choice]] += stake
    cast, total = sum(stake_for.values()), sum(stakes)
    winner: Answer | None = None
    if cast and cast >= voters.min_turnout * total:
        best = max(options, key=lambda a: stake_for[a])
        if stake_for[best] > voters.majority * cast and stake_for[best] * 2 > cast:
            winner = best
    slashed, rewards = [0] * len(stakes), [0] * len(stakes)
    if winner is not None:
        # As it is written: floats lose whole micro-USD above 2^53, and 0.3 is a bit less than 3/10.
        part, of = Fraction(str(voters.slash)).as_integer_ratio()
        right = [v for v, c in enumerate(votes) if c != ABSENT and options[c] == winner]
        for v, choice in enumerate(votes):
            if choice != ABSENT and options[choice] != winner:
                slashed[v] = stakes[v] * part // of
        parts = apportion(sum(slashed), [stakes[v] for v in right])
        for v, reward in zip(right, parts, strict=True):
            rewards[v] = reward
    return Tally(
        options, tuple(votes), stake_for, cast, total, winner,
        tuple(bribed), bribes, tuple(slashed), tuple(rewards),
    )  # fmt: skip


def _mind(votes: object, position: Answer | None) -> Answer | None:
    """The answer a whale is bound to, None if it votes as it sees."""
    if isinstance(votes, Answer):
        return votes
    return position if votes == "position" else None


def _signals(draws: np.random.Generator, n: int, accuracy: float, wrong: int) -> np.ndarray:
    """int64[n]: 0 with probability `accuracy`, else 1 … wrong with equal chances."""
    right, which = draws.random(n) < accuracy, draws.random(n)
    if wrong == 0:
        return np.zeros(n, dtype=np.int64)
    return np.where(right, 0, 1 + np.minimum((which * wrong).astype(np.int64), wrong - 1))


def least_bribe(stake: int, slash: float, losing: float) -> int:
    """The smallest whole bribe above what the voter expects to lose, stake·slash·P(losing)."""
    return int(stake * slash * losing) + 1


def _buy(
    voters: Voters,
    electorate: Electorate,
    bribe: Bribe,
    answers: tuple[Answer, ...],
    votes: list[int],
    signal: list[int],
    ordinary: int,
) -> tuple[list[int], int]:
    """Change `votes` by bribes, cheapest voters first, until the answer wins or the money is gone.

    The briber knows how everybody leans; whales are not for sale.  A voter believes its signal
    with probability a: against it, it expects to lose with probability a, with it 1 − a.
    """
    target = answers.index(bribe.answer)
    stakes = electorate.stakes
    offers = []
    for v in range(ordinary):
        if votes[v] == target:
            continue
        losing = 1.0 - voters.accuracy if signal[v] == target else voters.accuracy
        least = least_bribe(stakes[v], voters.slash, losing)
        offer = int(stakes[v] * bribe.price_per_stake) if bribe.price_per_stake else least
        if stakes[v] and offer >= least:
            offers.append((offer, v))
    for_it = sum(s for s, c in zip(stakes, votes, strict=True) if c == target)
    cast = sum(s for s, c in zip(stakes, votes, strict=True) if c != ABSENT)
    total = sum(stakes)
    bought: list[int] = []
    paid = 0
    for offer, v in sorted(offers):
        won = for_it > max(voters.majority, 0.5) * cast and cast >= voters.min_turnout * total
        if won or paid + offer > bribe.budget_micro:
            break
        paid += offer
        bought.append(v)
        for_it += stakes[v]
        cast += stakes[v] if votes[v] == ABSENT else 0
        votes[v] = target
    return bought, paid

"""What it costs to corrupt a resolution, and what the corrupter's accounts gain by it.

cost = bribes + bonds lost + stake slashed + price of bought stake that its resale does not bring;
profit = Σ over the corrupter's accounts of payout(answer) − payout(truth), of the shares held when
the resolution came.  UMA calls the oracle safe while cost > profit (docs.uma.xyz, "economic
guarantee": the cost of corruption exceeds the profit from corruption).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from sim.exchange.instruments import AnyEvent
from sim.oracle.answers import Answer, payout_micro
from sim.oracle.electorate import Electorate, Voters
from sim.oracle.voting import Tally


@dataclass(frozen=True)
class Corruption:
    """Accounts of one event, micro-USD."""

    bribes: int = 0
    bonds_lost: int = 0
    slashed: int = 0
    stake_lost: int = 0
    profit: int = 0

    @property
    def cost(self) -> int:
        return self.bribes + self.bonds_lost + self.slashed + self.stake_lost

    def plus(self, **more: int) -> Corruption:
        """With these amounts added."""
        return replace(self, **{name: getattr(self, name) + x for name, x in more.items()})


def of_vote(
    voters: Voters, electorate: Electorate, tally: Tally, corrupters: Iterable[str]
) -> dict[str, int]:
    """What a vote costs the corrupter: ``bribes``, ``slashed``, ``stake_lost``, micro-USD.

    His are the bribed voters' slashed stakes not (they were paid for), but those of whales that
    belong to a trader among `corrupters`, or whose stake was bought.
    """
    names = set(corrupters)
    slashed = stake = 0
    for w, whale in enumerate(voters.whales):
        place = voters.count + w
        if whale.bought or (whale.trader and whale.trader in names):
            slashed += tally.slashed[place]
        if whale.bought:
            stake += int(electorate.stakes[place] * whale.resale_loss)
    return {"bribes": tally.bribes, "slashed": slashed, "stake_lost": stake}


def holdings(
    balance: Callable[[int, int], int], first_share: int, count: int, accounts: Iterable[int]
) -> dict[int, list[int]]:
    """Shares by outcome of each account that holds any: ``balance(account, asset)`` tells."""
    held = {a: [int(balance(a, first_share + k)) for k in range(count)] for a in accounts}
    return {a: shares for a, shares in held.items() if any(shares)}


def gain(item: AnyEvent, held: dict[int, list[int]], answer: Answer, truth: Answer) -> int:
    """Σ payout(answer) − payout(truth) over accounts, micro-USDC."""
    return sum(
        payout_micro(item, shares, answer) - payout_micro(item, shares, truth)
        for shares in held.values()
    )


def best_answer(
    item: AnyEvent, held: dict[int, list[int]], answers: Sequence[Answer]
) -> Answer | None:
    """The answer that pays these shares most, the first of equals; None if all pay the same."""
    pays = [sum(payout_micro(item, s, a) for s in held.values()) for a in answers]
    if not pays or max(pays) == min(pays):
        return None
    return answers[pays.index(max(pays))]

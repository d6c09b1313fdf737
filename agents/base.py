"""The base of every trader: a Mesa agent with accounts, a latency and its own random stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import mesa
import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from agents import blocks
from agents.facts import Facts
from sim.streams import stream

if TYPE_CHECKING:
    from sim.market import MarketView

SECOND_US = 1_000_000

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Ratio = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]


class TraderParams(BaseModel):
    """Parameters of a kind of trader: frozen, an unknown field is an error, units in the names."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Trader(mesa.Agent):
    """One decision maker, or many like ones, for the accounts it is given.

    It sees a delayed market view and the events of its own accounts, and answers with messages;
    it never touches the exchange.  Two traders never share a random stream, so that one more of
    them shifts nobody's draws.

    Attributes:
        Params: the parameters that a scenario may set.
        cohort: whether a scenario's count means accounts (cohort) or traders (strategy).
        own_accounts: accounts that one strategy needs.
    """

    Params: ClassVar[type[TraderParams]] = TraderParams
    cohort: ClassVar[bool] = False
    own_accounts: ClassVar[int] = 1

    rng: Any = None  # shadows Mesa's, which all agents share

    def __init__(
        self,
        world: Any,
        name: str,
        accounts: np.ndarray,
        latency_us: int,
        params: TraderParams | None = None,
        facts: Facts | None = None,
    ) -> None:
        """
        Args:
            world: the `sim.world.World` it lives in.
            name: unique; names its random stream.
            accounts: int64 ids of the accounts it trades for, increasing.
            latency_us: one way, in either direction.
            params: an instance of ``Params``; its defaults if absent.
            facts: what everybody knows; without terms of events if absent.
        """
        super().__init__(world)
        self.world = world
        self.name = name
        self.accounts = np.asarray(accounts, dtype=np.int64)
        self.latency_us = int(latency_us)
        self.params: Any = self.Params() if params is None else params
        if not isinstance(self.params, self.Params):
            raise TypeError(f"{name}: parameters of {type(self).__name__} expected")
        if len(self.accounts) == 0 or (not self.cohort and len(self.accounts) != self.own_accounts):
            need = "at least 1" if self.cohort else str(self.own_accounts)
            raise ValueError(f"{name}: needs {need} accounts, got {len(self.accounts)}")
        self.facts = Facts(world.exchange.listing) if facts is None else facts
        self.rng = stream(world.seed, name)
        self.account = int(self.accounts[0])

    def new_ids(self, n: int) -> np.ndarray:
        """`n` fresh order ids."""
        ids: np.ndarray = self.world.transport.new_ids(n)
        return ids

    def setup(self) -> list[np.ndarray]:
        """Deposits and opening orders, as message blocks in order."""
        return []

    def stakes(self) -> np.ndarray:
        """Where its money goes if wallets are apart (MAR-08) and it has no opening orders.

        float64[instruments], any unit: the weight of each book; here the open interest's.
        """
        return self.facts.weight

    def first_wake_us(self) -> int:
        """When it wakes for the first time: within its first second, at random."""
        return int(self.world.start_us) + int(self.rng.integers(0, SECOND_US))

    def wake(self, now_us: int, view: MarketView, inbox: np.ndarray) -> tuple[np.ndarray, int]:
        """Look at the market, answer with messages.

        Args:
            now_us: the time.
            view: the market as of `now_us` − latency.
            inbox: int64[k, 16], events of its accounts since the last call, as delayed.

        Returns:
            A block int64[n, 12] (time and seq 0) and the microseconds until the next wake-up.
        """
        return blocks.none(), SECOND_US

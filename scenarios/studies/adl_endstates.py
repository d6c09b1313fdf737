"""The end of a market's run, shocked once more: the same state under every policy.

A scenario runs once per seed to shortly before its end.  Then every order is gone, insurance and
backstop are empty, every price falls, and one liquidation tick shows what each policy does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from scenarios.errors import ScenarioError
from scenarios.files import market
from scenarios.part import NonNegative, Part
from scenarios.runner import prepare
from scenarios.scale import resolve
from scenarios.studies.adl_measure import Tally, before, tally
from sim.exchange.amend import fork_under
from sim.exchange.instruments import MICRO
from sim.exchange.messages import M_ACCOUNT, M_INSTRUMENT, M_KIND, M_TIME, MSG_COLS, Kind
from sim.exchange.policies import AdlPolicy

if TYPE_CHECKING:
    from sim.exchange.exchange import Exchange

SECOND_US = 1_000_000
MARKS = 30  # at most, until they have followed the fall
# What makes the state of a run bare: nothing is left to pay before auto-deleveraging.
BARE = {"insurance_usd": 0.0, "rules.backstop": False, "rules.liquidation_fee_bps": 0.0}


class EndStates(Part):
    """Which scenario, how often, and how far prices fall at its end; no seeds: leave this out."""

    scenario: str = "oct-2025"
    set: dict[str, Any] = Field(default_factory=dict)  # overrides of it, by dotted path
    seeds: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(max_length=100)] = (1, 2)
    scale: Annotated[float, Field(gt=0, le=10)] = 0.02
    before_end_s: NonNegative = 60.0
    shock_pct: Annotated[float, Field(gt=0, lt=100)] = 10.0


def end_state(how: EndStates, seed: int) -> Exchange:
    """The exchange of a run, shortly before its end, without orders and funds.

    Raises ScenarioError for a scenario that cannot be run so.
    """
    scenario = market(how.scenario, {**BARE, **how.set})
    resolved = resolve(scenario, seed, how.scale).model_copy(update={"record": "summary"})
    until_us = resolved.end_us - round(how.before_end_s * MICRO)
    if until_us <= resolved.start_us:
        raise ScenarioError(
            f"the run lasts no longer than before_end_s, {how.before_end_s:g} s",
            path="end_states.before_end_s",
        )
    assembly, _ = prepare(resolved)
    assembly.world.finish_at(until_us)
    x = assembly.exchange
    cancel = np.zeros((x.accounts, MSG_COLS), np.int64)
    cancel[:, M_TIME], cancel[:, M_KIND] = x.now, Kind.CANCEL_ALL
    cancel[:, M_ACCOUNT], cancel[:, M_INSTRUMENT] = np.arange(x.accounts), -1
    x.process(cancel)
    return x


def shocked(exchange: Exchange, how: EndStates, policy: AdlPolicy) -> Tally:
    """One liquidation tick of a copy under a policy, every index lower by the shock."""
    x = fork_under(exchange, exchange.rules.model_copy(update={"adl": policy}))
    feeds = x.listing.feeds
    targets = [max(1, round(x.index(f) * (1 - how.shock_pct / 100))) for f in range(len(feeds))]
    marks: list[int] = []
    for _ in range(MARKS):
        time_us = x.now + SECOND_US
        for f, ticks in enumerate(targets):
            fresh = max(1, feeds[f].min_sources)
            x.send(Kind.INDEX, time_us, instrument=f, price=ticks, arg=time_us, arg2=fresh)
        x.send(Kind.MARK, time_us)
        last, marks = marks, [x.mark(i) for i in range(len(x.listing.perpetuals))]
        if marks == last:
            break
    state = before(x)
    return tally(state, x.send(Kind.LIQUIDATE, x.now + SECOND_US))

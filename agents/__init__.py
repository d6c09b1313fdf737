"""Who trades: cohorts (many like accounts in numpy columns) and strategies (one decision maker).

Build a trader of a scenario file with::

    cls = agents.kind("maker")                      # imports that module only now
    params = cls.Params.model_validate({...})       # pydantic: errors name the field
    world.add(cls(world, "maker/0", accounts, latency_us, params, facts))

``cls.cohort`` says how to read a count: a cohort is one trader with `count` accounts, a strategy
is `count` traders with ``cls.own_accounts`` accounts each.  ``facts`` (`agents.facts.Facts`) is
what everybody knows: the listing, the open interest of each perpetual, the terms of each event.
``population`` in a scenario is one ``leveraged`` cohort whose opening positions come from
`agents.population.open_positions`.  Add every trader to the world before ``world.setup``, so that
it hears of its own opening trades.  Set-up order: ``leveraged`` first (its historic trades need an
empty book), then the others in any order.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agents.base import Trader

KINDS = {
    "noise": ("agents.noise", "Noise"),
    "leveraged": ("agents.leveraged", "Leveraged"),
    "maker": ("agents.maker", "Maker"),
    "event_maker": ("agents.event_maker", "EventMaker"),
    "event_trader": ("agents.event_trader", "EventTrader"),
    "hedger": ("agents.hedger", "Hedger"),
    "backstop": ("agents.backstop", "Backstop"),
    "borrower": ("agents.borrower", "Borrower"),
    "flow": ("agents.flow", "Flow"),
    "exploiter": ("agents.exploiter", "Exploiter"),
    "manipulator": ("agents.manipulator", "Manipulator"),
    "pledger": ("agents.pledger", "Pledger"),
    "reporter": ("agents.reporter", "Reporter"),
    "disputer": ("agents.disputer", "Disputer"),
    "voter": ("agents.voter", "Voter"),
}


def kind(name: str) -> type[Trader]:
    """The class of a kind of trader, imported on demand.

    Raises:
        KeyError: no such kind; the message lists those there are.
    """
    if name not in KINDS:
        raise KeyError(f"unknown kind of trader {name!r}; allowed: {sorted(KINDS)}")
    module, cls = KINDS[name]
    found: type[Trader] = getattr(import_module(module), cls)
    return found

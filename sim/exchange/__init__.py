"""The exchange: declared instruments, rules, messages, and the compiled engine behind ``Exchange``.

``from sim.exchange import Exchange, Listing, Rules`` is the way in; nothing is imported before it is
asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim.exchange.exchange import Exchange
    from sim.exchange.instruments import Listing
    from sim.exchange.rules import Rules

__all__ = ["Exchange", "Listing", "Rules"]

_HOME = {
    "Exchange": "sim.exchange.exchange",
    "Listing": "sim.exchange.instruments",
    "Rules": "sim.exchange.rules",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

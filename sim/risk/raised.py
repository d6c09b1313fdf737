"""What a proposal asks of an account on top: λ becomes 1, a linked event is linked no more."""

from __future__ import annotations

from dataclasses import replace

from sim.exchange.account import Account
from sim.exchange.instruments import Listing
from sim.exchange.legs import ne_mm
from sim.exchange.rules import Rules


def raised_usd(listing: Listing, rules: Rules, held: Account, event: int) -> float:
    """MM of an account less what it would be without the event's first proposal, USD.

    SET-02; MAR-07 for a linked event, whose shares may have hedged positions.  ``held``: what the
    account holds; the event is among its proposed ones.
    """
    if event in held.resolved:  # or it holds nothing of it
        return 0.0
    _, mm = ne_mm(listing, rules, held)
    _, before = ne_mm(listing, rules, replace(held, proposed=held.proposed - {event}))
    return mm - before

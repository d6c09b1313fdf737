"""What an account may withdraw on credit, by the exchange's public rules (MAR-02, 04, 09).

An estimate from outside: it takes the index as it is seen, not the average that the exchange may
take instead, knows nobody else's collateral under a cap, and no pool.  Who asks for too much is
refused and asks for less (`agents.drain`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from sim.exchange.instruments import USDC, Listing, Margin
from sim.exchange.valuation import imf

STEPS = 60  # of a bisection: more than a float has digits


def uncapped_weight(listing: Listing, asset: int, usd: float) -> float:
    """w of MAR-02 for collateral worth `usd`, its cap apart."""
    if asset == USDC:
        return 1.0
    declared = listing.assets[asset - 1]
    shrunk = declared.haircut_b / (1.0 + declared.haircut_kappa * math.sqrt(usd))
    return min(declared.haircut_w, shrunk)


def weight(listing: Listing, asset: int, usd: float) -> float:
    """w of MAR-02 for collateral worth `usd` of an asset that nobody else holds."""
    cap = listing.assets[asset - 1].collateral_cap_usd if asset != USDC else 0.0
    share = min(1.0, cap / usd) if cap > 0 and usd > 0 else 1.0
    return uncapped_weight(listing, asset, usd) * share


def debt_margin(listing: Listing, asset: int) -> Margin:
    """The margin function of a debt in an asset (MAR-04)."""
    return listing.usdc_debt if asset == USDC else listing.assets[asset - 1].debt


def spare_usd(
    listing: Listing, units: Mapping[int, float], unit_usd: Mapping[int, float], margin_usd: float
) -> float:
    """NE - IM of balances and debts.

    Args:
        units: smallest units by asset id, a debt negative.
        unit_usd: the price of one, by asset id.
        margin_usd: what positions and shares require besides; negative: what they lend.
    """
    spare = -margin_usd
    for asset, held in units.items():
        usd = held * unit_usd[asset]
        if held >= 0:
            spare += usd * weight(listing, asset, usd)
        else:
            spare += usd * (1.0 + imf(debt_margin(listing, asset), -usd))
    return spare


def room_units(
    listing: Listing,
    units: Mapping[int, float],
    unit_usd: Mapping[int, float],
    asset: int,
    margin_usd: float = 0.0,
) -> int:
    """How many units of `asset` may leave before NE is below IM; 0 if none, or without a price."""
    price = unit_usd[asset]
    if price <= 0 or not all(x > 0 for x in unit_usd.values()):
        return 0
    held = units.get(asset, 0.0)

    def after(taken: float) -> float:
        return spare_usd(listing, {**units, asset: held - taken}, unit_usd, margin_usd)

    if after(0.0) <= 0:
        return 0
    worth = math.fsum(max(0.0, u) * unit_usd[a] for a, u in units.items()) + max(0.0, -margin_usd)
    low, high = 0.0, worth / price + 1.0
    if after(high) > 0:  # an asset that is no collateral at all
        return int(high)
    for _ in range(STEPS):
        middle = 0.5 * (low + high)
        if after(middle) > 0:
            low = middle
        else:
            high = middle
    return int(low)

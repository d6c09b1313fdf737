"""What a shock did: who lost what, and how far from where it struck."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scenarios.studies.silos_desk import Desk
from scenarios.studies.silos_shock import Outcome, Shock
from scenarios.studies.silos_venue import SHARE_TICKS
from sim.exchange.instruments import MICRO, Kind
from sim.exchange.messages import (
    BUY,
    E_ACCOUNT,
    E_AMOUNT,
    E_CODE,
    E_INSTRUMENT,
    E_KIND,
    E_OTHER,
    E_PRICE,
    E_SIDE,
    E_SIZE,
    E_X,
    Event,
)


@dataclass(frozen=True)
class Harm:
    """USD unless the name says otherwise; shares are of 1.

    bad_debt: deficits (LIQ-08) and equities below 0 at the end.  insurance, deleveraged (profit
    forgone), socialised: who bore it, lenders: what the pool bore of that.  liquidated: notional
    closed by force; untouched: the part in products that the shock does not touch.  bystanders:
    what parties without a product or coin that the shock touches were charged, deleveraging and
    socialised losses.  lost: parties of which a wallet was liquidated or that have nothing left;
    hedged, lost_hedged: parties whose book offsets this very shock (`offsets`), and those of them
    that are lost.  flagged: accounts still in liquidation.
    """

    bad_debt_usd: float
    insurance_usd: float
    deleveraged_usd: float
    socialised_usd: float
    lenders_usd: float
    liquidated_usd: float
    untouched_usd: float
    bystanders_usd: float
    lost: int
    hedged: int
    lost_hedged: int
    flagged: int
    seconds: float
    quiet: bool


def touched(desk: Desk, shock: Shock) -> list[bool]:
    """By instrument, whether the shock touches it."""
    listing = desk.venue.listing
    feeds = {listing.feed_id(name) for name, drop in shock.drop.items() if drop > 0}
    events = set()
    if shock.event:
        e = [x.name for x in listing.events].index(shock.event)
        events.add(e)
        if listing.events[e].underlying:
            feeds.add(listing.feed_id(listing.events[e].underlying))
    return desk.venue.touches(feeds, events)


def bystanders(desk: Desk, shock: Shock) -> np.ndarray:
    """bool[parties]: no product, and no coin, that the shock touches; the outside is none."""
    struck = touched(desk, shock)
    listing = desk.venue.listing
    assets = {
        listing.base_of(i) for i, hit in enumerate(struck) if hit and listing.kind(i) == Kind.SPOT
    }
    free = [
        not any(struck[i] for i in p.book) and not (assets & set(p.coins)) for p in desk.parties
    ]
    return np.array([*free, False], dtype=np.bool_)


def offsets(desk: Desk, shock: Shock) -> np.ndarray:
    """bool[parties]: the shock touches the book, and one leg wins there what another loses.

    Carry, calendar and strip offset every fall; legislation offsets the act's failure by itself,
    treasury the launch's.
    """
    struck = touched(desk, shock)
    kinds = {"carry", "calendar", "strip"}
    if shock.event and not shock.size:
        kinds.add({"ACT": "legislation", "LAUNCH": "treasury"}[shock.event])
    return np.array(
        [p.archetype in kinds and any(struck[i] for i in p.book) for p in desk.parties],
        dtype=np.bool_,
    )


def measure(desk: Desk, shock: Shock, outcome: Outcome) -> tuple[Harm, np.ndarray]:
    """The harm of a shock, and who is lost, bool[parties]; the desk is as the shock left it."""
    rows, wallets = outcome.events, desk.wallets
    kind = rows[:, E_KIND]
    equities = desk.exchange.equities()
    forced = rows[(kind == Event.FILL) & (rows[:, E_CODE] == 1)]
    adl, cut = rows[kind == Event.ADL], rows[kind == Event.HAIRCUT]
    notional = np.zeros(len(desk.venue.names))
    for part, is_fill in ((forced, True), (adl, False)):
        for i, side, price, size in part[:, [E_INSTRUMENT, E_SIDE, E_PRICE, E_SIZE]].tolist():
            share = desk.venue.listing.kind(i) == Kind.EVENT
            if share and is_fill and side == BUY:  # a forced buy sells NO
                price = SHARE_TICKS - price
            notional[i] += desk.venue.usd(i, size, price)
    apart = ~np.array(touched(desk, shock))
    bystander = bystanders(desk, shock)

    def charged(part: np.ndarray, column: int) -> int:
        """Micro-USDC of these rows that bystanders bear; -1 is the lenders' pool."""
        who = part[part[:, column] >= 0]
        return int(who[bystander[who[:, column] % wallets.parties], E_AMOUNT].sum())

    hit = np.zeros(wallets.parties, dtype=np.bool_)
    for part in (forced, adl, rows[kind == Event.INSURANCE], rows[kind == Event.WRITE_OFF]):
        hit[part[:, E_ACCOUNT] % wallets.parties] = True
    total = wallets.by_party(equities)
    hit |= total <= 0
    lost = hit[: desk.outside]
    hedged = offsets(desk, shock)
    dollars = cut[cut[:, E_X] == 0]
    paid = int(rows[kind == Event.INSURANCE][:, E_AMOUNT].sum())
    returned = int(rows[kind == Event.FUND_RETURN][:, E_AMOUNT].sum())
    deficit = int(rows[kind == Event.DEFICIT][:, E_AMOUNT].sum())
    harm = Harm(
        bad_debt_usd=(deficit + int(np.maximum(-equities, 0).sum())) / MICRO,
        insurance_usd=(paid - returned) / MICRO,
        deleveraged_usd=int(adl[:, E_AMOUNT].sum()) / MICRO,
        socialised_usd=int(dollars[:, E_AMOUNT].sum()) / MICRO,
        lenders_usd=int(dollars[dollars[:, E_ACCOUNT] < 0, E_AMOUNT].sum()) / MICRO,
        liquidated_usd=float(notional.sum()),
        untouched_usd=float(notional[apart].sum()),
        bystanders_usd=(charged(adl, E_OTHER) + charged(dollars, E_ACCOUNT)) / MICRO,
        lost=int(lost.sum()),
        hedged=int(hedged.sum()),
        lost_hedged=int((lost & hedged).sum()),
        flagged=len(desk.exchange.flagged()),
        seconds=outcome.seconds,
        quiet=outcome.quiet,
    )
    return harm, lost

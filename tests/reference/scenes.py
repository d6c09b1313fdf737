"""Scenes that chance alone would rarely play: a failure that no counterparty can bear."""

from __future__ import annotations

from typing import TYPE_CHECKING

from session import SECOND, USD
from twin.codes import BUY, SELL, Flag, Message

if TYPE_CHECKING:
    from programs import Writer

CAST = (8, 9, 10)  # accounts that play in scenes only


def deposit(w: Writer, account: int, dollars: float) -> None:
    """In USDC, or in BTC where nobody is to hold dollars."""
    if w.penniless:
        units = w.lots(w.perpetuals, dollars * 1.1)
        w.send(Message.DEPOSIT, account=account, instrument=1, size=units)
    else:
        w.send(Message.DEPOSIT, account=account, instrument=0, size=round(dollars * USD))


def trade(w: Writer, buyer: int, seller: int, instrument: int, dollars: float) -> None:
    """At the fair price, with nobody else in the book."""
    for account in range(8):
        w.send(Message.CANCEL_ALL, account=account, instrument=instrument)
    price, size = w.near(instrument, 0.0), w.lots(instrument, dollars)
    w.new(seller, instrument, SELL, price, size)
    w.new(buyer, instrument, BUY, price, size, Flag.IOC)
    w.send(Message.CANCEL_ALL, account=seller, instrument=instrument)


def shift(w: Writer, *factors: float) -> None:
    """Move the indices and let the marks follow."""
    w.now += SECOND
    for feed, factor in enumerate(factors):
        w.index[feed] *= factor
        w.send(
            Message.INDEX, instrument=feed, price=round(w.index[feed]), arg=w.now, arg2=3, size=0
        )
    for instrument in range(w.perpetuals):
        trade(w, 0, 1, instrument, 1.0)
    w.send(Message.MARK)


def ruin(w: Writer) -> None:
    """X fails on a long; Z, short against it, has lost its equity elsewhere; G has gains."""
    rng = w.rng
    x, z, g = rng.sample(CAST, 3)
    first, second = (0, 1) if rng.random() < 0.5 else (1, 0)
    fall = {w.feed_of[first]: rng.uniform(0.85, 0.9), w.feed_of[second]: rng.uniform(0.81, 0.85)}
    shift(w, 1.0, 1.0, 1.0)
    deposit(w, x, 1_500.0)
    deposit(w, z, 6_000.0)
    deposit(w, g, 3_000.0)
    trade(w, g, z, first, rng.choice([500, 2_000, 12_000]) * rng.uniform(0.5, 1.0))
    for _ in range(rng.choice([2, 4])):
        rise = [1.0, 1.0, 1.0]
        rise[w.feed_of[first]] = 1.06
        shift(w, *rise)
    trade(w, x, z, first, rng.choice([12_000, 16_000, 22_000]))
    for dollars in (40_000, 20_000, 10_000):
        trade(w, z, 0, second, dollars * rng.uniform(0.5, 1.5))
    shift(w, *(fall.get(feed, 1.0) for feed in range(3)))
    for _ in range(4):
        w.send(Message.LIQUIDATE)
        w.now += SECOND

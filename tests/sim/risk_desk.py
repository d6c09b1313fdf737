"""A small book with everything in it, for the tests of risk."""

from __future__ import annotations

from sim.risk.correlation import Correlation
from sim.risk.events import Digital, Event, Outcome
from sim.risk.portfolio import Portfolio
from sim.risk.prices import PriceLeg, Underlying

BTC = Underlying("BTC", 100_000, sigma=0.04, drift=0.002)
ETH = Underlying("ETH", 4_000, sigma=0.06, drift=-0.001)


def desk() -> Portfolio:
    """Two prices, a bill that moves both, a vote between three, two digitals on BTC."""
    bill = Event.binary(
        "bill", 0.3, 0.35, jumps_yes={"BTC": 0.08}, jumps_no={"BTC": -0.03, "ETH": -0.02}, void=0.1
    )
    vote = Event("vote", (Outcome("A", 0.5), Outcome("B", 0.3), Outcome("C", 0.2)), {"A": 0.45})
    return Portfolio(
        (BTC, ETH),
        (bill, vote),
        (Digital("up", "BTC", 105_000, 0.3), Digital("down", "BTC", 98_000, 0.25, above=False)),
        (PriceLeg.perpetual("BTC", 0.05, 100_000), PriceLeg.spot("ETH", -1, 4_000)),
        {
            "bill": {"YES": -300, "NO": 50},
            "vote": {"A": 200, "C": -300},
            "up": {"YES": -400},
            "down": {"NO": 250, "YES": 20},
        },
    )


def linked() -> Correlation:
    """Prices go together, the bill against the vote; no event with a price."""
    pairs = {("BTC", "ETH"): 0.7, ("bill", "vote"): -0.4}
    return Correlation.of_pairs(("BTC", "ETH", "bill", "vote"), pairs, default=0.0)

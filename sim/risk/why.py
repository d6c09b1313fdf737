"""Why was an account liquidated, and what happened then: told from the events of a run (MAR-11)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from sim.exchange import messages as m
from sim.exchange.account import Account
from sim.exchange.explain import Explanation, equity_of
from sim.exchange.instruments import MICRO, Listing
from sim.exchange.legs import Leg, legs_of, release_usd
from sim.exchange.messages import Event
from sim.exchange.rules import Rules
from sim.exchange.valuation import usd
from sim.risk.chain import chain
from sim.risk.eventlog import EventLog
from sim.risk.link import Link
from sim.risk.truth import Truth
from sim.risk.verdict import Verdicts
from sim.risk.waterfall import TOTALS, Line, waterfall

ALWAYS = 1 << 62


@dataclass(frozen=True)
class Liquidation:
    """From one FLAG to its UNFLAG (None: still flagged when the log ends).

    ``explanation``: NE and MM at the FLAG as legs; ``exact``: whether they round to what the FLAG
    says, in micro-USDC; ``release_usd``: the NE that would have released it there.  ``chain``: from
    the FLAG back to what came from outside.
    """

    account: int
    seq: int
    time_us: int
    unflag_seq: int | None
    unflag_us: int | None
    explanation: Explanation
    exact: bool
    release_usd: float
    chain: tuple[Link, ...]
    lines: tuple[Line, ...]
    totals: dict[str, float]

    @property
    def cause(self) -> Link:
        """What came from outside, or event NONE."""
        return self.chain[-1]

    @property
    def forced_trades(self) -> int:
        """How many forced trades lie between the cause and this account."""
        return sum(link.event == "FILL" for link in self.chain)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "account": self.account,
            "seq": self.seq,
            "time_us": self.time_us,
            "unflag_seq": self.unflag_seq,
            "unflag_us": self.unflag_us,
            "exact": self.exact,
            "release_usd": self.release_usd,
            "forced_trades": self.forced_trades,
            "explanation": self.explanation.to_dict(),
            "chain": [asdict(link) for link in self.chain],
            "lines": [asdict(line) for line in self.lines],
            "totals": [
                {"name": name, "clause": TOTALS[name], "value": value}
                for name, value in self.totals.items()
            ],
        }


@dataclass(frozen=True)
class Suffered:
    """Losses of others that reached this account: closed against it, or taken from it."""

    seq: int
    time_us: int
    clause: str
    bankrupt: int
    usd: float


@dataclass(frozen=True)
class Nearest:
    """How close an account came: the least NE - MM of the times looked at (``looked``)."""

    time_us: int
    ne_usd: float
    mm_usd: float
    looked: str


@dataclass(frozen=True)
class Why:
    """All liquidations of an account, or, with none, how ``nearest`` it came (if known)."""

    account: int
    liquidations: tuple[Liquidation, ...]
    suffered: tuple[Suffered, ...] = ()
    nearest: Nearest | None = field(default=None)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "account": self.account,
            "liquidations": [found.to_dict() for found in self.liquidations],
            "suffered": [asdict(found) for found in self.suffered],
            "nearest": None if self.nearest is None else asdict(self.nearest),
        }


def why(
    listing: Listing,
    rules: Rules,
    rows: np.ndarray,
    account: int,
    truth: Truth | None = None,
    nearest: Nearest | None = None,
    verdicts: Callable[[EventLog], Verdicts] | None = None,
) -> Why:
    """Every liquidation of an account.

    Args:
        rows: int64[n, 16], the events of the run that `eventlog.needed` keeps, in order.
        truth: true prices of feeds in USD; NaN where there is none.
        nearest: what to say of an account that was never liquidated.
        verdicts: makes, from the log, what judges events as causes; the default knows nothing of
            the event oracle's own log.
    """
    log = EventLog(listing, rows)
    judge = verdicts(log) if verdicts is not None else Verdicts(log, rules)
    found = [liquidation(log, rules, flag, truth, judge) for flag in log.flags_of(account)]
    return Why(account, tuple(found), _suffered(log, account), None if found else nearest)


def liquidation(
    log: EventLog,
    rules: Rules,
    flag: np.ndarray,
    truth: Truth | None,
    verdicts: Verdicts,
) -> Liquidation:
    """The liquidation that began with a FLAG."""
    account, seq = int(flag[m.E_ACCOUNT]), int(flag[m.E_SEQ])
    flags = log.flags_of(account)
    later = flags[flags[:, m.E_SEQ] > seq]
    following = int(later[0, m.E_SEQ]) if len(later) else ALWAYS
    unflags = log.of(Event.UNFLAG)
    unflags = unflags[unflags[:, m.E_ACCOUNT] == account]
    at = int(np.searchsorted(unflags[:, m.E_SEQ], seq))
    over = unflags[at] if at < len(unflags) and unflags[at, m.E_SEQ] < following else None
    until = following if over is None else int(over[m.E_SEQ])
    explanation, exact = at_flag(log, rules, flag)
    lines, totals = waterfall(log, account, seq, until)
    return Liquidation(
        account,
        seq,
        int(flag[m.E_TIME]),
        None if over is None else int(over[m.E_SEQ]),
        None if over is None else int(over[m.E_TIME]),
        explanation,
        exact,
        release_usd(rules, explanation.legs),
        chain(log, rules, flag, truth, verdicts),
        lines,
        totals,
    )


def at_flag(log: EventLog, rules: Rules, flag: np.ndarray) -> tuple[Explanation, bool]:
    """(E, NE and MM at a FLAG as legs, whether they round to what it says).

    A collateral cap depends on what all accounts hold, which the log does not say: what it takes is
    what the recorded NE lacks, and stands as a leg of its own.
    """
    held = log.held(flag)
    legs = legs_of(log.listing, rules, held)
    equity = equity_of(log.listing, held)
    recorded = [int(flag[c]) for c in (m.E_AMOUNT, m.E_X, m.E_Y)]
    capped = [
        asset.name
        for k, asset in enumerate(log.listing.assets, 1)
        if asset.collateral_cap_usd and held.balances.get(k, 0) + held.claims.get(k, 0) > 0
    ]

    def told(parts: tuple[Leg, ...]) -> tuple[Explanation, bool]:
        source: tuple[Listing, Rules, Account] = (log.listing, rules, held)
        account, time = int(flag[m.E_ACCOUNT]), int(flag[m.E_TIME])
        made = Explanation(account, time, parts, usd(equity), source)
        sums = [equity, round(made.ne_usd * MICRO), round(made.mm_usd * MICRO)]
        return made, sums == recorded

    made, exact = told(legs)
    if exact or not capped:
        return made, exact
    missing = recorded[1] / MICRO - made.ne_usd
    inputs = {"assets": capped, "worked_out": "recorded NE less the other legs"}
    return told((*legs, Leg("collateral cap", "MAR-02", ne_usd=missing, inputs=inputs)))


def _suffered(log: EventLog, account: int) -> tuple[Suffered, ...]:
    """What auto-deleveraging and haircuts took from the account."""
    closed = (log.kind == Event.ADL) & (log.rows[:, m.E_OTHER] == account)
    taken = (log.kind == Event.HAIRCUT) & (log.rows[:, m.E_ACCOUNT] == account)
    found = []
    for row in log.rows[closed | taken]:
        seq, amount = int(row[m.E_SEQ]), int(row[m.E_AMOUNT])
        if row[m.E_KIND] == Event.ADL:
            clause, bankrupt, worth = "LIQ-05", int(row[m.E_ACCOUNT]), amount / MICRO
        else:
            clause, bankrupt = "LIQ-06", int(row[m.E_OTHER])
            worth = log.asset_usd(int(row[m.E_X]), amount, seq)
        found.append(Suffered(seq, int(row[m.E_TIME]), clause, bankrupt, worth))
    return tuple(found)

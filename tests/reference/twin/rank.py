"""The queues of auto-deleveraging: who comes first (LIQ-05)."""

from __future__ import annotations

from twin.holdings import Leg
from twin.ledger import Position
from twin.state import State

WORD = (1 << 64) - 1


def rank(
    policy: str,
    state: State,
    leg: Leg,
    candidates: list[int],
    equities: list[int],
    bankrupt: tuple[int, int],
) -> list[int]:
    """Candidates by descending score, ties by id; `bankrupt`: when it was flagged, and who it is."""

    def score(k: int) -> float:
        if policy == "random":
            return lot(*bankrupt, leg.instrument.id, k)
        position = state.ledger.accounts[k].positions[leg.instrument.id]
        return (binance if policy == "binance" else hyperliquid)(leg, position, equities[k])

    return sorted(candidates, key=lambda k: (-score(k), k))


def _sides(leg: Leg, p: Position) -> tuple[float, float, float]:
    """Value at the mark and cost, at least 1 each, in units of k(i); notional in micro-USD."""
    i = leg.instrument
    value, cost = max(1, abs(i.pv(p.size, leg.mark))), max(1, abs(p.cost))
    return float(value), float(cost), float(i.notional(abs(p.size), leg.mark))


def hyperliquid(leg: Leg, p: Position, equity: int) -> float:
    """Profit by leverage."""
    value, cost, notional = _sides(leg, p)
    # A long inverse gains while its value in coins falls.
    rises = (p.size > 0) != leg.instrument.is_inverse
    profit = value / cost if rises else cost / value
    return profit * (notional / float(equity))


def binance(leg: Leg, p: Position, equity: int) -> float:
    """Return by leverage; for who has lost, return over leverage."""
    value, cost, notional = _sides(leg, p)
    if leg.instrument.is_inverse:
        r = cost / value - 1.0 if p.size > 0 else 1.0 - cost / value
    else:
        r = value / cost - 1.0 if p.size > 0 else 1.0 - value / cost
    leverage = notional / float(equity)
    return r * leverage if r > 0 else r / leverage


def lot(time: int, account: int, instrument: int, candidate: int) -> float:
    """A number drawn from who and when (the finaliser of splitmix64)."""
    z = (time + 1_000_003 * account + 7_919 * instrument + 104_729 * candidate) & WORD
    z ^= z >> 30
    z = z * 0xBF58476D1CE4E5B9 & WORD
    z ^= z >> 27
    z = z * 0x94D049BB133111EB & WORD
    z ^= z >> 31
    return float(z >> 11)

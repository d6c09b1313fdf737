"""Forced fills that settle against the bankruptcy price (LIQ-07, dydx_exact)."""

from __future__ import annotations

from twin.arithmetic import MILLION, fdiv
from twin.codes import SELL, Event
from twin.fund import Fund
from twin.holdings import Leg
from twin.state import COLUMN, State


def settle_exactly(state: State, fund: Fund, account: int, leg: Leg, share: int, step: int) -> int:
    """What a step leaves above its part of the leg's equity goes to the fund, what it lacks comes.

    `share` is E_i before the step, `step` the seq of its STEP row. Returns what the fund got.
    """
    fills = [row for row in state.out if row[2] == Event.FILL and row[COLUMN["order"]] == -step]
    if not fills:
        return 0
    tv, cost, proceeds = leg.instrument.tv, 0, 0
    for row in fills:
        price, lots = row[COLUMN["price"]], row[COLUMN["size"]]
        worse = (leg.mark - price) * tv * lots
        cost += worse if leg.side == SELL else -worse
        proceeds += price * tv * lots
    filled = sum(row[COLUMN["size"]] for row in fills)
    x = fdiv(share * filled, leg.lots) - cost
    if x < 0:
        paid = fund.insure(account, -x)
        if paid > 0:
            fund.say_deficit(account, paid, paid, 0, 0)
        return 0
    most = fdiv(proceeds * round(state.rules["exact_fee_cap"] * MILLION), MILLION)
    fee = min(x, most, max(0, fund.margin.equity(account)))
    state.ledger.to_insurance(account, fee)
    return fee

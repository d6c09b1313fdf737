"""Providers take whole legs (LIQ-03)."""

from __future__ import annotations

from twin.arithmetic import MILLION, fdiv, micro
from twin.codes import SELL, Event
from twin.holdings import POSITION, Leg
from twin.ledger import Ledger
from twin.legs import Legs
from twin.listing import Instrument
from twin.margin import Margin
from twin.state import State


def change_hands(
    ledger: Ledger, i: Instrument, giver: int, taker: int, lots: int, mark: int, gift: int
) -> int:
    """Pass signed lots on at the mark, the giver worse off by `gift` micro-USDC.

    Returns what the taker realised, in units of k(i).
    """
    if i.is_inverse:
        value = i.pv(lots, mark)
        ledger.add(giver, 0, -gift)
        ledger.add(taker, 0, gift)
    else:
        value = i.pv(lots, mark) - gift
    ledger.trade(giver, i.id, -lots, -value)
    return ledger.trade(taker, i.id, lots, value)


class Backstop:
    def __init__(self, state: State, margin: Margin, legs: Legs) -> None:
        self.s = state
        self.margin = margin
        self.legs = legs

    def safe(self, account: int) -> bool:
        """LIQ-00: NE ≥ MM + buffer·(MM − ΣR_e)."""
        mm = self.margin.maintenance(account)
        buffer = self.s.rules["unflag_buffer"] * (mm - self.margin.event_requirements(account))
        return self.margin.net(account) >= mm + buffer

    def run(self, account: int, at_mark: bool = False) -> None:
        """Offer each leg once, in ratio order, until safe; at mark only positions (LIQ-04)."""
        offered: set[tuple[str, int]] = set()
        while not self.safe(account):
            legs = self.legs.position_legs(account)
            if not at_mark:
                legs += self.legs.share_legs(account)
            leg = self.legs.first(account, [g for g in legs if g.key not in offered])
            if leg is None:
                return
            offered.add(leg.key)
            self._offer(account, leg, at_mark)

    def _offer(self, account: int, leg: Leg, at_mark: bool) -> None:
        accounts = self.s.ledger.accounts
        providers = [
            k
            for k, a in enumerate(accounts)
            if a.committed > 0 and k not in self.s.flagged and k != account
        ]
        if not providers:
            return
        discount = 0
        if not at_mark:
            e = self.margin.equity(account)
            if leg.code == POSITION:
                e = self.legs.equity_shares(account)[leg.instrument.id]
            bonus = round(self.s.rules["backstop_bonus_bps"] * 100)
            discount = min(max(e, 0), fdiv(leg.value(leg.lots) * bonus, MILLION))
        total = sum(accounts[k].committed for k in providers)
        allotted = [fdiv(leg.lots * accounts[k].committed, total) for k in providers]
        allotted[-1] += leg.lots - sum(allotted)
        passed = 0
        for k, lots in zip(providers, allotted, strict=True):
            offered = lots + passed
            passed = offered - self._take(account, leg, k, offered, discount)

    def _room(self, leg: Leg, provider: int, lots: int) -> int:
        """The per-instrument cap."""
        i = leg.instrument
        if leg.code != POSITION or i.backstop_cap_usd <= 0:
            return lots
        held = self.s.ledger.accounts[provider].positions[i.id].size
        signed = lots if leg.side == SELL else -lots
        if abs(held + signed) <= abs(held):
            return lots
        lot = leg.value(1)
        return min(lots, max(0, fdiv(micro(i.backstop_cap_usd) - abs(held) * lot, lot)))

    def _take(self, account: int, leg: Leg, provider: int, lots: int, whole_discount: int) -> int:
        """Transfer to one provider; returns the lots it took."""
        i, ledger = leg.instrument, self.s.ledger
        lots = self._room(leg, provider, lots)
        if lots <= 0:
            return 0
        discount = fdiv(whole_discount * lots, leg.lots)
        sides = (ledger.accounts[account], ledger.accounts[provider])
        kept, clearing = [a.snapshot() for a in sides], list(ledger.clearing)
        if leg.code == POSITION:
            sign = 1 if leg.side == SELL else -1  # what the provider receives
            change_hands(ledger, i, account, provider, sign * lots, leg.mark, discount)
        else:
            sign = 1 if leg.side == SELL else -1
            _, k = self.s.market.share_of(leg.asset)
            for holder, way in zip(sides, (-1, 1), strict=True):
                holder.shares[i.event][k] += way * lots
                holder.usdc -= way * (leg.value(lots) - discount)
        if self.margin.net(provider, strict=True) < self.margin.initial(provider):
            for holder, before in zip(sides, kept, strict=True):
                holder.restore(before)
            ledger.clearing = clearing
            return 0
        self.s.emit(
            Event.BACKSTOP,
            account=account,
            other=provider,
            instrument=i.id,
            size=sign * lots,
            price=leg.mark if leg.code == POSITION else self.s.marks[i.id].mark,
            amount=discount,
            code=leg.code,
            parent=self.s.flagged[account].parent,
        )
        return lots

"""Providers take whole legs (LIQ-03)."""

from __future__ import annotations

from twin.arithmetic import MILLION, fdiv, micro
from twin.codes import SELL, Event
from twin.legs import POSITION, Leg, Legs
from twin.margin import Margin
from twin.state import State


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
            value = leg.lots * leg.mark * leg.instrument.tv
            discount = min(max(e, 0), fdiv(value * bonus, MILLION))
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
        lot = leg.mark * i.tv
        return min(lots, max(0, fdiv(micro(i.backstop_cap_usd) - abs(held) * lot, lot)))

    def _take(self, account: int, leg: Leg, provider: int, lots: int, whole_discount: int) -> int:
        """Transfer to one provider; returns the lots it took."""
        i, ledger = leg.instrument, self.s.ledger
        lots = self._room(leg, provider, lots)
        if lots <= 0:
            return 0
        discount = fdiv(whole_discount * lots, leg.lots)
        value = lots * leg.mark * i.tv
        sides = (ledger.accounts[account], ledger.accounts[provider])
        kept, clearing = [a.snapshot() for a in sides], list(ledger.clearing)
        if leg.code == POSITION:
            sign = 1 if leg.side == SELL else -1  # what the provider receives
            value -= sign * discount
            ledger.trade(account, i.id, -sign * lots, -sign * value)
            ledger.trade(provider, i.id, sign * lots, sign * value)
        else:
            sign = 1 if leg.outcome == 0 else -1
            value -= discount
            for holder, way in zip(sides, (-1, 1), strict=True):
                holder.shares[i.event][leg.outcome] += way * lots
                holder.usdc -= way * value
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

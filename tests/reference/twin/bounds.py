"""At which price a leg may be closed (LIQ-07)."""

from __future__ import annotations

import math

from twin.arithmetic import cdiv, clamp, fdiv, usd
from twin.codes import SELL
from twin.holdings import POSITION, SHARES, Holdings, Leg


class Bounds(Holdings):
    def equity_shares(self, account: int) -> dict[int, int]:
        """E_i by derivative; E shared by stand-alone MM, remainder to the last."""
        legs = self.position_legs(account)
        if not legs:
            return {}
        e = self.margin.equity(account)
        needs = [self.margin.position_maintenance(g.instrument, g.lots) for g in legs]
        total = 0.0
        for need in needs:
            total += need
        shares: dict[int, int] = {}
        for leg, need in zip(legs[:-1], needs, strict=False):
            shares[leg.instrument.id] = math.floor(float(e) * need / total) if total > 0 else 0
        shares[legs[-1].instrument.id] = e - sum(shares.values())
        return shares

    def bound(self, account: int, leg: Leg) -> int:
        """The worst price of the forced order, in YES terms."""
        i, book = leg.instrument, self.s.books[leg.instrument.id]
        if leg.code == SHARES:
            return 1 if leg.side == SELL else i.payoff - 1
        low, high = self.s.band(i)
        limits: list[int] = []
        if leg.code == POSITION:
            limits = self._inverse(account, leg) if i.is_inverse else self._linear(account, leg)
        if leg.side == SELL:
            return max(*limits, low, book.base, 1)
        return min(*limits, high, book.top)

    def _linear(self, account: int, leg: Leg) -> list[int]:
        """p_b and the fillable price."""
        e = self.equity_shares(account)[leg.instrument.id]
        value, per_tick = leg.value(leg.lots), leg.lots * leg.instrument.tv
        slack = self._fillable_slack(account, leg)
        if leg.side == SELL:
            found = [math.ceil((usd(value) - slack) * 1e6 / per_tick)]
            bankruptcy = max(1, cdiv(value - e, per_tick))
        else:
            found = [math.floor((usd(value) + slack) * 1e6 / per_tick)]
            bankruptcy = max(1, fdiv(value + e, per_tick))
        return found if self.exact(leg) else [*found, bankruptcy]

    def exact(self, leg: Leg) -> bool:
        """dydx_exact: each fill settles against p_b, which then bounds nothing."""
        exact = self.s.rules["bounds"] == "dydx_exact"
        return exact and leg.code == POSITION and not leg.instrument.is_inverse

    def _inverse(self, account: int, leg: Leg) -> list[int]:
        """The same in units of the base; a divisor that is not positive sets no bound."""
        i = leg.instrument
        unit = self.unit(self.s.market.coin(i.coin))
        v = abs(i.pv(leg.lots, leg.mark))
        e = fdiv(self.equity_shares(account)[i.id], unit)
        give = self._fillable_slack(account, leg) * 1e6 / unit
        whole = leg.lots * i.F
        found: list[int] = []
        if leg.side == SELL:
            if v + e > 0:
                found.append(max(1, cdiv(whole, v + e)))
            if v + give > 0:
                found.append(math.ceil(whole / (v + give)))
            return found
        if v - e > 0:
            found.append(max(1, fdiv(whole, v - e)))
        if v - give > 0:
            found.append(math.floor(whole / (v - give)))
        return found

    def _fillable_slack(self, account: int, leg: Leg) -> float:
        """ABR·SMMR·MM_i of LIQ-07, in USD."""
        ne, mm = self.margin.net(account), self.margin.maintenance(account)
        ba, smmr = self.s.rules["fillable_ba"], self.s.rules["fillable_smmr"]
        abr = clamp(ba * (1 - ne / mm), 0.0, 1.0) if mm > 0 else 1.0
        return abr * smmr * self.margin.position_maintenance(leg.instrument, leg.lots)

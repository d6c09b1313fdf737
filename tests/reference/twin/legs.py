"""In which order the legs of a flagged account are closed (LIQ-02)."""

from __future__ import annotations

from twin.arithmetic import fdiv, usd
from twin.bounds import Bounds
from twin.codes import SELL
from twin.holdings import BUYING, DEBT, POSITION, SHARES, Leg
from twin.offset import members


class Legs(Bounds):
    def first(self, account: int, legs: list[Leg]) -> Leg | None:
        """The leg of the highest ratio; unfillable ones come last, ties by place."""
        best, best_ratio = None, None
        for leg in legs:
            ratio = self.ratio(account, leg)
            if best is None or (ratio is not None and (best_ratio is None or ratio > best_ratio)):
                best, best_ratio = leg, ratio
        return best

    def ratio(self, account: int, leg: Leg) -> float | None:
        """Relief over cost of one step; None if nothing would fill."""
        f, cost = self._walk(account, leg)
        if f == 0:
            return None
        fee = self.s.rules["liquidation_fee_bps"] / 1e4 * usd(leg.value(f))
        return self._relief(account, leg, f) / max(usd(cost) + fee, 1e-6)

    def _walk(self, account: int, leg: Leg) -> tuple[int, int]:
        """Lots that one step would fill, and what that would cost against the mark."""
        left = self.step(account, leg)
        levels: dict[int, int] = {}
        for order in self.s.books[leg.instrument.id].crossing(leg.side, self.bound(account, leg)):
            lots = min(left, order.left)
            levels[order.price] = levels.get(order.price, 0) + lots
            left -= lots
            if left == 0:
                break
        cost = sum(self._cost(leg, price, lots) for price, lots in levels.items())
        return sum(levels.values()), cost

    def _cost(self, leg: Leg, price: int, lots: int) -> int:
        """Micro-USDC lost against the mark on one level."""
        i = leg.instrument
        mark = self.s.reference(i)
        if i.is_inverse:
            coin = self.s.market.coin(i.coin)
            worse = fdiv(lots * i.F, price) - fdiv(lots * i.F, mark)
            worse *= self.unit(coin)
        else:
            worse = (mark - price) * i.tv * lots
        return worse if leg.side == SELL else -worse

    def _position_relief(self, account: int, leg: Leg, f: int) -> float:
        """Of its group (MAR-06), in portfolio mode of its underlying (MAR-07)."""
        i, margin = leg.instrument, self.margin
        before = margin.sizes(account)
        after = {**before, i.id: before[i.id] + (-f if leg.side == SELL else f)}
        if margin.portfolio.on():
            now = margin.portfolio.maintenance(account, i.feed)
            return now - margin.portfolio.maintenance(account, i.feed, sizes=after)
        group = members(margin.held(before), i)
        now = margin.group_maintenance(group, before)
        return now - margin.group_maintenance(group, after)

    def _linked_relief(self, account: int, leg: Leg, f: int) -> float:
        """Of the underlying that the event of these shares names (MAR-07)."""
        event, k = self.s.market.share_of(leg.asset)
        shares = [list(q) for q in self.s.ledger.accounts[account].shares]
        shares[event][k] -= f
        portfolio, feed = self.margin.portfolio, self.s.market.events[event].underlying
        now = portfolio.maintenance(account, feed)
        return now - portfolio.maintenance(account, feed, shares=shares)

    def _relief(self, account: int, leg: Leg, f: int) -> float:
        """MM that a step of f lots takes away, for sold collateral also what the sale adds."""
        i = leg.instrument
        if leg.code == POSITION:
            return self._position_relief(account, leg, f)
        if leg.code == SHARES and self.margin.portfolio.linked(i.event):
            return self._linked_relief(account, leg, f)
        if leg.code == SHARES:
            lam = self.s.lam(i.event)
            return usd(leg.value(leg.lots)) * lam - usd(leg.value(leg.lots - f)) * lam
        proceeds = usd(leg.value(f))
        relief = 0.0
        if leg.code == BUYING or leg.asset == 0:
            owed = usd(leg.value(leg.lots) if leg.code == BUYING else leg.lots)
            debt = self.s.market.usdc_debt
            if leg.code == BUYING:
                debt = self.s.market.coin(leg.asset).debt
            rest = max(0.0, owed - proceeds)
            relief = owed * debt.maintenance(owed) - rest * debt.maintenance(rest)
        if leg.code == DEBT:
            coin = self.s.market.coin(i.coin)
            b = self.margin.units(account, coin.asset)
            given = self.margin.coin_value(coin, b, False)
            given -= self.margin.coin_value(coin, b - f, False)
            relief = relief + proceeds - given
        return relief

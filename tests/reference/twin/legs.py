"""What of a flagged account can be closed: legs, step sizes, bounds, order (LIQ-02, LIQ-07)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from twin.arithmetic import MILLION, cdiv, clamp, fdiv, micro, usd
from twin.codes import BUY, SELL, Event, Grade
from twin.listing import Coin, Instrument
from twin.margin import Margin
from twin.state import State

POSITION, SHARES, DEBT = 0, 1, 2


@dataclass(frozen=True)
class Leg:
    code: int  # POSITION, SHARES or DEBT
    instrument: Instrument  # the book it is closed in
    side: int  # of the forced order, in YES terms
    outcome: int  # of the shares
    lots: int  # all there is; of a debt: micro-USDC owed
    mark: int  # ticks; of shares: of that share; of a debt: the collateral's index
    coin: Coin | None = None

    @property
    def key(self) -> tuple[str, int]:
        """Under which its size when flagged is kept."""
        if self.code == DEBT:
            return "debt", 0
        return ("shares" if self.code == SHARES else "position"), self.instrument.id


class Legs:
    def __init__(self, state: State, margin: Margin) -> None:
        self.s = state
        self.margin = margin

    # -- which ------------------------------------------------------------------------------

    def tradable(self, i: Instrument) -> bool:
        return self.s.grade(i) < Grade.TOO_VOLATILE

    def sizes_now(self, account: int) -> dict[tuple[str, int], int]:
        """F: the leg sizes that the steps are fractions of."""
        a = self.s.ledger.accounts[account]
        sizes = {("debt", 0): max(0, -a.usdc)}
        for i in self.s.market.perpetuals:
            sizes["position", i.id] = abs(a.positions[i.id].size)
        for i in self.s.market.events:
            sizes["shares", i.id] = max(a.shares[i.event]) - min(a.shares[i.event])
        return sizes

    def position_legs(self, account: int) -> list[Leg]:
        found = []
        for i in self.s.market.perpetuals:
            size = self.s.ledger.accounts[account].positions[i.id].size
            if size and self.tradable(i):
                side = SELL if size > 0 else BUY
                found.append(Leg(POSITION, i, side, 0, abs(size), self.s.marks[i.id].mark))
        return found

    def share_legs(self, account: int) -> list[Leg]:
        found = []
        for i in self.s.market.events:
            yes, no = self.s.ledger.accounts[account].shares[i.event]
            mark = self.s.marks[i.id].mark
            if self.s.winners[i.event] is not None or yes == no:
                continue
            if yes > no:
                found.append(Leg(SHARES, i, SELL, 0, yes - no, mark))
            else:
                found.append(Leg(SHARES, i, BUY, 1, no - yes, i.payoff - mark))
        return found

    def debt_legs(self, account: int) -> list[Leg]:
        """The collateral is the lowest w first (LIQ-02)."""
        a = self.s.ledger.accounts[account]
        if a.usdc >= 0:
            return []
        coins = [
            c
            for c in self.s.market.coins
            if c.spot >= 0
            and a.coins[c.asset] > 0
            and self.s.feeds[c.feed].grade(self.s.now) < Grade.TOO_VOLATILE
        ]
        if not coins:
            return []
        coin = min(coins, key=lambda c: self.margin.weight(c, a.coins[c.asset], False))
        spot = self.s.market.instruments[coin.spot]
        return [Leg(DEBT, spot, SELL, 0, -a.usdc, self.s.feeds[coin.feed].index, coin)]

    def all(self, account: int) -> list[Leg]:
        return self.position_legs(account) + self.share_legs(account) + self.debt_legs(account)

    # -- how much ---------------------------------------------------------------------------

    def step(self, account: int, leg: Leg) -> int:
        """Lots of one step."""
        sizes = self.s.flagged[account].sizes
        if sizes.get(leg.key, 0) == 0:
            sizes[leg.key] = leg.lots
        ppm = round(self.s.rules["step_ratio"] * MILLION)
        least = micro(self.s.rules["step_min_usd"])
        part = cdiv(sizes[leg.key] * ppm, MILLION)
        tv = leg.instrument.tv
        if leg.code == DEBT:
            assert leg.coin is not None
            amount = leg.lots if leg.lots <= least else min(leg.lots, max(part, least))
            held = self.s.ledger.accounts[account].coins[leg.coin.asset]
            return min(held, cdiv(amount, leg.mark * tv))
        if leg.lots * leg.mark * tv <= least:
            return leg.lots
        return min(leg.lots, max(part, cdiv(least, leg.mark * tv)))

    # -- at which price ---------------------------------------------------------------------

    def equity_shares(self, account: int) -> dict[int, int]:
        """LIQ-07: E_i by perpetual; E shared by stand-alone MM, remainder to the last."""
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
        i, book = leg.instrument, self.s.books[leg.instrument.id]
        if leg.code == SHARES:
            return 1 if leg.side == SELL else i.payoff - 1
        low, high = self.s.band(i)
        if leg.code == DEBT:
            return max(low, book.base, 1)
        e = self.equity_shares(account)[i.id]
        value, per_tick = leg.lots * leg.mark * i.tv, leg.lots * i.tv
        slack = self._fillable_slack(account, leg)
        if leg.side == SELL:
            bankruptcy = max(1, cdiv(value - e, per_tick))
            fillable = math.ceil((usd(value) - slack) * 1e6 / per_tick)
            return max(fillable, bankruptcy, low, book.base)
        bankruptcy = max(1, fdiv(value + e, per_tick))
        fillable = math.floor((usd(value) + slack) * 1e6 / per_tick)
        return min(fillable, bankruptcy, high, book.top)

    def _fillable_slack(self, account: int, leg: Leg) -> float:
        """ABR·SMMR·PMMR of LIQ-07."""
        ne, mm = self.margin.net(account), self.margin.maintenance(account)
        ba, smmr = self.s.rules["fillable_ba"], self.s.rules["fillable_smmr"]
        abr = clamp(ba * (1 - ne / mm), 0.0, 1.0) if mm > 0 else 1.0
        return abr * smmr * self.margin.position_maintenance(leg.instrument, leg.lots)

    # -- in which order ---------------------------------------------------------------------

    def ratio(self, account: int, leg: Leg) -> float | None:
        """Relief over cost of one step; None if nothing would fill."""
        i = leg.instrument
        left, f, cost = self.step(account, leg), 0, 0
        mark = self.s.reference(i)
        for order in self.s.books[i.id].crossing(leg.side, self.bound(account, leg)):
            lots = min(left, order.left)
            worse = mark - order.price if leg.side == SELL else order.price - mark
            cost += worse * i.tv * lots
            f += lots
            left -= lots
            if left == 0:
                break
        if f == 0:
            return None
        value = usd(f * leg.mark * i.tv)
        fee = self.s.rules["liquidation_fee_bps"] / 1e4 * value
        return self._relief(account, leg, f) / max(usd(cost) + fee, 1e-6)

    def _relief(self, account: int, leg: Leg, f: int) -> float:
        i = leg.instrument
        if leg.code == POSITION:
            before = self.margin.position_maintenance(i, leg.lots)
            return before - self.margin.position_maintenance(i, leg.lots - f)
        if leg.code == SHARES:
            before = usd(leg.lots * leg.mark * i.tv) * i.lam
            return before - usd((leg.lots - f) * leg.mark * i.tv) * i.lam
        coin = leg.coin
        assert coin is not None
        proceeds = usd(f * leg.mark * i.tv)
        owed = usd(leg.lots)
        rest = max(0.0, owed - proceeds)
        debt = self.s.market.usdc_debt
        relief = owed * debt.maintenance(owed) - rest * debt.maintenance(rest)
        held = self.s.ledger.accounts[account].coins[coin.asset]
        given = self.margin.coin_value(coin, held, False)
        given -= self.margin.coin_value(coin, held - f, False)
        return relief + proceeds - given

    def first(self, account: int, legs: list[Leg]) -> Leg | None:
        """The leg of the highest ratio; unfillable ones come last, ties by place."""
        best, best_ratio = None, None
        for leg in legs:
            ratio = self.ratio(account, leg)
            if best is None or (ratio is not None and (best_ratio is None or ratio > best_ratio)):
                best, best_ratio = leg, ratio
        return best

    def say_legs(self, account: int) -> None:
        """LEG rows of a FLAG."""
        a = self.s.ledger.accounts[account]
        rows = [(0, a.usdc, 1)]
        for c in self.s.market.coins:
            rows.append((c.asset, a.coins[c.asset], self.s.feeds[c.feed].index))
        for i in self.s.market.events:
            mark = self.s.marks[i.id].mark
            rows.append((self.s.market.share(i.event, 0), a.shares[i.event][0], mark))
            rows.append((self.s.market.share(i.event, 1), a.shares[i.event][1], i.payoff - mark))
        for asset, units, price in rows:
            if units:
                self.s.emit(Event.LEG, account=account, instrument=asset, size=units, price=price)
        for i in self.s.market.perpetuals:
            p = a.positions[i.id]
            if p.size:
                self.s.emit(
                    Event.LEG,
                    account=account,
                    instrument=i.id,
                    size=p.size,
                    amount=p.cost,
                    price=self.s.marks[i.id].mark,
                    code=1,
                )

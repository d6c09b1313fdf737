"""Premium samples and hourly payments (FUN-01)."""

from __future__ import annotations

from twin.arithmetic import cdiv, clamp, fdiv
from twin.codes import BUY, SELL, BookState, Event, Grade
from twin.listing import Instrument
from twin.state import Samples, State

BILLION = 1_000_000_000


class Funding:
    def __init__(self, state: State) -> None:
        self.s = state

    def impact_price(self, i: Instrument, side: int) -> float | None:
        """Average price for the impact notional on one side; None where it is too thin."""
        rest = i.impact_usd * 1e6
        qty = 0.0
        for price, lots in self.s.books[i.id].levels(side):
            worth = i.notional(lots, price)
            if rest > worth:
                qty += worth / (price * i.tv) if i.is_inverse else lots
                rest -= worth
            else:
                qty += rest / (price * i.tv)
                return i.impact_usd * 1e6 / (qty * i.tv)
        return None

    def premium(self) -> None:
        for i in self.s.market.funded:
            state = self.s.phases[i.id].state
            if state == BookState.CLOSED:
                continue
            samples = self.s.samples[i.id]
            samples.due += 1
            if self.s.grade(i) > Grade.STALE or state == BookState.AUCTION:
                continue
            index = self.s.feeds[i.feed].index
            bid, ask = self.impact_price(i, BUY), self.impact_price(i, SELL)
            above = max(0.0, bid - index) if bid is not None else 0.0
            below = max(0.0, index - ask) if ask is not None else 0.0
            samples.used += 1
            samples.total += (above - below) / index

    def rate(self, samples: Samples) -> int:
        """The hour's rate in parts per billion."""
        rules = self.s.rules
        mean = samples.total / samples.used
        limit = rules["interest_clamp_8h"]
        eight_hours = mean + clamp(rules["interest_8h"] - mean, -limit, limit)
        cap = rules["funding_cap_1h"]
        hour = clamp(eight_hours / 8, -cap, cap) * (samples.used / samples.due)
        return round(hour * 1e9)

    def pay(self) -> None:
        for i in self.s.market.funded:
            samples = self.s.samples[i.id]
            self.s.samples[i.id] = Samples()
            if samples.used == 0 or self.s.grade(i) >= self.s.rules["guard_funding"]:
                continue
            ppb = self.rate(samples)
            index = self.s.feeds[i.feed].index
            self.s.emit(
                Event.FUNDING_RATE,
                instrument=i.id,
                price=index,
                amount=ppb,
                x=samples.used,
                y=samples.due,
            )
            for account, holder in enumerate(self.s.ledger.accounts):
                size = holder.positions[i.id].size
                if size == 0:
                    continue
                x = abs(i.pv(size, index)) * abs(ppb)
                pays = (size > 0) == (ppb > 0)
                amount = -cdiv(x, BILLION) if pays else fdiv(x, BILLION)
                holder.add(i.settles, amount)
                self.s.ledger.rounding[i.settles] -= amount
                self.s.emit(
                    Event.FUNDING, account=account, instrument=i.id, size=size, amount=amount
                )

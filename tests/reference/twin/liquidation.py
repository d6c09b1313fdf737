"""One liquidation tick (LIQ-00 to LIQ-02)."""

from __future__ import annotations

from twin.arithmetic import up
from twin.backstop import Backstop
from twin.bankruptcy import Bankruptcy
from twin.books import Order
from twin.codes import SELL, Event, Flag, Reason
from twin.exact import settle_exactly
from twin.fund import Fund
from twin.holdings import SHARES, Leg
from twin.legs import Legs
from twin.margin import Margin
from twin.matching import Matching
from twin.memory import Flagged
from twin.parents import parent_of
from twin.pools import redeem_units
from twin.state import COLUMN, State


class Liquidation:
    def __init__(self, state: State, margin: Margin, matching: Matching) -> None:
        self.s = state
        self.margin = margin
        self.matching = matching
        self.legs = Legs(state, margin)
        self.backstop = Backstop(state, margin, self.legs)
        self.fund = Fund(state, margin)
        self.bankruptcy = Bankruptcy(state, margin, self.legs, self.backstop, self.fund)

    def tick(self) -> None:
        for account in range(len(self.s.ledger.accounts)):
            if account not in self.s.flagged:
                self._flag_if_due(account)
        for account in sorted(self.s.flagged, key=lambda a: (self.s.flagged[a].time, a)):
            self._turn(account)
        self.s.remember_tick()

    # -- flags ------------------------------------------------------------------------------

    def _flag_if_due(self, account: int) -> None:
        ne, mm = self.margin.net(account), self.margin.maintenance(account)
        if not ne < mm:
            return
        parent = parent_of(self.s, self.margin, account)
        self.s.flagged[account] = Flagged(self.s.now, parent, self.legs.sizes_now(account))
        self.s.emit(
            Event.FLAG,
            account=account,
            amount=self.margin.equity(account),
            x=round(ne * 1e6),
            y=round(mm * 1e6),
            parent=parent,
        )
        self.legs.say_legs(account)
        self.s.cancel_account(account, Reason.LIQUIDATION)

    def _unflag(self, account: int) -> None:
        del self.s.flagged[account]
        self.s.emit(Event.UNFLAG, account=account, amount=self.margin.equity(account))

    # -- a turn -----------------------------------------------------------------------------

    def _turn(self, account: int) -> None:
        self._gather(account)
        if self._ends_safe(account):
            return
        if self.margin.equity(account) < 0 and self.legs.position_legs(account):
            self.bankruptcy.close(account)
        else:
            if self.margin.equity(account) >= 0 and self._backstop_is_due(account):
                self.backstop.run(account)
                if self._ends_safe(account):
                    return
            record = self.s.flagged[account]
            if self.s.now >= record.wait_until:
                filled = self._step(account)
                record.failed = 0 if filled else record.failed + 1
            if self._nothing_left(account):
                self.bankruptcy.write_off(account)
        self.fund.give_back(account)
        if self.backstop.safe(account):
            self._unflag(account)

    def _nothing_left(self, account: int) -> bool:
        """LIQ-06: a debt, and nothing that could still be turned into money for it."""
        a, market = self.s.ledger.accounts[account], self.s.market
        if a.has_position() or any(units > 0 for units in a.coins.values()):
            return False
        if any(any(q) for q in a.shares):
            return False
        if any(self.s.ledger.claim(account, k) for k in range(1 + len(market.coins))):
            return False
        owed = [c for c in market.coins if a.coins[c.asset] < 0]
        guard = self.s.rules["guard_liquidate"]
        if any(self.s.feeds[c.feed].grade(self.s.now) >= guard for c in owed):
            return False
        return a.usdc < 0 or (bool(owed) and all(a.usdc < self.legs.unit(c) for c in owed))

    def _gather(self, account: int) -> None:
        """LIQ-01: complete sets are merged, claims on the pools taken back."""
        ledger = self.s.ledger
        for event in range(len(self.s.winners)):
            sets = min(ledger.accounts[account].shares[event])
            if sets > 0:
                ledger.mint(account, event, -sets)
                self.s.emit(Event.MERGE, account=account, instrument=event, size=sets, code=1)
        for asset in range(1 + len(self.s.market.coins)):
            debt = -ledger.balance(account, asset)
            self._redeem(account, asset, min(ledger.claim(account, asset), debt))
            free = max(0, ledger.pool[asset] - ledger.borrowed(asset))
            self._redeem(account, asset, min(ledger.claim(account, asset), free))

    def _redeem(self, account: int, asset: int, units: int) -> None:
        if units > 0:
            redeem_units(self.s, account, asset, units)
            self.s.emit(Event.REDEEM, account=account, instrument=asset, size=units, code=2)

    def _ends_safe(self, account: int) -> bool:
        if not self.backstop.safe(account):
            return False
        self.fund.give_back(account)
        self._unflag(account)
        return True

    def _backstop_is_due(self, account: int) -> bool:
        """LIQ-03: its condition."""
        if not self.s.rules["backstop"]:
            return False
        need = self.s.rules["backstop_trigger_ratio"] * self.margin.maintenance(account)
        failed = self.s.flagged[account].failed
        return self.margin.net(account) < need or failed >= self.s.rules["backstop_failed_steps"]

    # -- a step -----------------------------------------------------------------------------

    def _step(self, account: int) -> int:
        """LIQ-02: one forced order on the first leg; returns the lots it filled."""
        legs = [leg for leg in self.legs.all(account) if self.legs.step(account, leg) > 0]
        leg = self.legs.first(account, legs)
        if leg is None:
            return 0
        part, lots = self.legs.part(account, leg), self.legs.step(account, leg)
        bound = self.legs.bound(account, leg)
        share = self.legs.equity_shares(account).get(leg.instrument.id, 0)
        parent = self.s.flagged[account].parent
        row = self.s.emit(
            Event.STEP,
            account=account,
            instrument=leg.instrument.id,
            side=leg.side,
            price=bound,
            size=lots,
            code=leg.code,
            parent=parent,
        )
        own_side = SELL if leg.code == SHARES else leg.side
        order = Order(
            -row[0],
            account,
            leg.instrument.id,
            leg.side,
            bound,
            lots,
            int(Flag.IOC),
            leg.outcome,
            own_side,
        )
        filled = self.matching.match(order, forced=True, parent=parent)
        row[COLUMN["order"]] = -row[0]
        row[COLUMN["x"]] = filled
        if self.legs.exact(leg):
            row[COLUMN["amount"]] = settle_exactly(self.s, self.fund, account, leg, share, row[0])
        else:
            row[COLUMN["amount"]] = self._charge(account, leg, filled)
        record = self.s.flagged[account]
        record.wait_until = self.s.now + self.legs.disposal.wait_us(part, filled)
        return filled

    def _charge(self, account: int, leg: Leg, filled: int) -> int:
        """The liquidation fee, only while E stays ≥ 0."""
        ppm = round(self.s.rules["liquidation_fee_bps"] * 100)
        due = up(leg.value(filled), ppm)
        fee = min(due, max(0, self.margin.equity(account)))
        self.s.ledger.to_insurance(account, fee)
        return fee

"""Insurance, auto-deleveraging, haircut, write-off (LIQ-04 to LIQ-06, LIQ-08)."""

from __future__ import annotations

from twin.arithmetic import fdiv
from twin.backstop import Backstop, change_hands
from twin.codes import SELL, Event
from twin.holdings import Leg
from twin.legs import Legs
from twin.listing import Coin
from twin.margin import Margin
from twin.state import State


class Bankruptcy:
    def __init__(self, state: State, margin: Margin, legs: Legs, backstop: Backstop) -> None:
        self.s = state
        self.margin = margin
        self.legs = legs
        self.backstop = backstop

    # -- the fund ---------------------------------------------------------------------------

    def _insure(self, account: int, loss: int) -> int:
        """LIQ-04: the fund pays what it has."""
        paid = min(loss, self.s.ledger.insurance)
        if paid > 0:
            self.s.ledger.to_insurance(account, -paid)
            self.s.ledger.accounts[account].drawn += paid
            self.s.emit(Event.INSURANCE, account=account, amount=paid)
        return paid

    def give_back(self, account: int) -> None:
        """LIQ-04: positive equity returns to the fund up to what was drawn."""
        a = self.s.ledger.accounts[account]
        e = self.margin.equity(account)
        debts = a.usdc < 0 or any(units < 0 for units in a.coins.values())
        if a.drawn == 0 or a.has_position() or debts or e <= 0:
            return
        amount = min(e, a.drawn, a.usdc)
        a.drawn = 0
        if amount > 0:
            self.s.ledger.to_insurance(account, amount)
            self.s.emit(Event.FUND_RETURN, account=account, amount=amount)

    # -- positions of an account that is below 0 --------------------------------------------

    def close(self, account: int) -> None:
        """LIQ-04, 05, 06 in one go."""
        deficit = -self.margin.equity(account)
        insured = self._insure(account, deficit)
        shares = self.legs.equity_shares(account)  # floors of the backstop's go the way of debts
        if insured == deficit:
            self.backstop.run(account, at_mark=True)
        equities = [self.margin.equity(k) for k in range(len(self.s.ledger.accounts))]
        forgone = socialised = 0
        for leg in self.legs.position_legs(account):
            left, rest, given = self._by_score(account, leg, -shares[leg.instrument.id], equities)
            forgone += given
            if left:
                self._at_mark(account, leg, left)
            if rest > 0:
                socialised += self._haircut(account, leg.instrument.id, rest)
        self._say_deficit(account, deficit, insured, forgone, socialised)

    def _opposite(self, account: int, leg: Leg) -> list[int]:
        sign = -1 if leg.side == SELL else 1
        return [
            k
            for k, a in enumerate(self.s.ledger.accounts)
            if k != account and a.positions[leg.instrument.id].size * sign > 0
        ]

    def _score(self, k: int, leg: Leg, equity: int) -> float:
        """LIQ-05: profit by leverage."""
        i = leg.instrument
        p = self.s.ledger.accounts[k].positions[i.id]
        notional = float(i.notional(abs(p.size), leg.mark))
        value, cost = float(max(1, abs(i.pv(p.size, leg.mark)))), float(max(1, abs(p.cost)))
        rises = (p.size > 0) != i.is_inverse  # a long inverse gains while its value in coins falls
        profit = value / cost if rises else cost / value
        return profit * (notional / float(equity))

    def _by_score(
        self, account: int, leg: Leg, d: int, equities: list[int]
    ) -> tuple[int, int, int]:
        """Close against the ranked; returns lots still open, loss not borne, loss borne."""
        whole, left, rest = leg.lots, leg.lots, d
        ranked = [k for k in self._opposite(account, leg) if equities[k] > 0]
        ranked.sort(key=lambda k: (-self._score(k, leg, equities[k]), k))
        for k in ranked:
            e = self.margin.equity(k)
            q = min(abs(self.s.ledger.accounts[k].positions[leg.instrument.id].size), left)
            if d > 0:
                q = min(q, fdiv(e * whole, d))
            if q <= 0:
                continue
            g = fdiv(d * q, whole)
            if q == left:
                g = rest
                if g > e:
                    q -= 1
                    g = fdiv(d * q, whole)
            if q <= 0:
                continue
            self._close_against(account, leg, k, q, g, by_score=True)
            left -= q
            rest -= g
            if left == 0:
                break
        return left, rest, d - rest

    def _at_mark(self, account: int, leg: Leg, left: int) -> None:
        for k in self._opposite(account, leg):
            q = min(abs(self.s.ledger.accounts[k].positions[leg.instrument.id].size), left)
            self._close_against(account, leg, k, q, 0, by_score=False)
            left -= q
            if left == 0:
                return

    def _close_against(
        self, account: int, leg: Leg, k: int, q: int, g: int, by_score: bool
    ) -> None:
        i = leg.instrument
        lots = q if leg.side == SELL else -q  # signed: what k receives
        realised = change_hands(self.s.ledger, i, account, k, lots, leg.mark, -g)
        self.s.emit(
            Event.ADL,
            account=account,
            other=k,
            instrument=i.id,
            size=q,
            price=leg.mark,
            amount=g,
            code=0 if by_score else 1,
            x=realised,
            parent=self.s.flagged[account].parent,
        )

    # -- what nobody's position covers ------------------------------------------------------

    def _collect(
        self,
        account: int,
        instrument: int,
        loss: int,
        from_: list[tuple[int, int]],
        code: int,
        asset: int = 0,
    ) -> int:
        """LED-03: pro rata of (account, weight), floor to each, remainder to the last."""
        payers = [(k, w) for k, w in from_ if w > 0 and k != account]
        total = sum(w for _, w in payers)
        collected = min(loss, total)
        rest = collected
        for n, (k, w) in enumerate(payers):
            amount = rest if n == len(payers) - 1 else fdiv(collected * w, total)
            rest -= amount
            if amount == 0:
                continue
            self.s.ledger.add(k, asset, -amount)
            self.s.ledger.add(account, asset, amount)
            self._say_haircut(k, account, instrument, amount, code, asset)
        return collected

    def _socialise(self, account: int, instrument: int, loss: int, asset: int = 0) -> None:
        """From positive balances of the asset; the last resort is `rounding`."""
        balances = [(k, a.balance(asset)) for k, a in enumerate(self.s.ledger.accounts)]
        loss -= self._collect(account, instrument, loss, balances, 2, asset)
        if loss > 0:
            self.s.ledger.rounding[asset] -= loss
            self.s.ledger.add(account, asset, loss)
            self._say_haircut(-1, account, instrument, loss, 3, asset)

    def _haircut(self, account: int, instrument: int, loss: int) -> int:
        """LIQ-06: gains of the instrument first."""
        i = self.s.market.instruments[instrument]
        unit = self.legs.unit(self.s.market.coin(i.coin)) if i.is_inverse else 1
        gains = [
            (k, min(self.margin.unrealised(k, i) * unit, self.margin.equity(k)))
            for k in range(len(self.s.ledger.accounts))
        ]
        rest = loss - self._collect(account, instrument, loss, gains, 0)
        if rest > 0:
            self._socialise(account, instrument, rest)
        return loss

    # -- debts of an account that has nothing left ----------------------------------------------

    def write_off(self, account: int) -> None:
        """LIQ-06: a USDC debt first; coins once there is none."""
        a = self.s.ledger.accounts[account]
        if a.usdc < 0:
            deficit = -a.usdc
            insured = self._insure(account, deficit)
            rest = deficit - insured
            self._forgive(account, 0, rest)
            self._say_deficit(account, deficit, insured, 0, rest)
            return
        for coin in self.s.market.coins:
            if a.coins[coin.asset] < 0:
                self._write_off_coin(account, coin)

    def _write_off_coin(self, account: int, coin: Coin) -> None:
        a, unit = self.s.ledger.accounts[account], self.legs.unit(coin)
        owed = -a.coins[coin.asset]
        insured = self._insure(account, max(0, owed * unit - a.usdc))
        if a.usdc >= unit:
            if insured > 0:
                self._say_deficit(account, insured, insured, 0, 0)
            return
        self._forgive(account, coin.asset, owed)
        self._say_deficit(account, insured + owed * unit, insured, 0, owed * unit)

    def _forgive(self, account: int, asset: int, rest: int) -> None:
        """Lenders bear what their pool can, holders of the asset the rest."""
        lenders = min(rest, self.s.ledger.pool[asset])
        if lenders > 0:
            self.s.ledger.change_pool(asset, -lenders)
            self.s.ledger.add(account, asset, lenders)
            self._say_haircut(-1, account, -1, lenders, 1, asset)
        if rest > lenders:
            self._socialise(account, -1, rest - lenders, asset)
        if rest > 0:
            self.s.emit(Event.WRITE_OFF, account=account, amount=rest, x=asset)

    # -- events -----------------------------------------------------------------------------

    def _say_haircut(
        self, payer: int, account: int, instrument: int, amount: int, code: int, asset: int
    ) -> None:
        self.s.emit(
            Event.HAIRCUT,
            account=payer,
            other=account,
            instrument=instrument,
            amount=amount,
            code=code,
            x=asset,
        )

    def _say_deficit(
        self, account: int, deficit: int, insured: int, forgone: int, socialised: int
    ) -> None:
        self.s.emit(
            Event.DEFICIT,
            account=account,
            amount=deficit,
            x=insured,
            y=forgone,
            other_order=socialised,
        )

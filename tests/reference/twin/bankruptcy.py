"""What a failure costs others: insurance and deleveraging, haircut, write-off (LIQ-04 to LIQ-06)."""

from __future__ import annotations

from twin.adl import Deleveraging
from twin.arithmetic import fdiv
from twin.backstop import Backstop
from twin.codes import Event
from twin.fund import Fund
from twin.legs import Legs
from twin.listing import Coin
from twin.margin import Margin
from twin.state import State


class Bankruptcy:
    def __init__(
        self, state: State, margin: Margin, legs: Legs, backstop: Backstop, fund: Fund
    ) -> None:
        self.s = state
        self.margin = margin
        self.legs = legs
        self.backstop = backstop
        self.fund = fund
        self.deleveraging = Deleveraging(state, margin, legs)

    # -- positions of an account that is below 0 --------------------------------------------

    def close(self, account: int) -> None:
        """LIQ-04, 05, 06 in one go."""
        deficit = -self.margin.equity(account)
        insured = self.fund.insure(account, deficit)
        shares = self.legs.equity_shares(account)  # floors of the backstop's go the way of debts
        if insured == deficit and self.s.rules["backstop"]:
            self.backstop.run(account, at_mark=True)
        equities = [self.margin.equity(k) for k in range(len(self.s.ledger.accounts))]
        forgone = socialised = 0
        for leg in self.legs.position_legs(account):
            d = -shares[leg.instrument.id]
            closed = self.deleveraging.run(account, leg, d, equities)
            forgone += closed.borne
            if closed.open:
                self.deleveraging.at_mark(account, leg, closed.open)
            if closed.rest > 0:
                socialised += self._haircut(account, leg.instrument.id, closed.rest)
        self.fund.say_deficit(account, deficit, insured, forgone, socialised)

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
        """LIQ-06: gains of the instrument first, before them the lenders where the rules say so."""
        lent = 0
        if self.s.rules["shortfall"] == "lenders":
            lent = self._lenders(account, instrument, 0, loss)
        i = self.s.market.instruments[instrument]
        unit = self.legs.unit(self.s.market.coin(i.coin)) if i.is_inverse else 1
        gains = [
            (k, min(self.margin.unrealised(k, i) * unit, self.margin.equity(k)))
            for k in range(len(self.s.ledger.accounts))
        ]
        rest = loss - lent
        if self.s.rules["adl"] != "pro_rata":  # there gains have given all they had
            rest -= self._collect(account, instrument, rest, gains, 0)
        if rest > 0:
            self._socialise(account, instrument, rest)
        return loss

    # -- debts of an account that has nothing left ----------------------------------------------

    def write_off(self, account: int) -> None:
        """LIQ-06: a USDC debt first; coins once there is none."""
        a = self.s.ledger.accounts[account]
        if a.usdc < 0:
            deficit = -a.usdc
            insured = self.fund.insure(account, deficit)
            rest = deficit - insured
            self._forgive(account, 0, rest)
            self.fund.say_deficit(account, deficit, insured, 0, rest)
            return
        for coin in self.s.market.coins:
            if a.coins[coin.asset] < 0:
                self._write_off_coin(account, coin)

    def _write_off_coin(self, account: int, coin: Coin) -> None:
        a, unit = self.s.ledger.accounts[account], self.legs.unit(coin)
        owed = -a.coins[coin.asset]
        insured = self.fund.insure(account, max(0, owed * unit - a.usdc))
        if a.usdc >= unit:
            if insured > 0:
                self.fund.say_deficit(account, insured, insured, 0, 0)
            return
        self._forgive(account, coin.asset, owed)
        self.fund.say_deficit(account, insured + owed * unit, insured, 0, owed * unit)

    def _forgive(self, account: int, asset: int, rest: int) -> None:
        """Lenders bear what their pool can, holders of the asset the rest."""
        lenders = self._lenders(account, -1, asset, rest)
        if rest > lenders:
            self._socialise(account, -1, rest - lenders, asset)
        if rest > 0:
            self.s.emit(Event.WRITE_OFF, account=account, amount=rest, x=asset)

    def _lenders(self, account: int, instrument: int, asset: int, loss: int) -> int:
        """What the pool of an asset bears."""
        paid = min(loss, self.s.ledger.pool[asset])
        if paid > 0:
            self.s.ledger.change_pool(asset, -paid)
            self.s.ledger.add(account, asset, paid)
            self._say_haircut(-1, account, instrument, paid, 1, asset)
        return paid

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

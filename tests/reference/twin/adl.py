"""Who closes against a bankrupt position, in which order and at what price (LIQ-05)."""

from __future__ import annotations

from dataclasses import dataclass

from twin.arithmetic import fdiv
from twin.backstop import change_hands
from twin.codes import SELL, Event
from twin.holdings import Leg
from twin.legs import Legs
from twin.margin import Margin
from twin.rank import rank
from twin.spread import spread
from twin.state import State

HEAVIEST = 1 << 52


@dataclass(frozen=True)
class Closed:
    """What one leg came to."""

    open: int  # lots that no candidate has closed
    rest: int  # micro-USDC of its loss that no candidate bears
    borne: int


class Deleveraging:
    def __init__(self, state: State, margin: Margin, legs: Legs) -> None:
        self.s = state
        self.margin = margin
        self.legs = legs

    def run(self, account: int, leg: Leg, d: int, equities: list[int]) -> Closed:
        """Close a leg that lost d against candidates, `equities` being those of the start."""
        candidates = [k for k in self.opposite(account, leg) if equities[k] > 0]
        policy = self.s.rules["adl"]
        if policy == "pro_rata":
            return self._apart(account, leg, d, candidates, equities)
        if policy in ("integer_pro_rata", "risk_weighted"):
            lots = self._dealt(leg, d, candidates, equities)
            return self._in_turn(account, leg, d, list(zip(candidates, lots, strict=True)))
        time = self.s.flagged[account].time
        ranked = rank(policy, self.s, leg, candidates, equities, (time, account))
        return self._in_turn(account, leg, d, [(k, self._size(k, leg)) for k in ranked])

    def opposite(self, account: int, leg: Leg) -> list[int]:
        sign = -1 if leg.side == SELL else 1
        return [
            k
            for k, a in enumerate(self.s.ledger.accounts)
            if k != account and a.positions[leg.instrument.id].size * sign > 0
        ]

    def _size(self, k: int, leg: Leg) -> int:
        return abs(self.s.ledger.accounts[k].positions[leg.instrument.id].size)

    # -- lots with their share of the loss ------------------------------------------------------

    def _in_turn(self, account: int, leg: Leg, d: int, turns: list[tuple[int, int]]) -> Closed:
        """Each (account, most lots) closes what its equity bears, with its share of the loss."""
        whole, left, rest = leg.lots, leg.lots, d
        for k, most in turns:
            e = self.margin.equity(k)
            q = min(most, left)
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
            self._close(account, leg, k, q, g)
            left -= q
            rest -= g
            if left == 0:
                break
        return Closed(left, rest, d - rest)

    def _dealt(self, leg: Leg, d: int, candidates: list[int], equities: list[int]) -> list[int]:
        """Whole lots by what each has won, heavier for the levered if the policy says so."""
        won = self._won(leg, candidates, equities)
        rooms = []
        for k in candidates:
            room = self._size(k, leg)
            if d > 0:
                room = min(room, max(0, fdiv(self.margin.equity(k) * leg.lots, d)))
            rooms.append(room)
        if self.s.rules["adl"] == "risk_weighted":
            won = [self._risk(k, leg, u, equities[k]) for k, u in zip(candidates, won, strict=True)]
        return spread(leg.lots, won, rooms)

    def _risk(self, k: int, leg: Leg, u: int, equity: int) -> int:
        """Profit by leverage, in hundredths of a dollar."""
        n = leg.instrument.notional(self._size(k, leg), leg.mark)
        return min(int(float(u) / 1e4 * (float(n) / float(equity))), HEAVIEST)

    def _won(self, leg: Leg, candidates: list[int], equities: list[int]) -> list[int]:
        """u_j: what each has won in this instrument, as far as it has equity."""
        i = leg.instrument
        unit = self.legs.unit(self.s.market.coin(i.coin)) if i.is_inverse else 1
        return [min(max(0, self.margin.unrealised(k, i) * unit), equities[k]) for k in candidates]

    # -- money and lots apart -------------------------------------------------------------------

    def _apart(
        self, account: int, leg: Leg, d: int, candidates: list[int], equities: list[int]
    ) -> Closed:
        """The loss by what each has won, the lots by what each has open, at the mark."""
        won = self._won(leg, candidates, equities)
        sizes = [self._size(k, leg) for k in candidates]
        x = min(max(0, d), sum(won))  # what floors have left below 0 nobody is given
        borne, lots = spread(x, won, won), spread(leg.lots, sizes, sizes)
        for k, g, q in zip(candidates, borne, lots, strict=True):
            if g > 0 or q > 0:
                self._close(account, leg, k, q, g, beside=True)
        paid = x if d > 0 else d
        return Closed(leg.lots - sum(lots), d - paid, paid)

    # -- closing --------------------------------------------------------------------------------

    def at_mark(self, account: int, leg: Leg, left: int) -> None:
        """What candidates have left open, against anybody on the other side."""
        for k in self.opposite(account, leg):
            q = min(self._size(k, leg), left)
            self._close(account, leg, k, q, 0, by_score=False)
            left -= q
            if left == 0:
                return

    def _close(
        self,
        account: int,
        leg: Leg,
        k: int,
        q: int,
        g: int,
        by_score: bool = True,
        beside: bool = False,
    ) -> None:
        """q lots at the mark, account k worse off by g: in the price, or beside it."""
        i, ledger = leg.instrument, self.s.ledger
        lots = q if leg.side == SELL else -q  # signed: what k receives
        gift = 0 if beside else -g
        realised = change_hands(ledger, i, account, k, lots, leg.mark, gift) if q else 0
        if beside:
            ledger.add(k, 0, -g)
            ledger.add(account, 0, g)
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

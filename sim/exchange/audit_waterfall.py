"""Liquidation as the stream shows it: who, what, in which order, and who pays (I10 … I13, I15)."""

from __future__ import annotations

from collections import defaultdict

from sim.exchange import messages as ms
from sim.exchange.account import ASSET, POSITION
from sim.exchange.audit_tape import Row, Tape
from sim.exchange.messages import Event

POSITION_LEG = 0  # code of a STEP or BACKSTOP row
BY_SCORE, AT_MARK = range(2)  # code of an ADL row
GAINS = 0  # code of a HAIRCUT row
RANK = {Event.INSURANCE: 0, Event.ADL: 1, Event.HAIRCUT: 1, Event.DEFICIT: 2}
INSURED, FORGONE, SOCIALISED = range(3)


class Waterfall:
    """Checks each row of a liquidation as it comes."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.fund = 0  # micro-USDC
        self.flagged: set[int] = set()
        self.legs: dict[int, list[tuple[int, int, int]]] = {}
        self.paid: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0])
        self.borne: dict[tuple[int, int], int] = defaultdict(int)  # (account, asset): units
        self.ranks: dict[int, int] = {}
        self.drawn: dict[int, int] = defaultdict(int)  # micro-USDC of the fund, by account (LIQ-04)

    def could_pay(self, account: int) -> bool:
        """Whether the fund has anything left for an account, as far as the cap allows; needs the rules."""
        rules = self.tape.rules
        if rules is None:
            return False
        cap = round(rules.insurance_cap_usd * 1e6)
        return self.fund > 0 and (cap == 0 or self.drawn[account] < cap)

    def done(self) -> None:
        """I15: whoever is flagged has a position or a debt; shares, coins and claims alone never do."""
        for legs in self.legs.values():
            owes = any(code == ASSET and size < 0 for code, _, size in legs)
            held = any(code == POSITION for code, _, _ in legs)
            self.tape.blame("I15", not owes and not held)
        self.legs.clear()

    def flag(self, row: Row) -> None:
        account = row[ms.E_ACCOUNT]
        self.done()
        self.tape.blame("I10", row[ms.E_X] > row[ms.E_Y] or account in self.flagged)
        self.flagged.add(account)
        self.legs[account] = []

    def leg(self, row: Row) -> None:
        account, code, thing, size = (
            row[c] for c in (ms.E_ACCOUNT, ms.E_CODE, ms.E_INSTRUMENT, ms.E_SIZE)
        )
        self.legs.setdefault(account, []).append((code, thing, size))
        if code == POSITION:
            self.tape.blame("I12", self.tape.positions[account, thing] != size)

    def unflag(self, row: Row) -> None:
        self.done()
        self.tape.blame("I10", row[ms.E_ACCOUNT] not in self.flagged)
        self.flagged.discard(row[ms.E_ACCOUNT])

    def step(self, row: Row) -> None:
        """I10: only the flagged, on a usable price, in an open book, never more than is held."""
        self.done()
        tape, account, i, size = (
            self.tape, row[ms.E_ACCOUNT], row[ms.E_INSTRUMENT], row[ms.E_SIZE],
        )  # fmt: skip
        tape.blame("I10", account not in self.flagged or not 0 <= row[ms.E_X] <= size)
        tape.blame("I10", tape.barred(i, row[ms.E_TIME]))
        if row[ms.E_CODE] == POSITION_LEG:
            held = int(tape.positions[account, i])
            against = held < 0 if row[ms.E_SIDE] == ms.BUY else held > 0
            tape.blame("I10", not against or size > abs(held))
        self.fund += row[ms.E_AMOUNT]
        tape.blame("I11", row[ms.E_AMOUNT] < 0)

    def backstop(self, row: Row) -> None:
        self.done()
        tape, account, i, lots = (
            self.tape, row[ms.E_ACCOUNT], row[ms.E_INSTRUMENT], row[ms.E_SIZE],
        )  # fmt: skip
        tape.blame("I10", account not in self.flagged or row[ms.E_OTHER] in self.flagged)
        tape.blame("I10", tape.barred(i, row[ms.E_TIME]))
        if row[ms.E_CODE] == POSITION_LEG:
            held = int(tape.positions[account, i])
            tape.blame("I10", held * lots <= 0 or abs(lots) > abs(held))
            tape.move(row[ms.E_OTHER], i, lots)
            tape.move(account, i, -lots)

    def money(self, row: Row) -> None:
        """FUND and FUND_RETURN."""
        self.done()
        self.fund += row[ms.E_AMOUNT]
        if row[ms.E_KIND] == Event.FUND_RETURN:
            self.drawn.pop(row[ms.E_ACCOUNT], None)

    def _rank(self, broke: int, kind: Event) -> None:
        self.done()
        rank = RANK[kind]
        late = rank < self.ranks.get(broke, 0)
        self.tape.blame("I11", late or broke not in self.flagged)
        self.ranks[broke] = rank

    def insurance(self, row: Row) -> None:
        account, amount = row[ms.E_ACCOUNT], row[ms.E_AMOUNT]
        self._rank(account, Event.INSURANCE)
        self.fund -= amount
        self.drawn[account] += amount
        cap = round(self.tape.rules.insurance_cap_usd * 1e6) if self.tape.rules is not None else 0
        beyond = 0 < cap < self.drawn[account]
        self.tape.blame("I11", self.fund < 0 or amount <= 0 or beyond)
        self.paid[account][INSURED] += amount

    def adl(self, row: Row) -> None:
        """I12: at most the opposite position; I11: nobody gives up PnL while the fund could pay."""
        tape, broke, other, i, lots, amount = self.tape, *(
            row[c] for c in (ms.E_ACCOUNT, ms.E_OTHER, ms.E_INSTRUMENT, ms.E_SIZE, ms.E_AMOUNT)
        )  # fmt: skip
        self._rank(broke, Event.ADL)
        tape.blame("I10", tape.barred(i, row[ms.E_TIME]))
        held, theirs = int(tape.positions[broke, i]), int(tape.positions[other, i])
        opposite = held * theirs < 0 and 0 < lots <= min(abs(held), abs(theirs))
        if lots == 0 and amount > 0:  # pro rata: money apart from lots
            opposite = tape.rules is None or tape.rules.adl == "pro_rata"
        tape.blame("I12", not opposite or (row[ms.E_CODE] == AT_MARK and amount != 0))
        tape.blame("I11", amount > 0 and self.could_pay(broke))
        self.paid[broke][FORGONE] += amount
        sign = 1 if held > 0 else -1
        tape.move(broke, i, -sign * lots)
        tape.move(other, i, sign * lots)

    def haircut(self, row: Row) -> None:
        tape, payer, broke, i, amount, asset = self.tape, *(
            row[c] for c in (ms.E_ACCOUNT, ms.E_OTHER, ms.E_INSTRUMENT, ms.E_AMOUNT, ms.E_X)
        )  # fmt: skip
        self._rank(broke, Event.HAIRCUT)
        tape.blame("I11", self.could_pay(broke) or amount <= 0)
        if row[ms.E_CODE] == GAINS:  # flat accounts are left alone
            tape.blame("I12", not tape.is_derivative(i) or tape.positions[payer, i] == 0)
        self.paid[broke][SOCIALISED] += amount * tape.price_of(asset)
        if i < 0:
            self.borne[broke, asset] += amount

    def write_off(self, row: Row) -> None:
        """I13: a debt written off is what others bore of it, in units."""
        self.done()
        borne = self.borne.pop((row[ms.E_ACCOUNT], row[ms.E_X]), 0)
        self.tape.blame("I13", borne != row[ms.E_AMOUNT])

    def deficit(self, row: Row) -> None:
        """I13 (LIQ-08): a deficit is what insurance, ADL and the others paid, to the last micro-USDC."""
        account = row[ms.E_ACCOUNT]
        self._rank(account, Event.DEFICIT)
        said = [row[ms.E_X], row[ms.E_Y], row[ms.E_OTHER_ORDER]]
        seen = self.paid.pop(account, [0, 0, 0])
        self.tape.blame("I13", seen != said or sum(said) != row[ms.E_AMOUNT])
        self.ranks.pop(account, None)

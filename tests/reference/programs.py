"""Random programs: message lists that drive every part of an exchange, reproducible by seed.

Usage: python programs.py [PROGRAMS]   counts what they make happen in the reference exchange
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent))

from scenes import ruin
from session import SECOND, START, USD
from twin.codes import BUY, MESSAGE_COLUMNS, NO, SELL, Event, Flag, Message, Reason
from variants import random_listing, random_rules

ACCOUNTS = 11  # the last three only in scenes
MAKERS = (0, 1)
TRADERS = (2, 3, 4, 5)
PROVIDERS = (6, 7)
ROUNDS = 45


@dataclass(frozen=True)
class Program:
    """What an engine is made of, and what it is told."""

    seed: int
    listing: dict[str, Any]
    rules: dict[str, Any]
    accounts: int
    messages: list[list[int]]


class Writer:
    """Writes one program. It sees no answers: it only keeps to prices that should trade."""

    def __init__(self, seed: int) -> None:
        self.rng = rng = Random(seed)
        self.seed = seed
        self.listing = random_listing(rng)
        self.rules = random_rules(rng)
        self.messages: list[list[int]] = []
        self.now = START + rng.randrange(10**9)
        self.next_order = 0
        self.index = [float(f["index_ticks"]) for f in self.listing["feeds"]]
        self.perpetuals = len(self.listing["perpetuals"])
        self.first_event = self.perpetuals + len(self.listing["spots"])
        self.events = len(self.listing["events"])
        self.instruments = self.first_event + self.events
        self.chance = [rng.uniform(0.2, 0.8) for _ in range(self.events)]
        self.quoting = 0.85
        self.stake = [1000.0] * ACCOUNTS  # dollars, about what an account is good for
        self.crashes = {  # round: direction of a violent move
            start + k: direction
            for start, direction in (
                (rng.randrange(6, 14), rng.choice([-1, -1, 1])),
                (rng.randrange(16, 24), rng.choice([-1, 1])),
                (rng.randrange(26, 34), rng.choice([-1, 1])),
            )
            for k in range(rng.choice([1, 3, 5]))
        }
        self.violence = rng.choice([0.03, 0.08, 0.25])
        self.penniless = rng.random() < 0.25  # makers hold coins only
        names = [f["name"] for f in self.listing["feeds"]]
        self.feed_of = [names.index(p["feed"]) for p in self.listing["perpetuals"]]
        self.feed_of += [names.index(s["base"]) for s in self.listing["spots"]]

    def send(self, kind: int, **columns: int) -> None:
        message = [0] * len(MESSAGE_COLUMNS)
        message[0], message[1], message[11] = self.now, int(kind), len(self.messages)
        for name, value in columns.items():
            message[MESSAGE_COLUMNS.index(name)] = int(value)
        self.messages.append(message)

    # -- what things are worth --------------------------------------------------------------

    def is_event(self, instrument: int) -> bool:
        return instrument >= self.first_event

    def payoff(self, instrument: int) -> int:
        return int(self.listing["events"][instrument - self.first_event]["payoff_ticks"])

    def fair(self, instrument: int) -> float:
        if self.is_event(instrument):
            return self.chance[instrument - self.first_event] * self.payoff(instrument)
        return self.index[self.feed_of[instrument]]

    def lot_usd(self, instrument: int) -> float:
        """What a lot is worth."""
        if self.is_event(instrument):
            return 1.0
        feed = self.listing["feeds"][self.feed_of[instrument]]
        if instrument < self.perpetuals:
            per_coin = self.listing["perpetuals"][instrument]["lots_per_coin"]
        else:
            per_coin = self.listing["assets"][instrument - self.perpetuals]["units_per_coin"]
        return feed["tick_micro"] // per_coin * self.fair(instrument) / 1e6

    def lots(self, instrument: int, dollars: float) -> int:
        return max(1, round(dollars / self.lot_usd(instrument)))

    def near(self, instrument: int, offset: float) -> int:
        """A price that many parts away from the fair one."""
        price = round(self.fair(instrument) * (1 + offset))
        if self.is_event(instrument):
            return min(max(price, 1), self.payoff(instrument) - 1)
        return max(1, price)

    # -- the beginning ----------------------------------------------------------------------

    def begin(self) -> None:
        rng = self.rng
        if rng.random() < 0.9:
            self.read_all()
        for account in MAKERS:
            units = rng.randrange(1, 9) * 10**12
            if not self.penniless:
                self.send(Message.DEPOSIT, account=account, instrument=0, size=units)
            self.send(Message.DEPOSIT, account=account, instrument=1, size=2_000_000)
            self.send(Message.DEPOSIT, account=account, instrument=2, size=20_000_000)
        for account in TRADERS:
            self.stake[account] = 0.0
            usdc = 0.0 if self.penniless else 0.8
            for asset, likely in ((0, usdc), (1, 0.5), (2, 0.35)):
                if rng.random() < likely:
                    dollars = rng.choice([300, 2_000, 15_000]) * rng.uniform(0.5, 2.0)
                    units = (
                        round(dollars * USD)
                        if asset == 0
                        else self.lots(self.perpetuals + asset - 1, dollars)
                    )
                    self.send(Message.DEPOSIT, account=account, instrument=asset, size=units)
                    self.stake[account] += dollars
        if rng.random() < (0.3 if self.penniless else 0.75):
            self.send(Message.POOL, size=rng.choice([2_000, 50_000, 10**6]) * USD)
        if rng.random() < (0.2 if self.penniless else 0.65):
            self.send(Message.FUND, size=rng.choice([1, 77, 5_000, 10**6]) * USD)
        for account in PROVIDERS:
            if rng.random() < (0.1 if self.penniless else 0.6):
                dollars = rng.choice([100.0, 5_000.0, 200_000.0])
                self.stake[account] = dollars
                self.send(Message.DEPOSIT, account=account, instrument=0, size=dollars * USD)
                if rng.random() < 0.8:
                    self.send(Message.COMMIT, account=account, size=rng.randrange(1, 10**12))
        self.send(Message.MARK)

    # -- a round ----------------------------------------------------------------------------

    def read_all(self) -> None:
        rng = self.rng
        for feed, price in enumerate(self.index):
            if rng.random() < 0.06:
                continue
            confidence = round(price * rng.choice([0, 0, 0.001, 0.001, 0.005]))
            fresh = rng.choice([3, 3, 3, 5])
            if rng.random() < 0.03:
                confidence, fresh = rng.choice([(round(price * 0.03), 3), (0, 0)])
            shown = round(price)
            if rng.random() < 0.015:
                shown = rng.choice([0, -5, shown * 6, shown // 6, shown * 70])
            self.send(
                Message.INDEX,
                instrument=feed,
                price=shown,
                size=confidence,
                arg=self.now - (rng.choice([1, 70]) if rng.random() < 0.08 else 0) * SECOND,
                arg2=fresh,
            )

    def move_prices(self, number: int) -> None:
        rng = self.rng
        direction = self.crashes.get(number, 0)
        crashing = direction != 0
        for feed, volatility in enumerate((0.004, 0.0003, 0.006)):
            change = rng.gauss(0, volatility)
            if crashing and (feed != 1 or rng.random() < 0.3):
                change += direction * rng.uniform(0.0, self.violence)
            self.index[feed] *= 1 + change
        for k, p in enumerate(self.chance):
            shock = rng.gauss(0, 0.25 if rng.random() < 0.05 or crashing else 0.03)
            self.chance[k] = min(max(p + shock, 0.02), 0.98)
        self.quoting = rng.choice([0.0, 0.2, 0.6]) if crashing else 0.85

    def machinery(self, crashing: bool) -> None:
        rng = self.rng
        self.read_all()
        if crashing:
            self.print_last()
        self.send(Message.MARK)
        if rng.random() < 0.3:
            self.send(Message.PREMIUM)
        if rng.random() < 0.1:
            self.send(Message.FUNDING)
        for _ in range(rng.choice([1, 1, 2, 4])):
            self.send(Message.LIQUIDATE)
            self.now += rng.choice([0, SECOND])
        if rng.random() < 0.1:
            self.send(rng.choice([Message.BOOK, Message.DEPTH]))

    def new(
        self,
        account: int,
        instrument: int,
        side: int,
        price: int,
        size: int,
        flags: int = 0,
        outcome: int = 0,
    ) -> None:
        self.next_order += 1
        self.send(
            Message.NEW,
            account=account,
            instrument=instrument,
            side=side,
            price=price,
            size=size,
            flags=flags,
            order=self.next_order,
            arg=outcome,
        )

    def quote(self) -> None:
        rng = self.rng
        for account in MAKERS:
            if rng.random() < 0.75:
                self.send(Message.CANCEL_ALL, account=account, instrument=-1)
            for instrument in range(self.instruments):
                for side in (BUY, SELL):
                    if rng.random() > self.quoting:
                        continue
                    for _ in range(rng.choice([1, 2])):
                        away = rng.choice([0.0005, 0.001, 0.004, 0.02])
                        price = self.near(instrument, away if side == SELL else -away)
                        self.quote_one(account, instrument, side, price)

    def quote_one(self, account: int, instrument: int, side: int, price: int) -> None:
        rng = self.rng
        dollars = rng.choice([300, 4_000, 25_000, 120_000, 500_000])
        if not self.is_event(instrument):
            self.new(account, instrument, side, price, self.lots(instrument, dollars))
            return
        price = min(max(price + (2 if side == SELL else -2), 1), self.payoff(instrument) - 1)
        size = rng.randrange(1, 3_000)
        if rng.random() < 0.5:
            self.new(account, instrument, side, price, size)
        else:
            self.new(
                account, instrument, 1 - side, self.payoff(instrument) - price, size, outcome=NO
            )

    def take(self) -> None:
        """A leveraged order of a trader."""
        rng = self.rng
        account = rng.choice(TRADERS + TRADERS + PROVIDERS + MAKERS)
        instrument = rng.randrange(self.instruments)
        side = rng.choice([BUY, SELL])
        if instrument >= self.perpetuals and rng.random() < 0.6:
            side = BUY
        flags = rng.choice([0, 0, 0, Flag.IOC, Flag.FOK, Flag.MARKET, Flag.MARKET, Flag.POST_ONLY])
        if rng.random() < 0.2 and instrument < self.perpetuals:
            flags |= Flag.REDUCE_ONLY
        if rng.random() < 0.05:
            flags |= rng.choice(list(Flag))
        reach = rng.choice([-0.01, 0.0, 0.002, 0.01, 0.03])
        outcome = rng.randrange(2) if self.is_event(instrument) else 0
        price = self.near(instrument, reach if side == BUY else -reach)
        if outcome == NO:
            price = self.payoff(instrument) - self.near(
                instrument, -reach if side == BUY else reach
            )
        dollars = rng.choice([200, 2_000, 10_000, 50_000, 200_000])
        if self.is_event(instrument):
            dollars = min(dollars, rng.randrange(10, 20_000))
        self.new(account, instrument, side, price, self.lots(instrument, dollars), flags, outcome)

    def load(self) -> None:
        """Before a violent move: deep quotes, and traders who take all that their margin bears."""
        rng = self.rng
        for account in MAKERS:
            self.send(Message.CANCEL_ALL, account=account, instrument=-1)
            for instrument in range(self.instruments):
                for side in (BUY, SELL):
                    price = self.near(instrument, 0.0005 if side == SELL else -0.0005)
                    self.new(account, instrument, side, price, self.lots(instrument, 400_000))
        hedged = self.hedge() if rng.random() < 0.5 else ()
        for account in TRADERS:
            if account in hedged:
                continue
            side = rng.choice([BUY, BUY, SELL])
            for instrument in rng.sample(range(self.instruments), rng.choice([1, 2, 3])):
                leverage = rng.choice([(40.0, 20.0, 10.0, 5.0), (8.0, 4.0), (1.0, 0.7, 0.3)])
                for times in leverage:
                    if rng.random() < 0.15:
                        continue
                    price = self.near(instrument, 0.004 if side == BUY else -0.004)
                    size = self.lots(instrument, self.stake[account] * times)
                    self.new(account, instrument, side, price, size, Flag.IOC)
                if instrument < self.perpetuals and rng.random() < 0.4:
                    # Two ways out, of which only one can be taken.
                    size = self.lots(instrument, self.stake[account] * leverage[0])
                    for away in (0.002, 0.006):
                        price = self.near(instrument, away if side == BUY else -away)
                        self.new(account, instrument, 1 - side, price, size, Flag.REDUCE_ONLY)
        if rng.random() < 0.6:
            for account in MAKERS:
                self.send(Message.CANCEL_ALL, account=account, instrument=-1)

    def hedge(self) -> tuple[int, int]:
        """One trader against another, hedged in a second perpetual: gains without equity."""
        rng = self.rng
        one, other = rng.sample(TRADERS, 2)
        first, second = rng.sample(range(self.perpetuals), 2)
        side = rng.choice([BUY, SELL])
        for account in (one, other):
            self.send(Message.DEPOSIT, account=account, instrument=0, size=2_000 * USD)
        for account in MAKERS:
            self.send(Message.CANCEL_ALL, account=account, instrument=first)
        price = self.near(first, 0.0)
        for dollars in (24_000.0, 12_000.0, 6_000.0):
            size = self.lots(first, dollars)
            self.new(one, first, 1 - side, price, size)
            self.new(other, first, side, price, size, Flag.IOC)
            edge = self.near(second, 0.004 if side == BUY else -0.004)
            self.new(one, second, side, edge, self.lots(second, dollars), Flag.IOC)
        return one, other

    def print_last(self) -> None:
        """Makers trade a lot at the fair price, so that a thin book does not hold the mark."""
        for instrument in range(self.perpetuals):
            if self.rng.random() < 0.7:
                price = self.near(instrument, 0.0)
                for account, side in zip(MAKERS, (BUY, SELL), strict=True):
                    self.send(Message.CANCEL_ALL, account=account, instrument=instrument)
                    self.new(account, instrument, side, price, 1)

    def manage(self) -> None:
        """Cancels, replaces, sets, cash."""
        rng = self.rng
        account = rng.randrange(ACCOUNTS)
        order = max(1, self.next_order - rng.randrange(40))
        amount = int(rng.choice([1, 50, 2_000, 10**5]) * rng.uniform(0.5, 1.5) * USD)
        match rng.randrange(9):
            case 0:
                self.send(Message.CANCEL, account=account, order=order)
            case 1:
                where = rng.randrange(-1, self.instruments)
                self.send(Message.CANCEL_ALL, account=account, instrument=where)
            case 2 | 3:
                # Whose order and where is not known here: try one of the recent ones.
                made = [m for m in self.messages[-60:] if m[1] == Message.NEW]
                if made:
                    old = rng.choice(made)
                    price = old[5] + rng.choice([0, 0, 1, -1, 5, -40])
                    size = max(0, old[6] + rng.choice([0, -1, -1, 1, -old[6] // 2]))
                    self.send(Message.REPLACE, account=old[2], order=old[8], price=price, size=size)
            case 4:
                sets = rng.choice([1, 10, 500, 10**5])
                event = rng.randrange(self.events)
                self.send(Message.MINT, account=account, instrument=event, size=sets)
            case 5:
                sets = rng.choice([1, 7, 50])
                event = rng.randrange(self.events)
                self.send(Message.MERGE, account=account, instrument=event, size=sets)
            case 6 | 7:
                asset = rng.choice([0, 0, 1, 2, 3])
                units = amount if asset == 0 else rng.randrange(1, 30_000)
                self.send(Message.WITHDRAW, account=account, instrument=asset, size=units)
            case 8:
                match rng.randrange(4):
                    case 0:
                        self.send(Message.DEPOSIT, account=account, instrument=0, size=amount)
                    case 1:
                        self.send(Message.FUND, size=amount // 1000)
                    case 2:
                        self.send(Message.POOL, size=amount)
                    case 3:
                        self.send(Message.COMMIT, account=account, size=rng.randrange(2) * amount)

    def nonsense(self) -> None:
        """Input that must be refused, or nearly."""
        rng = self.rng
        account, instrument = rng.randrange(ACCOUNTS), rng.randrange(self.instruments)
        price, size = self.near(instrument, 0.0), 5
        event = self.first_event + rng.randrange(self.events)
        bad_account = rng.choice([-1, ACCOUNTS, 10**6])
        match rng.randrange(22):
            case 0:
                self.new(bad_account, instrument, BUY, price, size)
            case 1:
                self.new(account, rng.choice([-1, self.instruments]), BUY, price, size)
            case 2:
                self.new(account, instrument, rng.choice([-1, 2]), price, size)
            case 3:
                self.new(account, instrument, SELL, price, rng.choice([0, -3, 10**9 + 1]))
            case 4:
                self.new(account, instrument, BUY, price, size, rng.choice([32, -1, 3, 6, 20, 12]))
            case 5:
                self.new(account, instrument, BUY, price, size, Flag.REDUCE_ONLY)
            case 6:
                self.new(account, instrument, BUY, price, size, outcome=rng.choice([-1, 1, 2]))
            case 7:
                self.new(
                    account, instrument, SELL, rng.choice([0, -1, price * 3, price // 3]), size
                )
            case 8:
                edge = rng.choice([0, 1, self.payoff(event) - 1, self.payoff(event)])
                self.new(account, event, BUY, edge, size, outcome=rng.randrange(2))
            case 9:
                self.next_order -= rng.choice([1, 2, 3, 5, 8])
                self.next_order = max(self.next_order, -1)
                self.new(account, instrument, BUY, price, size)
                self.next_order += 10
            case 10:
                self.send(Message.CANCEL, account=account, order=rng.choice([0, 10**9, -1]))
            case 11:
                self.send(Message.REPLACE, account=account, order=10**9, price=price, size=1)
            case 12:
                self.send(Message.MINT, account=bad_account, instrument=0, size=1)
                self.send(Message.MERGE, account=account, instrument=0, size=rng.choice([0, -1]))
            case 13:
                self.send(
                    rng.choice([Message.MINT, Message.MERGE, Message.RESOLVE]),
                    account=account,
                    instrument=rng.choice([-1, self.events]),
                    size=1,
                )
            case 14:
                self.send(
                    rng.choice([Message.DEPOSIT, Message.WITHDRAW]),
                    account=rng.choice([account, bad_account]),
                    instrument=rng.choice([-1, 0, 3, 99]),
                    size=rng.choice([0, -1, 5]),
                )
            case 15:
                self.send(Message.POOL, instrument=rng.choice([0, 1, -1]), size=rng.choice([0, 1]))
                self.send(Message.FUND, size=rng.choice([0, -1]))
            case 16:
                self.send(Message.COMMIT, account=rng.choice([0, bad_account]), size=-1)
            case 17:
                self.send(rng.choice([0, 11, 19, 27, 99, -1]), account=account, size=1)
            case 18:
                feed = rng.choice([-1, len(self.index)])
                self.send(Message.INDEX, instrument=feed, price=10, arg=self.now, arg2=3)
            case 19:
                self.send(Message.RESOLVE, instrument=0, arg=rng.choice([2, -2]))
            case 20:
                # Against oneself.
                self.new(account, instrument, SELL, self.near(instrument, -0.002), 3)
                self.new(account, instrument, BUY, self.near(instrument, 0.002), 9)
            case 21:
                for _ in range(9):
                    self.new(account, instrument, BUY, self.near(instrument, -0.03), 1)

    def round(self, number: int) -> None:
        rng = self.rng
        self.now += rng.choice([0, 1, 1, 3, 10, 10, 25]) * SECOND + rng.randrange(SECOND)
        if rng.random() < 0.03:
            self.now += 200 * SECOND
            self.take()
            self.manage()
        self.move_prices(number)
        self.machinery(number in self.crashes)
        if number + 1 in self.crashes and number not in self.crashes:
            self.load()
        elif rng.random() < 0.5:
            self.quote()
        elif rng.random() < 0.5:
            self.print_last()
        for _ in range(rng.randrange(2, 7)):
            chosen = rng.random()
            if chosen < 0.6:
                self.take()
            elif chosen < 0.87:
                self.manage()
            else:
                self.nonsense()
        if number > ROUNDS // 2 and rng.random() < 0.04:
            event = rng.randrange(self.events)
            self.send(Message.RESOLVE, instrument=event, arg=rng.choice([0, 1, 0, 1, -1]))

    def write(self) -> Program:
        self.begin()
        scene = self.rng.randrange(ROUNDS) if self.rng.random() < 0.4 else -1
        for _ in range(2 if self.penniless else 0):
            ruin(self)
        for number in range(ROUNDS):
            self.round(number)
            if number == scene:
                ruin(self)
        return Program(self.seed, self.listing, self.rules, ACCOUNTS, self.messages)


def program(seed: int) -> Program:
    """The program of that seed."""
    return Writer(seed).write()


def count(seeds: Iterable[int]) -> tuple[Counter[str], Counter[str]]:
    """Events by kind, and reason codes, that these programs cause in the reference."""
    from twin.exchange import ReferenceExchange

    kinds: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for seed in seeds:
        made = program(seed)
        venue = ReferenceExchange(made.listing, made.rules, made.accounts)
        forced: set[int] = set()
        for message in made.messages:
            for row in venue.handle(message):
                kind = Event(row[2])
                kinds[kind.name] += 1
                if kind in (Event.REJECT, Event.CANCELLED):
                    reasons[f"{kind.name} {Reason(row[12]).name}"] += 1
                elif kind in (Event.HAIRCUT, Event.ADL, Event.STEP, Event.BACKSTOP, Event.MERGE):
                    reasons[f"{kind.name} {row[12]}"] += 1
                elif kind == Event.FLAG:
                    by = "a forced fill" if row[13] in forced else "a reading"
                    reasons[f"FLAG by {by if row[13] else 'nothing known'}"] += 1
                elif kind == Event.FILL and row[12]:
                    forced.add(row[0])
                elif kind == Event.INDEX:
                    reasons[f"INDEX grade {row[12]}"] += 1
    return kinds, reasons


if __name__ == "__main__":
    for counted in count(range(int(sys.argv[1]) if len(sys.argv) > 1 else 250)):
        for name, times in sorted(counted.items()):
            print(f"{times:8d}  {name}")
        print()

"""A state machine of everything that can be sent, which drives kernel and reference side by side."""

from __future__ import annotations

from agreement import Pair
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from programs import Program
from session import SECOND
from twin.codes import BUY, SELL, Flag, Message
from wide.pen import Pen

ACCOUNTS = 5
LISTINGS = 400  # different ones, of the wide programs
accounts = st.integers(0, ACCOUNTS - 1)
places = st.integers(0, 40)  # of an instrument, asset, feed or event: taken modulo their number
sides = st.sampled_from([BUY, SELL])
offsets = st.sampled_from([0, 1, -1, 4, -4, 12, -12, 40, -40])  # thousandths from the fair price
dollars = st.sampled_from([1_000, 100, 1, 20_000, 300_000])
times_in_force = st.sampled_from([0, Flag.IOC, Flag.FOK, Flag.POST_ONLY, Flag.GTD, Flag.MARKET])
outcomes = st.integers(0, 1)
jumps = st.sampled_from([-150, 150, -400, 400, -30, 0])
unlikely = st.sampled_from([False, False, False, False, False, True])
seconds = st.sampled_from([0, 1, 7, 61, 3_600, 90_000])
recent = st.integers(1, 12)  # how many orders ago


class Exchanges(RuleBasedStateMachine):
    """Every rule sends one message to both; they must answer alike and stay alike."""

    @initialize(
        listing=st.integers(0, LISTINGS - 1),
        coins=st.booleans(),
        positions=st.lists(st.tuples(places, sides, outcomes), min_size=4, max_size=12),
    )
    def begin(self, listing: int, coins: bool, positions: list[tuple[int, int, int]]) -> None:
        """One rich account quotes, the others take what their margin bears."""
        self.pen = Pen(listing)
        self.market = self.pen.market
        self.pair = Pair(Program(listing, self.pen.listing, self.pen.rules, ACCOUNTS, []))
        self.sent = 0
        self.pen.read_all()
        for account in range(ACCOUNTS):
            for asset in range(1 + len(self.market.coins)):
                if account == 0 or asset == 0 or coins:
                    size = self.pen.units(asset, 1e6 if account == 0 else 1_500.0)
                    self.pen.send(Message.DEPOSIT, account=account, instrument=asset, size=size)
        self.pen.send(Message.POOL, size=10**11)
        self.pen.send(Message.FUND, size=10**9)
        self.pen.send(Message.COMMIT, account=0, size=10**9)
        self.pen.send(Message.MARK)
        for i in self.market.instruments:
            away = max(0.01, 1 / self.pen.fair(i))
            for side in (BUY, SELL):
                price = self.pen.near(i, -away if side == BUY else away)
                self.pen.new(0, i, side, price, self.pen.lots(i, 200_000))
        for n, (place, side, outcome) in enumerate(positions):
            i = self.market.instruments[place % len(self.market.instruments)]
            price = self.pen.near(i, 0.03 if side == BUY else -0.03)
            for worth in (60_000, 30_000, 15_000, 7_000, 3_000):
                size, account = self.pen.lots(i, worth), 1 + n % (ACCOUNTS - 1)
                self.pen.new(account, i, side, price, size, Flag.IOC, outcome * i.is_event)
        self.flush()

    def flush(self) -> None:
        """Send what has been written since."""
        for message in self.pen.messages[self.sent :]:
            self.sent += 1
            found, _ = self.pair.step(message)
            note(f"{message}")
            assert found is None, found

    def send(self, kind: Message, **columns: int) -> None:
        self.pen.send(kind, **columns)
        self.flush()

    def placed(self, ago: int) -> tuple[int, int, int, int]:
        """Account, id, price and size of an order of a while ago."""
        account, order, _, price, size = self.pen.placed[-min(ago, len(self.pen.placed))]
        return account, order, price, size

    @invariant()
    def they_are_alike(self) -> None:
        if hasattr(self, "pair"):
            found = self.pair.difference()
            assert found is None, found

    # -- orders -----------------------------------------------------------------------------

    @rule(
        account=accounts,
        place=places,
        side=sides,
        offset=offsets,
        size=dollars,
        flags=times_in_force,
        outcome=outcomes,
        reduce_only=st.booleans(),
    )
    def order(
        self,
        account: int,
        place: int,
        side: int,
        offset: int,
        size: int,
        flags: int,
        outcome: int,
        reduce_only: bool,
    ) -> None:
        i = self.market.instruments[place % len(self.market.instruments)]
        if reduce_only and i.is_derivative:
            flags |= Flag.REDUCE_ONLY
        expiry = self.pen.now + 10 * SECOND if flags & Flag.GTD else 0
        price, lots = self.pen.near(i, offset / 1000), self.pen.lots(i, size)
        self.pen.new(account, i, side, price, lots, flags, outcome * i.is_event, arg2=expiry)
        self.flush()

    @rule(
        account=accounts,
        place=places,
        side=sides,
        offset=offsets,
        trigger=offsets,
        size=dollars,
        flags=times_in_force,
        source=st.sampled_from([0, Flag.BY_LAST, Flag.BY_INDEX]),
        take_profit=st.booleans(),
        outcome=outcomes,
    )
    def conditional(
        self,
        account: int,
        place: int,
        side: int,
        offset: int,
        trigger: int,
        size: int,
        flags: int,
        source: int,
        take_profit: bool,
        outcome: int,
    ) -> None:
        i = self.market.instruments[place % len(self.market.instruments)]
        flags |= source | (Flag.TAKE_PROFIT if take_profit else 0)
        at, outcome = self.pen.near(i, trigger / 1000), outcome * i.is_event
        if outcome:
            flags, at = flags | Flag.NO, i.payoff - at
        more = {"kind": Message.CONDITIONAL, "arg": at}
        more["arg2"] = self.pen.now + 10 * SECOND if flags & Flag.GTD else 0
        price, lots = self.pen.near(i, offset / 1000), self.pen.lots(i, size)
        self.pen.new(account, i, side, price, lots, flags, outcome, **more)
        self.flush()

    @rule(ago=recent, whose=st.one_of(st.none(), accounts))
    def cancel(self, ago: int, whose: int | None) -> None:
        account, order, *_ = self.placed(ago)
        self.send(Message.CANCEL, account=account if whose is None else whose, order=order)

    @rule(account=accounts, place=places, everywhere=st.booleans())
    def cancel_all(self, account: int, place: int, everywhere: bool) -> None:
        where = -1 if everywhere else place % len(self.market.instruments)
        self.send(Message.CANCEL_ALL, account=account, instrument=where)

    @rule(ago=recent, change=st.integers(-3, 3), parts=st.sampled_from([0, 1, 2, 4]))
    def replace(self, ago: int, change: int, parts: int) -> None:
        account, order, price, size = self.placed(ago)
        size = size * parts // 2
        self.send(Message.REPLACE, account=account, order=order, price=price + change, size=size)

    @rule(account=accounts, flags=st.integers(0, 4), owner=st.integers(0, ACCOUNTS + 1))
    def settings(self, account: int, flags: int, owner: int) -> None:
        self.send(Message.SETTINGS, account=account, flags=flags, arg=owner)

    @rule(account=accounts)
    def disconnect(self, account: int) -> None:
        self.send(Message.DISCONNECT, account=account)

    @rule(place=places, state=st.sampled_from([0, 0, 4, 4, 1, 2, 3, 5]), length=seconds)
    def state(self, place: int, state: int, length: int) -> None:
        i = place % len(self.market.instruments)
        end = self.pen.now + length * SECOND if state == 4 and length else 0
        self.send(Message.STATE, instrument=i, arg=state, arg2=end)

    # -- prices and the clock ---------------------------------------------------------------

    @rule(
        place=places,
        change=st.sampled_from([0, 3, -3, 30, -30, 150, -150, 500, -500]),
        confidence=st.sampled_from([0, 0, 1, 30]),
        fresh=st.sampled_from([3, 3, 3, 0]),
        late=st.sampled_from([0, 0, 0, 70]),
    )
    def price(self, place: int, change: int, confidence: int, fresh: int, late: int) -> None:
        feed = place % len(self.pen.index)
        self.pen.index[feed] = max(1.0, self.pen.index[feed] * (1 + change / 1000))
        size = round(self.pen.index[feed]) * confidence // 1000
        self.pen.read(feed, size=size, arg2=fresh, arg=self.pen.now - late * SECOND)
        self.flush()

    @rule(place=places, price=st.sampled_from([0, -1]))
    def absurd_price(self, place: int, price: int) -> None:
        self.pen.read(place % len(self.pen.index), price=price)
        self.flush()

    @rule(place=places, offset=offsets)
    def external(self, place: int, offset: int) -> None:
        i = self.market.instruments[place % len(self.market.instruments)]
        price = self.pen.near(i, offset / 1000)
        self.send(Message.EXTERNAL, instrument=i.id, price=price, arg=self.pen.now)

    @rule(wait=seconds, read=st.booleans())
    def time_passes(self, wait: int, read: bool) -> None:
        self.pen.wait(wait)
        if read:
            self.pen.read_all()
            self.flush()

    @rule(
        changes=st.lists(jumps, min_size=3, max_size=3),
        quotes=st.booleans(),
        ticks=st.integers(1, 3),
    )
    def crash(self, changes: list[int], quotes: bool, ticks: int) -> None:
        """Prices jump, marks and liquidation follow."""
        if not quotes:
            self.pen.send(Message.CANCEL_ALL, account=0, instrument=-1)
        for feed, change in zip(range(len(self.pen.index)), changes, strict=False):
            self.pen.index[feed] = max(1.0, self.pen.index[feed] * (1 + change / 1000))
        for _ in range(ticks):
            self.pen.wait(1)
            self.pen.read_all()
            self.pen.send(Message.MARK)
            self.pen.send(Message.LIQUIDATE)
        self.flush()

    @rule()
    def mark(self) -> None:
        self.send(Message.MARK)

    @rule()
    def all_prices_are_read_and_marked(self) -> None:
        self.pen.read_all()
        self.send(Message.MARK)

    @rule(kind=st.sampled_from([Message.BOOK, Message.DEPTH, Message.PREMIUM, Message.FUNDING]))
    def look_or_fund(self, kind: Message) -> None:
        self.send(kind)

    @rule()
    def interest(self) -> None:
        self.send(Message.INTEREST)

    @rule()
    def liquidate(self) -> None:
        self.send(Message.LIQUIDATE)

    @rule()
    def settle(self) -> None:
        self.send(Message.SETTLE)

    # -- money ------------------------------------------------------------------------------

    @rule(account=accounts, place=places, size=dollars)
    def deposit(self, account: int, place: int, size: int) -> None:
        asset = place % (1 + len(self.market.coins))
        units = self.pen.units(asset, size)
        self.send(Message.DEPOSIT, account=account, instrument=asset, size=units)

    @rule(account=accounts, place=places, size=dollars, borrow=outcomes)
    def withdraw(self, account: int, place: int, size: int, borrow: int) -> None:
        asset = place % (1 + len(self.market.coins))
        units = self.pen.units(asset, size)
        self.send(Message.WITHDRAW, account=account, instrument=asset, size=units, arg=borrow)

    @rule(account=accounts, place=places, size=dollars, back=st.booleans())
    def lend_or_redeem(self, account: int, place: int, size: int, back: bool) -> None:
        asset = place % (1 + len(self.market.coins))
        kind = Message.REDEEM if back else Message.LEND
        units = self.pen.units(asset, size)
        self.send(kind, account=account, instrument=asset, size=units)

    # -- events -----------------------------------------------------------------------------

    def has_events(self) -> bool:
        return bool(self.market.events)

    @precondition(has_events)
    @rule(account=accounts, place=places, sets=st.sampled_from([1, 10, 500]), merge=st.booleans())
    def mint_or_merge(self, account: int, place: int, sets: int, merge: bool) -> None:
        event, kind = place % len(self.market.events), Message.MERGE if merge else Message.MINT
        self.send(kind, account=account, instrument=event, size=sets)

    @precondition(has_events)
    @rule(account=accounts, place=places, size=st.sampled_from([1, 5]), mask=st.integers(0, 15))
    def convert(self, account: int, place: int, size: int, mask: int) -> None:
        event = place % len(self.market.events)
        self.send(Message.CONVERT, account=account, instrument=event, size=size, arg=mask)

    def claimed(self, event: int, outcome: int, part: int) -> dict[str, int]:
        e = self.market.events[event]
        value = e.low + (e.high - e.low) * part // 4 if e.scalar else 0
        return {"instrument": event, "arg": outcome, "arg2": value}

    @precondition(has_events)
    @rule(account=accounts, place=places, outcome=st.integers(-1, 2), part=st.integers(0, 4))
    def propose(self, account: int, place: int, outcome: int, part: int) -> None:
        claimed = self.claimed(place % len(self.market.events), outcome, part)
        self.send(Message.PROPOSE, account=account, size=10**8, **claimed)

    @precondition(has_events)
    @rule(account=accounts, place=places)
    def dispute(self, account: int, place: int) -> None:
        event = place % len(self.market.events)
        self.send(Message.DISPUTE, account=account, instrument=event, size=10**8)

    @precondition(has_events)
    @rule(place=places, outcome=st.integers(-1, 2), part=st.integers(0, 4), sure=unlikely)
    def resolve(self, place: int, outcome: int, part: int, sure: bool) -> None:
        if sure:  # else it would end every event too early
            self.send(
                Message.RESOLVE, **self.claimed(place % len(self.market.events), outcome, part)
            )

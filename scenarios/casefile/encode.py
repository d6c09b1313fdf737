"""From steps to messages: every step becomes the rows that are sent, before anything is run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from scenarios.casefile import steps
from scenarios.casefile.amounts import CaseFault, instant, microseconds, units
from scenarios.casefile.names import Names, micro
from scenarios.casefile.schema import Case
from scenarios.casefile.sources import Aggregate, Sources, check, published
from scenarios.errors import choose
from sim.exchange.messages import BookState, Flag, Kind

MESSAGE_COLUMNS = (
    "time", "kind", "account", "instrument", "side", "price", "size", "flags", "order", "arg",
    "arg2", "seq",
)  # fmt: skip
SIDES = {"buy": 0, "sell": 1}
OUTCOMES = {"YES": 0, "LONG": 0, "NO": 1, "SHORT": 1}
FLAGS = {
    "ioc": Flag.IOC,
    "fok": Flag.FOK,
    "post_only": Flag.POST_ONLY,
    "reduce_only": Flag.REDUCE_ONLY,
}
SECOND = 1_000_000
HOUR = 3600
# Name, message, seconds between two; in the order of SEQ-01.
REGULAR = (
    ("mark", Kind.MARK, 1), ("premium", Kind.PREMIUM, 5), ("funding", Kind.FUNDING, HOUR),
    ("interest", Kind.INTEREST, HOUR), ("settle", Kind.SETTLE, 1), ("liquidate", Kind.LIQUIDATE, 1),
)  # fmt: skip
BARE = {
    "funding": Kind.FUNDING, "premium": Kind.PREMIUM, "interest": Kind.INTEREST,
    "settle": Kind.SETTLE, "liquidate": Kind.LIQUIDATE, "mark_all": Kind.MARK,
}  # fmt: skip

Row = dict[str, int]


@dataclass
class Encoder:
    """Walks the steps of a case in order; ``now`` is in microseconds of UTC.

    ``aggregate`` makes an index of the readings of several sources.
    """

    case: Case
    names: Names
    now: int = 0
    start: int = 0
    aggregate: Aggregate = published
    orders: dict[int, str] = field(default_factory=dict)  # number -> name
    numbers: dict[str, int] = field(default_factory=dict)
    instrument_of: dict[int, int] = field(default_factory=dict)
    readings: dict[int, tuple[int, int]] = field(default_factory=dict)  # feed: ticks, sources

    def __post_init__(self) -> None:
        self.start = self.now = microseconds(self.case.start)
        actions = [s.action()[1] for s in self.case.step]
        self.taken = {a.id for a in actions if isinstance(a, steps.Order) and isinstance(a.id, int)}
        self.taken |= {a.order for a in actions if isinstance(a, steps.Raw)}
        self.next_number = 0

    # rows -----------------------------------------------------------------------------------
    def row(self, kind: Kind | int, **columns: int) -> Row:
        return {"time": self.now, "kind": int(kind), **columns}

    def opening(self) -> list[Row]:
        """Readings of the feeds and deposits of the accounts."""
        rows = []
        for f, declared in enumerate(self.case.feeds):
            if declared.read and not declared.own_book:
                rows.append(self.reading(f, self.names.feed_ticks(f, declared.index, "index")))
        for name, holdings in self.case.accounts.items():
            for asset, amount in holdings.items():
                try:
                    rows.append(self._held(name, asset, amount))
                except CaseFault as fault:
                    raise CaseFault(str(fault), "accounts", name, asset) from None
        return rows

    def _held(self, account: str, asset: str, amount: Decimal) -> Row:
        """The deposit that an account begins with."""
        if amount <= 0:
            raise CaseFault(f"a deposit must be above 0, found {amount}")
        k = self.names.asset(asset)
        size = self.names.asset_units(k, amount)
        return self.row(Kind.DEPOSIT, account=self.names.account(account), instrument=k, size=size)

    def step(self, step: steps.Step) -> list[Row]:
        """Messages of one step; raises CaseFault for what cannot be said to the exchange."""
        name, content = step.action()
        if not name:
            return []
        if name in BARE:
            return [self.row(BARE[name])]
        act: Callable[[Any], list[Row] | Row] = getattr(self, f"_{name}")
        made = act(content)
        return made if isinstance(made, list) else [made]

    # orders ---------------------------------------------------------------------------------
    def number(self, given: int | str | None) -> int:
        """The number of a new order."""
        if isinstance(given, int):
            return given
        if given in self.numbers:
            return self.numbers[given]
        self.next_number += 1
        while self.next_number in self.taken:
            self.next_number += 1
        if given is not None:
            self.numbers[given] = self.next_number
            self.orders[self.next_number] = given
        return self.next_number

    def known(self, given: int | str) -> int:
        """The number of an order that an earlier step named."""
        if isinstance(given, int):
            return given
        if given not in self.numbers:
            raise CaseFault(f"unknown order {given!r}{choose(given, self.numbers)}")
        return self.numbers[given]

    def _new(self, o: steps.Order, kind: Kind, flags: int = 0, **columns: int) -> Row:
        i = self.names.instrument(o.instrument)
        for name in o.flags:
            flags |= FLAGS[name]
        if o.market:
            flags |= Flag.MARKET
        elif o.price is None:
            raise CaseFault("a limit order needs a price")
        if o.until is not None:
            flags |= Flag.GTD
            columns["arg2"] = instant(o.until, self.start)
        n = self.number(o.id)
        self.instrument_of[n] = i
        return self.row(
            kind, account=self.names.account(o.account), instrument=i, side=SIDES[o.side],
            price=self.names.ticks(i, o.price or Decimal(0)), size=self.names.lots(i, o.size),
            flags=flags, order=n, **columns,
        )  # fmt: skip

    def _outcome(self, o: steps.Order) -> int:
        return o.outcome if isinstance(o.outcome, int) else OUTCOMES[o.outcome]

    def _order(self, o: steps.Order) -> Row:
        return self._new(o, Kind.NEW, arg=self._outcome(o))

    def _stop(self, o: steps.Conditional, flags: int = 0) -> Row:
        flags |= {"mark": 0, "last": Flag.BY_LAST, "index": Flag.BY_INDEX}[o.by]
        if self._outcome(o):
            flags |= Flag.NO
        i = self.names.instrument(o.instrument)
        return self._new(o, Kind.CONDITIONAL, flags, arg=self.names.ticks(i, o.trigger, "trigger"))

    def _take_profit(self, o: steps.Conditional) -> Row:
        return self._stop(o, Flag.TAKE_PROFIT)

    def _cancel(self, c: steps.Cancel) -> Row:
        return self.row(
            Kind.CANCEL, account=self.names.account(c.account), order=self.known(c.order)
        )

    def _cancel_all(self, c: steps.CancelAll) -> Row:
        i = -1 if c.instrument is None else self.names.instrument(c.instrument)
        return self.row(Kind.CANCEL_ALL, account=self.names.account(c.account), instrument=i)

    def _replace(self, r: steps.Replace) -> Row:
        n = self.known(r.order)
        i = self.instrument_of.get(n, -1)
        if r.instrument is not None:
            i = self.names.instrument(r.instrument)
        return self.row(
            Kind.REPLACE, account=self.names.account(r.account), order=n,
            price=self.names.ticks(i, r.price), size=self.names.lots(i, r.size),
        )  # fmt: skip

    def _trade(self, t: steps.Trade) -> list[Row]:
        rows = []
        for side in (t.maker, "sell" if t.maker == "buy" else "buy"):
            who = t.buyer if side == "buy" else t.seller
            order = steps.Order(
                account=who, instrument=t.instrument, side=side, price=t.price, size=t.size
            )
            rows.append(self._order(order))
        return rows

    # prices and time ------------------------------------------------------------------------
    def reading(self, feed: int, ticks: int, sources: int | None = None) -> Row:
        known = 0 <= feed < len(self.names.feeds)
        enough = max(1, self.names.listing.feeds[feed].min_sources) if known else 1
        fresh = enough if sources is None else sources
        self.readings[feed] = (ticks, fresh)
        return self.row(Kind.INDEX, instrument=feed, price=ticks, arg=self.now, arg2=fresh)

    def _price(self, p: steps.Reading) -> Row:
        f = self.names.feed(p.feed)
        row = self.reading(f, self.names.feed_ticks(f, p.price), p.sources)
        row["size"] = self.names.feed_ticks(f, p.confidence, "confidence")
        row["arg"] -= self._span(p.age)
        return row

    def _prices(self, prices: dict[str, Decimal]) -> list[Row]:
        ids = [(self.names.feed(name), price) for name, price in prices.items()]
        return [self.reading(f, self.names.feed_ticks(f, price)) for f, price in ids]

    def _sources(self, s: Sources) -> Row:
        f = self.names.feed(s.feed)
        if not 0 <= f < len(self.names.feeds):
            raise CaseFault(f"feed {f} is not listed: whose readings would these be?", "feed")
        feed = self.names.listing.feeds[f]
        check(s, feed)
        index = self.aggregate(s, feed)
        row = self.reading(f, index.price, index.fresh)
        return {**row, "size": index.confidence, "arg": self.now - index.age_us}

    def _mark(self, mark: bool | dict[str, Decimal]) -> list[Row]:
        """MARK; with prices the feeds behind the instruments are read at them before."""
        rows = []
        for name, price in ({} if isinstance(mark, bool) else mark).items():
            i = self.names.instrument(name)
            f = self.names.listing.feed_of(i)
            if f < 0:
                raise CaseFault(f"{name}: the mark of an event book comes from its orders alone")
            rows.append(self.reading(f, self.names.ticks(i, price)))
        return [*rows, self.row(Kind.MARK)]

    def _external(self, e: steps.External) -> Row:
        i = self.names.instrument(e.instrument)
        at = self.now - self._span(e.age)
        return self.row(Kind.EXTERNAL, instrument=i, price=self.names.ticks(i, e.price), arg=at)

    def _span(self, seconds: Decimal) -> int:
        return units(seconds, Decimal(1) / SECOND, "seconds", "a microsecond")

    def _advance(self, a: Decimal | steps.Advance) -> list[Row]:
        advance = a if isinstance(a, steps.Advance) else steps.Advance(seconds=a)
        end = self.now + self._span(advance.seconds)
        if end < self.now:
            raise CaseFault("time does not run backwards")
        wanted = [r[0] for r in REGULAR] if advance.ticks == "all" else list(advance.ticks)
        rows: list[Row] = []
        if wanted or advance.fresh:
            if (end - self.now) // SECOND > 2 * 86_400:
                raise CaseFault("no more than two days with ticks in one step")
            first = self.start + ((self.now - self.start) // SECOND + 1) * SECOND
            for self.now in range(first, end + 1, SECOND):
                second = (self.now - self.start) // SECOND
                if advance.fresh:
                    latest = list(self.readings.items())
                    rows += [self.reading(f, ticks, fresh) for f, (ticks, fresh) in latest]
                rows += [
                    self.row(kind) for n, kind, every in REGULAR
                    if n in wanted and second % every == 0
                ]  # fmt: skip
        self.now = end
        return rows

    # accounts and money ---------------------------------------------------------------------
    def _money(self, kind: Kind, m: steps.Money | steps.Pool, **columns: int) -> Row:
        k = self.names.asset(m.asset)
        size = self.names.asset_units(k, m.amount)
        return self.row(kind, instrument=k, size=size, **columns)

    def _deposit(self, m: steps.Money) -> Row:
        return self._money(Kind.DEPOSIT, m, account=self.names.account(m.account))

    def _withdraw(self, m: steps.Withdraw) -> Row:
        who = self.names.account(m.account)
        return self._money(Kind.WITHDRAW, m, account=who, arg=int(m.borrow))

    def _transfer(self, t: steps.Transfer) -> Row:
        sender, receiver = self.names.account(t.account), self.names.account(t.to)
        return self._money(Kind.TRANSFER, t, account=sender, arg=receiver)

    def _lend(self, m: steps.Money) -> Row:
        return self._money(Kind.LEND, m, account=self.names.account(m.account))

    def _redeem(self, m: steps.Money) -> Row:
        return self._money(Kind.REDEEM, m, account=self.names.account(m.account))

    def _pool(self, m: steps.Pool) -> Row:
        return self._money(Kind.POOL, m)

    def _insurance_fund(self, amount: Decimal) -> Row:
        return self.row(Kind.FUND, size=micro(amount))

    def _commit(self, c: steps.Commit) -> Row:
        return self.row(Kind.COMMIT, account=self.names.account(c.account), size=micro(c.amount))

    # events ---------------------------------------------------------------------------------
    def _answer(self, r: steps.Resolve | steps.Propose) -> Row:
        """Columns that say how an event went."""
        e = self.names.event(r.event)
        outcome = 0 if r.outcome is None else self.names.outcome(e, r.outcome)
        if r.outcome == "void" and r.value is not None:
            raise CaseFault("a void has no value", "value")
        return {"instrument": e, "arg": outcome, "arg2": r.value or 0}

    def _resolve(self, r: steps.Resolve) -> Row:
        return self.row(Kind.RESOLVE, **self._answer(r), flags=int(r.wrong))

    def _propose(self, p: steps.Propose) -> Row:
        who = self.names.account(p.account)
        return self.row(Kind.PROPOSE, account=who, **self._answer(p), size=micro(p.bond, "bond"))

    def _dispute(self, d: steps.Dispute) -> Row:
        e, who = self.names.event(d.event), self.names.account(d.account)
        return self.row(Kind.DISPUTE, account=who, instrument=e, size=micro(d.bond, "bond"))

    def _mint(self, m: steps.Sets, kind: Kind = Kind.MINT) -> Row:
        e, who = self.names.event(m.event), self.names.account(m.account)
        return self.row(kind, account=who, instrument=e, size=m.sets)

    def _merge(self, m: steps.Sets) -> Row:
        return self._mint(m, Kind.MERGE)

    def _convert(self, c: steps.Convert) -> Row:
        e, who = self.names.event(c.event), self.names.account(c.account)
        if isinstance(c.no, int):
            mask = c.no
        else:
            mask = sum(1 << self.names.outcome(e, name) for name in dict.fromkeys(c.no))
        return self.row(Kind.CONVERT, account=who, instrument=e, size=c.size, arg=mask)

    # the venue ------------------------------------------------------------------------------
    def _state(self, s: steps.SetState) -> Row:
        code = s.state if isinstance(s.state, int) else BookState[s.state.upper()].value
        end = 0 if s.until is None else instant(s.until, self.start)
        i = self.names.instrument(s.instrument)
        return self.row(Kind.STATE, instrument=i, arg=code, arg2=end)

    def _settings(self, s: steps.Settings) -> Row:
        owner = 0 if s.owner is None else self.names.account(s.owner) + 1
        flags = int(s.cancel_on_disconnect) + 2 * int(s.auto_lend)
        who = self.names.account(s.account)
        return self.row(Kind.SETTINGS, account=who, flags=flags, arg=owner)

    def _disconnect(self, d: steps.Disconnect) -> Row:
        return self.row(Kind.DISCONNECT, account=self.names.account(d.account))

    def _market_data(self, which: str) -> Row:
        return self.row(Kind[which.upper()])

    def _send(self, raw: steps.Raw) -> Row:
        kind = raw.kind
        if isinstance(kind, str):
            if kind not in Kind.__members__:
                raise CaseFault(f"unknown kind {kind!r}{choose(kind, Kind.__members__)}")
            kind = Kind[kind].value
        if kind in (Kind.NEW, Kind.CONDITIONAL):
            self.instrument_of[raw.order] = raw.instrument
        return self.row(kind, **raw.model_dump(exclude={"kind"}))

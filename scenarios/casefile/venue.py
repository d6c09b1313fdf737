"""The exchange that a case runs on, with the read-outs that expectations need."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from sim.exchange.instruments import Listing
from sim.exchange.messages import EVENT_COLUMNS, BookState, Event
from sim.exchange.rules import Rules

Row = tuple[int, ...]
_KIND, _INSTRUMENT, _CODE = (EVENT_COLUMNS.index(n) for n in ("kind", "instrument", "code"))
ORDER_IDS = 1 << 14


class Engine(Protocol):
    """What an exchange must offer to have cases run on it (the compiled one does)."""

    def handle(self, message: Sequence[int]) -> list[Row]: ...
    def balance(self, account: int, asset: int) -> int: ...
    def position(self, account: int, instrument: int) -> tuple[int, int]: ...
    def equity(self, account: int) -> int: ...
    def maintenance(self, account: int) -> tuple[float, float]: ...
    def initial(self, account: int) -> tuple[float, float]: ...
    def bucket(self, name: str, index: int = 0) -> int: ...
    def mark(self, instrument: int) -> int: ...
    def index(self, feed: int) -> int: ...
    def twap(self, feed: int) -> int: ...
    def book(self, instrument: int) -> list[tuple[int, int, int, int, int]]: ...
    def flagged(self) -> list[int]: ...


Maker = Callable[[Listing, Rules, int, int], Engine]


def compiled(listing: Listing, rules: Rules, accounts: int, order_ids: int = ORDER_IDS) -> Engine:
    """The compiled exchange, small."""
    import numpy as np

    from sim.exchange.exchange import Exchange
    from sim.exchange.kernel import state as st

    counted = [st.NOW, st.SEQ, st.MESSAGES, st.REJECTS]

    class Compiled(Exchange):
        def handle(self, message: Sequence[int]) -> list[Row]:
            return [tuple(row) for row in self.process(np.array([message], np.int64)).tolist()]

        def picture(self) -> str:
            """The digest of the state without what every message counts."""
            header = self.state.h
            kept = header[counted].copy()
            header[counted] = 0
            try:
                return self.state_digest()
            finally:
                header[counted] = kept

    return Compiled(
        listing, rules, accounts, order_slots=1 << 12, order_ids=order_ids, event_rows=1 << 14
    )


class Venue:
    """An engine with its listing; the states of the books are read off its STATE events."""

    def __init__(self, engine: Engine, listing: Listing, accounts: int) -> None:
        self.engine, self.listing, self.accounts = engine, listing, accounts
        self.states = dict.fromkeys(range(len(listing.instrument_names())), int(BookState.OPEN))

    def handle(self, message: Sequence[int]) -> list[Row]:
        rows = self.engine.handle(message)
        for row in rows:
            if row[_KIND] == Event.STATE:
                self.states[row[_INSTRUMENT]] = row[_CODE]
        return rows

    def claim(self, account: int, asset: int) -> int:
        """Units that an account may claim of the pool; 0 where the engine knows no claims."""
        read = getattr(self.engine, "claim", None)
        return 0 if read is None else int(read(account, asset))

    def picture(self) -> str:
        """A digest of everything that can be read, but no counters: equal if nothing changed."""
        read, listing = self.engine, self.listing
        coins = range(1 + len(listing.assets))
        instruments = range(len(listing.instrument_names()))
        parts: list[Any] = [self.states]
        for a in range(self.accounts):
            parts.append([read.balance(a, k) for k in range(len(listing.asset_names()))])
            parts.append([self.claim(a, k) for k in coins])
            parts.append([read.position(a, i) for i in range(len(listing.derivatives()))])
            parts.append((read.maintenance(a), read.initial(a)))
        parts += [[read.mark(i), read.book(i)] for i in instruments]
        parts += [[read.index(f), read.twap(f)] for f in range(len(listing.feeds))]
        by_asset = ("pool", "external", "fees", "rounding")
        parts += [[read.bucket(name, k) for k in coins] for name in by_asset]
        parts += [read.bucket(name) for name in ("insurance", "bonds")]
        parts += [read.bucket("vault", e) for e in range(len(listing.events))]
        parts.append(read.flagged())
        whole = getattr(read, "picture", None)
        parts.append(whole() if whole is not None else "")
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]

    def broken(self) -> dict[str, int]:
        """Invariants that do not hold, with how often; empty for an engine that checks none."""
        verify = getattr(self.engine, "verify", None)
        return {} if verify is None else {name: n for name, n in verify().items() if n}

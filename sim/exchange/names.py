"""Names instead of ids: whatever the listing names is known by its name, and ids are welcome too."""

from __future__ import annotations

import difflib
import operator
from collections.abc import Iterable, Sequence
from typing import Any

from sim.exchange.instruments import Listing
from sim.exchange.messages import BUY, SELL, BookState

SIDES: dict[Any, int] = {
    BUY: BUY, SELL: SELL, "buy": BUY, "sell": SELL, "bid": BUY, "ask": SELL, "b": BUY, "s": SELL,
}  # fmt: skip


class UnknownName(ValueError):
    """A name that the listing does not have; the message says what was probably meant."""

    def __init__(self, what: str, given: object, known: Iterable[str]) -> None:
        names = list(known)
        close = difflib.get_close_matches(str(given), names, n=3, cutoff=0.5)
        if not close:  # another spelling: btc-perp
            by_fold = {name.casefold(): name for name in names}
            folded = difflib.get_close_matches(str(given).casefold(), by_fold, n=3, cutoff=0.5)
            close = [by_fold[name] for name in folded]
        hint = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
        some = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
        super().__init__(f"no {what} {given!r}{hint} (known: {some or 'none'})")


class Ids:
    """Ids of one sort of thing.  An int is taken as it is: the engine refuses one it does not have."""

    def __init__(self, what: str, names: Sequence[str]) -> None:
        self.what = what
        self.names = list(names)
        self.table: dict[Any, int] = {name: k for k, name in enumerate(names)}
        self.table.update((k, k) for k in range(len(names)))

    def __call__(self, given: Any) -> int:
        """The id of a name (or of an id); raises UnknownName, or TypeError for something else."""
        try:
            return self.table[given]
        except (KeyError, TypeError):  # TypeError: a list has no hash
            pass
        if isinstance(given, str):
            raise UnknownName(self.what, given, self.names)
        try:
            return operator.index(given)
        except TypeError:
            raise TypeError(f"{self.what}: a name or an id, not {given!r}") from None

    def known(self, given: Any) -> int:
        """As a call, but an id must exist: for readings.  Raises UnknownName."""
        try:
            return self.table[given]  # the table has no id that does not exist
        except (KeyError, TypeError):
            found = self(given)
        if not 0 <= found < len(self.names):
            raise UnknownName(
                self.what, given, [f"{k} {name}" for k, name in enumerate(self.names)]
            )
        return found

    def name(self, k: int) -> str:
        """The name of an id; for one that does not exist, the id as a string."""
        return self.names[k] if 0 <= k < len(self.names) else str(k)


class Names:
    """Every name of a listing."""

    def __init__(self, listing: Listing) -> None:
        self.instruments = Ids("instrument", listing.instrument_names())
        self.assets = Ids("asset", listing.asset_names())
        self.feeds = Ids("feed", listing.feed_names())
        self.events = Ids("event", [e.name for e in listing.events])
        self.outcomes = [Ids(f"outcome of {e.name}", e.shares) for e in listing.events]
        self.first_books = [listing.first_book(e) for e in range(len(listing.events))]
        self.books = [len(e.books) for e in listing.events]

    def outcome(self, event: int, given: Any) -> int:
        """Outcome number by name; -1, "void" and None are the void.

        Raises UnknownName, also for a name in an event that does not exist.
        """
        if given is None or given == -1 or given == "void":
            return -1
        if not 0 <= event < len(self.outcomes):
            if isinstance(given, str):
                self.events.known(event)
            return Ids("outcome", ())(given)
        return self.outcomes[event](given)

    def book(self, instrument: Any, outcome: Any) -> tuple[int, int]:
        """(instrument, outcome argument of an order) for what a caller wrote.

        An event book takes YES (0) or NO (1), or the names of a two-share event's outcomes.  The
        name of a categorical event with an outcome's name is that outcome's book.
        """
        if isinstance(instrument, str) and instrument not in self.instruments.table:
            if instrument in self.events.table:
                event = self.events(instrument)
                if outcome is None:
                    raise ValueError(
                        f"{instrument} has one book an outcome: give outcome=… "
                        f"(one of {', '.join(self.outcomes[event].names)})"
                    )
                return self.first_books[event] + self.outcomes[event](outcome), 0
        i = self.instruments(instrument)
        if outcome is None or isinstance(outcome, int):
            return i, outcome or 0
        known = {"YES": 0, "NO": 1}
        for event, first in enumerate(self.first_books):
            if i == first and len(self.outcomes[event].names) == 2 and self.books[event] == 1:
                known = dict(zip(self.outcomes[event].names, (0, 1), strict=True))
        try:
            return i, known[outcome]
        except KeyError:
            raise UnknownName("outcome", outcome, known) from None


def side_of(given: Any) -> int:
    """0 to buy, 1 to sell; raises UnknownName."""
    try:
        return SIDES[given.lower() if isinstance(given, str) else given]
    except (KeyError, TypeError):
        raise UnknownName("side", given, ("buy", "sell")) from None


def state_of(given: Any) -> int:
    """The number of a book state, by name or number (ORD-03); raises UnknownName."""
    if isinstance(given, str):
        key = given.upper().replace("-", "_").replace(" ", "_")
        if key not in BookState.__members__:
            raise UnknownName("book state", given, [x.lower() for x in BookState.__members__])
        return int(BookState[key])
    return operator.index(given)

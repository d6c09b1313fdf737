"""Expected events: found, or not, among the events that a step caused."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from scenarios.casefile.amounts import CaseFault, plain
from scenarios.casefile.expect import EventRow, Expect
from scenarios.casefile.rows import DEFAULT, ENUMS, MEANING, Reader, kind_name, meanings
from scenarios.errors import choose
from sim.exchange.messages import EVENT_COLUMNS, Event, Reason

Row = Sequence[int]
Miss = tuple[str, str, str]  # field, expected, got
REFUSALS = [r.name for r in Reason if 0 < r < Reason.BY_USER]


def named(values: Row) -> dict[str, int]:
    return dict(zip(EVENT_COLUMNS, values, strict=True))


def _equal(reader: Reader, row: dict[str, int], column: str, want: Any) -> bool:
    meaning = meanings(row)[column]
    found = reader.cell(meaning, row, column)
    if isinstance(found, Decimal):
        return _number(want) == found
    if found == str(want) or (isinstance(want, str) and found.lower() == want.lower()):
        return True
    return _number(want) == row[column]  # the raw code or id


def _number(want: Any) -> Decimal | None:
    """An expected cell as a number, None if it is a name."""
    try:
        number = Decimal(want)
    except ArithmeticError:
        return None
    return number if number.is_finite() else None


class Sightings:
    """Checks the event rows of an expectation."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    def check_names(self, expect: Expect) -> None:
        """Raises CaseFault for a kind, a reason or a name that does not exist."""
        for kind in [*(e.kind for e in expect.events), *(expect.kinds or ())]:
            if kind not in Event.__members__:
                raise CaseFault(
                    f"unknown event {kind!r}{choose(kind, Event.__members__)}", "events"
                )
        if expect.refused is not None and expect.refused not in Reason.__members__:
            raise CaseFault(
                f"unknown reason {expect.refused!r}{choose(expect.refused, REFUSALS)}", "refused"
            )
        for e in expect.events:
            for column, want in e.columns().items():
                if isinstance(want, str) and _number(want) is None:
                    self._known(Event[e.kind], column, want)

    def _known(self, kind: Event, column: str, want: str) -> None:
        meaning = MEANING.get(kind, {}).get(column, DEFAULT[column])
        names = self.reader.names
        lists = {
            "account": names.accounts, "side": ["buy", "sell"],
            "instrument": [*names.instruments, *names.assets] if kind == Event.LEG else names.instruments,
            "asset name": names.assets, "event name": names.events, "feed name": names.feeds,
            "order": list(self.reader.orders.values()), "price": ["none"],
        }  # fmt: skip
        allowed = list(ENUMS[meaning].__members__) if meaning in ENUMS else lists.get(meaning, [])
        if want.lower() not in [a.lower() for a in allowed]:
            raise CaseFault(
                f"unknown {meaning} {want!r} of {kind.name}{choose(want, allowed)}",
                "events",
                column,
            )

    def matches(self, e: EventRow, values: Row) -> bool:
        row = named(values)
        if kind_name(row["kind"]) != e.kind:
            return False
        return all(_equal(self.reader, row, c, want) for c, want in e.columns().items())

    def misses(self, expect: Expect, rows: Sequence[Row]) -> list[Miss]:
        """What is not as expected."""
        found: list[Miss] = []
        if expect.kinds is not None:
            want, got = list(expect.kinds), [kind_name(named(r)["kind"]) for r in rows]
            if want != got:
                found.append(("kinds", " ".join(want) or "none", " ".join(got) or "none"))
        at = 0
        for n, e in enumerate(expect.events):
            field = f"events.{n}"
            if e.count is not None:
                seen = sum(self.matches(e, r) for r in rows)
                if seen != e.count:
                    found.append((field, f"{e.count} × {self._told(e)}", f"{seen} of them"))
                continue
            hit = next((k for k in range(at, len(rows)) if self.matches(e, rows[k])), None)
            if hit is None:
                found.append((field, self._told(e), self._nearest(e, rows, at)))
            else:
                at = hit + 1
        return found

    def _told(self, e: EventRow) -> str:
        cells = (f"{c}={plain(w) if isinstance(w, Decimal) else w}" for c, w in e.columns().items())
        return " ".join((e.kind, *cells))

    def _nearest(self, e: EventRow, rows: Sequence[Row], at: int) -> str:
        """The event of that kind that agrees in most columns, as a hint."""
        alike = [r for r in rows[at:] if kind_name(named(r)["kind"]) == e.kind]
        if not alike:
            earlier = any(self.matches(e, r) for r in rows[:at])
            return "it came, but earlier" if earlier else f"no {e.kind}"
        columns = e.columns().items()
        best = max(
            alike, key=lambda r: sum(_equal(self.reader, named(r), c, w) for c, w in columns)
        )
        row = named(best)
        known = meanings(row)
        wrong = []
        for column, want in columns:
            if not _equal(self.reader, row, column, want):
                cell = self.reader.cell(known[column], row, column)
                wrong.append(f"{column}={plain(cell) if isinstance(cell, Decimal) else cell}")
        return f"{e.kind} with {' '.join(wrong)}" if wrong else "only events that others matched"

"""Runs one program through kernel and reference and says where they first part."""

from __future__ import annotations

from kernel_venue import KernelVenue
from programs import Program
from twin.exchange import ReferenceExchange

COLUMNS = [
    "seq",
    "time",
    "kind",
    "account",
    "instrument",
    "side",
    "price",
    "size",
    "amount",
    "order",
    "other",
    "other_order",
    "code",
    "parent",
    "x",
    "y",
]


def show(row: tuple[int, ...] | None) -> str:
    return (
        "nothing"
        if row is None
        else " ".join(f"{n}={v}" for n, v in zip(COLUMNS, row, strict=True) if v)
    )


def state(venue: KernelVenue | ReferenceExchange, program: Program) -> dict[str, object]:
    """Every number that the two must agree on."""
    listing = program.listing
    perps = len(listing["perpetuals"])
    books = perps + len(listing["spots"]) + len(listing["events"])
    assets = 1 + len(listing["assets"]) + 2 * len(listing["events"])
    accounts = range(program.accounts)
    return {
        "balances": [[venue.balance(a, k) for k in range(assets)] for a in accounts],
        "positions": [[venue.position(a, i) for i in range(perps)] for a in accounts],
        "equity": [venue.equity(a) for a in accounts],
        "maintenance": [venue.maintenance(a) for a in accounts],
        "initial": [venue.initial(a) for a in accounts],
        "marks": [venue.mark(i) for i in range(books)],
        "index": [(venue.index(f), venue.twap(f)) for f in range(len(listing["feeds"]))],
        "books": [venue.book(i) for i in range(books)],
        "flagged": venue.flagged(),
        "buckets": [venue.bucket(n) for n in ("insurance", "fees", "rounding")],
        "pool": [(venue.bucket("pool", k), venue.bucket("external", k)) for k in range(assets)],
        "clearing": [venue.bucket("clearing", i) for i in range(perps)],
        "vault": [venue.bucket("vault", e) for e in range(len(listing["events"]))],
    }


def first_difference(program: Program, every: int = 40) -> str | None:
    """Where kernel and reference first disagree, as text; None if they never do."""
    kernel = KernelVenue(program.listing, program.rules, program.accounts)
    twin = ReferenceExchange(program.listing, program.rules, program.accounts)
    for n, message in enumerate(program.messages):
        got, want = kernel.handle(message), [tuple(r) for r in twin.handle(message)]
        if got != want:
            for k in range(max(len(got), len(want))):
                a = got[k] if k < len(got) else None
                b = want[k] if k < len(want) else None
                if a != b:
                    return (
                        f"message {n} {message}, event {k}:\n  kernel {show(a)}\n  twin   {show(b)}"
                    )
        if n % every == 0 or n == len(program.messages) - 1:
            a, b = state(kernel, program), state(twin, program)
            for name, value in a.items():
                if value != b[name]:
                    return (
                        f"after message {n} {message}: {name}\n  kernel {value}\n  twin   {b[name]}"
                    )
            broken = {k: v for k, v in kernel.verify().items() if v}
            if broken:
                return f"after message {n} {message}: invariants {broken}"
    return None

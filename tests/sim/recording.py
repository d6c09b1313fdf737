"""A fake exchange and made-up events for the tests of recording."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from sim.exchange.instruments import Asset, BinaryEvent, Feed, Listing, Perpetual, Spot
from sim.exchange.messages import EV_COLS, EVENT_COLUMNS, Event
from sim.exchange.rules import Rules
from sim.record.folder import RunFolder
from sim.record.recorder import Mode, Recorder

S = 1_000_000
START = 1_760_129_400 * S
LISTING = Listing(
    feeds=(Feed(name="BTC", tick_micro=1_000_000, index_ticks=10_000),),
    assets=(Asset(name="BTC", feed="BTC", units_per_coin=1000),),
    perpetuals=(Perpetual(name="BTC-PERP", feed="BTC", lots_per_coin=1000),),
    spots=(Spot(name="BTC/USDC", base="BTC"),),
    events=(BinaryEvent(name="E"),),
)  # a lot at 10,000 ticks (USD) is 10 USD; an event lot at 400 ticks 0.40 USD


class Exchange:
    """As much of an exchange as a recorder asks for."""

    rules = Rules()

    def __init__(self, *equities: int) -> None:
        self._equities = np.array(equities, dtype=np.int64)

    def equities(self) -> np.ndarray:
        return self._equities

    def bucket(self, name: str, index: int = 0) -> int:
        return {"insurance": 5_000_000, "pool": 7_500_000}[name]

    def flagged(self) -> list[int]:
        return [3, 4]

    @property
    def listing(self) -> Listing:
        return LISTING

    @property
    def accounts(self) -> int:
        return len(self._equities)

    def claim(self, account: int, asset: int) -> int:
        return 0

    def balance(self, account: int, asset: int) -> int:
        return 1_000_000 * (account + 1) if asset == 0 else 0

    def positions(self) -> np.ndarray:
        table = np.zeros((len(self._equities), len(LISTING.perpetuals)), np.int64)
        table[0, 0] = 7
        return table

    def position(self, account: int, instrument: int) -> tuple[int, int]:
        return 7, 4_200

    def index(self, feed: int) -> int:
        return 600

    def mark(self, instrument: int) -> int:
        return 601


def event(seconds: float, kind: Event, **columns: int) -> np.ndarray:
    row = np.zeros(EV_COLS, dtype=np.int64)
    row[1], row[2] = START + int(seconds * S), kind
    for name, value in columns.items():
        row[EVENT_COLUMNS.index(name)] = value
    return row


def numbered(*rows: np.ndarray) -> np.ndarray:
    events = np.array(rows).reshape(-1, EV_COLS)
    events[:, 0] = np.arange(1, len(events) + 1)
    return events


def noise(n: int, minutes: float = 2, seed: int = 1) -> np.ndarray:
    """Events of all kinds that name small accounts and instruments, in order of time."""
    rng = np.random.default_rng(seed)
    kinds = [k for k in Event if k not in (Event.BOOK, Event.DEPTH)]
    events = rng.integers(0, 3, (n, EV_COLS))
    events[:, 1] = START + np.sort(rng.integers(0, int(minutes * 60 * S), n))
    events[:, 2] = rng.choice(kinds, n)
    events[:, 4] = rng.integers(0, 2, n)
    events[events[:, 2] == Event.INDEX, 4] = 0
    events[:, 9] = rng.integers(-2, 3, n)
    return numbered(*events)


def record(
    events: np.ndarray,
    *,
    cuts: list[int] | None = None,
    folder: RunFolder | None = None,
    mode: Mode = "full",
    accounts: int = 5,
    **options: Any,
) -> Recorder:
    recorder = Recorder(
        LISTING, accounts, START, START + 120 * S, mode=mode, folder=folder, **options
    )
    recorder.begin(Exchange(*[0] * accounts))
    for part in np.split(events, cuts or []):
        recorder.add(part)
    recorder.flush()
    return recorder


def finish(recorder: Recorder, *equities: int, **extra: Any) -> Path | None:
    return recorder.finish(
        Exchange(*(equities or [0] * 5)),
        cohorts=extra.pop("cohorts", {}),
        metrics=extra.pop("metrics", {}),
        manifest={"scenario": "test", "seed": 1} | extra,
    )

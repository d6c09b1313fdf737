"""Keeps a run: its digest, its events in parts, its tables, and the manifest that completes it."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import numpy as np

from sim.exchange.instruments import MICRO, Kind, Listing
from sim.exchange.messages import E_ORDER, EV_COLS, EVENT_COLUMNS, Event
from sim.exchange.wallets import Wallets
from sim.oracle.resolution_log import Log
from sim.oracle.truth import TruthPath
from sim.record import resolutions as resolution_table
from sim.record.accounts import Accounts
from sim.record.digest import Digest
from sim.record.folder import RunFolder
from sim.record.funds import Funds
from sim.record.holdings import holdings
from sim.record.rows import Rows, Units
from sim.record.series import Depth, Series

SCHEMA = 1
CHUNK_ROWS = 1 << 15  # events worked on at a time: 4 MiB, which the processor's cache holds
PART_ROWS = 250_000  # of a file of events: 32 MB in memory
Mode = Literal["full", "fills", "summary"]

_OF_ORDERS = np.zeros(64, dtype=np.bool_)
_OF_ORDERS[[Event.ORDER, Event.CANCELLED, Event.REJECT]] = True

PACKAGES = (
    "windtunnel",
    "mesa",
    "networkx",
    "numba",
    "numpy",
    "polars",
    "pydantic",
    "scipy",
    "simpy",
)


class Recorder:
    """Takes every event of a run, in order, and writes the run's folder at the end.

    Use it as a context manager: what leaves the block by an error or Ctrl-C, or without `finish`,
    leaves no folder.

    Args:
        listing: what the exchange lists.
        accounts: number of accounts.
        start_us, end_us: the run's simulated span.
        mode: which events are kept: all; "fills": all but ORDER, CANCELLED and REJECT of ordinary
            orders; "summary": none.
        folder: where the run is written; without one nothing is written.
        truth: the true prices, for the series.
        wallets: whose accounts these are, if a party has several.
    """

    def __init__(
        self,
        listing: Listing,
        accounts: int,
        start_us: int,
        end_us: int,
        *,
        mode: Mode = "fills",
        folder: RunFolder | None = None,
        truth: TruthPath | None = None,
        wallets: Wallets | None = None,
    ) -> None:
        self.listing, self.mode, self.folder = listing, mode, folder
        self.start_us, self.end_us = start_us, end_us
        self.digest = Digest(start_us)
        self.events = 0  # events ever seen
        units = Units(listing)
        self.series, self.depth, self.funds = Series(listing, truth), Depth(), Funds(units)
        self.accounts = Accounts(listing, accounts, units, wallets)
        self._observers: list[Callable[[np.ndarray], None]] = []
        self._chunk = np.empty((CHUNK_ROWS, EV_COLS), dtype=np.int64)
        self._filled = 0
        keeps = folder is not None and mode != "summary"
        # Column by column, as parquet wants it.
        self._part = np.empty((EV_COLS, PART_ROWS if keeps else 0), dtype=np.int64)
        self._part_rows = self._parts = 0

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *_: object) -> None:
        self.abort()  # which a complete run survives

    def observe(self, observer: Callable[[np.ndarray], None]) -> None:
        """Have every chunk of events, int64[k, 16] in order, shown to `observer`."""
        self._observers.append(observer)

    # during the run -------------------------------------------------------------------
    def begin(self, exchange: Any) -> None:
        """Note the equities after the set-up."""
        self.flush()
        self.accounts.begin(exchange.equities())

    def add(self, events: np.ndarray) -> None:
        """Take the next events, int64[k, 16]; the rows are copied."""
        n = len(events)
        if self._filled + n > CHUNK_ROWS:
            self.flush()
            if n > CHUNK_ROWS:
                self._work(np.ascontiguousarray(events))
                return
        self._chunk[self._filled : self._filled + n] = events
        self._filled += n

    def sample(self, now_us: int, exchange: Any) -> None:
        """Note the funds; called once per second with everything before `now_us` done."""
        self.funds.sample(
            now_us, exchange.bucket("insurance"), exchange.bucket("pool"), len(exchange.flagged())
        )

    def flush(self) -> None:
        """Work off the events that wait; observers and the digest are then up to date."""
        if self._filled:
            filled, self._filled = self._filled, 0
            self._work(self._chunk[:filled])

    def _work(self, events: np.ndarray) -> None:
        self.events += len(events)
        self.digest.add(events)
        rows = Rows(events)
        for table in (self.series, self.depth, self.funds, self.accounts):
            table.add(rows)
        for observer in self._observers:
            observer(events)
        if self._part.shape[1]:
            if self.mode == "fills":
                # Forced orders bear negative ids.
                events = events[~(_OF_ORDERS[rows.kinds] & (events[:, E_ORDER] >= 0))]
            self._keep(events)

    def _keep(self, events: np.ndarray) -> None:
        while len(events):
            n = min(len(events), PART_ROWS - self._part_rows)
            self._part[:, self._part_rows : self._part_rows + n] = events[:n].T
            self._part_rows += n
            if self._part_rows == PART_ROWS:
                self._write_part()
            events = events[n:]

    def _write_part(self) -> None:
        import polars as pl

        assert self.folder is not None
        self._parts += 1
        rows = self._part[:, : self._part_rows]
        frame = pl.DataFrame(dict(zip(EVENT_COLUMNS, rows, strict=True)))
        self.folder.write_frame(f"events/{self._parts:06d}.parquet", frame)
        self._part_rows = 0

    # after the run --------------------------------------------------------------------
    def finish(
        self,
        exchange: Any,
        *,
        cohorts: Mapping[str, Any],
        metrics: Mapping[str, Mapping[str, Any]],
        manifest: Mapping[str, Any],
        resolutions: Log | None = None,
    ) -> Path | None:
        """Write what is left, the tables and at last the manifest.

        Args:
            exchange: as it is at the end.
            cohorts: account ids by name of the trader or cohort.
            metrics: ``{name: {"value": float | None, "unit": str}}``.
            manifest: what only the caller knows: scenario, config, seed, wall_seconds, report.
            resolutions: the steps of events' resolutions; none: no such table.

        Returns:
            The run's folder; None without one.

        Raises:
            RecordError: the disk is full or not writable; nothing is left behind.
        """
        import polars as pl

        self.flush()
        folder = self.folder
        if folder is None:
            return None
        try:
            if self._part_rows:
                self._write_part()
            folder.write_frame(
                "accounts.parquet", self.accounts.frame(exchange.equities(), cohorts)
            )
            folder.write_frame("holdings.parquet", holdings(exchange))
            folder.write_frame("book.parquet", self.depth.frame())
            folder.write_frame("series.parquet", self.series.frame())
            folder.write_frame("funds.parquet", self.funds.frame())
            if resolutions is not None:
                folder.write_frame(resolution_table.FILE, resolution_table.frame(resolutions))
            rows = [(name, m["value"], m["unit"]) for name, m in metrics.items()]
            kinds = {"name": pl.String, "value": pl.Float64, "unit": pl.String}
            folder.write_frame("metrics.parquet", pl.DataFrame(rows, schema=kinds, orient="row"))
            return folder.complete(
                {
                    "schema": SCHEMA,
                    "run_id": folder.run_id,
                    "digest": self.digest.hexdigest(),
                    "digests": self.digest.minutes(),
                    "start_us": self.start_us,
                    "end_us": self.end_us,
                    "record": self.mode,
                    "events": self.events,
                    "versions": versions(),
                    "platform": {
                        "system": platform.platform(),
                        "machine": platform.machine(),
                        "libc": "-".join(platform.libc_ver()),
                    },
                    "rules": exchange.rules.model_dump(mode="json"),
                    **described(self.listing),
                    **manifest,
                }
            )
        except OSError:
            self.abort()
            raise

    def abort(self) -> None:
        """Remove what has been written of an incomplete run."""
        if self.folder is not None:
            self.folder.abort()


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that a result may depend on."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def described(listing: Listing) -> dict[str, Any]:
    """The listing, and its instruments, assets and feeds with their units, for the manifest."""
    instruments = []
    for i, name in enumerate(listing.instrument_names()):
        kind = listing.kind(i)
        if kind == Kind.EVENT:
            feed, tick_usd, lots = None, 1 / listing.price_bound(i), 1
        else:
            source = listing.feeds[listing.feed_of(i)]
            feed, tick_usd = source.name, source.tick_micro / MICRO
            lots = source.tick_micro // listing.tick_value(i)
        instruments.append(
            {
                "name": name,
                "kind": kind.name.lower(),
                "feed": feed,
                "tick_usd": tick_usd,
                "lot_coins": 1 / lots,
            }
        )
    return {
        "listing": listing.model_dump(mode="json"),
        "instruments": instruments,
        "assets": listing.asset_names(),
        "feeds": [{"name": f.name, "tick_usd": f.tick_micro / MICRO} for f in listing.feeds],
    }

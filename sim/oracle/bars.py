"""One-minute bars from a file of exchange klines, checked row by row."""

from __future__ import annotations

import csv
import gzip
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

MINUTE_US = 60_000_000
TIME_COLUMNS = ("open_time_ms", "open_time")
PRICE_COLUMNS = ("open", "high", "low", "close")
KLINE_COLUMNS = 12
EARLIEST_US, LATEST_US = 946_684_800_000_000, 4_102_444_800_000_000  # the years 2000 to 2099
EXPECTED = (
    f"expected a header with {TIME_COLUMNS[0]} (or {TIME_COLUMNS[1]}), {', '.join(PRICE_COLUMNS)}; "
    f"or no header and the {KLINE_COLUMNS} columns of an exchange's kline file"
)


class PriceFileError(ValueError):
    """A price file cannot be used; the message names the file, the row and the reason."""

    def __init__(self, path: Path | str, reason: str, row: int | None = None) -> None:
        where = str(path) if row is None else f"{path}, row {row}"
        super().__init__(f"{where}: {reason}")
        self.path, self.row, self.reason = Path(path), row, reason


@dataclass(frozen=True)
class Bars:
    """Consecutive one-minute bars: ``prices`` is float64[4, n] (open, high, low, close), USD."""

    path: Path
    start_us: int
    prices: np.ndarray

    @property
    def end_us(self) -> int:
        """When the last bar closes."""
        return self.start_us + self.prices.shape[1] * MINUTE_US

    def require(self, start_us: int | None, end_us: int | None) -> None:
        """Raise PriceFileError unless the bars cover `start_us` … `end_us` (None: no demand)."""
        start = self.start_us if start_us is None else start_us
        end = self.end_us if end_us is None else end_us
        if start < self.start_us or end > self.end_us:
            raise PriceFileError(
                self.path,
                f"covers {_utc(self.start_us)} to {_utc(self.end_us)}, "
                f"but the run goes from {_utc(start)} to {_utc(end)}",
            )


def read_bars(path: Path | str) -> Bars:
    """Read one-minute bars from a CSV of exchange klines, plain or ``.gz``.

    Either a header names the columns (others may stand beside them), or there is none and the file
    has the twelve columns of Binance's public klines.  Open times are milliseconds, or microseconds
    where they are too large for that.  Rows in messages count the header as row 1.

    Raises:
        PriceFileError: the file is missing or empty, a column is missing, a value is no number or
            not positive, low and high do not enclose open and close, or a minute is missing,
            repeated or out of order.
    """
    path = Path(path)
    times: list[int] = []
    prices: list[tuple[float, ...]] = []
    columns: list[int] | None = None
    for row, cells in _rows(path):
        if columns is None:
            columns, is_header = _columns(path, row, cells)
            if is_header:
                continue
        if len(cells) <= max(columns):
            raise PriceFileError(path, f"{len(cells)} columns only; {EXPECTED}", row)
        time_us = _time_us(path, row, cells[columns[0]])
        if times:
            _follows(path, row, times[-1], time_us)
        times.append(time_us)
        prices.append(_bar(path, row, [cells[c] for c in columns[1:]]))
    if columns is None:
        raise PriceFileError(path, f"the file is empty; {EXPECTED}")
    if not times:
        raise PriceFileError(path, "no bar, only a header")
    return Bars(path, times[0], np.array(prices).T.copy())


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not blank, with their numbers from 1."""
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8-sig", newline="") as file:
            for row, cells in enumerate(csv.reader(file), 1):
                if any(cell.strip() for cell in cells):
                    yield row, [cell.strip() for cell in cells]
    except FileNotFoundError:
        raise PriceFileError(path, "no such file") from None
    except UnicodeDecodeError:
        raise PriceFileError(path, f"not a text file; {EXPECTED}") from None
    except OSError as error:
        raise PriceFileError(path, f"cannot be read: {error.strerror or error}") from error
    except csv.Error as error:
        raise PriceFileError(path, f"no CSV: {error}") from error


def _columns(path: Path, row: int, cells: list[str]) -> tuple[list[int], bool]:
    """Where time, open, high, low, close are, and whether this first row is a header."""
    if _is_number(cells[0]):
        if len(cells) != KLINE_COLUMNS:
            raise PriceFileError(path, f"no header and {len(cells)} columns; {EXPECTED}", row)
        return [0, 1, 2, 3, 4], False
    names = [cell.lower() for cell in cells]
    time = next((name for name in TIME_COLUMNS if name in names), None)
    missing = [name for name in PRICE_COLUMNS if name not in names]
    if time is None:
        missing.insert(0, TIME_COLUMNS[0])
    if time is None or missing:
        raise PriceFileError(path, f"no column {', '.join(missing)}; {EXPECTED}", row)
    return [names.index(name) for name in (time, *PRICE_COLUMNS)], True


def _time_us(path: Path, row: int, text: str) -> int:
    try:
        stamp = int(text)
    except ValueError:
        raise PriceFileError(path, f"open time {text!r} is no whole number", row) from None
    # Binance's public files changed from milliseconds to microseconds in 2025.
    time_us = stamp if stamp >= 10**14 else stamp * 1000
    if not EARLIEST_US <= time_us < LATEST_US:
        raise PriceFileError(
            path, f"open time {text} is neither milliseconds nor microseconds since 1970", row
        )
    if time_us % MINUTE_US:
        raise PriceFileError(path, f"open time {text} is no whole minute", row)
    return time_us


def _follows(path: Path, row: int, before: int, time_us: int) -> None:
    """Raise unless the bar of `time_us` is the next after `before`."""
    if time_us == before:
        raise PriceFileError(path, f"the minute {_utc(time_us)} is there twice", row)
    if time_us < before:
        raise PriceFileError(path, f"times out of order: {_utc(time_us)} after {_utc(before)}", row)
    missing = (time_us - before) // MINUTE_US - 1
    if missing:
        raise PriceFileError(
            path,
            f"gap: {missing} minute{'s' * (missing > 1)} missing between {_utc(before)} "
            f"and {_utc(time_us)}",
            row,
        )


def _bar(path: Path, row: int, cells: list[str]) -> tuple[float, ...]:
    """Open, high, low and close of a row."""
    values = []
    for name, text in zip(PRICE_COLUMNS, cells, strict=True):
        value = float(text) if _is_number(text) else math.nan
        if not math.isfinite(value):
            raise PriceFileError(path, f"{name} {text!r} is no number", row)
        if value <= 0:
            raise PriceFileError(path, f"{name} {text} is not positive", row)
        values.append(value)
    o, h, low, c = values
    if low > h:
        raise PriceFileError(path, f"low {low} is above high {h}", row)
    for name, value in (("open", o), ("close", c)):
        if not low <= value <= h:
            raise PriceFileError(path, f"{name} {value} is outside low {low} … high {h}", row)
    return tuple(values)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _utc(time_us: int) -> str:
    return datetime.fromtimestamp(time_us / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S")

"""Numbers as a reader sees them, and the cursor in the URL."""

from __future__ import annotations

import pytest

from dashboard.cursor import Cursor
from dashboard.runs import Run
from dashboard.units import clock, day, duration, number, plain, price_digits, usd
from tests.dashboard.synthetic import START_US


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "—"),
        (float("nan"), "—"),
        (float("inf"), "—"),
        (0, "0"),
        (0.0, "0.00"),
        (-0.001, "0.00"),
        (-12.345, "−12.35"),
        (999.994, "999.99"),
        (1234.5, "1,234"),
        (-9876543.2, "−9,876,543"),
        (4400, "4,400"),
    ],
)
def test_number(value: float | None, text: str) -> None:
    assert number(value) == text


def test_amounts_carry_their_unit() -> None:
    assert usd(12.5) == "12.50 USD"
    assert usd(None) == "—"
    assert usd(1234567.891, 2) == "1,234,567.89 USD"


def test_plain_has_neither_exponent_nor_trailing_zeros() -> None:
    assert [plain(x) for x in (0.5, 1e7, 1e-6, 12.0)] == ["0.5", "10,000,000", "0.000001", "12"]


def test_price_digits_show_one_tick() -> None:
    assert [price_digits(t) for t in (1.0, 0.1, 0.001, 1e-6, 5.0)] == [0, 1, 3, 6, 0]


def test_times_are_utc() -> None:
    assert (day(START_US), clock(START_US)) == ("2025-10-10", "20:50:00 UTC")
    assert [duration(s) for s in (45, 600, 7500)] == ["45 s", "10 min", "2 h 5 min"]


def test_units_of_the_listing(run: Run) -> None:
    perpetual, _, spot, event = run.units
    assert (perpetual.tick_usd, perpetual.lot, perpetual.usd_per_tick_lot) == (1.0, 0.001, 0.001)
    assert (spot.lot, spot.size_unit) == (0.0001, "BTC")
    assert (event.tick_usd, event.lot, event.price_unit) == (0.001, 1.0, "USD per share")


@pytest.mark.parametrize(
    "cursor",
    [
        Cursor(),
        Cursor("oct-2025-1"),
        Cursor("a b&c=d", 12.5, 0),
        Cursor("x", 0.0, None),
        Cursor("x", None, 4399),
    ],
)
def test_a_cursor_survives_the_url(cursor: Cursor) -> None:
    assert Cursor.parse(cursor.search) == cursor


@pytest.mark.parametrize(
    "search",
    ["?t=x&account=y", "?t=-1&account=-2", "?t=nan&account=1e3", "?t=inf&account=99999999999"],
)
def test_nonsense_in_the_url_is_absent(search: str) -> None:
    assert Cursor.parse("?run=r&" + search[1:]) == Cursor("r")


def test_a_moment_stays_within_the_run() -> None:
    assert Cursor(t=None).at_us(10, 20) == 20
    assert Cursor(t=99).at_us(10, 20) == 20
    assert Cursor(t=2).at_us(1_000_000, 9_000_000) == 3_000_000

"""How a price-linked event's price is read: the nearest tick, a mean, or a quorum."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.oracle.observation import Observation, Observer, nearest, quorum

S = 1_000_000
DUE = 1_760_129_700 * S


def readings(*rows: tuple[float, float], delay_s: float = 0.0) -> tuple[np.ndarray, ...]:
    """(seconds from the due time, price) of readings, published `delay_s` after they were made."""
    read = np.array([DUE + round(t * S) for t, _ in rows], np.int64)
    return read + round(delay_s * S), read, np.array([p for _, p in rows], np.float64)


class Prices:
    """A price oracle whose index is 100 plus the seconds from the due time."""

    def __init__(self, **sources: tuple[np.ndarray, ...]) -> None:
        self.sources = sources

    def published(self, feed: str, source: str) -> Any:
        assert feed == "BTC"
        return self.sources[source]

    def index(self, feed: str, times_us: np.ndarray) -> np.ndarray:
        return 100.0 + (times_us - DUE) / S


def found(seconds: float, price: float) -> Observation:
    return Observation(DUE + round(seconds * S), price)


# nearest ----------------------------------------------------------------------------------
def test_a_tick_at_the_due_time_is_known_at_once() -> None:
    ticks = readings((-1, 99.0), (0, 100.0), (1, 101.0))
    assert nearest(*ticks, DUE) == found(0, 100.0)


def test_the_nearest_tick_may_lie_before_or_after() -> None:
    assert nearest(*readings((-0.3, 99.0), (0.7, 101.0)), DUE) == found(0.3, 99.0)
    assert nearest(*readings((-0.7, 99.0), (0.3, 101.0)), DUE) == found(0.3, 101.0)
    assert nearest(*readings((-0.5, 99.0), (0.5, 101.0)), DUE) == found(0.5, 99.0)


def test_a_missing_tick_leaves_another_moments_price() -> None:
    """True: 100.2 at the close, beyond a strike of 100.1; the tick of the close is missing."""
    whole = readings(*((t, 100.0 + (0.2 if t == 0 else 0.0)) for t in range(-5, 6)))
    complete = nearest(*whole, DUE)
    assert complete is not None
    assert complete.price_usd > 100.1
    without = nearest(*(np.delete(x, 5) for x in whole), DUE)
    assert without == found(1, 100.0)
    assert without.price_usd < 100.1


def test_who_publishes_late_is_waited_for_only_as_long_as_it_can_matter() -> None:
    late = readings((-3, 99.0), (0.0, 100.0), delay_s=5)
    assert nearest(*late, DUE) == found(5, 100.0)  # nothing of before was out at the due time
    early = readings((-9, 99.0), delay_s=5)
    assert nearest(*early, DUE) == found(9, 99.0)
    assert nearest(*readings(), DUE) is None


@given(st.lists(st.tuples(st.integers(-20, 20), st.integers(0, 5)), min_size=1, max_size=12))
def test_nearest_never_uses_what_is_not_published_yet(rows: list[tuple[int, int]]) -> None:
    read = np.array([DUE + t * S for t, _ in rows], np.int64)
    beat = read + np.array([d * S for _, d in rows])
    price = np.arange(1.0, 1 + len(rows))
    seen = nearest(beat, read, price, DUE)
    if seen is None:
        assert (beat > DUE).all()
        assert (read < DUE).all()
        return
    used = int(seen.price_usd) - 1
    assert beat[used] <= seen.known_us
    out = beat <= seen.known_us
    assert abs(read[used] - DUE) == np.abs(read[out] - DUE).min()
    # What comes out later changes nothing of what was known.
    again = nearest(beat[out], read[out], price[out], DUE)
    assert again is not None
    assert again.price_usd == price[out][np.argsort(np.abs(read[out] - DUE), kind="stable")[0]] or (
        abs(read[int(again.price_usd) - 1] - DUE) == abs(read[used] - DUE)
    )


# quorum -----------------------------------------------------------------------------------
def test_a_quorum_waits_for_readings_made_after_the_due_time() -> None:
    a = readings((-1, 90.0), (1, 101.0))
    b = readings((-1, 90.0), (4, 103.0))
    c = readings((-1, 90.0))
    assert quorum([a, b, c], DUE, 1) == found(1, 101.0)
    assert quorum([a, b, c], DUE, 2) == found(4, 101.0)  # the lower of two
    assert quorum([a, b, c], DUE, 3) is None
    frozen = (b[0], np.full(2, DUE - S), b[2])  # publishes on, but the reading is old
    assert quorum([a, frozen], DUE, 2) is None


# the observer -----------------------------------------------------------------------------
def test_the_mean_is_that_of_the_seconds_before() -> None:
    observer = Observer(Prices(), "BTC", DUE, "twap", twap_s=30)
    assert observer.at(DUE) is None
    seen = observer.at(DUE + S)
    assert seen is not None
    # 100 − (0 + 1 + … + 29)/30 = 85.5
    assert seen == found(1, 85.5)


def test_a_mean_is_the_same_on_every_python() -> None:
    """Plain and compensated sums (sum() up to 3.11, from 3.12) each lose a bit of this one."""
    prices = Prices()
    prices.index = lambda feed, times_us: np.array([1.0, 2.0**-53, 2.0**-106])  # type: ignore[method-assign]
    seen = Observer(prices, "BTC", DUE, "twap", twap_s=3).at(DUE + S)
    assert seen is not None
    assert seen.price_usd == (1.0 + 2.0**-52) / 3


@pytest.mark.parametrize("method", ["nearest", "quorum"])
def test_an_observer_knows_nothing_before_it_is_published(method: Any) -> None:
    source = readings((-0.9, 99.0), (0.1, 100.0), delay_s=2)
    observer = Observer(Prices(x=source), "BTC", DUE, method, sources=("x",))
    times = [DUE - S, DUE, DUE + 2_100_000, DUE + 2_100_001, DUE + 10 * S]
    assert [observer.at(t) is not None for t in times] == [False, False, False, True, True]


@pytest.mark.parametrize(
    ("given_", "says"),
    [
        ({"method": "twap", "twap_s": 0}, "at least a second"),
        ({"method": "nearest"}, "needs a source"),
        ({"method": "quorum", "sources": ("x",), "quorum": 2}, "quorum of 2 of 1"),
    ],
)
def test_bad_observers_are_refused(given_: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Observer(Prices(), "BTC", DUE, **given_)

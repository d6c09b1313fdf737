"""When a run is looked at, and that the worst look counts."""

from __future__ import annotations

from facade import USD, funded

from sim.network.monitor import LOOKS, Monitor
from sim.network.statement import statement_of

HOUR_US = 3_600_000_000


def test_it_looks_evenly_and_at_the_end() -> None:
    x = funded()
    monitor = Monitor(1_000, 1_000 + HOUR_US)
    looks: list[int] = []
    now = 0
    monitor.take = lambda statement: looks.append(now)  # type: ignore[method-assign]
    for second in range(3_601):
        now = 1_000 + second * 1_000_000
        monitor.look(now, x)
    assert looks == [1_000 + k * HOUR_US // LOOKS for k in range(1, LOOKS + 1)]


def test_a_run_shorter_than_its_looks_is_seen_once_a_sample() -> None:
    x = funded()
    monitor = Monitor(0, 2_000_000)
    looks: list[int] = []
    monitor.take = lambda statement: looks.append(1)  # type: ignore[method-assign]
    for now in (0, 1_000_000, 2_000_000):
        monitor.look(now, x)
    assert len(looks) == 2


def test_peaks_stay() -> None:
    """A long that lost what it had, and then closed: the look in between counts."""
    x = funded()
    monitor = Monitor(0, HOUR_US)
    monitor.take(statement_of(x))
    assert monitor.metrics() == {
        "debtrank_share": 0.0,
        "exposure_radius": 0.0,
        "unpaid_share": None,  # nobody owes anything
    }
    assert x.submit(0, "BTC-PERP", "buy", 1_000, 1_000_000)
    assert x.submit(1, "BTC-PERP", "sell", 1_000, 1_000_000, ioc=True)
    monitor.take(statement_of(x))
    peak = monitor.metrics()
    # Down: 0 has 100,000 USDC and coins for 50,000, now 45,000, and owes 10,000 of it to 1.
    h0 = 15_000 / 150_000
    equity = [150_000, 155_000] + 4 * [150_000]
    assert peak["debtrank_share"] is not None
    assert abs(peak["debtrank_share"] - h0 * 10_000 / sum(equity)) < 1e-5
    assert peak["unpaid_share"] == 0
    assert x.submit(1, "BTC-PERP", "buy", 1_000, 1_000_000)
    assert x.submit(0, "BTC-PERP", "sell", 1_000, 1_000_000, ioc=True)
    assert x.withdraw(5, "USDC", 100_000 * USD)
    monitor.take(statement_of(x))
    assert monitor.metrics() == peak

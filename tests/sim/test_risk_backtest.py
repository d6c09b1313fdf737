"""Backtests: published regions, hand-computed ratios, size and power by simulation."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import chi2, norm
from scipy.stats import t as student

from sim.risk.backtest import acerbi_szekely, breaches, christoffersen, conditional_coverage, kupiec
from sim.risk.errors import RiskError


@pytest.mark.parametrize(
    ("periods", "rate", "low", "high"),
    [
        (255, 0.05, 6, 21),
        (510, 0.05, 16, 36),
        (1000, 0.05, 37, 65),
        (255, 0.025, 2, 12),
        (510, 0.025, 6, 21),
        (1000, 0.025, 15, 36),
        (510, 0.01, 1, 11),
        (1000, 0.01, 4, 17),
    ],
)
def test_kupiec_1995_non_rejection_regions(periods: int, rate: float, low: int, high: int) -> None:
    """The model stands at test confidence 95 % iff low < failures < high."""
    stands = [n for n in range(100) if not kupiec(np.arange(periods) < n, 1 - rate).rejects()]
    assert stands == list(range(low + 1, high))


def test_kupiec_by_hand() -> None:
    """8 of 100 at 95 %: 2[8 ln(.08/.05) + 92 ln(.92/.95)]."""
    found = kupiec(np.arange(100) < 8, 0.95)
    expected = 2 * (8 * log(1.6) + 92 * log(0.92 / 0.95))
    assert found.statistic == pytest.approx(expected)
    assert found.p_value == pytest.approx(chi2.sf(expected, 1))
    assert kupiec(np.zeros(100, bool), 0.95).statistic == pytest.approx(-200 * log(0.95))
    assert kupiec(np.arange(100) < 5, 0.95).statistic == pytest.approx(0, abs=1e-9)


def test_christoffersen_by_hand() -> None:
    """0 0 1 1 0 0 0 1 0 0: n00 = 4, n01 = 2, n10 = 2, n11 = 1; π0 = π1 = π = 1/3: LR 0."""
    assert christoffersen([0, 0, 1, 1, 0, 0, 0, 1, 0, 0]).statistic == pytest.approx(0, abs=1e-12)
    # 0 0 0 1 1 1 0 0 0: n00 = 4, n01 = 1, n10 = 1, n11 = 2; pooled 3 of 8.
    found = christoffersen([0, 0, 0, 1, 1, 1, 0, 0, 0])
    free = 4 * log(0.8) + log(0.2) + log(1 / 3) + 2 * log(2 / 3)
    pooled = 5 * log(5 / 8) + 3 * log(3 / 8)
    assert found.statistic == pytest.approx(2 * (free - pooled))
    # 0 0 0 1 1: n00 = 2, n01 = 1, n10 = 0, n11 = 1; pooled 2 of 4.
    free = 2 * log(2 / 3) + log(1 / 3)
    assert christoffersen([0, 0, 0, 1, 1]).statistic == pytest.approx(2 * (free - 4 * log(0.5)))
    both = conditional_coverage([0, 0, 0, 1, 1, 1, 0, 0, 0], 0.95)
    total = found.statistic + kupiec([0, 0, 0, 1, 1, 1, 0, 0, 0], 0.95).statistic
    assert (both.statistic, both.p_value) == pytest.approx((total, chi2.sf(total, 2)))
    assert christoffersen([0, 0, 0]).p_value == 1


def test_size_of_the_coverage_tests() -> None:
    """Right models are refused about as often as asked: 1,000 periods at 90 %, 2,000 times.

    Christoffersen's χ² needs breaches in a row, of which 5 % of breaches give two or three.
    """
    draws = np.random.default_rng(6).random((2000, 1000))
    assert 0.03 < np.mean([kupiec(row, 0.95).rejects() for row in draws < 0.05]) < 0.07
    hits = draws < 0.10
    assert 0.035 < np.mean([christoffersen(row).rejects() for row in hits]) < 0.065
    assert 0.035 < np.mean([conditional_coverage(row, 0.90).rejects() for row in hits]) < 0.065


def test_power_of_the_coverage_tests() -> None:
    """A breach rate of 8 % for 5 %; and the right rate, but breaches that follow breaches."""
    rng = np.random.default_rng(7)
    often = rng.random((500, 1000)) < 0.08
    assert np.mean([kupiec(row, 0.95).rejects() for row in often]) > 0.9
    clustered = np.zeros((500, 1000), bool)
    draws = rng.random(clustered.shape)
    for t in range(1, 1000):  # 30 % after a breach, 3.684 % else: 5 % in the long run
        clustered[:, t] = draws[:, t] < np.where(clustered[:, t - 1], 0.3, 0.035 / 0.95)
    assert np.mean([christoffersen(row).rejects() for row in clustered]) > 0.9
    assert np.mean([kupiec(row, 0.95).rejects() for row in clustered]) < 0.25
    assert np.mean([conditional_coverage(row, 0.95).rejects() for row in clustered]) > 0.85


def test_acerbi_szekely_by_hand() -> None:
    """Losses 3 and 5 beyond 2, ES 4, 10 periods at 90 %: Z2 = 1 − 8/4/1, Z1 = 1 − 8/4/2."""
    losses = np.array([0, 1, 3, -1, 0, 5, 1, 0, 2, 0.0])
    assert list(np.flatnonzero(breaches(losses, 2))) == [2, 5]
    draws = np.tile(losses, (3, 1))
    draws[0] = 0
    z2 = acerbi_szekely(losses, 2, 4, 0.9, draws)
    assert (z2.statistic, z2.p_value) == pytest.approx((-1, 3 / 4))  # of 1, −1, −1 two are ≤ −1
    z1 = acerbi_szekely(losses, 2, 4, 0.9, draws, given_var=True)
    assert (z1.statistic, z1.p_value) == pytest.approx((0, 1))  # the row without breach is out


@pytest.mark.parametrize("df", [None, 10, 5])
def test_acerbi_szekely_critical_value(df: int | None) -> None:
    """Published: at 97.5 % and 250 periods Z2 has its 5 % point at −0.70, whatever the law."""
    law = norm() if df is None else student(df)
    a = 0.975
    var = law.ppf(a)
    es = law.expect(lambda x: x, lb=var) / (1 - a)
    rng = np.random.default_rng(12)
    draws = rng.standard_normal((20_000, 250)) if df is None else rng.standard_t(df, (20_000, 250))
    z = 1 - np.where(draws > var, draws, 0).sum(axis=1) / (250 * (1 - a) * es)
    assert z.mean() == pytest.approx(0, abs=0.02)
    assert np.quantile(z, 0.05) == pytest.approx(-0.70, abs=0.05)
    found = acerbi_szekely(draws[0], var, es, a, draws[1:])
    assert found.statistic == pytest.approx(z[0])


def test_size_and_power_of_the_es_tests() -> None:
    """A right normal model; t with 3 degrees behind it; and a VaR that holds with an ES too low."""
    a, periods = 0.975, 250
    var = float(ndtri(a))
    es = float(norm.pdf(var)) / (1 - a)
    rng = np.random.default_rng(5)
    model = rng.standard_normal((2000, periods))

    def refused(losses: np.ndarray, at: float, mean: float, draws: np.ndarray, z1: bool) -> float:
        rows = [r for r in losses if (r > at).any()]
        kept = draws[:999]
        return float(
            np.mean([acerbi_szekely(r, at, mean, a, kept, given_var=z1).rejects() for r in rows])
        )

    right = rng.standard_normal((400, periods))
    heavy = rng.standard_t(3, (400, periods))
    assert 0.02 < refused(right, var, es, model, False) < 0.09
    assert 0.02 < refused(right, var, es, model, True) < 0.09
    assert refused(heavy, var, es, model, False) > 0.85
    # The t law's own VaR, so that only the size of what lies beyond is wrong.
    scale = float(student.ppf(a, 3)) / var
    assert refused(heavy / scale, var, es, model, True) > 0.4


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: kupiec([], 0.95), "hits: a non-empty row"),
        (lambda: kupiec([0, 2], 0.95), "each is to be true or false"),
        (lambda: kupiec([0, 1], 95), "did you mean 0.95"),
        (lambda: christoffersen([1]), "no transition"),
        (lambda: breaches([1, 2], [1, 2, 3]), "var_usd: shape"),
        (lambda: breaches([1, 2], float("nan")), "var_usd: not all its numbers are finite"),
        (lambda: acerbi_szekely([1, 2], 1, 0, 0.9, [[1, 2]]), "es_usd: 0 is not above 0"),
        (lambda: acerbi_szekely([1, 2], 1, 1, 0.9, [[1]]), r"not \(repetitions, 2\)"),
        (lambda: acerbi_szekely([0, 0], 1, 1, 0.9, [[1, 2]], given_var=True), "no breach"),
    ],
)
def test_bad_backtests(call, said: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(RiskError, match=said):
        call()

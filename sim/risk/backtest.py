"""Did a margin model hold?  Tests of its VaR and ES against losses that happened.

Periods are t = 1 … T with loss L_t, forecasts VaR_t and ES_t at one level a; a breach is
L_t > VaR_t.  Coverage tests look at how many breaches there are (Kupiec 1995) and whether they
cluster (Christoffersen 1998); the ES tests at how large they are (Acerbi and Szekely 2014).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, xlogy

from sim.risk.errors import RiskError, confidence


@dataclass(frozen=True)
class Verdict:
    """A statistic and its p-value: the probability of one as extreme if the model is right."""

    name: str
    statistic: float
    p_value: float

    def rejects(self, size: float = 0.05) -> bool:
        """Whether the model is refused at this size."""
        return self.p_value < size


def breaches(losses_usd: ArrayLike, var_usd: ArrayLike) -> NDArray[np.bool_]:
    """bool[T]: L_t > VaR_t.  ``var_usd``: float[T], or one number for all periods."""
    losses = np.asarray(losses_usd, np.float64)
    if losses.ndim != 1 or not len(losses):
        raise RiskError("losses_usd", f"a non-empty row is needed, not shape {losses.shape}")
    return np.asarray(losses > _forecast("var_usd", var_usd, len(losses)))


def kupiec(hits: ArrayLike, level: float) -> Verdict:
    """Proportion of failures: is the breach rate 1 − a?

        LR = 2 ln [ (1−x/T)^(T−x) (x/T)^x / (a^(T−x) (1−a)^x) ]  ~  χ²(1)

    Kupiec (1995), Techniques for verifying the accuracy of risk measurement models.
    """
    row, a = _hits(hits), confidence(level)
    x, n = float(row.sum()), float(len(row))
    rate = x / n
    free = xlogy(n - x, 1 - rate) + xlogy(x, rate)
    return _chi2("kupiec", 2 * (free - xlogy(n - x, a) - xlogy(x, 1 - a)), 1)


def christoffersen(hits: ArrayLike) -> Verdict:
    """Independence: is a breach as likely after a breach as after none?

    With n_ij transitions from i to j, π_i = n_i1/(n_i0 + n_i1) and π the pooled rate:

        LR = 2 ln [ (1−π0)^n00 π0^n01 (1−π1)^n10 π1^n11 / ((1−π)^(n00+n10) π^(n01+n11)) ] ~ χ²(1)

    Christoffersen (1998), Evaluating interval forecasts.
    """
    row = _hits(hits)
    if len(row) < 2:
        raise RiskError("hits", "one period has no transition")
    before, after = row[:-1], row[1:]
    n00, n01 = float((~before & ~after).sum()), float((~before & after).sum())
    n10, n11 = float((before & ~after).sum()), float((before & after).sum())
    free = _bernoulli(n00, n01) + _bernoulli(n10, n11)
    return _chi2("christoffersen", 2 * (free - _bernoulli(n00 + n10, n01 + n11)), 1)


def conditional_coverage(hits: ArrayLike, level: float) -> Verdict:
    """Both at once: LR = Kupiec's + Christoffersen's ~ χ²(2)."""
    both = kupiec(hits, level).statistic + christoffersen(hits).statistic
    return _chi2("conditional coverage", both, 2)


def acerbi_szekely(
    losses_usd: ArrayLike,
    var_usd: ArrayLike,
    es_usd: ArrayLike,
    level: float,
    simulated_usd: ArrayLike,
    *,
    given_var: bool = False,
) -> Verdict:
    """Is the ES large enough?  Negative statistics say no; the p-value is simulated.

        Z2 = 1 − Σ_t L_t 1{L_t > VaR_t} / (T (1−a) ES_t)
        Z1 = 1 − (Σ_t L_t 1{L_t > VaR_t} / ES_t) / number of breaches      (``given_var``)

    Both are 0 on average for a right model.  Z2 tests frequency and size of breaches together, Z1
    their size given that the VaR is right.

    Args:
        losses_usd: float[T]; var_usd, es_usd: float[T], or one number for all periods.
        simulated_usd: float[repetitions, T], losses drawn from the model under test.
        given_var: Z1 instead of Z2.  Without a breach Z1 does not exist: RiskError; repetitions
            without one are left out.

    Returns:
        p = (1 + number of simulated statistics ≤ the observed one) / (1 + repetitions).

    Raises:
        RiskError: an ES not above 0 (these tests are about losses), or shapes that do not fit.

    Acerbi and Szekely (2014), Backtesting expected shortfall, Risk; tests 1 and 2.
    """
    a = confidence(level)
    losses = np.asarray(losses_usd, np.float64)
    draws = np.asarray(simulated_usd, np.float64)
    if losses.ndim != 1 or not len(losses):
        raise RiskError("losses_usd", f"a non-empty row is needed, not shape {losses.shape}")
    if draws.ndim != 2 or draws.shape[1] != len(losses) or not len(draws):
        raise RiskError("simulated_usd", f"shape {draws.shape}, not (repetitions, {len(losses)})")
    var, es = _forecast("var_usd", var_usd, len(losses)), _forecast("es_usd", es_usd, len(losses))
    if (es <= 0).any():
        raise RiskError("es_usd", f"{es.min():g} is not above 0: the test divides by it")
    observed = float(_z(losses[None], var, es, a, given_var)[0])
    name = "acerbi-szekely Z1" if given_var else "acerbi-szekely Z2"
    if np.isnan(observed):
        raise RiskError("losses_usd", "no breach, so Z1 does not exist; use Z2")
    under_model = _z(draws, var, es, a, given_var)
    under_model = under_model[~np.isnan(under_model)]
    p = (1 + int((under_model <= observed).sum())) / (1 + len(under_model))
    return Verdict(name, observed, p)


def _z(
    losses: NDArray[np.float64],
    var: NDArray[np.float64],
    es: NDArray[np.float64],
    a: float,
    given_var: bool,
) -> NDArray[np.float64]:
    """float[repetitions]: Z1 (NaN without a breach) or Z2."""
    hit = losses > var
    total = np.where(hit, losses / es, 0.0).sum(axis=1)
    if not given_var:
        return np.asarray(1 - total / (losses.shape[1] * (1 - a)))
    count = hit.sum(axis=1)
    return np.asarray(np.where(count > 0, 1 - total / np.maximum(count, 1), np.nan))


def _forecast(entry: str, values: ArrayLike, periods: int) -> NDArray[np.float64]:
    row = np.asarray(values, np.float64)
    if row.ndim > 1 or (row.ndim == 1 and len(row) != periods):
        raise RiskError(entry, f"shape {row.shape}, not one number or {periods}")
    if not np.isfinite(row).all():
        raise RiskError(entry, "not all its numbers are finite")
    return np.broadcast_to(row, (periods,))


def _hits(hits: ArrayLike) -> NDArray[np.bool_]:
    row = np.asarray(hits)
    if row.ndim != 1 or not len(row):
        raise RiskError("hits", f"a non-empty row is needed, not shape {row.shape}")
    if not np.isin(row, (0, 1)).all():
        raise RiskError("hits", "each is to be true or false, 1 or 0")
    return row.astype(np.bool_)


def _bernoulli(zeros: float, ones: float) -> float:
    """Log-likelihood of a row of zeros and ones at its own rate; 0 for an empty row."""
    n = zeros + ones
    return float(xlogy(zeros, zeros / n) + xlogy(ones, ones / n)) if n else 0.0


def _chi2(name: str, statistic: float, freedom: int) -> Verdict:
    value = max(float(statistic), 0.0)  # rounding makes a perfect fit a little negative
    return Verdict(name, value, float(chdtrc(freedom, value)))

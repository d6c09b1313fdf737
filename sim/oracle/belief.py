"""What the public believes about an event: prices that are a martingale and end at the truth.

With the price p = expit(x) of an outcome and dx = mu dt + sigma dB, Itô's formula says
dp = p(1-p) [(mu + (1/2 - p) sigma²) dt + sigma dB].  So p is a martingale, dp = p(1-p) sigma dB,
if and only if

    dx = (p - 1/2) sigma² dt + sigma dB                                                      (1)

the logit diffusion of Dalen (2025, "Toward Black-Scholes for prediction markets").  Such a price is
what Bayes' rule makes of news: let everybody watch dY = a dI + dW, where a tells the outcomes apart
(YES 1, NO 0) and I is how much has been heard.  The log odds given Y are
x = x_0 + Y - I/2, hence dx = dI/2 + dW if the truth is YES and -dI/2 + dW if it is NO; to those who
hold YES for p likely, the mean of dx is (p - 1/2) dI, which is (1) with dI = sigma² dt (Wonham, 1964;
Brody, Hughston and Macrina, 2008).  Nothing is left to discretise: x at any time is known from Y.

I grows by sigma² per hour, by ``jump_logit``² at each of the Poisson times of a rate ``jumps_per_h``
(the log odds then jump by N(±J²/2, J²), + with probability p: the mean jump of p is 0, so the
compensator of the jumps is none), and without bound in the last ``reveals_s`` seconds.

n outcomes are n logits: outcome h has its own noisy signal of strength sqrt(1/2), which gives the
odds of any two of them the law (1), and prices are the shares of exp(x_h) in their sum, so that they
sum to 1 at every time.  A scalar's hypotheses are up to 65 even fractions of its range with a
beta-binomial prior, one signal tells them apart, and the price of LONG is the expected fraction.

What reaches prices uses Python's ``math`` and exact arithmetic, never numpy's exp.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from sim.oracle.hypotheses import Hypotheses, learn, observe, probabilities
from sim.streams import stream

HOUR_US = 3_600_000_000
REVEALED = 4.0  # information in half of the time in which the truth comes out


@dataclass(frozen=True)
class News:
    """How the public learns; see the module's text."""

    sigma_per_sqrt_h: float = 1.0
    jumps_per_h: float = 0.0
    jump_logit: float = 1.0
    reveals_us: int = 0


@dataclass(frozen=True)
class BeliefPath:
    """The price that the public gives each share of an event.

    ``values``: float64[shares, points], each column sums to 1, on an even grid from ``start_us``.
    News come at the points: in between nothing changes, and nobody knows the next point before its
    time.  From ``due_us`` on the belief is ``after``.
    """

    start_us: int
    step_us: int
    values: np.ndarray
    due_us: int
    after: np.ndarray

    def at(self, time_us: int) -> np.ndarray:
        """float64[shares] at a time; before the start that of the start."""
        if time_us >= self.due_us:
            return self.after
        last = self.values.shape[1] - 1
        return self.values[:, min(max((time_us - self.start_us) // self.step_us, 0), last)]


@dataclass(frozen=True)
class Span:
    """When a belief is asked for: from ``start_us``, every ``step_us``, until due or the end."""

    start_us: int
    due_us: int
    end_us: int  # of the run; nobody asks later
    step_us: int = 1_000_000

    @property
    def points(self) -> int:
        """Points before it is due, at least one."""
        last = min(self.due_us - 1, self.end_us)
        return max(1, (last - self.start_us) // self.step_us + 1)


def information(news: News, span: Span, jumps: np.ndarray) -> np.ndarray:
    """I at every point, float64[points], 0 at the first; ``jumps`` int64[points - 1] per step."""
    step_h = span.step_us / HOUR_US
    usual = news.sigma_per_sqrt_h * news.sigma_per_sqrt_h * step_h
    total = np.zeros(span.points)
    total[1:] = np.cumsum(usual + jumps * (news.jump_logit * news.jump_logit))
    if news.reveals_us:
        times = span.start_us + np.arange(span.points) * span.step_us
        left = (span.due_us - times) / news.reveals_us
        share = np.clip(1.0 - left, 0.0, None)
        total = total + REVEALED * (share / left - share[0] / left[0])
    return total


def simulated(
    known: Hypotheses, truth: int | None, news: News, span: Span, *, seed: int, name: str
) -> np.ndarray:
    """float64[shares, points]: how the belief moves if hypothesis ``truth`` is true.

    A void event (None) is believed in as any other, towards a hypothesis drawn from the prior,
    until it comes out, in a straight line, that every share pays alike.
    """
    n = span.points - 1
    lead, untold = truth, news
    if lead is None:
        lead = known.draw(stream(seed, f"event/{name}", "void"))
        untold = replace(news, reveals_us=0)
    each = news.jumps_per_h * span.step_us / HOUR_US
    jumps = stream(seed, f"event/{name}", "jumps").poisson(each, n)
    noise = stream(seed, f"event/{name}", "belief").standard_normal((n, known.signals.shape[1]))
    total = information(untold, span, jumps)
    y = np.zeros((n + 1, known.signals.shape[1]))
    y[1:] = np.cumsum(observe(known.signals[lead], np.diff(total), noise), axis=0)
    prior = np.array([math.log(p) for p in known.prior])
    x = learn(prior[None, :], known.signals, y, total)
    weights = [probabilities(row) for row in x.tolist()]
    columns = [c.tolist() for c in known.pays.T]
    values = np.array(
        [
            [math.fsum(w * p for w, p in zip(row, c, strict=True)) for row in weights]
            for c in columns
        ]
    )
    if truth is None and news.reveals_us:
        times = span.start_us + np.arange(n + 1) * span.step_us
        share = np.clip(1.0 - (span.due_us - times) / news.reveals_us, 0.0, 1.0)
        values = values + (1.0 / len(values) - values) * share
    return values


def scripted(
    first: tuple[float, ...], points: list[tuple[int, tuple[float, ...]]], span: Span
) -> np.ndarray:
    """float64[shares, points]: straight lines through (time_us, prices), from ``first`` on."""
    knots = [(span.start_us, first), *points]
    times = span.start_us + np.arange(span.points) * span.step_us
    values = np.repeat(np.array(knots[-1][1])[:, None], span.points, axis=1)
    for (t0, p0), (t1, p1) in reversed(list(pairwise(knots))):
        here = times < t1
        share = np.clip((times[here] - t0) / max(t1 - t0, 1), 0.0, 1.0)
        for k, (a, b) in enumerate(zip(p0, p1, strict=True)):
            values[k, here] = a + (b - a) * share
    return values

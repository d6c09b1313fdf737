"""What is known about juries in closed form: Condorcet's theorem, and blocs against turnout.

Condorcet (1785): of n independent voters, each right with probability a, the majority errs with
the lower tail of a binomial distribution.
"""

from __future__ import annotations

from scipy.stats import binom


def majority_error(voters: int, accuracy: float) -> float:
    """P(more than half of the votes are wrong) = P(X < n/2), X ~ Bin(n, a)."""
    _check(voters, accuracy)
    return float(binom.cdf(-(-voters // 2) - 1, voters, accuracy))


def tie(voters: int, accuracy: float) -> float:
    """P(X = n/2); 0 for an odd number of voters."""
    _check(voters, accuracy)
    return 0.0 if voters % 2 else float(binom.pmf(voters // 2, voters, accuracy))


def error_with_turnout(voters: int, accuracy: float, turnout: float) -> float:
    """As `majority_error` when each voter votes with probability `turnout`: Σ P(m vote)·error(m)."""
    _check(voters, accuracy)
    present = (float(binom.pmf(m, voters, turnout)) for m in range(1, voters + 1))
    return sum(p * majority_error(m, accuracy) for m, p in enumerate(present, start=1))


def flipping_turnout(share: float, accuracy: float) -> float:
    """Turnout of everybody else below which a bloc with `share` of all stake beats the truth.

    Of the others' stake 1 − w a part t votes, a of it rightly.  The bloc wins iff
    w + (1 − w)·t·(1 − a) > (1 − w)·t·a, that is t < w / ((1 − w)(2a − 1)).  At an accuracy of
    one half or less it always wins: infinity.
    """
    if not 0 < share < 1 or not 0 <= accuracy <= 1:
        raise ValueError(f"share {share} and accuracy {accuracy} lie between 0 and 1")
    lead = 2.0 * accuracy - 1.0
    return share / ((1.0 - share) * lead) if lead > 0 else float("inf")


def _check(voters: int, accuracy: float) -> None:
    if voters < 1 or not 0 <= accuracy <= 1:
        raise ValueError(f"{voters} voters of accuracy {accuracy}")

"""The correlations of a portfolio file: which pairs are needed, and what to paste where one is wrong.

Needed is every pair of prices and events that are drawn; an event that a price decides by its
strike is not drawn, and an event needs none with the price that its own outcomes move: the jump is
their dependence (0 then, unless one is written).
"""

from __future__ import annotations

import re
from itertools import combinations

from scenarios.errors import ScenarioError, choose
from scenarios.portfolio.schema import Portfolio
from sim.risk.correlation import Correlation
from sim.risk.errors import CorrelationError

BARE = re.compile(r"[A-Za-z0-9_-]+")


def drawn(portfolio: Portfolio) -> list[str]:
    """Names of the factors: prices, then events that no price decides."""
    events = [e.name for e in portfolio.event if e.strike_usd is None]
    return [*(p.name for p in portfolio.price), *events]


def correlation_of(portfolio: Portfolio) -> Correlation:
    """The correlation matrix of the file.

    Raises ScenarioError for an unknown name, a value outside [-1, 1], a pair with two values, a
    pair that is needed and missing, and a matrix that no variables have; then with the nearest
    valid one as TOML to paste.
    """
    factors = drawn(portfolio)
    pairs = _written(portfolio, factors)
    own = {frozenset((e.name, e.underlying)) for e in portfolio.event if e.jumps}
    others = portfolio.model.others
    missing = []
    for a, b in combinations(factors, 2):
        if (a, b) not in pairs and (b, a) not in pairs:
            if frozenset((a, b)) in own:
                pairs[a, b] = 0.0
            elif others is None:
                missing.append((a, b))
    if missing:
        a, b = missing[0]
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        paste = toml(dict.fromkeys(missing, 0.0))
        raise _error(
            portfolio,
            (),
            f"the correlation of {a} and {b} is missing{more}; add what they are, here with 0:\n"
            f"{paste}\nor give all that are not written: [model] others = 0.0",
        )
    try:
        return Correlation.of_pairs(factors, pairs, default=others)
    except CorrelationError as error:
        near = error.nearest
        if near is None:
            raise _error(portfolio, (), str(error)) from None
        valid = _short(near)
        what = re.sub(r"^correlation: ", "", str(error))
        raise _error(portfolio, (), f"{what}. To paste:\n{toml(valid)}") from None


def _short(near: Correlation) -> dict[tuple[str, str], float]:
    """The matrix in six decimals, drawn towards 0 by as little as rounding makes necessary."""
    for shrink in (0.0, 1e-6, 1e-5, 1e-4):
        pairs = {
            (a, b): round(near.of(a, b) * (1 - shrink), 6) for a, b in combinations(near.names, 2)
        }
        try:
            Correlation.of_pairs(near.names, pairs)
        except CorrelationError:
            continue
        return pairs
    return {(a, b): near.of(a, b) for a, b in combinations(near.names, 2)}


def _written(portfolio: Portfolio, factors: list[str]) -> dict[tuple[str, str], float]:
    found: dict[tuple[str, str], float] = {}
    by_strike = {e.name: e.underlying for e in portfolio.event if e.strike_usd is not None}
    for a, row in portfolio.correlation.items():
        for b, value in row.items():
            for name in (a, b):
                if name in by_strike:
                    price = by_strike[name]
                    raise _error(
                        portfolio,
                        (a, b),
                        f"{name!r} is decided by the price {price!r}: it has none",
                    )
                if name not in factors:
                    raise _error(portfolio, (a, b), f"unknown name {name!r}{choose(name, factors)}")
            if a == b:
                raise _error(portfolio, (a, b), "a name's correlation with itself is 1")
            if not -1 <= value <= 1:
                hint = f"; did you mean {value / 100:g}?" if 2 <= abs(value) <= 100 else ""
                raise _error(portfolio, (a, b), f"{value:g} is outside [-1, 1]{hint}")
            if found.get((b, a), value) != value:
                raise _error(
                    portfolio, (a, b), f"{value:g} here, {found[b, a]:g} the other way round"
                )
            found[a, b] = value
    return found


def _error(portfolio: Portfolio, path: tuple[str, ...], what: str) -> ScenarioError:
    whole = ("correlation", *path)
    return ScenarioError(what, where=portfolio.origin.place(whole), path=".".join(whole))


def toml(pairs: dict[tuple[str, str], float]) -> str:
    """A [correlation] table."""
    rows = [f"{_key(a)}.{_key(b)} = {value!r}" for (a, b), value in pairs.items()]
    return "\n".join(["[correlation]", *rows])


def _key(name: str) -> str:
    if BARE.fullmatch(name):
        return name
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'

"""Stresses of a portfolio file: price × outcome × oracle, jumps to resolution, hedges, tails.

`sim.risk` does the arithmetic; here a file's grids, events and correlations become its arguments.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scenarios.portfolio.book import Book
from scenarios.portfolio.correlations import correlation_of
from scenarios.portfolio.outlook import outlook_of
from scenarios.portfolio.states import MOST, moves_of
from sim.exchange.account import Account
from sim.risk.comonotone import comonotone_tail
from sim.risk.enumeration import Enumeration, enumerate_states
from sim.risk.errors import RiskError
from sim.risk.hedging import delta_hedge, minimum_variance
from sim.risk.portfolio import Portfolio
from sim.risk.simulation import Simulation, simulate
from sim.risk.states import MOST_STATES, outcome_table
from sim.risk.stress import ORACLES, jump_exposures, stress_matrix
from sim.risk.tail import SampledTail

Found = dict[str, Any]


class Losses:
    """The law of a book's loss, and of any other account's over the same risks.

    ``why``: why it is simulated; empty while it is exact.
    """

    def __init__(self, book: Book) -> None:
        self.book, self.model = book, book.portfolio.model
        self.correlation = correlation_of(book.portfolio)
        self.outlook = outlook_of(book)
        self.why = ""
        if self.model.method == "simulate":
            self.why = "the file asks for it"
        elif self.model.copula == "t":
            self.why = "a t copula has no closed form"
        else:
            try:
                self.exact(self.outlook)
            except RiskError as error:
                if self.model.method == "exact":
                    raise
                self.why = _because(error)
        self._simulation: Simulation | None = None

    def exact(self, outlook: Portfolio) -> Enumeration:
        return enumerate_states(outlook, self.correlation)

    def simulation(self) -> Simulation:
        """The book's paths; drawn once."""
        if self._simulation is None:
            self._simulation = simulate(
                self.outlook,
                self.correlation,
                paths=self.model.paths,
                seed=self.model.seed,
                copula_df=self.model.df if self.model.copula == "t" else None,
            )
        return self._simulation

    def tails(self, account: Account | None = None) -> list[Found]:
        """ES and VaR at every level, with the normal law's ES and the comonotone ES beside them."""
        outlook = self.outlook if account is None else outlook_of(self.book, account)
        levels = self.book.portfolio.levels
        law = self._law(outlook)
        found = []
        for level in levels:
            tail = law.tail(level)
            row: Found = {"level": level, "es_usd": tail.es_usd, "var_usd": tail.var_usd}
            if isinstance(tail, SampledTail):
                row["es_error_usd"] = tail.es_error_usd
                row["es_interval_usd"] = [tail.es_low_usd, tail.es_high_usd]
                row["var_interval_usd"] = [tail.var_low_usd, tail.var_high_usd]
            if isinstance(law, Enumeration):
                row["normal_es_usd"] = law.gaussian_tail(level).es_usd
            row["comonotone_es_usd"] = comonotone_tail(outlook, level).es_usd
            found.append(row)
        return found

    def _law(self, outlook: Portfolio) -> Enumeration | Simulation:
        if self.why:
            return self.simulation().revalued(outlook)
        try:
            return self.exact(outlook)
        except RiskError as error:  # the trades of a what-if may ask for more than the book does
            self.why = _because(error)
            return self.simulation().revalued(outlook)


def _because(error: RiskError) -> str:
    """Its sentence without the advice to simulate."""
    return str(error).split("; use Monte Carlo")[0]


def matrix(book: Book) -> Found:
    """Loss by price move, joint outcome and oracle state, and the worst cells by name.

    A move and an outcome's jump compound, as in MAR-07: (1 + move)·(1 + jump) − 1.
    """
    outlook, moves = outlook_of(book), moves_of(book)
    only = book.portfolio.states.price
    steps = [float(m.value) for m in moves]
    factors = [float(1 + m.value) for m in moves]  # rounded once, so that a strike is met exactly
    table = outcome_table(outlook.events)
    jumps = np.zeros((len(table), len(outlook.underlyings)))
    for e, event in enumerate(outlook.events):
        jumps = compound(jumps, outlook.jumps(event)[table[:, e]])
    added = np.zeros_like(jumps)  # what `stress_matrix` will add by itself
    for e, event in enumerate(outlook.events):
        added = added + outlook.jumps(event)[table[:, e]]
    pnl = np.zeros((len(steps), len(table), len(ORACLES)))
    states: tuple[Any, ...] = ()
    for row in np.unique(np.concatenate([jumps, added], axis=1), axis=0):
        whole, own = np.split(row, 2)
        chosen = (jumps == whole).all(axis=1) & (added == own).all(axis=1)
        asked = [
            {
                name: float((factor if only in ("", name) else 1.0) * (1 + j) - 1 - a)
                for name, j, a in zip(outlook.price_names, whole, own, strict=True)
            }
            for factor in factors
        ]
        made = stress_matrix(outlook, asked)
        pnl[:, chosen, :], states = made.pnl_usd[:, chosen, :], made.states
    losses = -pnl

    def cell(m: int, s: int, o: int) -> Found:
        return {
            "loss_usd": float(losses[m, s, o]),
            "move": steps[m],
            "outcomes": dict(states[s]),
            "oracle": ORACLES[o],
        }

    def worst(part: NDArray[np.float64], m: int | None = None, o: int | None = None) -> Found:
        at = [int(i) for i in np.unravel_index(int(np.argmax(part)), part.shape)]
        return cell(at[0] if m is None else m, at[1], at[2] if o is None else o)

    found: Found = {
        "moves": steps,
        "oracles": list(ORACLES),
        "worst": worst(losses),
        "worst_by_oracle": [worst(losses[:, :, o : o + 1], o=o) for o in range(len(ORACLES))],
        "worst_by_move": [
            [worst(losses[m : m + 1, :, o : o + 1], m, o) for o in range(len(ORACLES))]
            for m in range(len(steps))
        ],
    }
    if len(table) <= MOST:
        found["states"] = [dict(state) for state in states]
        found["losses_usd"] = losses.tolist()
    return found


def compound(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Two relative moves one after the other."""
    return (1 + first) * (1 + second) - 1


def enumerable(book: Book) -> bool:
    """Whether the joint outcomes are few enough for `matrix`."""
    count = 1
    for event in outlook_of(book).events:
        count *= len(event.outcomes)
    return count <= MOST_STATES


def jumps(book: Book) -> list[Found]:
    """What the book loses if one event resolves now, by outcome; the largest first."""
    found = [
        {
            "event": name,
            "exposure_usd": exposure.exposure_usd,
            "worst_outcome": exposure.worst_outcome,
            "loss_usd": dict(exposure.loss_usd),
        }
        for name, exposure in jump_exposures(outlook_of(book)).items()
    ]
    return sorted(found, key=lambda row: -row["exposure_usd"])


def hedges(losses: Losses) -> Found:
    """Minimum-variance hedges of the whole book: each price and each event's first share alone, and
    all prices together.

    A ratio is what to sell (a negative one: to buy): coins of a price, shares of an event.
    """
    paths, outlook = losses.simulation(), losses.outlook
    target = -paths.losses_usd
    found: Found = {"paths": len(target), "deviation_usd": float(target.std()), "alone": []}
    if not target.std():
        return found
    units: dict[str, tuple[NDArray[np.float64], str]] = {}
    for u, underlying in enumerate(outlook.underlyings):
        units[underlying.name] = (paths.moves[:, u] * underlying.price_usd, "coins")
    for e, event in enumerate(outlook.events):
        share = event.shares[0]
        profit = event.pnl_usd({share: 1.0})[paths.outcomes[:, e]]
        units[f"{event.name} {share}"] = (profit, "shares")
    for digital in outlook.digitals:
        at = outlook.price_names.index(digital.underlying)
        high, low = digital.pnl_usd({"YES": 1.0})
        above = paths.moves[:, at] >= outlook.strike_move(digital)
        units[f"{digital.name} YES"] = (np.where(above, high, low), "shares")
    units = {name: unit for name, unit in units.items() if unit[0].std()}
    for name, (profit, unit) in units.items():
        hedge = minimum_variance(target, {name: profit})
        found["alone"].append(
            {"sell": name, "ratio": hedge.ratio, "unit": unit, "r_squared": hedge.r_squared}
        )
    if any(name in units for name in outlook.price_names):
        joint = delta_hedge(paths)
        coins = {u.name: u.price_usd for u in outlook.underlyings}
        ratios = {name: usd / coins[name] for name, usd in joint.ratios.items()}
        found["prices"] = {"coins": ratios, "r_squared": joint.r_squared}
    return found

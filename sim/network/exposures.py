"""Who owes whom on an exchange: accounts on one side, clearings and lending pools on the other.

The construction and its assumptions stand in `docs/contagion.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import LinearOperator

from sim.exchange.instruments import MICRO, USDC, Kind
from sim.network.clearing import Clearing, clear
from sim.network.statement import Statement

ROUNDING = 1e-9  # a quotient that should be whole may come out a little less


@dataclass(frozen=True)
class Shock:
    """Prices move at once, before anybody can trade.

    move: relative move of every feed, and of every mark that follows it (−0.1: a tenth down).
    moves: those of single feeds by id, instead.  outcomes: events that resolve, id -> outcome.
    """

    move: float = 0.0
    moves: Mapping[int, float] = field(default_factory=dict)
    outcomes: Mapping[int, int] = field(default_factory=dict)

    def factor(self, feed: int) -> float:
        """New over old price."""
        return 1.0 + self.moves.get(feed, self.move)


CALM = Shock()


@dataclass(frozen=True)
class Exposures:
    """Balance sheets in USD; n accounts, H hubs (a clearing per derivative, a pool per asset).

    cash: float[n], what is owned and owed by nobody: coins, dollars, shares in custody.
    gains: sparse[n, H], what hubs owe accounts.  dues: sparse[n, H], what accounts owe hubs.
    hub_cash: float[H].  house: float[H], what hubs owe the exchange itself.  insurance: the fund.
    """

    hubs: tuple[str, ...]
    cash: np.ndarray
    gains: sparse.csr_array
    dues: sparse.csr_array
    hub_cash: np.ndarray
    house: np.ndarray
    insurance: float

    @cached_property
    def equity(self) -> np.ndarray:
        """Cash + claims − debts of each account: E of MAR-01."""
        return self.cash + _sums(self.gains, 1) - _sums(self.dues, 1)

    @cached_property
    def turnover(self) -> np.ndarray:
        """What each hub owes in all, which is what it has and is owed, float[H]."""
        return _sums(self.gains, 0) + self.house

    def claims(self) -> LinearOperator:
        """A_ab, what account a is owed by b through the hubs: gains·dues/turnover.

        A hub passes on what it gets in proportion, so a's claim on it is one on each of its
        debtors.  As an operator: the matrix itself would be n x n and full.
        """
        n = len(self.cash)
        over = np.divide(1.0, self.turnover, out=np.zeros(len(self.hubs)), where=self.turnover > 0)
        received = sparse.csr_array(self.dues.T)

        def through(h: np.ndarray) -> np.ndarray:
            return np.asarray(self.gains @ (over * (received @ np.ravel(h))))

        return LinearOperator((n, n), matvec=through, dtype=np.float64)

    def hub_leverage(self) -> np.ndarray:
        """H x H matrix with the nonzero eigenvalues of Λ_ab = A_ab/E_a.

        Entry k, l: what a dollar that hub l fails to pay takes, through the accounts it owes, from
        what they pay to hub k, per unit of their equity.
        """
        equity = self.equity
        over = np.divide(1.0, equity, out=np.zeros(len(equity)), where=equity > 0)
        weight = np.divide(
            1.0, self.turnover, out=np.zeros(len(self.hubs)), where=self.turnover > 0
        )
        between = self.dues.T @ (sparse.diags_array(over) @ self.gains)
        return np.asarray((sparse.diags_array(weight) @ between).toarray())

    def clearing(self, insured: bool = True) -> Clearing:
        """Eisenberg and Noe's payments of accounts, hubs and (last) the house.

        With ``insured`` the fund first covers accounts whose equity is negative, in proportion
        if it is too small (LIQ-04).
        """
        n, hubs = len(self.cash), len(self.hubs)
        cash = np.concatenate([self.cash, self.hub_cash, [0.0]])
        if insured:
            deficits = np.maximum(-self.equity, 0.0)
            need = float(deficits.sum())
            if need > 0:
                cash[:n] += deficits * min(1.0, self.insurance / need)
        house = sparse.csr_array(self.house[:, None])
        rows = [[None, self.dues, None], [self.gains.T, None, house], [None, None, _nothing(1)]]
        rows[0][0] = _nothing(n)
        rows[2][1] = sparse.csr_array((1, hubs))
        return clear(sparse.block_array(rows, format="csr"), cash)


def exposures(statement: Statement, shock: Shock = CALM) -> Exposures:
    """The balance sheets of a statement after a shock and before anybody is liquidated.

    Raises:
        ValueError: a shock takes a price to 0 or below, or names an outcome that does not exist.
    """
    factors = np.array([shock.factor(f) for f in range(len(statement.index))])
    if (factors <= 0).any():
        f = int(np.flatnonzero(factors <= 0)[0])
        name = statement.listing.feed_names()[f]
        raise ValueError(f"shock of {name}: {shock.moves.get(f, shock.move):+g} is not above -1")
    listing = statement.listing
    unit_usd = _unit_usd(statement, factors)
    coins = statement.claims.shape[1]
    lent = statement.claims.astype(np.float64)
    held = statement.balances[:, :coins].astype(np.float64)
    netted = np.minimum(lent, np.maximum(-held, 0.0))  # LIQ-01: a claim repays a debt in the same
    lent, held = lent - netted, held + netted
    cash = np.maximum(held, 0.0) @ unit_usd + _shares_usd(statement, shock)
    pools = statement.pools - netted.sum(axis=0)
    borrowed = np.maximum(-held, 0.0).sum(axis=0)
    own = np.maximum(pools - lent.sum(axis=0), 0.0) + np.maximum(borrowed - pools, 0.0)

    gains_of, dues_of = [], []
    hub_cash, house = [], []
    for i in range(len(listing.derivatives())):
        worth = _unrealised_usd(statement, i, factors[listing.feed_of(i)], unit_usd)
        gain, due = np.maximum(worth, 0.0), np.maximum(-worth, 0.0)
        over = float(gain.sum() - due.sum())
        gains_of.append(gain)
        dues_of.append(due)
        hub_cash.append(max(over, 0.0))
        house.append(max(-over, 0.0))
    gains = np.column_stack([*gains_of, lent * unit_usd])
    dues = np.column_stack([*dues_of, np.maximum(-held, 0.0) * unit_usd])
    return Exposures(
        hubs=(
            *(item.name for item in listing.derivatives()),
            *(f"{name} loans" for name in listing.asset_names()[:coins]),
        ),
        cash=cash,
        gains=sparse.csr_array(gains),
        dues=sparse.csr_array(dues),
        hub_cash=np.concatenate([hub_cash, np.maximum(pools - borrowed, 0.0) * unit_usd]),
        house=np.concatenate([house, own * unit_usd]),
        insurance=statement.insurance / MICRO,
    )


def _unit_usd(statement: Statement, factors: np.ndarray) -> np.ndarray:
    """USD of one unit of USDC and of each coin, float[C]."""
    listing = statement.listing
    found = [1 / MICRO]
    for k, coin in enumerate(listing.assets, 1):
        feed = listing.feed_id(coin.feed)
        found.append(
            float(statement.index[feed]) * factors[feed] * listing.asset_tick_value(k) / MICRO
        )
    return np.array(found)


def _unrealised_usd(
    statement: Statement, i: int, factor: float, unit_usd: np.ndarray
) -> np.ndarray:
    """Unrealised PnL of every account in derivative i, USD."""
    listing = statement.listing
    size, cost = statement.sizes[:, i].astype(np.float64), statement.costs[:, i].astype(np.float64)
    mark = float(statement.marks[i]) * factor
    if listing.kind(i) == Kind.INVERSE:
        worth = np.floor(np.abs(size) * listing.base_units(i) / mark + ROUNDING)
        return (-np.sign(size) * worth - cost) * unit_usd[listing.base_of(i)]
    return (size * mark * listing.tick_value(i) - cost) * unit_usd[USDC]


def _shares_usd(statement: Statement, shock: Shock) -> np.ndarray:
    """V_e of MAR-01 of every account, USD; a resolved event counts nothing."""
    listing = statement.listing
    total = np.zeros(statement.accounts)
    for e, item in enumerate(listing.events):
        if e in statement.resolved:
            continue
        first, book, n = listing.first_share(e), listing.first_book(e), len(item.shares)
        held = statement.balances[:, first : first + n].astype(np.float64)
        marks = statement.marks[book : book + len(item.books)] / item.payoff_ticks
        if len(marks) == 1:
            marks = np.array([marks[0], 1.0 - marks[0]])
        if e in shock.outcomes:
            if not 0 <= shock.outcomes[e] < n:
                raise ValueError(f"event {item.name}: no outcome {shock.outcomes[e]} of {n}")
            marks = np.eye(n)[shock.outcomes[e]]
        sets = held.min(axis=1)
        total += sets + (held - sets[:, None]) @ marks
    return total


def _sums(matrix: sparse.csr_array, axis: int) -> np.ndarray:
    return np.asarray(matrix.sum(axis=axis), np.float64).ravel()


def _nothing(n: int) -> sparse.csr_array:
    return sparse.csr_array((n, n))

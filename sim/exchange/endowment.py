"""What each wallet of a party gets when it is set up (MAR-08).

A party's USDC is spread in proportion to what its opening orders need in each wallet by itself:
the initial margin of the derivatives it trades, 5 % more for fees and rounding, less the profit at
the index, the most over the readings that come between; the cost of shares and sets; what it lends
or buys in spot books.  A party without opening orders spreads it by `stakes`, the instruments it
says it trades.  All its USDC comes at its first deposit.  Coins go to the spot wallet, where they
are no collateral for the others: as far as these would lack initial margin, coins are brought in
as USDC of the same value instead.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from sim.exchange.instruments import MICRO, USDC, InversePerpetual
from sim.exchange.instruments import Kind as Product
from sim.exchange.messages import (
    M_ACCOUNT,
    M_INSTRUMENT,
    M_KIND,
    M_PRICE,
    M_SIDE,
    M_SIZE,
    MSG_COLS,
    Kind,
)
from sim.exchange.wallets import SPOT, Wallets

SPARE = 0.05  # of initial margin, for fees and rounding
PARTS = 10**12  # in which the shares of a later deposit are counted


class Endowment:
    """Spreads the set-up messages of some parties over their wallets.

    Args:
        wallets: of the exchange; their `shares` and `whole` are set here.
        stakes: float64[instruments], where money goes without opening orders; default: everywhere
            alike.
    """

    def __init__(self, wallets: Wallets, stakes: np.ndarray | None = None) -> None:
        self.wallets, listing = wallets, wallets.listing
        self.listing = listing
        n = len(listing.instrument_names())
        weight = np.ones(n) if stakes is None else np.asarray(stakes, dtype=np.float64)
        self.stakes = [0.0] * wallets.count
        for wallet, share in zip(wallets.of_instrument.tolist(), weight.tolist(), strict=True):
            self.stakes[wallet] += share
        self.kinds = [listing.kind(i) for i in range(n)]
        self.items = listing.derivatives()
        self.unit = [listing.tick_value(i) for i in range(n)]
        self.face = [listing.face_micro(i) for i in range(len(self.items))]
        self.feed = [listing.feed_of(i) for i in range(len(self.items))]
        self.coin_feed = [-1, *(listing.feed_id(a.feed) for a in listing.assets)]
        first = [f.index_ticks for f in listing.feeds]
        self.first_index = first
        self.index = list(first)
        self.lots = np.zeros((wallets.parties, len(self.items)), dtype=np.int64)
        self.cost = np.zeros_like(self.lots)
        self.margin = np.zeros((wallets.parties, wallets.count))  # the most so far, USD
        self.flow = np.zeros_like(self.margin)  # shares, sets, coins, loans, USD

    def spread(self, blocks: Iterable[np.ndarray]) -> list[np.ndarray]:
        """The set-up messages, int64[n, 12] each, by party -> by account, in the same order."""
        parts = list(blocks)
        if self.wallets.count == 1:
            return parts
        for block in parts:
            self._read(block)
        self._margins()
        money = self._money(parts)
        return [self._written(block, money) for block in parts]

    # what is needed -----------------------------------------------------------------------
    def _read(self, block: np.ndarray) -> None:
        for row in _runs(block):
            kind = int(row[0, M_KIND])
            if kind == Kind.INDEX:
                self._margins()
                for feed, price in row[:, [M_INSTRUMENT, M_PRICE]].tolist():
                    self.index[feed] = price
                self._margins()
            elif kind == Kind.COMMIT:
                self.wallets.whole[row[row[:, M_SIZE] > 0, M_ACCOUNT]] = True
            elif kind == Kind.NEW:
                self._orders(row)
            elif kind in (Kind.MINT, Kind.PROPOSE):
                each = MICRO if kind == Kind.MINT else 1
                wallet = self.wallets.of_event[row[:, M_INSTRUMENT]]
                np.add.at(self.flow, (row[:, M_ACCOUNT], wallet), row[:, M_SIZE] * each / MICRO)
            elif kind == Kind.LEND:
                own = row[row[:, M_INSTRUMENT] == USDC]
                np.add.at(self.flow, (own[:, M_ACCOUNT], SPOT), own[:, M_SIZE] / MICRO)

    def _orders(self, rows: np.ndarray) -> None:
        """Orders as if they filled whole at their limit."""
        columns = [M_ACCOUNT, M_INSTRUMENT, M_SIDE, M_PRICE, M_SIZE]
        for party, i, side, price, size in rows[:, columns].tolist():
            wallet = self.wallets.of_instrument[i]
            if i < len(self.items):
                lots = -size if side else size
                self.lots[party, i] += lots
                self.cost[party, i] += lots * price * self.unit[i]
            elif self.kinds[i] == Product.SPOT:
                self.flow[party, wallet] += 0.0 if side else size * price * self.unit[i] / MICRO
            else:  # the price is that of the outcome bought; a sale mints a set and keeps the rest
                full = MICRO // self.unit[i]
                paid = full - price if side else price
                self.flow[party, wallet] += (1.0 + SPARE) * size * paid * self.unit[i] / MICRO

    def _margins(self) -> None:
        """Note what the positions need now, where that is more than before."""
        need = np.zeros_like(self.margin)
        for i, item in enumerate(self.items):
            lots = self.lots[:, i]
            price = self.index[self.feed[i]]
            if isinstance(item, InversePerpetual):
                notional, profit = np.abs(lots) * self.face[i] / MICRO, np.zeros(len(lots))
            else:
                worth = price * self.unit[i]
                notional = np.abs(lots) * worth / MICRO
                profit = (lots * worth - self.cost[:, i]) / MICRO
            m = item.margin
            least = max(m.base, 1.0 / m.leverage_limit if m.leverage_limit > 0 else 0.0)
            rate = np.minimum(1.0, np.maximum(least, m.factor * np.sqrt(notional)))
            need[:, self.wallets.of_instrument[i]] += (1.0 + SPARE) * notional * rate - profit
        self.margin = np.maximum(self.margin, need)

    # what there is ------------------------------------------------------------------------
    def _money(self, blocks: list[np.ndarray]) -> dict[int, tuple[int, dict[int, int]]]:
        """By party: its USDC (micro), and units by coin that come as USDC instead."""
        usdc: dict[int, int] = {}
        coins: dict[int, dict[int, int]] = {}
        for block in blocks:
            rows = block[block[:, M_KIND] == Kind.DEPOSIT]
            for party, asset, size in rows[:, [M_ACCOUNT, M_INSTRUMENT, M_SIZE]].tolist():
                usdc.setdefault(party, 0)
                if asset == USDC:
                    usdc[party] += size
                elif asset < len(self.coin_feed):
                    held = coins.setdefault(party, {})
                    held[asset] = held.get(asset, 0) + size
        found = {}
        for party, micro in usdc.items():
            need = (self.margin[party] + self.flow[party]).tolist()
            lack = int(sum(need[SPOT + 1 :]) * MICRO) + 1 - micro
            swapped: dict[int, int] = {}
            if not self.wallets.whole[party]:
                for asset, units in sorted(coins.get(party, {}).items()):
                    price = self.first_index[self.coin_feed[asset]]
                    worth = price * self.listing.asset_tick_value(asset)
                    swapped[asset] = min(units, max(0, -(-lack // worth)))
                    lack -= swapped[asset] * worth
                    micro += swapped[asset] * worth
            weights = need if sum(need) > 0 else self.stakes
            total = sum(weights) or 1.0
            self.wallets.shares[party] = [int(PARTS * w / total) for w in weights]
            found[party] = (micro, swapped)
        return found

    def _written(
        self, block: np.ndarray, money: dict[int, tuple[int, dict[int, int]]]
    ) -> np.ndarray:
        """One block routed; `money` is used up as the deposits come."""
        out = []
        for rows in _runs(block):
            if rows[0, M_KIND] != Kind.DEPOSIT:
                out.append(self.wallets.route(rows))
                continue
            for row in rows:
                party, asset, size = (int(row[c]) for c in (M_ACCOUNT, M_INSTRUMENT, M_SIZE))
                if party not in money:
                    out.append(self.wallets.route(row[None, :]))
                    continue
                micro, swapped = money[party]
                if micro > 0:
                    paid = np.zeros((1, MSG_COLS), dtype=np.int64)
                    paid[0, [M_KIND, M_ACCOUNT, M_SIZE]] = Kind.DEPOSIT, party, micro
                    out.append(self.wallets.route(paid))
                    money[party] = (0, swapped)
                if asset == USDC:
                    continue
                less = min(size, swapped.get(asset, 0))
                if less:
                    swapped[asset] -= less
                if size > less:
                    rest = row[None, :].copy()
                    rest[0, M_SIZE] -= less
                    out.append(self.wallets.route(rest))
        return np.concatenate(out) if out else block[:0]


def _runs(block: np.ndarray) -> list[np.ndarray]:
    """The block cut where the kind of message changes."""
    if not len(block):
        return []
    cuts = np.flatnonzero(np.diff(block[:, M_KIND])) + 1
    return np.split(block, cuts)

"""Historic waves: past prices at which today's open interest was traded through the book."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from agents import blocks
from agents.facts import Facts
from sim.exchange.instruments import MICRO

if TYPE_CHECKING:
    from agents.population import PopulationParams

Part = tuple[int, int]  # row of an account, lots


class Waves:
    """Who trades in which wave, at which price; then the messages that do it.

    An account trades in one wave, drawn by the waves' shares, except that one whose leverage
    would by now have won or lost it half of its equity trades in the last.  Longs and shorts of a
    wave rarely balance: the rest of the larger side waits for the next one.

    Args:
        facts, params, rng: as in `agents.population.open_positions`.
        lots: int64[accounts, perpetuals], signed.
        leverage: float64[accounts].
        last: bool[accounts], may only trade in the last wave.
    """

    def __init__(
        self,
        facts: Facts,
        params: PopulationParams,
        rng: np.random.Generator,
        lots: np.ndarray,
        leverage: np.ndarray,
        last: np.ndarray,
    ) -> None:
        self._facts, self._lots = facts, lots
        level = np.array(params.wave_level)
        share = np.array(params.wave_share)
        bounds = np.cumsum(share / share.sum())
        n, waves = len(lots), len(level)
        wave = np.minimum(np.searchsorted(bounds, rng.random(n), side="right"), waves - 1)
        late = last | (leverage * np.abs(1.0 - level[wave]) > 0.5)
        wave[late] = waves - 1
        start = facts.start_ticks[: facts.perpetuals].astype(np.float64)
        prices = np.maximum(np.floor(level[:, None] * start[None, :] + 0.5), 1.0)
        self.price = prices.astype(np.int64)  # [waves, perpetuals]
        self.trades: list[list[tuple[list[Part], list[Part]]]] = []  # [wave][coin]: bids, asks
        self.done = np.zeros((waves, n, facts.perpetuals), dtype=np.int64)  # signed lots by wave
        self.orders = 0
        waiting: list[tuple[list[Part], list[Part]]] = [([], []) for _ in range(facts.perpetuals)]
        for w in range(waves):
            row = []
            for c in range(facts.perpetuals):
                longs, shorts = waiting[c]
                mine = np.flatnonzero((wave == w) & (lots[:, c] != 0))
                longs += [(int(a), int(lots[a, c])) for a in mine if lots[a, c] > 0]
                shorts += [(int(a), -int(lots[a, c])) for a in mine if lots[a, c] < 0]
                total = min(sum(q for _, q in longs), sum(q for _, q in shorts))
                bids, longs = _cut(longs, total)
                asks, shorts = _cut(shorts, total)
                waiting[c] = (longs, shorts)
                for sign, side in ((1, bids), (-1, asks)):
                    for a, q in side:
                        self.done[w, a, c] += sign * q
                row.append((bids, asks))
            self.trades.append(row)

    def stages(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """After each wave, at its prices: notionals [accounts, perpetuals], PnL [accounts], USD."""
        tick_value = self._facts.tick_value[: self._facts.perpetuals]
        held = np.zeros_like(self._lots)
        cost = np.zeros(self._lots.shape)
        for w in range(len(self.price)):
            worth = (self.price[w] * tick_value) / MICRO
            held = held + self.done[w]
            cost = cost + self.done[w] * worth
            self.final_pnl = (held * worth - cost).sum(axis=1)
            yield np.abs(held) * worth, self.final_pnl

    def blocks(
        self, accounts: np.ndarray, start_us: int, new_ids: Callable[[int], np.ndarray]
    ) -> list[np.ndarray]:
        """The messages, in order; every order fills whole."""
        out = []
        feeds = self._facts.listing.feeds
        feed_of = self._facts.feed_of[: self._facts.perpetuals]
        for w in range(len(self.price)):
            index = np.array([f.index_ticks for f in feeds], dtype=np.int64)
            index[feed_of] = self.price[w]
            out += [blocks.index(np.arange(len(feeds)), index, start_us), blocks.mark()]
            # With a last trade at the new price the mark is that price: one small trade per book,
            # by the largest accounts on either side, before the others.
            first, rest = [], []
            for c, (bids, asks) in enumerate(self.trades[w]):
                if not bids:
                    continue
                one = int(self._facts.min_lots[c])
                bids, asks = _largest_first(bids, one), _largest_first(asks, one)
                if bids[0][1] == asks[0][1] == one:
                    first += [self._orders(accounts, w, c, bids[:1], asks[:1], new_ids)]
                    bids, asks = bids[1:], asks[1:]
                rest += [self._orders(accounts, w, c, bids, asks, new_ids)]
            out += [*first, blocks.mark(), *rest]
        return out

    def _orders(
        self,
        accounts: np.ndarray,
        w: int,
        c: int,
        bids: list[Part],
        asks: list[Part],
        new_ids: Callable[[int], np.ndarray],
    ) -> np.ndarray:
        both = np.array(bids + asks, dtype=np.int64).reshape(-1, 2)
        side = np.repeat([0, 1], [len(bids), len(asks)])
        self.orders += len(both)
        ids = new_ids(len(both))
        return blocks.new(accounts[both[:, 0]], c, side, self.price[w, c], both[:, 1], ids)


def _cut(parts: list[Part], total: int) -> tuple[list[Part], list[Part]]:
    """The first `total` lots of `parts`, and the rest."""
    taken: list[Part] = []
    for i, (account, lots) in enumerate(parts):
        if total <= 0:
            return taken, parts[i:]
        part = min(lots, total)
        taken.append((account, part))
        total -= part
        if part < lots:
            return taken, [(account, lots - part), *parts[i + 1 :]]
    return taken, []


def _largest_first(parts: list[Part], one: int) -> list[Part]:
    """`parts` with `one` lot of the largest split off in front, if it can be."""
    k = max(range(len(parts)), key=lambda i: parts[i][1])
    account, lots = parts[k]
    if lots == one:
        return [parts[k], *parts[:k], *parts[k + 1 :]]
    if lots < 2 * one:
        return parts
    return [(account, one), *parts[:k], (account, lots - one), *parts[k + 1 :]]

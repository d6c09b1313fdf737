"""What leveraged accounts hold besides perpetuals: coins, coins on credit, event shares."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from agents import blocks
from agents.facts import Facts
from sim.exchange.instruments import MICRO

if TYPE_CHECKING:
    from agents.population import PopulationParams


class Extras:
    """Mixed collateral, debtors and share holders of a population.

    The last ``2 * pairs`` accounts trade no perpetuals: of each pair the first owes USDC, the
    second sold it the coins.

    Args:
        facts, params, rng, accounts: as in `agents.population.open_positions`.
        pairs: debtors, each with a seller.
    """

    def __init__(
        self,
        facts: Facts,
        params: PopulationParams,
        rng: np.random.Generator,
        accounts: np.ndarray,
        pairs: int,
    ) -> None:
        self._facts, self._params, self._rng = facts, params, rng
        self._accounts, self._pairs = accounts, pairs
        self.paid_for_shares = np.zeros(len(accounts))  # USD, comes on top of their equity
        self.orders = 0
        listing = facts.listing
        self._feed = [listing.feed_id(a.feed) for a in listing.assets]
        self._unit_usd = [
            listing.feeds[feed].index_ticks * listing.asset_tick_value(k + 1) / MICRO
            for k, feed in enumerate(self._feed)
        ]

    def choose_coin_holders(self, traders: int) -> np.ndarray:
        """bool[traders]."""
        share = self._params.coin_share if self._facts.listing.assets else 0.0
        return self._rng.random(traders) < share

    def split(
        self, deposit: np.ndarray, with_coins: np.ndarray, need: np.ndarray
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """Part of the holders' deposits as coins.

        Args:
            deposit: float64[traders], USD.
            with_coins: bool[traders].
            need: float64[traders], net equity that the initial margin asks for, USD.

        Returns:
            (USDC to deposit float64[traders], blocks that deposit the coins).
        """
        usdc, out = deposit.copy(), []
        assets = self._facts.listing.assets
        for a in np.flatnonzero(with_coins):
            k = int(self._rng.integers(len(assets)))
            coin = assets[k]
            usd = self._params.coin_ratio * float(deposit[a])
            units = int(usd / self._unit_usd[k])
            if units <= 0:
                continue
            usd = units * self._unit_usd[k]
            shrunk = coin.haircut_b / (1.0 + coin.haircut_kappa * math.sqrt(usd))
            weight = min(coin.haircut_w, shrunk)  # MAR-02
            usdc[a] = max(float(deposit[a]) - usd, float(need[a]) - weight * usd, 0.0)
            out.append(blocks.deposit(self._accounts[a], k + 1, units))
        return usdc, out

    def shares(self, equity: np.ndarray, new_ids: Callable[[int], np.ndarray]) -> list[np.ndarray]:
        """Pairs of accounts take the two sides of each event, by minting sets."""
        out: list[np.ndarray] = []
        facts, p = self._facts, self._params
        wanted = int(p.share_holder_share * len(equity) / 2)
        for terms in facts.events:
            book, payoff = facts.book_of(terms), facts.payoff_ticks(terms)
            yes = int(facts.start_ticks[book])
            chosen = self._rng.permutation(len(equity))[: 2 * wanted].reshape(-1, 2)
            for a, b in chosen:
                sets = int(p.share_ratio * min(float(equity[a]), float(equity[b])))
                if sets < int(facts.min_lots[book]):
                    continue
                two = np.array([a, b])
                price = np.array([yes, payoff - yes])
                cost = price * sets * int(facts.tick_value[book])
                self.paid_for_shares[two] += cost / MICRO
                who = self._accounts[two]
                out.append(blocks.deposit(who, 0, cost + cost // 50))  # and 2 % for fees
                outcome = np.array([0, 1])
                out.append(blocks.new(who, book, 0, price, sets, new_ids(2), 0, outcome))
                self.orders += 2
        return out

    def credit(
        self, mean_equity_usd: float, new_ids: Callable[[int], np.ndarray]
    ) -> tuple[list[np.ndarray], float, np.ndarray]:
        """Debtors buy coins with USDC they do not have, from the sellers beside them.

        Returns:
            (blocks, USDC owed, equity float64[2 * pairs] of debtors and sellers by account id).
        """
        out: list[np.ndarray] = []
        facts, p = self._facts, self._params
        owed, equity = 0.0, np.zeros(2 * self._pairs)
        own = self._accounts[len(self._accounts) - 2 * self._pairs :]
        spread = self._rng.lognormal(-0.5, 1.0, self._pairs)  # of mean 1
        for j in range(self._pairs):
            book = int(facts.spots[int(self._rng.integers(len(facts.spots)))])
            item = facts.listing.item(book)
            asset = facts.listing.asset_id(item.base)  # type: ignore[union-attr]
            unit_usd = self._unit_usd[asset - 1]
            units = int(mean_equity_usd * float(spread[j]) / unit_usd)
            lots = int(units * p.debt_ratio)
            if lots < int(facts.min_lots[book]) or units <= 0:
                continue
            debtor, seller = own[2 * j], own[2 * j + 1]
            price = int(facts.start_ticks[book])
            two = np.array([debtor, seller])
            out.append(blocks.deposit(two, asset, np.array([units, 2 * lots])))
            ids = new_ids(2)
            out.append(blocks.new(seller, book, 1, price, lots, ids[:1]))
            out.append(blocks.new(debtor, book, 0, price, lots, ids[1:]))
            self.orders += 2
            owed += lots * unit_usd
            equity[2 * j], equity[2 * j + 1] = units * unit_usd, 2 * lots * unit_usd
        return out, owed, equity

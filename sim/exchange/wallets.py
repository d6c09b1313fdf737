"""Wallets (MAR-08): the accounts of one party under segregated and isolated margin.

The exchange knows accounts.  A *party* speaks in its own id and has one account per wallet:
``account = party + parties * wallet``, so that with one wallet (unified and portfolio margin)
nothing changes and ``account % parties`` is always the party.  Wallets share nothing.
"""

from __future__ import annotations

import numpy as np

from sim.exchange.instruments import USDC, Listing
from sim.exchange.instruments import Kind as Product
from sim.exchange.messages import (
    E_ACCOUNT,
    E_KIND,
    E_OTHER,
    M_ACCOUNT,
    M_ARG,
    M_INSTRUMENT,
    M_KIND,
    M_ORDER,
    M_SIZE,
    MSG_COLS,
    Event,
    Kind,
)
from sim.exchange.policies import MarginMode

SPOT = 0  # the wallet of coins and loans, in either mode
ORDER_IDS = 1 << 31  # order ids stay below; `sim.clock.Transport` counts them from 1

# How the wallet of a message is found.  What is not here is the exchange's own, or a TRANSFER,
# which names accounts.
BY_INSTRUMENT, BY_ASSET, BY_EVENT, BY_ORDER, EVERYWHERE, BY_SPOT = range(1, 7)
_FOUND = np.zeros(64, dtype=np.int64)
_FOUND[[Kind.NEW, Kind.CONDITIONAL, Kind.CANCEL_ALL]] = BY_INSTRUMENT
_FOUND[[Kind.DEPOSIT, Kind.WITHDRAW, Kind.LEND, Kind.REDEEM]] = BY_ASSET
_FOUND[[Kind.MINT, Kind.MERGE, Kind.CONVERT, Kind.PROPOSE, Kind.DISPUTE]] = BY_EVENT
_FOUND[[Kind.CANCEL, Kind.REPLACE]] = BY_ORDER
_FOUND[[Kind.SETTINGS, Kind.DISCONNECT]] = EVERYWHERE
_FOUND[Kind.COMMIT] = BY_SPOT

_NAMES_OTHER = np.zeros(64, dtype=np.bool_)  # events whose column `other` is an account
_NAMES_OTHER[[Event.FILL, Event.ADL, Event.BACKSTOP, Event.HAIRCUT, Event.TRANSFER]] = True


class Wallets:
    """Which account of a party a message belongs to, and which party an account is of.

    Segregated: spot, derivatives, events.  Isolated: spot, one per derivative, one per event.
    Unified and portfolio: one.  A party that commits money to the backstop while it is set up is
    *whole*: the backstop takes over whatever is liquidated, so its wallet is one in every mode.

    Args:
        listing: what is traded.
        mode: of MAR-06 … MAR-08.
        parties: how many; their ids are 0 … parties − 1.

    Attributes:
        names: of the wallets.
        accounts: how many accounts the exchange needs.
        of_instrument, of_asset, of_event: int64, the wallet of each id.
        whole: bool[parties].
        shares: int64[parties, wallets], parts in which a deposit of USDC after the set-up is
            spread over wallets; `sim.exchange.endowment` sets them.
    """

    def __init__(self, listing: Listing, mode: MarginMode, parties: int) -> None:
        self.listing, self.mode, self.parties = listing, mode, parties
        instruments = listing.instrument_names()
        derivatives = len(listing.derivatives())
        kinds = [listing.kind(i) for i in range(len(instruments))]
        event_of = [listing.event_of(i) for i in range(len(instruments))]
        events = len(listing.events)
        if mode == "segregated":
            self.names: tuple[str, ...] = ("spot", "derivatives", "events")
            of_derivative, of_event = [1] * derivatives, [2] * events
        elif mode == "isolated":
            self.names = ("spot", *instruments[:derivatives], *(e.name for e in listing.events))
            of_derivative = list(range(1, 1 + derivatives))
            of_event = list(range(1 + derivatives, 1 + derivatives + events))
        else:
            self.names = ("all",)
            of_derivative, of_event = [0] * derivatives, [0] * events
        self.count = len(self.names)
        self.accounts = parties * self.count
        self.of_event = np.array(of_event, dtype=np.int64)
        self.of_instrument = np.array(
            [
                of_event[event_of[i]]
                if kind == Product.EVENT
                else (SPOT if kind == Product.SPOT else of_derivative[i])
                for i, kind in enumerate(kinds)
            ],
            dtype=np.int64,
        )
        shares = [w for e, w in zip(listing.events, of_event, strict=True) for _ in e.shares]
        self.of_asset = np.array([SPOT] * (1 + len(listing.assets)) + shares, dtype=np.int64)
        self.whole = np.zeros(parties, dtype=np.bool_)
        self.shares = np.zeros((parties, self.count), dtype=np.int64)
        self._of_order = np.zeros(1024, dtype=np.int16)  # by order id

    # accounts and parties ---------------------------------------------------------------
    def account(self, party: int, wallet: int) -> int:
        """The account of a party's wallet."""
        return party if self.whole[party] else party + self.parties * wallet

    def accounts_of(self, parties: np.ndarray) -> np.ndarray:
        """Every account of these parties: int64, wallet by wallet."""
        ids = np.asarray(parties, dtype=np.int64)
        every = ids[None, :] + self.parties * np.arange(self.count)[:, None]
        return np.ascontiguousarray(every.reshape(-1))

    def by_party(self, of_accounts: np.ndarray) -> np.ndarray:
        """What is known of accounts, added up by party: [accounts, …] -> [parties, …]."""
        total: np.ndarray = of_accounts.reshape(self.count, self.parties, *of_accounts.shape[1:])
        return total.sum(axis=0)

    def owners(self) -> np.ndarray:
        """SETTINGS of every party that give its wallets one owner, itself; to be routed."""
        block = np.zeros((self.parties if self.count > 1 else 0, MSG_COLS), dtype=np.int64)
        if len(block):
            block[:, M_KIND], block[:, M_ACCOUNT] = Kind.SETTINGS, np.arange(self.parties)
            block[:, M_ARG] = block[:, M_ACCOUNT] + 1
        return block

    def parties_in(self, events: np.ndarray) -> np.ndarray:
        """Events int64[k, 16] with parties for accounts, for a trader's inbox."""
        if self.count == 1 or not len(events):
            return events
        out: np.ndarray = events.copy()
        own = out[:, E_ACCOUNT] >= 0
        out[own, E_ACCOUNT] %= self.parties
        kind = out[:, E_KIND]
        other = _NAMES_OTHER[np.where((kind >= 0) & (kind < 64), kind, 0)] & (out[:, E_OTHER] >= 0)
        out[other, E_OTHER] %= self.parties
        return out

    # messages ---------------------------------------------------------------------------
    def route(self, block: np.ndarray) -> np.ndarray:
        """Messages of parties as messages of accounts, in the same order.

        CANCEL_ALL of everything, SETTINGS and DISCONNECT go to every wallet; a deposit of USDC is
        spread by `shares`; other USDC, coins, loans and commitments belong to the spot wallet.
        A party that does not exist stays an account that does not.

        Args:
            block: int64[n, 12], account = party.  It may come back itself.

        Raises:
            ValueError: an order id of 2^31 or above.
        """
        if self.count == 1 or not len(block):
            return block
        kind, party = block[:, M_KIND], block[:, M_ACCOUNT]
        how = _FOUND[np.where((kind >= 0) & (kind < len(_FOUND)), kind, 0)]
        how[(kind == Kind.CANCEL_ALL) & (block[:, M_INSTRUMENT] < 0)] = EVERYWHERE
        known = (party >= 0) & (party < self.parties)
        one = ~known | self.whole[np.where(known, party, 0)]
        wallet = self._wallet(block, how)
        spread = (kind == Kind.DEPOSIT) & (block[:, M_INSTRUMENT] == USDC) & (block[:, M_SIZE] > 0)
        times = np.where(((how == EVERYWHERE) | spread) & ~one, self.count, 1)
        out = np.repeat(block, times, axis=0)
        wallet = np.repeat(wallet, times)
        ends = np.cumsum(times)
        many = np.repeat(times > 1, times)
        turn = np.arange(len(out)) - np.repeat(ends - times, times)
        wallet[many] = turn[many]
        moved = np.repeat((how > 0) & ~one, times)
        out[moved, M_ACCOUNT] += self.parties * wallet[moved]
        out[np.repeat((how > 0) & ~known, times), M_ACCOUNT] = -1
        if (spread & ~one).any():
            out = self._spread(out, np.repeat(spread & ~one, times))
        return np.ascontiguousarray(out)

    def _wallet(self, block: np.ndarray, how: np.ndarray) -> np.ndarray:
        """int64[n]: the wallet of each message, 0 where no id says one."""
        wallet = np.zeros(len(block), dtype=np.int64)
        thing, order = block[:, M_INSTRUMENT], block[:, M_ORDER]
        for way, table in (
            (BY_INSTRUMENT, self.of_instrument),
            (BY_ASSET, self.of_asset),
            (BY_EVENT, self.of_event),
        ):
            at = np.flatnonzero((how == way) & (thing >= 0) & (thing < len(table)))
            wallet[at] = table[thing[at]]
        new = (how == BY_INSTRUMENT) & (block[:, M_KIND] != Kind.CANCEL_ALL)
        ids = order[new & (order > 0)]
        if len(ids):
            self._room(int(ids.max()))
            self._of_order[ids] = wallet[new & (order > 0)]
        at = np.flatnonzero((how == BY_ORDER) & (order > 0) & (order < len(self._of_order)))
        wallet[at] = self._of_order[order[at]]
        return wallet

    def _room(self, highest: int) -> None:
        if highest >= ORDER_IDS:
            raise ValueError(f"order id {highest} is not below {ORDER_IDS}")
        if highest >= len(self._of_order):
            more = np.zeros(max(2 * len(self._of_order), highest + 1), dtype=np.int16)
            more[: len(self._of_order)] = self._of_order
            self._of_order = more

    def _spread(self, rows: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        """Deposits of USDC, repeated once per wallet, each cut to its part; empty parts go."""
        for first in np.flatnonzero(chosen)[:: self.count].tolist():
            party = int(rows[first, M_ACCOUNT]) % self.parties
            parts = self.split(party, int(rows[first, M_SIZE]))
            rows[first : first + self.count, M_SIZE] = parts
        kept: np.ndarray = rows[~chosen | (rows[:, M_SIZE] > 0)]
        return kept

    def split(self, party: int, micro: int) -> list[int]:
        """`micro` USDC over the wallets of a party by `shares`: floors, the rest to the largest.

        Nothing known: all of it to the spot wallet.
        """
        shares = [int(s) for s in self.shares[party]]
        whole = sum(shares)
        if whole <= 0 or self.whole[party]:
            return [micro] + [0] * (self.count - 1)
        parts = [micro * s // whole for s in shares]
        parts[shares.index(max(shares))] += micro - sum(parts)
        return parts

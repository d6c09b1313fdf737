"""What can be read off the state: balances, positions, margin, books, prices."""

from __future__ import annotations

import hashlib
import operator

import numpy as np

from sim.exchange.engine import Engine
from sim.exchange.instruments import MICRO
from sim.exchange.instruments import Kind as Product
from sim.exchange.kernel import state as st
from sim.exchange.kernel.readout import read_equity, read_margin, read_scan
from sim.exchange.messages import BookState


class Readings(Engine):
    """Readings by name or id, in ticks, lots and smallest units; ``frames`` has the tables.

    What does not exist raises: ValueError for an account (TypeError if it is no whole number),
    UnknownName for an asset, instrument, feed or event.
    """

    def account_id(self, account: int) -> int:
        """The id of an account that exists; raises ValueError, TypeError for what is no id."""
        try:
            a = operator.index(account)
        except TypeError:
            raise TypeError(f"account: a whole number, not {account!r}") from None
        if 0 <= a < self.accounts:
            return a
        raise ValueError(f"unknown account {a}: the exchange has accounts 0 to {self.accounts - 1}")

    def balance(self, account: int, asset: str | int) -> int:
        """Smallest units of an asset (micro-USDC for asset 0)."""
        return int(self.state.bal[self.account_id(account), self.names.assets.known(asset)])

    def position(self, account: int, instrument: str | int) -> tuple[int, int]:
        """(size in lots, cost in micro-USDC) of a position, both signed."""
        row = self.state.pos[self.account_id(account), self.names.instruments.known(instrument)]
        return int(row[st.SIZE]), int(row[st.COST])

    def equity(self, account: int) -> int:
        """Raw equity E in micro-USDC (MAR-01)."""
        return int(self.equities()[self.account_id(account)])

    def equities(self) -> np.ndarray:
        """E of every account, int64[accounts], micro-USDC."""
        out = np.zeros(self.accounts, np.int64)
        read_equity(self.arenas, out)
        return out

    def positions(self) -> np.ndarray:
        """Signed lots, int64[accounts, derivatives]."""
        return self.state.pos[:, : len(self.listing.derivatives()), st.SIZE].copy()

    def claim(self, account: int, asset: str | int) -> int:
        """Units of an asset that an account has lent to the pool, with interest (INT-01).

        0 for shares of an event, which nobody can lend.
        """
        n, k = self.account_id(account), self.names.assets.known(asset)
        if k >= self.state.lent.shape[1]:
            return 0
        a = self.state.assets[k]
        shares = int(self.state.lent[n, k])
        return shares * int(a[st.A_POOL]) // int(a[st.A_SHARES]) if shares else 0

    def book_state(self, instrument: str | int) -> BookState:
        """Whether a book is open, in auction, closed … (ORD-03)."""
        i = self.names.instruments.known(instrument)
        return BookState(int(self.state.ins[i, st.I_STATE]))

    def maintenance(self, account: int) -> tuple[float, float]:
        """(NE, MM) in USD at marks."""
        ne, mm = read_margin(self.arenas, self.account_id(account), False)
        return float(ne), float(mm)

    def surpluses(self) -> np.ndarray:
        """NE - MM of every account in USD at marks, float64[accounts]; below 0: to be liquidated."""
        out = np.zeros(self.accounts)
        read_scan(self.arenas, out)
        return out

    def initial(self, account: int) -> tuple[float, float]:
        """(NE at strict prices, IM) in USD, resting orders counted."""
        ne, im = read_margin(self.arenas, self.account_id(account), True)
        return float(ne), float(im)

    def bucket(self, name: str, index: str | int = 0) -> int:
        """A ledger bucket: pool, external, fees, rounding (by asset); insurance, bonds; clearing, vault."""
        s = self.state
        single = {"insurance": st.INSURANCE, "bonds": st.BONDS}
        by_asset = {
            "pool": st.A_POOL,
            "external": st.A_EXTERNAL,
            "fees": st.A_FEES,
            "rounding": st.A_ROUNDING,
        }
        if name in single:
            return int(s.h[single[name]])
        if name in by_asset:
            return int(s.assets[self.names.assets.known(index), by_asset[name]])
        if name == "clearing":
            return int(s.ins[self.names.instruments.known(index), st.I_CLEARING])
        if name == "vault":
            return int(s.events[self.names.events.known(index), st.V_SETS]) * MICRO
        raise ValueError(
            f"unknown bucket {name!r}; known: pool external fees rounding (by asset), insurance bonds, "
            "clearing (by instrument), vault (by event)"
        )

    def mark(self, instrument: str | int) -> int:
        """Mark price in ticks."""
        return int(self.state.ins[self.names.instruments.known(instrument), st.I_MARK])

    def index(self, feed: str | int) -> int:
        """Index price of a feed in ticks."""
        return int(self.state.feeds[self.names.feeds.known(feed), st.D_INDEX])

    def twap(self, feed: str | int) -> int:
        """Time-weighted average index of a feed in ticks (PRC-04)."""
        return int(self.state.feeds[self.names.feeds.known(feed), st.D_TWAP])

    def flagged(self) -> list[int]:
        """Accounts in liquidation, by id."""
        return [int(a) for a in np.flatnonzero(self.state.acct[:, st.C_FLAGGED])]

    def counters(self) -> dict[str, int]:
        """Messages, fills, rejects, margin evaluations and live orders so far."""
        h = self.state.h
        keys = {
            "messages": st.MESSAGES,
            "fills": st.FILLS,
            "rejects": st.REJECTS,
            "evaluations": st.EVALUATIONS,
            "live_orders": st.LIVE,
            "events": st.SEQ,
        }
        return {name: int(h[key]) for name, key in keys.items()}

    def best(self, instrument: str | int) -> tuple[int, int]:
        """(best bid, best ask) in ticks, -1 for none."""
        i = self.names.instruments.known(instrument)
        bid, ask = self.state.best[2 * i : 2 * i + 2]
        return int(bid), int(ask)

    def open_interest(self, instrument: str | int) -> int:
        """Lots held long; in an event book the complete sets of the event."""
        i = self.names.instruments.known(instrument)
        row = self.state.ins[i]
        if self.listing.kind(i) == Product.EVENT:
            return int(self.state.events[row[st.I_EVENT], st.V_SETS])
        return int(row[st.I_OI])

    def book(self, instrument: str | int) -> list[tuple[int, int, int, int, int]]:
        """(side, price, remaining lots, order id, account) by priority, bids first."""
        s = self.state
        i = self.names.instruments.known(instrument)
        rows = []
        for side in (0, 1):
            levels = s.levels[2 * i + side]
            ticks = np.flatnonzero(levels[:, st.HEAD])
            for k in ticks[::-1] if side == 0 else ticks:
                slot = int(levels[k, st.HEAD])
                while slot:
                    o = s.orders[slot]
                    rows.append(
                        (side, int(o[st.PX]), int(o[st.REST]), int(o[st.ID]), int(o[st.ACC]))
                    )
                    slot = int(o[st.NEXT])
        return rows

    def state_digest(self) -> str:
        """SHA-256 of everything but scratch and log, first 16 hex digits."""
        s = self.state
        h = hashlib.sha256()
        header = s.h.copy()
        header[st.EVALUATIONS] = header[st.LOGGED] = 0
        h.update(header.tobytes())
        for part in (
            s.ins,
            s.feeds,
            s.assets,
            s.events,
            s.bal,
            s.pos,
            s.acct[:, st.C_OPEN :],
            s.insf,
            s.lent,
            s.volume,
            s.history,
        ):
            h.update(np.ascontiguousarray(part).tobytes())
        for i in range(len(self.listing.instrument_names())):
            h.update(repr(self.book(i)).encode())
        h.update(s.stops[s.stops[:, st.T_ID] != 0].tobytes())
        return h.hexdigest()[:16]

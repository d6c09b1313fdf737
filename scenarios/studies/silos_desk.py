"""An exchange under one margin mode with everybody's book open, and the capital that this takes.

Every wallet first gets far more than it needs; the books are opened at the first prices; then the
exchange's own margin says how much was too much, and that is withdrawn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from agents import blocks
from scenarios.studies.silos_books import Book, Party, gross_usd
from scenarios.studies.silos_venue import RESERVE, SHARE_TICKS, Venue
from sim.exchange.instruments import MICRO, USDC, Kind
from sim.exchange.messages import (
    E_KIND,
    M_ACCOUNT,
    M_ARG,
    M_INSTRUMENT,
    M_KIND,
    M_SIZE,
    M_TIME,
    Event,
)
from sim.exchange.messages import Kind as Message
from sim.exchange.policies import MarginMode
from sim.exchange.rules import Rules
from sim.exchange.wallets import SPOT, Wallets

if TYPE_CHECKING:
    from sim.exchange.snapshot import Snapshot

START_US = 1_750_000_000_000_000
RESERVE_UNITS = 20_000_000_000  # USD of it
SPARE_USD = 1_000_000.0  # what a wallet gets beyond four times its party's book
ROUNDING = 2  # micro-USDC on top of a requirement in float64


class Desk:
    """Everybody's book under one margin mode.

    Args:
        venue: what is traded.
        parties: their books add up to 0 in every derivative and event.
        mode: of margin.
        insurance_usd: in the fund.
        credit: whether a wallet may owe USDC for its coins; without it coins are paid in full.

    Attributes:
        exchange, wallets: a party's account in wallet w is ``wallets.account(party, w)``.
        outside: the party with deep pockets that quotes the books, behind the others.
        need: int64[parties, wallets], micro-USDC: the least with which NE ≥ IM.
        gross_usd: notional of all books together.

    Raises:
        RuntimeError: an order was refused; the study's own fault.
    """

    def __init__(
        self,
        venue: Venue,
        parties: Sequence[Party],
        mode: MarginMode,
        insurance_usd: float,
        credit: bool = True,
    ) -> None:
        from sim.exchange.exchange import Exchange

        self.venue, self.parties, self.mode, self.credit = venue, parties, mode, credit
        listing = venue.listing
        self.outside = len(parties)
        self.wallets = Wallets(listing, mode, len(parties) + 1)
        self.wallets.whole[self.outside] = True
        self.rules = Rules(
            margin_mode=mode, backstop=False, withdraw_floor_ratio=0.0, max_open_orders=10_000
        )
        self.exchange = Exchange(
            listing,
            self.rules,
            self.wallets.accounts,
            order_slots=1 << 13,
            order_ids=1 << 18,
            event_rows=1 << 15,
            keep_events=1,
        )
        self.next_order = 1
        self.gross_usd = math.fsum(gross_usd(venue, p.book) for p in parties)
        self.rich = self._rich()
        self._found(insurance_usd)
        self._open()
        self.need = self._needs()
        self._opened: Snapshot = self.exchange.snapshot()

    # opening ------------------------------------------------------------------------------
    def send(self, block: np.ndarray, *, refused: bool = False) -> np.ndarray:
        """Messages of accounts now; RuntimeError for a REJECT unless ``refused``."""
        rows = np.ascontiguousarray(block)
        rows[:, M_TIME] = max(START_US, self.exchange.now)
        events = self.exchange.process(rows)
        if not refused and (bad := events[events[:, E_KIND] == Event.REJECT]).size:
            raise RuntimeError(f"{self.mode}: refused {bad[0].tolist()}")
        return events

    def ids(self, n: int) -> np.ndarray:
        self.next_order += n
        return np.arange(self.next_order - n, self.next_order)

    def _rich(self) -> np.ndarray:
        """int64[parties, wallets]: the first deposits; 0 where a wallet holds nothing."""
        rich = np.zeros((len(self.parties), self.wallets.count), dtype=np.int64)
        for p, party in enumerate(self.parties):
            much = int((4 * gross_usd(self.venue, party.book) + SPARE_USD) * MICRO)
            rich[p, self.wallets.of_instrument[list(party.book)]] = much
        return rich

    def _found(self, insurance_usd: float) -> None:
        """Prices, pool, fund, owners, deposits."""
        listing, out = self.venue.listing, []
        feeds = np.arange(len(listing.feeds))
        ticks = [f.index_ticks for f in listing.feeds]
        out.append(blocks.index(feeds, np.array(ticks), START_US))
        funds = blocks.orders(2)
        funds[:, M_KIND] = Message.POOL, Message.FUND
        funds[:, M_SIZE] = int(10 * self.gross_usd * MICRO), max(1, int(insurance_usd * MICRO))
        out += [funds, self.wallets.route(self.wallets.owners())]
        for p, party in enumerate(self.parties):
            for w, micro in enumerate(self.rich[p].tolist()):
                if micro:
                    out.append(blocks.deposit(self.wallets.account(p, w), USDC, micro))
            for asset, units in party.coins.items():
                out.append(blocks.deposit(self.wallets.account(p, SPOT), asset, units))
        out.append(blocks.deposit(self.outside, listing.asset_id(RESERVE), RESERVE_UNITS))
        for i in range(len(self.venue.names)):
            if listing.kind(i) == Kind.SPOT:
                lots = max(1, sum(p.book.get(i, 0) for p in self.parties))
                out.append(blocks.deposit(self.outside, listing.base_of(i), 2 * lots))
        self.send(blocks.join([*out, blocks.mark()]))

    def _open(self) -> None:
        """Everybody trades with everybody at the first price, book by book; the outside sells coins."""
        for i, ticks in enumerate(self.venue.first_ticks):
            legs = [(p, x.book[i]) for p, x in enumerate(self.parties) if i in x.book]
            if not legs:
                continue
            event = self.venue.listing.kind(i) == Kind.EVENT
            if (net := sum(lots for _, lots in legs)) > 0:
                legs.append((self.outside, -net))
            legs.sort(key=lambda leg: leg[1] > 0)  # sellers rest first
            who, lots = np.array(legs, dtype=np.int64).T
            down = (lots < 0).astype(np.int64)
            price = np.where(down & event, SHARE_TICKS - ticks, ticks)
            orders = blocks.new(
                who, i, 0 if event else down, price, np.abs(lots), self.ids(len(legs)), 0,
                down if event else 0,
            )  # fmt: skip
            self.send(self.wallets.route(orders))
        # Its proceeds must be no balance that the losses of others can be charged to.
        paid = blocks.deposit(self.outside, USDC, self.exchange.balance(self.outside, USDC))
        paid[:, M_KIND] = Message.WITHDRAW
        self.send(blocks.join([paid, blocks.mark()]))
        for p, party in enumerate(self.parties):
            if self.book(p) != party.book:
                raise RuntimeError(f"{self.mode}: party {p} holds {self.book(p)}")

    def book(self, party: int) -> Book:
        """What a party holds now, as in `silos_books`; coins beyond those it had."""
        listing, found = self.venue.listing, {}
        for i in range(len(self.venue.names)):
            account = self.wallets.account(party, int(self.wallets.of_instrument[i]))
            if listing.kind(i) == Kind.EVENT:
                first = listing.first_share(listing.event_of(i))
                balance = self.exchange.balance
                lots = balance(account, first) - balance(account, first + 1)
            elif listing.kind(i) == Kind.SPOT:
                base = listing.base_of(i)
                had = self.parties[party].coins.get(base, 0)
                lots = self.exchange.balance(account, base) - had
            else:
                lots = self.exchange.position(account, i)[0]
            if lots:
                found[i] = lots
        return found

    # capital ------------------------------------------------------------------------------
    def _needs(self) -> np.ndarray:
        """The least USDC of each wallet with which NE ≥ IM, from NE and IM as they are.

        Below what its coins and shares cost, a wallet owes USDC, and a debt of x asks for r·x:
        with c spent, D − c − r·(c − D) takes the place of D − c.
        """
        debt = self.venue.listing.usdc_debt
        assert debt.factor == 0.0  # so that r is a number
        assert debt.leverage_limit == 0.0
        need = np.zeros_like(self.rich)
        for p, w in zip(*np.nonzero(self.rich), strict=True):
            account = self.wallets.account(int(p), int(w))
            ne, im = self.exchange.initial(account)
            rich = int(self.rich[p, w])
            spent = rich - self.exchange.balance(account, USDC)
            least = rich - math.floor((ne - im) * MICRO)
            if least < spent and not self.credit:
                least = spent
            elif least < spent:
                least = math.ceil((least + debt.base * spent) / (1.0 + debt.base))
            need[p, w] = max(0, least + ROUNDING)
        return need

    def own_capital(self) -> np.ndarray:
        """int64[parties, wallets], micro-USDC: what each wallet needs times its party's buffer."""
        buffers = np.array([p.buffer for p in self.parties])
        return np.ceil(self.need * buffers[:, None]).astype(np.int64)

    def spread(self, total: np.ndarray) -> np.ndarray:
        """int64[parties] micro-USDC over wallets, in proportion to what they need."""
        out = np.zeros_like(self.need)
        for p, micro in enumerate(total.tolist()):
            need = [int(x) for x in self.need[p]]
            whole = sum(need)
            if whole == 0:  # nothing is needed: all of it where the book is
                out[p, int(np.flatnonzero(self.rich[p])[0])] = micro
                continue
            parts = [micro * x // whole for x in need]
            parts[need.index(max(need))] += micro - sum(parts)
            out[p] = parts
        return out

    def fund(self, capital: np.ndarray) -> Snapshot:
        """The opened books with this capital, int64[parties, wallets] micro-USDC.

        Raises RuntimeError where that is less than a wallet needs.
        """
        self.exchange.restore(self._opened)
        out = []
        for p, w in zip(*np.nonzero(self.rich), strict=True):
            row = blocks.orders(1)
            row[0, M_KIND], row[0, M_ACCOUNT] = (
                Message.WITHDRAW,
                self.wallets.account(int(p), int(w)),
            )
            more = int(self.rich[p, w]) - int(capital[p, w])
            row[0, M_INSTRUMENT], row[0, M_SIZE], row[0, M_ARG] = USDC, abs(more), 1
            if more < 0:
                row[0, M_KIND], row[0, M_ARG] = Message.DEPOSIT, 0
            if more:
                out.append(row)
        self.send(blocks.join(out))
        return self.exchange.snapshot()

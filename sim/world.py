"""The world: wires clock, transport, exchange, oracle, traders and recorder, and runs them.

SimPy owns time, Mesa owns the population.  Of Mesa's API only what 3.3 and 3.5 share is used.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, fields
from typing import Any, Protocol

import mesa
import numpy as np

from sim.clock import Clock, Transport, Window
from sim.exchange.endowment import Endowment
from sim.exchange.instruments import Listing
from sim.exchange.messages import (
    E_KIND,
    EV_COLS,
    M_KIND,
    M_SEQ,
    M_TIME,
    MSG_COLS,
    Event,
    Kind,
)
from sim.exchange.rules import Rules
from sim.exchange.wallets import Wallets
from sim.market import BOOKS, NOTICES, Inbox, Mailroom, MarketData, MarketView
from sim.oracle.price import PriceOracle
from sim.oracle.truth import TruthPath

SECOND_US = 1_000_000
AHEAD_US = 300 * SECOND_US  # the exchange's own messages are made for this long at a time
SETUP_ROWS = 8192  # messages in one call to the exchange during set-up

NO_EVENTS = np.empty((0, EV_COLS), dtype=np.int64)


@dataclass(frozen=True)
class Cadence:
    """Microseconds between the exchange's own messages, at multiples of them in UTC; 0 is off."""

    oracle_us: int = SECOND_US
    mark_us: int = SECOND_US
    premium_us: int = 5 * SECOND_US
    funding_us: int = 3600 * SECOND_US
    liquidate_us: int = SECOND_US
    book_us: int = SECOND_US // 2
    depth_us: int = 10 * SECOND_US
    interest_us: int = 3600 * SECOND_US
    settle_us: int = SECOND_US
    sample_us: int = SECOND_US  # between the recorder's looks; from the start on

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) < 0:
                raise ValueError(f"{field.name} {getattr(self, field.name)} is negative")
        if self.sample_us == 0:
            raise ValueError("sample_us 0: the recorder looks at least now and then")


class Exchange(Protocol):
    """What the world needs of an exchange."""

    @property
    def listing(self) -> Listing: ...
    @property
    def rules(self) -> Rules: ...
    @property
    def accounts(self) -> int: ...
    def process(self, block: np.ndarray) -> np.ndarray: ...
    def balance(self, account: int, asset: int) -> int: ...
    def open_interest(self, instrument: int) -> int: ...


class Trader(Protocol):
    """What the world needs of a trader; one with a false ``listens`` gets no inbox."""

    name: str
    accounts: np.ndarray
    latency_us: int

    def first_wake_us(self) -> int: ...
    def wake(self, now_us: int, view: MarketView, inbox: np.ndarray) -> tuple[np.ndarray, int]: ...


class Service(Protocol):
    """A part of the venue beside its engine: it hears events and sends messages of the venue's own.

    What it sends (``world.transport.schedule``) is for the time of what it heard plus the matching
    window, or later, so that the result is the same for every window.

    ``hears``: the kinds of events that `hear` is called with, set-up included.
    """

    @property
    def hears(self) -> frozenset[Event]: ...
    def attach(self, world: World) -> None:
        """Called once, before the run; it may call ``world.call_at``."""
        ...

    def hear(self, events: np.ndarray) -> None:
        """Events of those kinds, int64[k, 16], in order; the array is its own."""
        ...


class Recorder(Protocol):
    """What the world tells a recorder."""

    def begin(self, exchange: Any) -> None: ...
    def add(self, events: np.ndarray) -> None: ...
    def sample(self, now_us: int, exchange: Any) -> None: ...


class World(mesa.Model):
    """One exchange, its oracle and its traders, from `start_us` to `end_us` (inclusive).

    Args:
        exchange: `sim.exchange.exchange.Exchange`, or anything with its interface.
        seed: of every random stream in the run.
        start_us, end_us: microseconds of UTC.
        window_us: the matching window; 0 hands over every message alone.
        truth: the exogenous prices, for the recorder and for resolutions.
        oracle: who publishes the index; without one the feeds stay at their first price.
        recorder: who keeps the events.
        cadence: how often the exchange marks, liquidates and so on.
        wallets: of segregated and isolated margin (MAR-08): traders then speak in parties, of
            which each has an account per wallet; without them a party is an account.

    Attributes:
        on_batch: called, if set, after every call to the exchange.

    Raises:
        ValueError: the end is not after the start, the window is negative, or the wallets are
            not as many as the exchange's accounts.
    """

    def __init__(
        self,
        exchange: Exchange,
        *,
        seed: int,
        start_us: int,
        end_us: int,
        window_us: int = 10_000,
        truth: TruthPath | None = None,
        oracle: PriceOracle | None = None,
        recorder: Recorder | None = None,
        cadence: Cadence | None = None,
        wallets: Wallets | None = None,
    ) -> None:
        super().__init__(rng=seed)
        if wallets is not None and wallets.accounts != exchange.accounts:
            raise ValueError(f"{wallets.accounts} wallets for {exchange.accounts} accounts")
        if end_us <= start_us:
            raise ValueError(f"end {end_us} us is not after start {start_us} us")
        self.exchange, self.seed = exchange, seed
        self.start_us, self.end_us = int(start_us), int(end_us)
        self.truth, self.oracle, self.recorder = truth, oracle, recorder
        self.cadence = cadence or Cadence()
        self.wallets = wallets
        self.clock = Clock(self.start_us)
        self.transport = Transport()
        self.window = Window(self.clock, self.transport, self._deliver, window_us)
        self.data = MarketData(len(exchange.listing.instrument_names()), self.start_us)
        self.mailroom = Mailroom(exchange.accounts)
        self.on_batch: Callable[[], None] | None = None
        self.traders: dict[str, Trader] = {}  # by name, in the order they were added
        self.services: list[Service] = []
        self._began = False

    # before the run -------------------------------------------------------------------
    def add(self, trader: Trader) -> None:
        """Register a trader and start its SimPy process.

        Raises:
            ValueError: the name is taken, the latency is below the window (or not positive), or
                an account of it is somebody else's.
        """
        least = max(self.window.window_us, 1)
        if trader.latency_us < least:
            raise ValueError(
                f"{trader.name}: latency {trader.latency_us} us is below the window, {least} us"
            )
        if trader.name in self.traders:
            raise ValueError(f"two traders are named {trader.name!r}")
        listens = getattr(trader, "listens", True)
        inbox = self.mailroom.open(self._accounts(trader)) if listens else None
        self.traders[trader.name] = trader
        self.clock.start(self._live(trader, inbox))

    def serve(self, service: Service) -> None:
        """Take up a service of the venue; before `setup` if it is to hear of that.

        Raises:
            ValueError: the run has begun.
        """
        if self._began:
            raise ValueError(f"{type(service).__name__} comes too late: the run has begun")
        self.services.append(service)
        self.mailroom.notice(service.hears)
        service.attach(self)

    def setup(
        self, blocks: np.ndarray | Iterable[np.ndarray], stakes: np.ndarray | None = None
    ) -> np.ndarray:
        """Apply messages at the start, before anybody wakes, in the order given.

        Args:
            blocks: one int64[n, 12] or several; time and seq are stamped here, in a copy.
            stakes: float64[instruments], how a party without opening orders spreads its money
                over its wallets (`sim.exchange.endowment`).

        Returns:
            The events, int64[k, 16].
        """
        seen = []
        parts = [blocks] if isinstance(blocks, np.ndarray) else blocks
        if self.wallets is not None:
            parts = Endowment(self.wallets, stakes).spread(parts)
        for block in parts:
            for first in range(0, len(block), SETUP_ROWS):
                part = np.array(block[first : first + SETUP_ROWS], dtype=np.int64)
                part[:, M_TIME] = self.start_us
                part[:, M_SEQ] = self.transport.new_seqs(len(part))
                seen.append(self._deliver(part).copy())
        return np.concatenate(seen) if seen else NO_EVENTS

    def call_at(self, at_us: int, call: Callable[[int], None]) -> None:
        """Have ``call(at_us)`` called when everything that arrives before `at_us` is done.

        It may schedule messages of the exchange's own (`transport.schedule`) for `at_us` or later.
        """

        def run(now_us: int) -> None:
            self.window.drain(now_us)
            call(now_us)

        self.clock.call_at(at_us, run)

    # the run --------------------------------------------------------------------------
    def run(self, on_progress: Callable[[float], None] | None = None) -> None:
        """Run to the end; ``on_progress(fraction)`` is called once per simulated second."""
        while self.running:
            self._advance(self.clock.now_us + SECOND_US)
            if on_progress is not None:
                done = self.clock.now_us - self.start_us
                on_progress(done / (self.end_us - self.start_us))

    def step(self) -> None:
        """Run one simulated second (for Mesa's tools; `run` is the usual way)."""
        if self.running:
            self._advance(self.clock.now_us + SECOND_US)

    def finish_at(self, until_us: int) -> None:
        """Run on to `until_us`, everything at that very time included, and stop for good."""
        self._advance(until_us + 1)
        self.window.drain(min(until_us, self.end_us) + 1)
        self.running = False

    def _advance(self, until_us: int) -> None:
        if not self._began:
            self._began = True
            self.clock.start(self._send_ticks())
            if self.recorder is not None:
                self.recorder.begin(self.exchange)
                self.call_at(self.start_us, self._sample)
        self.clock.run(min(until_us, self.end_us))
        if self.clock.now_us >= self.end_us:
            self.window.drain(self.end_us + 1)
            self.running = False

    def _deliver(self, block: np.ndarray) -> np.ndarray:
        """Hand a sorted block to the exchange and its events to whom they concern."""
        events = self.exchange.process(block)
        if len(events):
            if self.recorder is not None:
                self.recorder.add(events)
            found = self.mailroom.sort(events)
            if found & BOOKS:
                self.data.add(events)
            if found & NOTICES:
                self._tell(events)
        if self.on_batch is not None:
            self.on_batch()
        return events

    def _tell(self, events: np.ndarray) -> None:
        """Give each service the events that it hears."""
        kinds = events[:, E_KIND]
        for service in self.services:
            heard = np.isin(kinds, [int(kind) for kind in service.hears])
            if heard.any():
                service.hear(events[heard])

    def _accounts(self, trader: Trader) -> np.ndarray:
        """The accounts whose events a trader hears of."""
        return (
            trader.accounts if self.wallets is None else self.wallets.accounts_of(trader.accounts)
        )

    def _live(self, trader: Trader, inbox: Inbox | None) -> Generator[Any, Any, None]:
        """The SimPy process of a trader: wake, look, send, sleep."""
        clock, transport, data, latency = self.clock, self.transport, self.data, trader.latency_us
        wallets = self.wallets
        yield clock.sleep(max(trader.first_wake_us() - clock.now_us, 0))
        while True:
            now = clock.now_us
            seen = now - latency
            events = NO_EVENTS if inbox is None else inbox.events(seen)
            if wallets is not None:
                events = wallets.parties_in(events)
            block, pause = trader.wake(now, data.view(seen), events)
            if len(block):
                if wallets is not None:
                    block = wallets.route(block)
                transport.send(latency, block, now)
            if pause <= 0:
                raise ValueError(f"{trader.name} wants to sleep {pause} us")
            yield clock.sleep(pause)

    def _send_ticks(self) -> Generator[Any, Any, None]:
        """The SimPy process of the exchange's own messages, made well ahead of their time."""
        at = self.start_us
        while at <= self.end_us:
            until = min(at + AHEAD_US, self.end_us + 1)
            self.transport.schedule(self._ticks(at, until))
            # Back a second early, or a window if that is longer: no message may come late.
            early = max(SECOND_US, 2 * self.window.window_us)
            yield self.clock.sleep(max(until - early - self.clock.now_us, 0))
            at = until

    def _ticks(self, from_us: int, until_us: int) -> np.ndarray:
        """The exchange's own messages with `from_us` <= time < `until_us`."""
        blocks = []
        if self.oracle is not None and self.cadence.oracle_us:
            blocks.append(self.oracle.messages(_times(self.cadence.oracle_us, from_us, until_us)))
        for kind, every_us in (
            (Kind.MARK, self.cadence.mark_us),
            (Kind.PREMIUM, self.cadence.premium_us),
            (Kind.FUNDING, self.cadence.funding_us),
            (Kind.INTEREST, self.cadence.interest_us),
            (Kind.SETTLE, self.cadence.settle_us),
            (Kind.LIQUIDATE, self.cadence.liquidate_us),
            (Kind.BOOK, self.cadence.book_us),
            (Kind.DEPTH, self.cadence.depth_us),
        ):
            if every_us:
                times = _times(every_us, from_us, until_us)
                block = np.zeros((len(times), MSG_COLS), dtype=np.int64)
                block[:, M_TIME], block[:, M_KIND] = times, kind
                blocks.append(block)
        return np.concatenate(blocks) if blocks else np.empty((0, MSG_COLS), dtype=np.int64)

    def _sample(self, now_us: int) -> None:
        """Let the recorder look at the exchange, at every sample."""
        assert self.recorder is not None
        self.recorder.sample(now_us, self.exchange)
        if now_us < self.end_us:
            self.call_at(min(now_us + self.cadence.sample_us, self.end_us), self._sample)


def _times(every_us: int, from_us: int, until_us: int) -> np.ndarray:
    """Multiples of `every_us` with `from_us` <= time < `until_us`, int64."""
    return np.arange(-(-from_us // every_us) * every_us, until_us, every_us, dtype=np.int64)

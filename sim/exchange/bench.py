"""Speed of the engine: matching alone, and the whole kernel with every account margined.

``run_flow`` replays the flow of ``flow.py`` with margin and ledger switched off; ``run_kernel``
draws a flow that binds (fills, refusals, liquidations) and replays it with everything on.  Both
measure CPU time of this process, best and median of several runs from the same snapshot, with the
flow made beforehand and all events written.
"""

from __future__ import annotations

import math
import statistics
import time
from typing import Any

import numpy as np

from sim.exchange.exchange import Exchange
from sim.exchange.flow import flow, opening_book, to_messages
from sim.exchange.instruments import (
    MICRO,
    Asset,
    BinaryEvent,
    Feed,
    Listing,
    Margin,
    Perpetual,
    Spot,
)
from sim.exchange.instruments import Kind as Instrument
from sim.exchange.kernel import loop
from sim.exchange.kernel import state as st
from sim.exchange.messages import (
    E_ACCOUNT,
    E_CODE,
    E_KIND,
    E_ORDER,
    E_SIZE,
    M_ACCOUNT,
    M_ARG,
    M_ARG2,
    M_FLAGS,
    M_INSTRUMENT,
    M_KIND,
    M_ORDER,
    M_PRICE,
    M_SIDE,
    M_SIZE,
    M_TIME,
    MSG_COLS,
    Event,
    Flag,
    Kind,
    Reason,
)
from sim.exchange.rules import Rules
from sim.exchange.snapshot import Snapshot

RUNS = 5


def calibration(loops: int = 300_000) -> float:
    """Rounds per second of a plain Python loop with a dictionary: what this machine is worth."""
    best = 0.0
    for _ in range(3):
        table: dict[int, int] = {}
        x = 1
        start = time.process_time()
        for k in range(loops):
            x = (x * 1_103_515_245 + 12_345) & 0x7FFFFFFF
            table[x & 1023] = table.get(x & 1023, 0) + k
        best = max(best, loops / (time.process_time() - start))
    return best


def replay(
    exchange: Exchange, start: Snapshot, block: np.ndarray, runs: int = RUNS
) -> tuple[list[float], list[np.ndarray]]:
    """(CPU seconds of each run of `block` from snapshot `start`, events of the last run).

    Only the kernel is timed; the log is emptied (and copied) outside the clock.
    """
    seconds = []
    parts: list[np.ndarray] = []
    for _ in range(runs + 1):  # the first run only warms up
        exchange.restore(start)
        parts = []
        spent = 0.0
        k = 0
        while k < len(block):
            begun = time.process_time()
            k = loop.process(exchange.arenas, block, k)
            spent += time.process_time() - begun
            parts.append(_emptied(exchange))
        seconds.append(spent)
    return seconds[1:], parts


def _emptied(exchange: Exchange) -> np.ndarray:
    """The events in the log, which is empty afterwards."""
    h = exchange.state.h
    events = exchange.state.log[: h[st.LOGGED]].copy()
    h[st.LOGGED] = 0
    return events


# --- matching alone ----------------------------------------------------------------------------
def run_flow(seed: int = 12345, messages: int = 200_000, runs: int = RUNS) -> dict[str, Any]:
    """Matching alone: trades, volume_lots, resting, messages_per_second (best) and the median."""
    exchange, block = flow_exchange(seed, messages)
    seconds, parts = replay(exchange, exchange.snapshot(), block, runs)
    events = np.concatenate(parts)
    fills = events[events[:, E_KIND] == Event.FILL]
    return {
        "seed": seed,
        "messages": messages,
        "trades": len(fills),
        "volume_lots": int(fills[:, E_SIZE].sum()),
        "resting": exchange.counters()["live_orders"],
        "messages_per_second": messages / min(seconds),
        "messages_per_second_median": messages / statistics.median(seconds),
        "calibration_loops_per_second": calibration(),
    }


def flow_exchange(seed: int, messages: int) -> tuple[Exchange, np.ndarray]:
    """An exchange with margin and ledger off and the opening book in place, and the flow for it."""
    opening, block = to_messages(opening_book()), to_messages(flow(messages, seed))
    found = Listing(
        feeds=(Feed(name="X", tick_micro=1_000_000, index_ticks=10_000),),
        perpetuals=(Perpetual(name="X-PERP", feed="X", lots_per_coin=1_000_000),),
    )
    ids = len(opening) + messages + 2
    exchange = Exchange(
        found,
        Rules(max_open_orders=ids, band_ratio=100.0),
        accounts=1,
        order_slots=ids,
        order_ids=ids,
        event_rows=4 * messages + 4096,
    )
    exchange.state.h[st.BARE] = 1
    exchange.process(opening)
    return exchange, block


# --- the whole kernel -----------------------------------------------------------------------------
INDEX, LADDER, TICK_MICRO, LOTS_PER_COIN = 4_000, 4_096, 10_000, 10  # one lot is worth 4 USD
DAY = 86_400
MEDIAN_USD, SPREAD = 150.0, 0.5  # an account's first USDC: log-normal
COINS_EACH = 5  # lots of every coin that an account starts with
LIQUIDATE_EVERY = 50  # marks
STEP = 0.002  # between two marks, standard deviation of the common and of each index's own move
LARGEST = {Instrument.PERPETUAL: 80, Instrument.SPOT: 3, Instrument.EVENT: 20}  # lots of an order
LEAN = 0.75  # how often even accounts sell and odd ones buy
LIMITS, CANCELS = 0.50, 0.20  # shares of messages; the rest takes
BOUND = 10  # ticks beyond the index that a taker pays
FUND_USD = 1_000_000


def listing(instruments: int) -> Listing:
    """Perpetuals (three fifths), spot books and binary events (a fifth each)."""
    fifth = instruments // 5
    names = [f"C{n}" for n in range(instruments - 2 * fifth)]
    margin = Margin(base=0.05, factor=1e-4, base_m=0.025, factor_m=5e-5)
    return Listing(
        feeds=tuple(
            Feed(name=x, tick_micro=TICK_MICRO, index_ticks=INDEX, stale_after_s=DAY) for x in names
        ),
        assets=tuple(Asset(name=x, feed=x, units_per_coin=LOTS_PER_COIN) for x in names[:fifth]),
        perpetuals=tuple(
            Perpetual(
                name=f"{x}-PERP",
                feed=x,
                lots_per_coin=LOTS_PER_COIN,
                ladder_ticks=LADDER,
                margin=margin,
            )
            for x in names
        ),
        spots=tuple(Spot(name=f"{x}/USDC", base=x, ladder_ticks=LADDER) for x in names[:fifth]),
        events=tuple(BinaryEvent(name=f"E{n}") for n in range(fifth)),
    )


def fund(exchange: Exchange, r: np.random.Generator) -> None:
    """Deposits of USDC and coins for every account, an insurance fund and a lenders' pool."""
    accounts, assets = exchange.accounts, 1 + len(exchange.listing.assets)
    block = np.zeros((accounts * assets + 2, MSG_COLS), np.int64)
    block[:, M_KIND] = Kind.DEPOSIT
    block[:-2, M_ACCOUNT] = np.repeat(np.arange(accounts), assets)
    block[:-2, M_INSTRUMENT] = np.tile(np.arange(assets), accounts)
    block[:-2, M_SIZE] = COINS_EACH
    usd = [MEDIAN_USD * math.exp(SPREAD * x) for x in r.standard_normal(accounts).tolist()]
    block[:-2:assets, M_SIZE] = [round(x * MICRO) for x in usd]
    block[-2:, M_KIND] = Kind.FUND, Kind.POOL
    block[-2:, M_SIZE] = FUND_USD * MICRO
    exchange.process(block)


class Crowd:
    """Draws blocks of user messages that fit the exchange's present state."""

    def __init__(self, exchange: Exchange, r: np.random.Generator) -> None:
        self.exchange, self.r = exchange, r
        self.next_id = 1
        kinds = np.array(
            [int(exchange.listing.kind(i)) for i in range(len(exchange.listing.instrument_names()))]
        )
        self.kinds = kinds
        self.largest = np.array([LARGEST[Instrument(int(k))] for k in kinds])

    def block(self, n: int) -> np.ndarray:
        """int64[n, 12]: limit orders near the index, cancels of live orders, takers."""
        r, s = self.r, self.exchange.state
        rows = np.zeros((n, MSG_COLS), np.int64)
        instrument = r.integers(0, len(self.kinds), n)
        event = self.kinds[instrument] == int(Instrument.EVENT)
        perpetual = self.kinds[instrument] == int(Instrument.PERPETUAL)
        u = r.random(n)
        takes = u >= LIMITS + CANCELS
        account = r.integers(0, self.exchange.accounts, n)
        side = (r.random(n) < np.where(account % 2, 1 - LEAN, LEAN)).astype(np.int64)
        away = np.where(takes, BOUND, -r.geometric(0.12, n))
        outcome = np.where(event, r.integers(0, 2, n), 0)
        index = s.feeds[np.maximum(s.ins[instrument, st.I_FEED], 0), st.D_INDEX]
        fair = np.where(event, s.ins[instrument, st.I_MARK], index)
        fair = np.where(outcome == 1, 1000 - fair, fair)
        rows[:, M_KIND] = Kind.NEW
        rows[:, M_ACCOUNT] = account
        rows[:, M_INSTRUMENT] = instrument
        rows[:, M_SIDE] = side
        rows[:, M_PRICE] = np.clip(fair + away * (1 - 2 * side), 1, np.where(event, 999, 1 << 40))
        largest = self.largest[instrument] * np.where(takes, 0.5, 1.0)
        rows[:, M_SIZE] = 1 + (r.random(n) * largest).astype(np.int64)
        rows[:, M_ORDER] = self.next_id + np.arange(n)
        rows[:, M_ARG] = outcome
        style = r.random(n)
        rows[:, M_FLAGS] = np.where(
            takes,
            np.where(style < 0.9, int(Flag.IOC), int(Flag.FOK)),
            np.where(style < 0.3, int(Flag.POST_ONLY), 0)
            + np.where((style > 0.97) & perpetual, int(Flag.REDUCE_ONLY), 0),
        )
        self.next_id += n
        live = np.flatnonzero(s.orders[:, st.ID])
        cancels = np.flatnonzero((u >= LIMITS) & ~takes)[: len(live)]
        slots = r.choice(live, len(cancels), replace=False)
        rows[cancels] = 0
        rows[cancels, M_KIND] = Kind.CANCEL
        rows[cancels, M_ACCOUNT] = s.orders[slots, st.ACC]
        rows[cancels, M_ORDER] = s.orders[slots, st.ID]
        return rows


def house(exchange: Exchange, r: np.random.Generator, now: int, liquidate: bool) -> np.ndarray:
    """A reading of every feed, MARK and, if asked, LIQUIDATE."""
    feeds = len(exchange.listing.feeds)
    rows = np.zeros((feeds + 1 + liquidate, MSG_COLS), np.int64)
    last = exchange.state.feeds[:feeds, st.D_PRICE]
    rows[:feeds, M_KIND] = Kind.INDEX
    rows[:feeds, M_INSTRUMENT] = np.arange(feeds)
    moves = r.standard_normal() + r.standard_normal(feeds)
    rows[:feeds, M_PRICE] = np.rint(last * (1 + STEP * moves))
    rows[:feeds, M_ARG] = now
    rows[:feeds, M_ARG2] = 5
    rows[feeds, M_KIND] = Kind.MARK
    rows[feeds + 1 :, M_KIND] = Kind.LIQUIDATE
    return rows


def draw(exchange: Exchange, messages: int, seed: int, mark_every: int) -> np.ndarray:
    """A flow of `messages` user messages and the house's between them, by running `exchange`."""
    r = np.random.default_rng(seed)
    crowd = Crowd(exchange, r)
    parts = []
    for n, first in enumerate(range(0, messages, mark_every)):
        now = exchange.now + 100_000
        liquidate = (n + 1) % LIQUIDATE_EVERY == 0
        user = crowd.block(min(mark_every, messages - first))
        block = np.concatenate([house(exchange, r, now, liquidate), user])
        block[:, M_TIME] = now
        exchange.process(block)
        parts.append(block)
    return np.concatenate(parts)


def kernel_exchange(
    messages: int, accounts: int, instruments: int, seed: int, mark_every: int
) -> tuple[Exchange, Snapshot, np.ndarray]:
    """(exchange at the flow's end, snapshot before the flow, flow)."""
    exchange = Exchange(
        listing(instruments),
        Rules(maker_fee_bps=-0.5, taker_fee_bps=3.0),
        accounts,
        order_slots=1 << 18,
        order_ids=messages + 2,
        event_rows=1 << 20,
    )
    fund(exchange, np.random.default_rng(seed + 1))
    start = exchange.snapshot()
    return exchange, start, draw(exchange, messages, seed, mark_every)


def run_kernel(
    messages: int = 1_000_000,
    accounts: int = 10_000,
    instruments: int = 20,
    seed: int = 1,
    mark_every: int = 1000,
    runs: int = RUNS,
) -> dict[str, Any]:
    """The whole kernel on a flow that binds; raises RuntimeError if the end breaks an invariant."""
    exchange, start, block = kernel_exchange(messages, accounts, instruments, seed, mark_every)
    digest = exchange.state_digest()
    before = start.header
    seconds, parts = replay(exchange, start, block, runs)
    if exchange.state_digest() != digest:
        raise RuntimeError("the replay of the flow ends in another state")
    broken = {name: count for name, count in exchange.verify().items() if count}
    if broken:
        raise RuntimeError(f"the final state breaks invariants: {broken}")
    events = np.concatenate(parts)
    kinds = events[:, E_KIND]
    rejects = events[kinds == Event.REJECT]
    codes, counts = np.unique(rejects[:, E_CODE], return_counts=True)
    fills = events[kinds == Event.FILL]
    orders = np.isin(block[:, M_KIND], (Kind.NEW, Kind.CANCEL))
    orders[: np.argmax(orders)] = True  # the first readings stay: without one there is no trade
    evaluations = exchange.counters()["evaluations"] - int(before[st.EVALUATIONS])
    off, _ = replay(exchange, start, np.ascontiguousarray(block[orders]), max(1, runs // 2))
    return {
        "seed": seed,
        "accounts": accounts,
        "instruments": instruments,
        "messages": len(block),
        "mark_every": mark_every,
        "fills": len(fills),
        "messages_that_filled": len(np.unique(fills[fills[:, E_CODE] == 0, E_ORDER])),
        "rejects": {Reason(int(c)).name: int(n) for c, n in zip(codes, counts, strict=True)},
        "margin_evaluations": evaluations,
        "liquidated_accounts": len(np.unique(events[kinds == Event.FLAG, E_ACCOUNT])),
        "liquidation_steps": int((kinds == Event.STEP).sum()),
        "digest": digest,
        "messages_per_second": len(block) / min(seconds),
        "messages_per_second_median": len(block) / statistics.median(seconds),
        "marks_off_messages_per_second": int(orders.sum()) / min(off),
        "calibration_loops_per_second": calibration(),
    }

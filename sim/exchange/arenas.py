"""Builds the three arenas of a fresh exchange from a listing and rules."""

from __future__ import annotations

import math

import numpy as np

from sim.exchange.instruments import (
    MICRO,
    AssetKind,
    BinaryEvent,
    Event,
    Future,
    InversePerpetual,
    Lending,
    Listing,
    Margin,
    Perpetual,
    ScalarEvent,
    Spot,
    Volatility,
)
from sim.exchange.kernel import state as st
from sim.exchange.policies import ADL, DISPOSALS, AnyDisposal, Steps, TwoStep, VegaDisposal
from sim.exchange.rules import Rules

MAX_STOPS = 1 << 14
MARKS_KEPT = 1024  # of each instrument with volatility auctions
NEVER = 1 << 62  # microseconds
YEAR_S = 31_536_000.0


def ppm(bps: float) -> int:
    """Basis points as integer parts per million."""
    return round(bps * 100)


def _margin(row: np.ndarray, at: tuple[int, ...], margin: Margin) -> None:
    base, factor, base_m, factor_m, inverse = at
    row[base], row[factor] = margin.base, margin.factor
    row[base_m], row[factor_m] = margin.base_m, margin.factor_m
    row[inverse] = 1.0 / margin.leverage_limit if margin.leverage_limit > 0 else 0.0


def header(
    listing: Listing, rules: Rules, accounts: int, slots: int, ids: int, rows: int
) -> np.ndarray:
    """Dimensions, counters and integer rules: int64[HEADER]."""
    h = np.zeros(st.HEADER, np.int64)
    names = listing.instrument_names()
    items = [listing.item(i) for i in range(len(names))]
    ladder = max(
        [
            64,
            *(x.payoff_ticks + 1 if isinstance(x, Event) else x.ladder_ticks for x in items),
        ],
    )
    words = (ladder + 63) // 64
    volatile = sum(not isinstance(x, Event) and x.volatility is not None for x in items)
    for key, value in {
        st.N_ACCOUNTS: accounts,
        st.N_INSTRUMENTS: len(names),
        st.N_PERPETUALS: len(listing.perpetuals),
        st.N_INVERSES: len(listing.inverses),
        st.N_DERIVATIVES: len(listing.derivatives()),
        st.N_SPOTS: len(listing.spots),
        st.N_EVENTS: len(listing.events),
        st.N_FEEDS: max(1, len(listing.feeds)),
        st.N_ASSETS: len(listing.asset_names()),
        st.N_COINS: len(listing.assets),
        st.N_SLOTS: slots,
        st.N_IDS: ids,
        st.N_LEVELS: ladder,
        st.N_WORDS: words,
        st.N_SUMMARY: (words + 63) // 64,
        st.N_ACTIVE: (len(names) + 63) // 64,
        st.N_LOG: rows,
        st.N_STOPS: max(64, min(slots // 4, MAX_STOPS)),
        st.N_HISTORIES: max(1, volatile),
        st.N_HISTORY: MARKS_KEPT if volatile else 1,
        st.N_TIERS: 1 + len(rules.fee_tiers),
        st.N_VOLUMES: accounts if rules.fee_tiers else 1,
        st.N_RING: st.RING,
        st.FREE: slots - 1,
        st.MARK_TIME: -1,
        st.STOPS_FREE: max(64, min(slots // 4, MAX_STOPS)) - 1,
        st.NEXT_EXPIRY: NEVER,
        st.DAY: -1,
        st.EVENT_PPM: ppm(rules.event_fee_bps),
        st.SELF_TRADE: rules.self_trade,
        st.BY_OWNER: int(rules.self_trade_by_owner),
        st.MAX_OPEN: rules.max_open_orders,
        st.STRICT: int(rules.strict_prices),
        st.STALE_GUARD: int(rules.stale_guard),
        st.FORCED_LAST: int(rules.forced_trades_count),
        st.TWAP_US: round(rules.twap_window_s * 1e6),
        **_disposal(rules.disposal),
        st.LIQ_PPM: ppm(rules.liquidation_fee_bps),
        st.BONUS_PPM: ppm(rules.backstop_bonus_bps),
        st.FAILED_STEPS: rules.backstop_failed_steps,
        st.RESERVE: rows // 2,
        st.EXTERNAL_US: round(rules.external_stale_s * 1e6),
        st.WINDOW_US: round(rules.settlement_window_s * 1e6),
        st.VOID_US: round(rules.void_after_days * 86_400e6),
        st.BOND_PPM: round(rules.bond_winner_ratio * 1e6),
        st.G_INCREASE: rules.guard_increase,
        st.G_WITHDRAW: rules.guard_withdraw,
        st.G_BORROW: rules.guard_borrow,
        st.G_FILL: rules.guard_fill,
        st.G_FUNDING: rules.guard_funding,
        st.G_SETTLEMENT: rules.guard_settlement,
        st.G_LIQUIDATE: rules.guard_liquidate,
        st.G_TRIGGER: rules.guard_trigger,
        st.PORTFOLIO: int(rules.margin_mode == "portfolio"),
        st.ADL: ADL.index(rules.adl),
        st.EXACT: int(rules.bounds == "dydx_exact"),
        st.EXACT_PPM: round(rules.exact_fee_cap * 1e6),
        st.LENDERS_FIRST: int(rules.shortfall == "lenders"),
        st.INSURANCE_CAP: round(rules.insurance_cap_usd * 1e6),
        st.BACKSTOP_ON: int(rules.backstop),
        st.PROPOSAL_MARGIN: int(rules.proposal_margin),
    }.items():
        h[key] = value
    return h


def _disposal(how: AnyDisposal) -> dict[int, int]:
    """LIQ-02: the policy's number and its parameters in the kernel's units."""
    found = {st.DISPOSAL: DISPOSALS.index(how.policy)}
    if isinstance(how, Steps):
        return found | {st.STEP_PPM: round(how.ratio * 1e6), st.STEP_MIN: round(how.min_usd * 1e6)}
    if isinstance(how, VegaDisposal):
        return found | {
            st.STEP_PPM: round(how.fraction * 1e6),
            st.STEP_MIN: 1000 * MICRO,
            st.STEP_LOTS: how.full_size_lots,
            st.BOOK_PPM: round(how.book_share * 1e6),
            st.WAIT_US: round(how.interval_s * 1e6),
        }
    if isinstance(how, TwoStep):
        return found | {
            st.STEP_PPM: round(how.ratio * 1e6),
            st.STEP_MIN: round(how.threshold_usd * 1e6),
            st.WAIT_US: round(how.wait_s * 1e6),
        }
    return found


def _rules(row: np.ndarray, rules: Rules) -> None:
    for key, value in {
        st.BAND: rules.band_ratio,
        st.MAX_IMPACT: rules.max_impact_ratio,
        st.PREMIUM_TAU: rules.premium_tau_s,
        st.BOOK_TAU: rules.book_tau_s,
        st.MARK_MIN: rules.mark_min_multiplier,
        st.MARK_MAX: rules.mark_max_multiplier,
        st.VOLATILE: rules.volatile_ratio,
        st.UNCERTAIN: rules.uncertain_ratio,
        st.INTEREST: rules.interest_8h,
        st.INTEREST_CLAMP: rules.interest_clamp_8h,
        st.FUNDING_CAP: rules.funding_cap_1h,
        st.PHI: rules.phi,
        st.WITHDRAW_FLOOR: rules.withdraw_floor_ratio,
        st.UNFLAG: rules.unflag_buffer,
        st.TRIGGER: rules.backstop_trigger_ratio,
        st.FILL_BA: rules.fillable_ba,
        st.FILL_SMMR: rules.fillable_smmr,
        st.FEE_RATE: max(rules.taker_fee_bps, 0.0) / 1e4,
        st.EVENT_FEE_RATE: rules.event_fee_bps / 1e4,
        st.LIQ_FEE_RATE: rules.liquidation_fee_bps / 1e4,
        st.OFFSET: rules.offset_ratio,
        st.EXTREME: rules.portfolio_extreme,
        st.EXTREME_WEIGHT: rules.portfolio_extreme_weight,
        st.FLOOR: rules.portfolio_floor,
        st.OVER: rules.portfolio_initial,
        st.MEAN_CAP: rules.mark_average_cap,
        st.MEAN_TAU: rules.mark_average_tau_s,
    }.items():
        row[key] = value


def _volatility(ins: np.ndarray, f: np.ndarray, v: Volatility | None, row: int) -> int:
    """ORD-05: bounds as factors of the reference; returns the next free row of marks kept."""
    ins[st.I_HISTORY] = -1
    if v is None:
        return row
    years = v.horizon_s / YEAR_S
    drift = (v.mu - v.sigma * v.sigma / 2) * years
    spread = v.z * v.sigma * math.sqrt(years)
    f[st.F_DOWN], f[st.F_UP] = math.exp(drift - spread), math.exp(drift + spread)
    ins[st.I_HORIZON], ins[st.I_AUCTION_US] = round(v.horizon_s * 1e6), round(v.auction_s * 1e6)
    ins[st.I_HISTORY] = row
    return row + 1


def _instruments(s: st.State, listing: Listing, rules: Rules) -> None:
    history = 0
    for i in range(len(listing.instrument_names())):
        item, ins, f = listing.item(i), s.ins[i], s.insf[i]
        ins[st.I_KIND] = listing.kind(i)
        ins[st.I_FEED] = listing.feed_of(i)
        ins[st.I_TV] = ins[st.I_COST] = listing.tick_value(i)
        ins[st.I_MAX] = listing.max_size_lots(i)
        ins[st.I_EVENT] = listing.event_of(i)
        ins[st.I_MIN_NOTIONAL] = round(item.min_notional_usd * 1e6)
        ins[st.I_LAST] = -1
        if isinstance(item, Event):
            ins[st.I_HISTORY] = -1
            ins[st.I_PAYOFF] = item.payoff_ticks
            ins[st.I_OUTCOME] = listing.outcome_of(i)
            ins[st.I_TICKS] = item.payoff_ticks + 1
            ins[st.I_MARK] = item.payoff_ticks // len(item.shares)
            f[st.F_LAMBDA] = item.lam
        else:
            index = listing.feeds[listing.feed_of(i)].index_ticks
            ins[st.I_TICKS] = item.ladder_ticks
            ins[st.I_MARK] = index
            ins[st.I_BASE] = max(0, index - item.ladder_ticks // 2)
            history = _volatility(ins, f, item.volatility, history)
        if isinstance(item, Spot | InversePerpetual):
            ins[st.I_ASSET] = listing.base_of(i)
        if isinstance(item, InversePerpetual):
            ins[st.I_FACE], ins[st.I_UNITS] = listing.face_micro(i), listing.base_units(i)
            ins[st.I_COST] = 1
        if isinstance(item, Future):
            ins[st.I_EXPIRY] = item.expiry_us
        if isinstance(item, Perpetual | InversePerpetual | Future):
            if rules.mark_average_cap > 0:
                f[st.F_MEAN_DEN] = rules.mark_average_tau_s
                f[st.F_MEAN_NUM] = ins[st.I_MARK] * rules.mark_average_tau_s
            _margin(
                f, (st.F_BASE, st.F_FACTOR, st.F_BASE_M, st.F_FACTOR_M, st.F_INV_LIMIT), item.margin
            )
            f[st.F_OI_LOW], f[st.F_OI_UP] = item.margin.oi_low_usd, item.margin.oi_up_usd
            f[st.F_CAP] = item.backstop_cap_usd
        if isinstance(item, Perpetual | InversePerpetual):
            f[st.F_IMPACT] = item.impact_notional_usd
        ins[st.I_TICK_MARK] = ins[st.I_MARK]


def _lending(row: np.ndarray, f: np.ndarray, lending: Lending) -> None:
    row[st.A_LEND_CAP], row[st.A_BORROW_CAP] = lending.lend_cap_units, lending.borrow_cap_units
    f[st.OPTIMAL], f[st.RATE_ZERO] = lending.optimal_utilisation, lending.rate_zero
    f[st.RATE_OPTIMAL], f[st.RATE_MAX] = lending.rate_optimal, lending.rate_max
    f[st.RESERVE_FEE], f[st.THROTTLE] = lending.reserve_fee, lending.throttle


def _assets(s: st.State, listing: Listing) -> None:
    margin = (st.B_BASE, st.B_FACTOR, st.B_BASE_M, st.B_FACTOR_M, st.B_INV_LIMIT)
    first = len(listing.derivatives())
    spots = {x.base: first + n for n, x in reversed([*enumerate(listing.spots)])}
    s.assets[:, st.A_FEED] = -1
    s.assets[:, st.A_SPOT] = -1
    s.assets[0, st.A_TV] = s.assets[0, st.A_BORROWABLE] = 1
    _margin(s.assetf[0], margin, listing.usdc_debt)
    _lending(s.assets[0], s.assetf[0], listing.usdc_lending)
    for k, asset in enumerate(listing.assets, start=1):
        s.assets[k, st.A_KIND] = AssetKind.COIN
        s.assets[k, st.A_FEED] = listing.feed_id(asset.feed)
        s.assets[k, st.A_TV] = listing.asset_tick_value(k)
        s.assets[k, st.A_SPOT] = spots.get(asset.name, -1)
        s.assets[k, st.A_BORROWABLE] = int(asset.borrowable)
        f = s.assetf[k]
        f[st.W], f[st.B], f[st.KAPPA] = asset.haircut_w, asset.haircut_b, asset.haircut_kappa
        f[st.CAP] = asset.collateral_cap_usd
        _margin(f, margin, asset.debt)
        _lending(s.assets[k], f, asset.lending)
    for e, event in enumerate(listing.events):
        first = listing.first_share(e)
        for n in range(len(event.shares)):
            s.assets[first + n, st.A_KIND] = AssetKind.SHARE
            s.assets[first + n, st.A_EVENT] = e
            s.assets[first + n, st.A_OUTCOME] = n
        row = s.events[e]
        row[st.V_SHARE], row[st.V_INSTRUMENT] = first, listing.first_book(e)
        row[st.V_PAYOFF] = event.payoff_ticks
        row[st.V_SHARES], row[st.V_BOOKS] = len(event.shares), len(event.books)
        row[st.V_DATE] = event.date_us
        if isinstance(event, ScalarEvent):
            row[st.V_LOW], row[st.V_HIGH] = event.low, event.high
        for n, jump in enumerate(event.jumps):
            s.assetf[first + n, st.JUMP] = jump


def _links(s: st.State, listing: Listing) -> None:
    """Chains of the derivatives on each feed (MAR-06) and of the events linked to it (MAR-07)."""
    s.feeds[:, st.D_FIRST] = s.feeds[:, st.D_LINKED] = s.ins[:, st.I_SAME] = -1
    s.events[:, st.V_FEED] = s.events[:, st.V_NEXT] = -1
    for i in reversed(range(len(listing.derivatives()))):
        feed = s.feeds[listing.feed_of(i)]
        s.ins[i, st.I_SAME], feed[st.D_FIRST] = feed[st.D_FIRST], i
    for feed in s.feeds:
        i = feed[st.D_FIRST]
        if i >= 0 and s.ins[i, st.I_SAME] >= 0:
            while i >= 0:
                s.ins[i, st.I_GROUPED] = 1
                i = s.ins[i, st.I_SAME]
    for e, event in reversed([*enumerate(listing.events)]):
        if not event.underlying:
            continue
        f = listing.feed_id(event.underlying)
        row = s.events[e]
        row[st.V_FEED], row[st.V_STRIKE] = f, event.strike
        row[st.V_BELOW] = int(isinstance(event, BinaryEvent) and event.below)
        row[st.V_NEXT], s.feeds[f, st.D_LINKED] = s.feeds[f, st.D_LINKED], e


def build(
    listing: Listing, rules: Rules, accounts: int, slots: int, ids: int, rows: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fresh arenas (int64, float64, uint64); raises ValueError for sizes below 1."""
    if accounts < 1 or slots < 2 or ids < 2 or rows < 1024:
        raise ValueError(
            f"accounts {accounts}, order_slots {slots}, order_ids {ids}, event_rows {rows}: too small"
        )
    h = header(listing, rules, accounts, slots, ids, rows)
    i64_size, f64_size, u64_size = st.sizes(h)
    i64 = np.zeros(i64_size, np.int64)
    i64[: st.HEADER] = h
    f64 = np.zeros(f64_size, np.float64)
    u64 = np.zeros(u64_size, np.uint64)
    arenas = (i64, f64, u64)
    s = python_views(arenas)
    s.free[: slots - 1] = np.arange(slots - 1, 0, -1)
    s.best[:] = -1
    stops = s.stops_free.shape[0]
    s.stops_free[: stops - 1] = np.arange(stops - 1, 0, -1)
    s.acct[:, st.C_OWNER] = np.arange(accounts)
    s.tiers[0] = 0, ppm(rules.maker_fee_bps), ppm(rules.taker_fee_bps)
    for n, tier in enumerate(rules.fee_tiers, start=1):
        s.tiers[n] = round(tier.volume_usd * 1e6), ppm(tier.maker_bps), ppm(tier.taker_bps)
    _rules(s.rules, rules)
    _instruments(s, listing, rules)
    _assets(s, listing)
    for n, feed in enumerate(listing.feeds):
        row = s.feeds[n]
        row[st.D_INDEX] = row[st.D_TWAP] = row[st.D_TICK_INDEX] = row[st.D_PRICE] = feed.index_ticks
        row[st.D_BOUND] = feed.bound * feed.index_ticks
        row[st.D_MIN_SOURCES] = feed.min_sources
        row[st.D_STALE_US] = feed.stale_after_s * MICRO
        row[st.D_OWN] = listing.instrument_id(feed.own_book) if feed.own_book else -1
        row[st.D_MOVES] = len(feed.grid)
        s.grid[n, : len(feed.grid)] = sorted(feed.grid, reverse=True)
    _links(s, listing)
    return arenas


def python_views(arenas: tuple[np.ndarray, np.ndarray, np.ndarray]) -> st.State:
    """The same views as the kernel's, as numpy arrays on the same memory."""
    function = getattr(st.views, "py_func", st.views)
    return function(arenas)

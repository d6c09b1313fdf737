"""Builds the three arenas of a fresh exchange from a listing and rules."""

from __future__ import annotations

import numpy as np

from sim.exchange.instruments import MICRO, AssetKind, BinaryEvent, Listing, Margin, Perpetual, Spot
from sim.exchange.kernel import state as st
from sim.exchange.rules import Rules


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
            *(x.payoff_ticks + 1 if isinstance(x, BinaryEvent) else x.ladder_ticks for x in items),
        ],
    )
    words = (ladder + 63) // 64
    for key, value in {
        st.N_ACCOUNTS: accounts,
        st.N_INSTRUMENTS: len(names),
        st.N_PERPETUALS: len(listing.perpetuals),
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
        st.N_RING: st.RING,
        st.FREE: slots - 1,
        st.MARK_TIME: -1,
        st.MAKER_PPM: ppm(rules.maker_fee_bps),
        st.TAKER_PPM: ppm(rules.taker_fee_bps),
        st.EVENT_PPM: ppm(rules.event_fee_bps),
        st.SELF_TRADE: rules.self_trade,
        st.MAX_OPEN: rules.max_open_orders,
        st.STRICT: int(rules.strict_prices),
        st.STALE_GUARD: int(rules.stale_guard),
        st.FORCED_LAST: int(rules.forced_trades_count),
        st.TWAP_US: round(rules.twap_window_s * 1e6),
        st.STEP_PPM: round(rules.step_ratio * 1e6),
        st.STEP_MIN: round(rules.step_min_usd * 1e6),
        st.LIQ_PPM: ppm(rules.liquidation_fee_bps),
        st.BONUS_PPM: ppm(rules.backstop_bonus_bps),
        st.FAILED_STEPS: rules.backstop_failed_steps,
        st.RESERVE: rows // 2,
    }.items():
        h[key] = value
    return h


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
    }.items():
        row[key] = value


def _instruments(s: st.State, listing: Listing) -> None:
    for i in range(len(listing.instrument_names())):
        item, ins, f = listing.item(i), s.ins[i], s.insf[i]
        ins[st.I_KIND] = listing.kind(i)
        ins[st.I_FEED] = listing.feed_of(i)
        ins[st.I_TV] = listing.tick_value(i)
        ins[st.I_MAX] = listing.max_size_lots(i)
        ins[st.I_EVENT] = listing.event_of(i)
        ins[st.I_MIN_NOTIONAL] = round(item.min_notional_usd * 1e6)
        ins[st.I_LAST] = -1
        if isinstance(item, BinaryEvent):
            ins[st.I_PAYOFF] = item.payoff_ticks
            ins[st.I_TICKS] = item.payoff_ticks + 1
            ins[st.I_MARK] = item.payoff_ticks // 2
            f[st.F_LAMBDA] = item.lam
        else:
            index = listing.feeds[listing.feed_of(i)].index_ticks
            ins[st.I_TICKS] = item.ladder_ticks
            ins[st.I_MARK] = index
            ins[st.I_BASE] = max(0, index - item.ladder_ticks // 2)
        if isinstance(item, Spot):
            ins[st.I_ASSET] = listing.asset_id(item.base)
        if isinstance(item, Perpetual):
            _margin(
                f, (st.F_BASE, st.F_FACTOR, st.F_BASE_M, st.F_FACTOR_M, st.F_INV_LIMIT), item.margin
            )
            f[st.F_OI_LOW], f[st.F_OI_UP] = item.margin.oi_low_usd, item.margin.oi_up_usd
            f[st.F_CAP], f[st.F_IMPACT] = item.backstop_cap_usd, item.impact_notional_usd
        ins[st.I_TICK_MARK] = ins[st.I_MARK]


def _assets(s: st.State, listing: Listing) -> None:
    margin = (st.B_BASE, st.B_FACTOR, st.B_BASE_M, st.B_FACTOR_M, st.B_INV_LIMIT)
    spots = {x.base: len(listing.perpetuals) + n for n, x in enumerate(listing.spots)}
    s.assets[:, st.A_FEED] = -1
    s.assets[:, st.A_SPOT] = -1
    s.assets[0, st.A_TV] = 1
    _margin(s.assetf[0], margin, listing.usdc_debt)
    for k, asset in enumerate(listing.assets, start=1):
        s.assets[k, st.A_KIND] = AssetKind.COIN
        s.assets[k, st.A_FEED] = listing.feed_id(asset.feed)
        s.assets[k, st.A_TV] = listing.asset_tick_value(k)
        s.assets[k, st.A_SPOT] = spots.get(asset.name, -1)
        f = s.assetf[k]
        f[st.W], f[st.B], f[st.KAPPA] = asset.haircut_w, asset.haircut_b, asset.haircut_kappa
        f[st.CAP] = asset.collateral_cap_usd
        _margin(f, margin, asset.debt)
    for e, event in enumerate(listing.events):
        yes = 1 + len(listing.assets) + 2 * e
        s.assets[yes : yes + 2, st.A_KIND] = AssetKind.SHARE
        s.assets[yes : yes + 2, st.A_EVENT] = e
        row = s.events[e]
        row[st.V_YES] = yes
        row[st.V_INSTRUMENT] = len(listing.perpetuals) + len(listing.spots) + e
        row[st.V_PAYOFF] = event.payoff_ticks


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
    _rules(s.rules, rules)
    _instruments(s, listing)
    _assets(s, listing)
    for n, feed in enumerate(listing.feeds):
        row = s.feeds[n]
        row[st.D_INDEX] = row[st.D_TWAP] = row[st.D_TICK_INDEX] = row[st.D_PRICE] = feed.index_ticks
        row[st.D_BOUND] = 64 * feed.index_ticks
        row[st.D_MIN_SOURCES] = feed.min_sources
        row[st.D_STALE_US] = feed.stale_after_s * MICRO
    return arenas


def python_views(arenas: tuple[np.ndarray, np.ndarray, np.ndarray]) -> st.State:
    """The same views as the kernel's, as numpy arrays on the same memory."""
    function = getattr(st.views, "py_func", st.views)
    return function(arenas)

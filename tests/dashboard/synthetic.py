"""A small run on disk, made by formula in the format of `docs/formats.md`.

Two perpetuals, a spot book and a binary event; ten minutes in which the index falls by a tenth;
twelve accounts of which three are liquidated.  The legs of the flagged accounts and their E, NE
and MM are worked out by hand below, not by the code under test.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from sim.exchange.instruments import Asset, BinaryEvent, Feed, Listing, Margin, Perpetual, Spot
from sim.exchange.messages import EVENT_COLUMNS, Event
from sim.exchange.rules import Rules

START_US = 1_760_129_400_000_000  # 2025-10-10 20:50:00 UTC
SECONDS = 600
LISTING = Listing(
    feeds=(
        Feed(name="BTC", tick_micro=1_000_000, index_ticks=116_000),
        Feed(name="ETH", tick_micro=100_000, index_ticks=40_000),
    ),
    assets=(
        Asset(name="BTC", feed="BTC", units_per_coin=10_000, haircut_w=0.95, haircut_kappa=0.0),
    ),
    perpetuals=(
        Perpetual(
            name="BTC-PERP", feed="BTC", lots_per_coin=1000, margin=Margin(factor=0, factor_m=0)
        ),
        Perpetual(
            name="ETH-PERP",
            feed="ETH",
            lots_per_coin=100,
            margin=Margin(base=0.04, base_m=0.02, factor=0, factor_m=0),
        ),
    ),
    spots=(Spot(name="BTC/USDC", base="BTC"),),
    events=(BinaryEvent(name="BTC-BELOW-105K", payoff_ticks=1000),),
)
COLUMNS = (
    *("time_us", "instrument", "index", "mark", "bid", "ask", "last", "depth10"),
    *("depth50_bid", "depth50_ask", "oi", "truth"),
)


class Flagged(NamedTuple):
    """An account's flag: second, LEG rows (code, instrument, size, cost, price) and totals."""

    account: int
    second: int
    legs: tuple[tuple[int, int, int, int, int], ...]
    equity: float
    net_equity: float
    initial: float
    maintenance: float


# BTC-PERP: 1 tick x 1 lot = 1,000 micro-USDC; ETH-PERP: 1,000; a BTC unit: 100; a share: 1,000.
FLAGGED = (
    # 1,000 USDC; long 1 BTC bought at 112,000, mark 111,000: u = -1,000 + ...
    Flagged(
        3,
        200,
        (
            (0, 0, 2_000_000_000, 0, 1),
            (1, 0, 1000, 112_000_000_000, 111_000),
        ),
        equity=2000 - 1000,
        net_equity=2000 - 1000,
        initial=111_000 * 0.02,
        maintenance=111_000 * 0.01,
    ),
    # 500 USDC owed; 0.5 BTC at 110,000 (w 0.95); short 10 ETH sold at 3,900, mark 4,000;
    # 1,000 YES at 0.30.
    Flagged(
        5,
        260,
        (
            (0, 0, -50_000_000_000, 0, 1),
            (0, 1, 5000, 0, 110_000),
            (0, 2, 1000, 0, 300),
            (1, 1, -1000, -39_000_000_000, 40_000),
        ),
        equity=-50_000 + 55_000 + 300 - 1000,
        net_equity=-50_000 + 55_000 * 0.95 + 300 - 1000,
        initial=50_000 * 0.05 + 40_000 * 0.04 + 300,
        maintenance=50_000 * 0.03 + 40_000 * 0.02 + 300,
    ),
    # flagged a second time, after a part was sold
    Flagged(
        3,
        320,
        (
            (0, 0, 500_000_000, 0, 1),
            (1, 0, 500, 54_800_000_000, 109_000),
        ),
        equity=500 - 300,
        net_equity=500 - 300,
        initial=54_500 * 0.02,
        maintenance=54_500 * 0.01,
    ),
    # bankrupt: 100 USDC; long 20 ETH bought at 4,000, mark 3,900
    Flagged(
        8,
        400,
        (
            (0, 0, 100_000_000, 0, 1),
            (1, 1, 2000, 80_000_000_000, 39_000),
        ),
        equity=100 - 2000,
        net_equity=100 - 2000,
        initial=78_000 * 0.04,
        maintenance=78_000 * 0.02,
    ),
)


def write_run(
    runs: Path,
    run_id: str = "synthetic-7",
    *,
    seed: int = 7,
    scale: float = 1.0,
    complete: bool = True,
    holdings: bool = False,
    events: bool = True,
) -> Path:
    """Write one run and give its folder; `scale` multiplies every amount of money."""
    path = runs / run_id
    (path / "events").mkdir(parents=True)
    _series().write_parquet(path / "series.parquet")
    _book().write_parquet(path / "book.parquet")
    funds = _funds(scale)
    funds.write_parquet(path / "funds.parquet")
    accounts = _accounts(scale)
    accounts.write_parquet(path / "accounts.parquet")
    if events:
        _events().write_parquet(path / "events" / "000001.parquet")
    if holdings:
        _holdings().write_parquet(path / "holdings.parquet")
    last = funds.tail(1).row(0, named=True)
    values: list[tuple[str, float, str]] = [
        ("bad_debt_usd", 1900.5 * scale, "USD"),
        ("insurance_used_usd", last["insurance_usd_paid"], "USD"),
        ("liquidated_accounts", 3.0, "accounts"),
        ("mark_gap_max_bps", 41.25, "bp"),
    ]
    pl.DataFrame(values, schema=["name", "value", "unit"], orient="row").write_parquet(
        path / "metrics.parquet"
    )
    if complete:
        manifest = _manifest(run_id, seed, values, last)
        (path / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    return path


def _fall(second: int) -> float:
    """The price as a share of its start: down a tenth between 100 s and 400 s."""
    progress = min(max((second - 100) / 300, 0.0), 1.0)
    return 1 - 0.1 * progress + 0.002 * math.sin(second / 7)


def _series() -> pl.DataFrame:
    rows = []
    for second in range(SECONDS + 1):
        time = START_US + second * 1_000_000
        for i, first in enumerate((116_000, 40_000, 116_000)):
            index = round(first * _fall(second))
            mark = index - round(first * 0.001) if 150 < second < 450 else index
            empty = 380 <= second < 400 and i == 1
            bid, ask = (-1, -1) if empty else (mark - 20, mark + 20)
            rows.append((time, i, index, mark, bid, ask, mark, 500, 900, 900, 120_000, index + 3))
        chance = round(1000 * min(max(0.05 + (1 - _fall(second)) * 8, 0.01), 0.97))
        rows.append((time, 3, -1, chance, chance - 5, chance + 5, chance, 0, 0, 0, 8000, -1))
    return pl.DataFrame(rows, schema=dict.fromkeys(COLUMNS, pl.Int64), orient="row")


def _book() -> pl.DataFrame:
    rows = []
    for second in range(0, SECONDS + 1, 10):
        thin = 0.1 if 200 <= second <= 420 else 1.0
        for i in range(4):
            for side in (0, 1):
                lots = [round(thin * (40 + 30 * b) * (0.6 if side == 0 else 1)) for b in range(10)]
                if thin < 1 and side == 0:
                    lots[0] = 0
                rows.append((START_US + second * 1_000_000, i, side, *lots))
    names = ["time_us", "instrument", "side", *(f"b{b}" for b in range(10))]
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.Int64), orient="row")


def _funds(scale: float) -> pl.DataFrame:
    rows = []
    for second in range(SECONDS + 1):
        book = 2500.0 * max(0, min(second, 420) - 200)
        backstop = 18_000.0 if second >= 330 else 0.0
        paid = 1900.5 if second >= 400 else 0.0
        adl = 39_000.0 if second >= 405 else 0.0
        social = 120.25 if second >= 405 else 0.0
        flagged = sum(200 <= second < 420 for _ in "ab") + (400 <= second < 410)
        money = (25_000.0 - paid, 0.0, flagged, book, backstop, paid, adl, social)
        rows.append((START_US + second * 1_000_000, *(m * scale for m in money)))
    names = ["time_us", "insurance_usd", "pool_usdc", "flagged_accounts", "book_usd"]
    names += ["backstop_usd", "insurance_usd_paid", "adl_usd", "socialised_usd"]
    frame = pl.DataFrame(rows, schema=names, orient="row")
    return frame.with_columns((pl.col("flagged_accounts") / scale).cast(pl.Int64))


def _accounts(scale: float) -> pl.DataFrame:
    first = {flag.account: flag for flag in reversed(FLAGGED)}
    stages = {3: "book", 5: "backstop", 8: "adl"}
    rows = []
    for account in range(12):
        start = 1000.0 * (account + 1)
        profit = round(400 * math.cos(account * 1.7) * (10 if account in stages else 1) - 150, 2)
        if account in stages:
            profit = -abs(profit)
        flag = first.get(account)
        rows.append(
            {
                "account": account,
                "cohort": ("maker", "leveraged", "noise")[account % 3],
                "start_equity_usd": start * scale,
                "end_equity_usd": (start + profit) * scale,
                "pnl_usd": profit * scale,
                "flagged_us": START_US + flag.second * 1_000_000 if flag else -1,
                "stage": stages.get(account, "none"),
                "liquidated_notional_usd": 111_000.0 * scale if account in stages else 0.0,
                "adl_notional_usd": 39_000.0 * scale if account == 8 else 0.0,
                "insurance_usd": 1900.5 * scale if account == 8 else 0.0,
                "haircut_usd": 10.25 * scale if account == 1 else 0.0,
            }
        )
    return pl.DataFrame(rows)


def _events() -> pl.DataFrame:
    rows: list[dict[str, int]] = []

    def add(**columns: int) -> None:
        row = dict.fromkeys(EVENT_COLUMNS, 0) | columns
        rows.append(row | {"seq": len(rows) + 1})

    for flag in FLAGGED:
        time = START_US + flag.second * 1_000_000
        add(kind=Event.INDEX, time_us=time, price=111_000)
        add(
            kind=Event.FLAG,
            time_us=time,
            account=flag.account,
            amount=round(flag.equity * 1e6),
            x=round(flag.net_equity * 1e6),
            y=round(flag.maintenance * 1e6),
        )
        for code, instrument, size, cost, price in flag.legs:
            add(
                kind=Event.LEG,
                time_us=time,
                account=flag.account,
                code=code,
                instrument=instrument,
                size=size,
                amount=cost,
                price=price,
            )
        add(kind=Event.STEP, time_us=time, account=flag.account, instrument=0, size=100)
    return pl.DataFrame(rows, schema=dict.fromkeys(EVENT_COLUMNS, pl.Int64))


def _holdings() -> pl.DataFrame:
    """Account 0 at the end: 900 USDC and 10 complete sets."""
    rows = [(0, 0, 0, 900_000_000, 0, 1), (0, 0, 2, 10, 0, 800), (0, 0, 3, 10, 0, 200)]
    names = ["account", "code", "instrument", "size", "cost", "price"]
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.Int64), orient="row")


def _manifest(
    run_id: str, seed: int, values: list[tuple[str, float, str]], last: dict[str, Any]
) -> dict[str, Any]:
    digest = f"{seed:064x}"
    stages = {
        "book_usd": last["book_usd"],
        "backstop_usd": last["backstop_usd"],
        "insurance_usd": last["insurance_usd_paid"],
        "adl_usd": last["adl_usd"],
        "socialised_usd": last["socialised_usd"],
        "first_adl_delay_s": 5.0,
        "liquidated_accounts": 3,
        "adl_accounts": 1,
    }
    report = {
        "run_id": run_id,
        "scenario": "synthetic",
        "seed": seed,
        "digest": digest,
        "sim_seconds": SECONDS,
        "accounts": 12,
        "instruments": 4,
        "metrics": {name: {"value": value, "unit": unit} for name, value, unit in values},
        "stages": stages,
        "invariants": {"I1": 0, "I2": 0, "I7": None},
        "checks": [{"id": "no-adl", "passed": False, "value": 39_000.0, "expect": "== 0"}],
    }
    return {
        "schema": 1,
        "run_id": run_id,
        "scenario": "synthetic",
        "seed": seed,
        "digest": digest,
        "start_us": START_US,
        "end_us": START_US + SECONDS * 1_000_000,
        "report": report,
        "listing": LISTING.model_dump(),
        "rules": Rules().model_dump(),
    }

"""A stored run's end as a statement, its books' depth, and its forced orders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import ValidationError

from sim.exchange.account import share_of
from sim.exchange.instruments import MICRO, USDC, Kind, Listing
from sim.exchange.messages import EVENT_COLUMNS, Event
from sim.network.depth import lot_usd
from sim.network.statement import Statement
from sim.record.holdings import BALANCE, CLAIM, POSITION
from sim.record.store import Run, RunDamaged
from sim.risk.cascade import Cascade

if TYPE_CHECKING:
    import polars as pl


def listing_of_run(run: Run) -> Listing:
    """What the run's exchange listed; RunDamaged if the manifest does not say."""
    try:
        return Listing.model_validate(run.manifest["listing"])
    except (KeyError, ValidationError) as error:
        what = str(error).splitlines()[0]
        raise RunDamaged(f"{run.path}: no listing that can be read: {what}") from error


def statement_of_run(run: Run) -> Statement:
    """What every account held at the end.

    Only the USDC pool is on record; another asset's pool counts as what its lenders may claim.

    Raises:
        RunDamaged: a table is missing, or the manifest has no listing.
    """
    import polars as pl

    listing = listing_of_run(run)
    path = run.path / "holdings.parquet"
    if not path.is_file():
        raise RunDamaged(f"{path}: missing")
    rows = pl.read_parquet(path).to_numpy()
    n = run.accounts().select(pl.len()).collect().item()
    coins = 1 + len(listing.assets)
    sizes = np.zeros((n, len(listing.derivatives())), np.int64)
    costs = np.zeros_like(sizes)
    balances = np.zeros((n, len(listing.asset_names())), np.int64)
    claims = np.zeros((n, coins), np.int64)
    index, marks = _last_prices(run, listing)
    for account, code, thing, size, cost, price in rows.tolist():
        if code == POSITION:
            sizes[account, thing], costs[account, thing] = size, cost
            marks[thing] = price
            continue
        (claims if code == CLAIM else balances)[account, thing] = size
        if USDC < thing < coins:
            index[listing.feed_id(listing.assets[thing - 1].feed)] = price
        elif thing >= coins and code == BALANCE:
            _mark_share(listing, marks, thing, price)
    funds = run.funds().tail(1).select("insurance_usd", "pool_usdc").collect()
    insurance, pool = funds.row(0) if len(funds) else (0.0, 0.0)
    pools = claims.sum(axis=0)
    pools[USDC] = max(int(pools[USDC]), round(pool * MICRO))
    return Statement(
        listing, sizes, costs, balances, claims, marks, index, pools, round(insurance * MICRO)
    )


def near_usd_of_run(run: Run) -> np.ndarray:
    """USD resting within 50 bp of the mid at the last frame, mean of both sides, by instrument."""
    listing = listing_of_run(run)
    found = np.zeros(len(listing.instrument_names()))
    last = _last_frame(run)
    for i, mark, bid, ask in last.select(
        "instrument", "mark", "depth50_bid", "depth50_ask"
    ).iter_rows():
        if listing.kind(i) != Kind.EVENT:
            found[i] = (max(bid, 0) + max(ask, 0)) / 2 * lot_usd(listing, i, max(mark, 0))
    return found


def cascade_events(run: Run) -> np.ndarray:
    """FLAG, STEP and forced FILL rows, and the INDEX rows that are parents: int64[k, 16].

    No rows if the run kept no events.
    """
    import polars as pl

    kind = pl.col("kind")
    forced = (kind == int(Event.FILL)) & (pl.col("code") == 1)
    wanted = kind.is_in([int(Event.FLAG), int(Event.STEP)]) | forced
    rows = run.events().filter(wanted).select(EVENT_COLUMNS)
    flags = rows.filter(pl.col("kind") == int(Event.FLAG))
    parents = flags.select("parent").collect()["parent"].unique()
    causes = (
        run.events()
        .filter((kind == int(Event.INDEX)) & pl.col("seq").is_in(parents.to_list()))
        .select(EVENT_COLUMNS)
    )
    return pl.concat([rows, causes]).sort("seq").collect().to_numpy()


def cascade_table(events: np.ndarray) -> np.ndarray:
    """The table of forced orders (`sim.network.cascade`) of what `cascade_events` found."""
    kinds = events[:, EVENT_COLUMNS.index("kind")]
    cascade = Cascade()
    cascade.add(events[kinds == Event.STEP], events[kinds == Event.FILL])
    return cascade.table()


def _last_frame(run: Run) -> pl.DataFrame:
    import polars as pl

    series = run.series()
    return series.filter(pl.col("time_us") == pl.col("time_us").max()).collect()


def _last_prices(run: Run, listing: Listing) -> tuple[np.ndarray, np.ndarray]:
    """(index by feed, mark by instrument), ticks, as of the last market-data frame."""
    index = np.array([feed.index_ticks for feed in listing.feeds], np.int64)
    marks = np.zeros(len(listing.instrument_names()), np.int64)
    for i, at_index, mark in _last_frame(run).select("instrument", "index", "mark").iter_rows():
        marks[i] = max(mark, 0)
        if listing.feed_of(i) >= 0 and at_index > 0:
            index[listing.feed_of(i)] = at_index
    return index, marks


def _mark_share(listing: Listing, marks: np.ndarray, asset: int, price: int) -> None:
    event, outcome = share_of(listing, asset)
    item, book = listing.events[event], listing.first_book(event)
    if len(item.books) > 1:
        marks[book + outcome] = price
    else:
        marks[book] = item.payoff_ticks - price if outcome else price

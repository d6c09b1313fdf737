"""The legs of an explanation are the kernel's own floats, live or rebuilt from LEG events."""

from __future__ import annotations

import lives
import numpy as np
import programs
import pytest
from kernel_venue import KernelVenue
from programs import Program

from sim.exchange import messages as ms
from sim.exchange.explain import (
    Explanation,
    account_of,
    account_of_legs,
    equity_of,
    explain,
    leg_rows,
    legs_of,
)
from sim.exchange.messages import Event


def same(venue: KernelVenue, account: int) -> Explanation:
    """The explanation of an account, after comparing its sums with the kernel's, bit for bit."""
    said = explain(venue, account)
    assert (said.ne_usd, said.mm_usd) == venue.maintenance(account)
    assert (said.strict_ne_usd, said.im_usd) == venue.initial(account)
    assert said.equity_usd == venue.equity(account) / 1e6
    return said


def follow(made: Program, every: int) -> set[tuple[str, str]]:
    """Compare all accounts at many moments; returns the (leg, clause) pairs seen."""
    venue = lives.fresh(made)
    seen = set()
    for n, message in enumerate(made.messages):
        venue.handle(message)
        if n % every == 0:
            for account in range(made.accounts):
                for leg in same(venue, account).legs:
                    seen.add((leg.name, leg.clause))
                    assert leg.inputs
    return seen


@pytest.mark.spec("MAR-11")
@pytest.mark.parametrize("seed", range(8))
def test_legs_add_up_to_the_kernels_numbers(seed: int) -> None:
    for strict in (False, True):
        made = programs.program(seed)
        made.rules["strict_prices"] = strict
        assert len(follow(made, 40)) > 6


@pytest.mark.spec("MAR-11")
@pytest.mark.parametrize("seed", range(10))
def test_legs_of_every_product_add_up(seed: int) -> None:
    assert len(follow(lives.program(seed), 60)) > 3


@pytest.mark.spec("MAR-11")
def test_every_clause_and_kind_of_leg_comes_up() -> None:
    """Else the tests above could agree on nothing."""
    clauses = {"MAR-02", "MAR-03", "MAR-04", "MAR-05"}
    parts = {
        "lent_usdc", "lent_coins", "inverse_pnl_coins", "contracts", "size_coins", "shares", "yes",
        "lambda", "weight", "worst_book_loss_usd",
    }  # fmt: skip
    for seed in range(lives.SEEDS):
        venue, _ = lives.stream(seed)
        for account in range(venue.accounts):
            for leg in explain(venue, account).legs:
                clauses -= {leg.clause}
                parts -= set(leg.inputs)
    assert clauses == set()
    assert parts == set()


def flags(events: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Every FLAG row with the LEG rows behind it."""
    found = []
    for k in np.flatnonzero(events[:, ms.E_KIND] == Event.FLAG):
        end = k + 1
        while end < len(events) and events[end, ms.E_KIND] == Event.LEG:
            end += 1
        found.append((events[k], events[k + 1 : end]))
    return found


@pytest.mark.spec("MAR-11")
def test_accounts_rebuilt_from_leg_events_are_explained_alike() -> None:
    """E, NE and MM of a FLAG come out of its LEG rows to the last micro-USDC."""
    count, claims, seed = 0, 0, -1
    while count < 20 or claims == 0:
        seed += 1
        assert seed < lives.SEEDS, f"only {count} flags, {claims} of them with claims"
        made = lives.program(seed)
        venue = lives.fresh(made)
        for message in made.messages:
            if message[ms.M_KIND] != ms.Kind.LIQUIDATE:
                venue.handle(message)
                continue
            now = account_of(venue, 0)  # for what is the same for every account
            for flag, legs in flags(venue.process(np.array([message], np.int64))):
                account = account_of_legs(
                    venue.listing,
                    leg_rows(legs),
                    index=now.index,
                    oi=now.oi,
                    totals=now.totals,
                    proposed=now.proposed,
                )
                parts = legs_of(venue.listing, venue.rules, account)
                told = Explanation(0, 0, parts, equity_of(venue.listing, account) / 1e6)
                said = [told.equity_usd, told.ne_usd, told.mm_usd]
                wrote = flag[[ms.E_AMOUNT, ms.E_X, ms.E_Y]].tolist()
                assert [round(x * 1e6) for x in said] == wrote
                count += 1
                claims += bool(account.claims)


def test_without_an_index_the_mark_of_an_inverse_stands_in() -> None:
    streams = (lives.stream(seed)[0] for seed in range(lives.SEEDS))
    listing = next(venue.listing for venue in streams if venue.listing.inverses)
    i = len(listing.perpetuals)
    feed = listing.feed_of(i)
    account = account_of_legs(listing, [(1, i, 5, -7, 1234)])
    assert account.index == {feed: 1234}
    known = account_of_legs(listing, [(1, i, 5, -7, 1234)], index={feed: 2468})
    assert equity_of(listing, known) == 2 * equity_of(listing, account) != 0


@pytest.mark.parametrize("account", [-1, 10**6])
def test_an_unknown_account_is_refused(account: int) -> None:
    venue, _ = lives.stream(0)
    with pytest.raises(ValueError, match="unknown account"):
        explain(venue, account)


def test_an_explanation_is_plain_data() -> None:
    venue, _ = lives.stream(0)
    told = explain(venue, 2).to_dict()
    assert told["free_usd"] == told["strict_ne_usd"] - told["im_usd"]
    assert sum(leg["ne_usd"] for leg in told["legs"]) == pytest.approx(told["ne_usd"])

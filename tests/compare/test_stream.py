"""Each invariant that only the stream of events can show is broken, and its own id is reported."""

from __future__ import annotations

import lives
import numpy as np
import programs
import pytest
from kernel_venue import KernelVenue
from spoil import (
    FILL_AT,
    Change,
    Rows,
    altered,
    beyond_the_limit,
    bond_to_the_other,
    event_mark,
    flagged_without_position_or_debt,
    forgotten_payer,
    fund_that_still_had_money,
    growing_position,
    healthy_flag,
    insurance_after_adl,
    lost,
    mark_beyond_its_clamp,
    other_index,
    own_trade,
    settled_with_a_position_left,
    some,
    step_in_an_auction,
    step_of_the_unflagged,
    trade_after_the_end,
    trade_in_an_auction,
    twice,
    unfunded,
    unpaid_funding,
    unproposed,
)

from sim.exchange import messages as ms
from sim.exchange.audit import CHECKED, Audit
from sim.exchange.messages import Event, Grade, Reason
from sim.exchange.rules import Rules


def audited(venue: KernelVenue, events: Rows, rules: Rules | None = None) -> dict[str, int]:
    audit = Audit(venue.listing, venue.accounts, rules or venue.rules)
    audit.add(events)
    return audit.finish(venue.positions())


@pytest.mark.spec(*CHECKED)
@pytest.mark.parametrize("seed", range(12))
def test_the_stream_of_every_product_keeps_its_invariants(seed: int) -> None:
    made = lives.program(seed)
    venue = lives.fresh(made)
    audit = Audit(venue.listing, venue.accounts, venue.rules)
    for message in made.messages:
        audit.add(venue.process(np.array([message], np.int64)))
    assert audit.finish(venue.positions()) == dict.fromkeys(CHECKED, 0)
    assert audit.waterfall.fund == venue.bucket("insurance")
    sets = [venue.bucket("vault", e) // 1_000_000 for e in range(len(venue.listing.events))]
    assert audit.tape.sets[: len(sets)].tolist() == sets
    whole = audited(venue, lives.stream(seed)[1])
    assert whole == dict.fromkeys(CHECKED, 0)


@pytest.mark.spec(*CHECKED)
@pytest.mark.parametrize(
    ("broken", "change"),
    [
        ("I3", unpaid_funding),
        ("I3", forgotten_payer),
        ("I5", altered(Event.INTEREST, ms.E_AMOUNT, 1)),
        ("I5", altered(Event.INTEREST_RATE, ms.E_X, 1)),
        ("I5", lost(Event.INTEREST_RATE)),
        ("I8", beyond_the_limit),
        ("I8", altered(Event.FILL, ms.E_SIZE, 10**9, code=FILL_AT)),
        ("I8", altered(Event.FILL, ms.E_SIZE, 1, code=1)),
        ("I8", trade_in_an_auction),
        ("I9", own_trade),
        ("I10", healthy_flag),
        ("I10", step_of_the_unflagged),
        ("I10", step_in_an_auction),
        ("I10", growing_position),
        ("I11", insurance_after_adl),
        ("I11", fund_that_still_had_money),
        ("I11", unfunded),
        ("I12", altered(Event.ADL, ms.E_SIZE, 10**6)),
        ("I12", altered(Event.LEG, ms.E_SIZE, 1, code=1)),
        ("I13", altered(Event.DEFICIT, ms.E_AMOUNT, 1)),
        ("I13", altered(Event.HAIRCUT, ms.E_AMOUNT, 1)),
        ("I13", altered(Event.WRITE_OFF, ms.E_AMOUNT, 1)),
        ("I15", flagged_without_position_or_debt),
        ("I16", event_mark),
        ("I16", other_index),
        ("I16", mark_beyond_its_clamp),
        ("I18", twice(Event.RESOLVE)),
        ("I18", twice(Event.SETTLED)),
        ("I18", altered(Event.PAYOUT, ms.E_AMOUNT, 1)),
        ("I18", altered(Event.RESOLVE, ms.E_Y, 1)),
        ("I18", altered(Event.SETTLEMENT, ms.E_SIZE, 1)),
        ("I18", settled_with_a_position_left),
        ("I18", trade_after_the_end),
        ("I19", altered(Event.BOND, ms.E_AMOUNT, -1)),
        ("I19", altered(Event.DISPUTE, ms.E_AMOUNT, 1)),
        ("I19", lost(Event.BOND)),
        ("I19", unproposed),
        ("I19", bond_to_the_other),
    ],
    ids=lambda x: x if isinstance(x, str) else x.__name__,
)
def test_a_corrupted_stream_reports_its_invariant(broken: str, change: Change) -> None:
    # Events do not tell how far an average lets a mark go: only without one is that audited.
    venue, events, after = lives.changed_stream(change, capped=change is not mark_beyond_its_clamp)
    assert audited(venue, events) == dict.fromkeys(CHECKED, 0)
    assert audited(venue, after)[broken] > 0


def flat_payer(venue: KernelVenue, events: Rows) -> Rows | None:
    """A haircut of gains from an account without a position."""
    for k in some(events, Event.HAIRCUT, code=0):
        audit = Audit(venue.listing, venue.accounts)
        audit.add(events[:k])
        for account in np.flatnonzero(audit.positions[:, events[k, ms.E_INSTRUMENT]] == 0):
            events[k, ms.E_ACCOUNT] = account
            return events
    return None


@pytest.mark.spec("I12")
def test_a_haircut_of_gains_leaves_flat_accounts_alone() -> None:
    for seed in range(lives.SEEDS):
        made = programs.program(seed)
        venue = lives.fresh(made)
        events = venue.process(np.array(made.messages, np.int64))
        after = flat_payer(venue, events.copy())
        if after is not None:
            assert audited(venue, events)["I12"] == 0
            assert audited(venue, after)["I12"] > 0
            return
    pytest.fail("no haircut of gains in any program")


@pytest.mark.spec("I9")
def test_owners_do_not_trade_with_themselves() -> None:
    """Two accounts that trade are declared one owner's: seen only if the rules forbid it."""

    def one_owner(events: Rows) -> Rows | None:
        for k in some(events, Event.FILL):
            row = events[k].copy()
            row[2:] = 0
            row[[ms.E_KIND, ms.E_ACCOUNT, ms.E_X]] = (
                Event.SETTINGS, events[k, ms.E_ACCOUNT], events[k, ms.E_OTHER],
            )  # fmt: skip
            return np.insert(events, k, row, axis=0)
        return None

    venue, _, after = lives.changed_stream(one_owner)
    for by_owner in (False, True):
        rules = venue.rules.model_copy(update={"self_trade_by_owner": by_owner})
        assert (audited(venue, after, rules)["I9"] > 0) == by_owner


@pytest.mark.spec("I10", "PRC-04")
@pytest.mark.parametrize(
    ("guard", "stale_guard", "grade", "late_us", "barred"),
    [
        (1, True, Grade.VALID, 10**12, True),
        (1, False, Grade.VALID, 10**12, False),
        (4, True, Grade.VALID, 10**12, False),
        (4, True, Grade.TOO_UNCERTAIN, 0, False),
        (4, True, Grade.NON_POSITIVE, 0, True),
        (6, True, Grade.NON_POSITIVE, 0, False),
    ],
)
def test_a_bad_reading_bars_liquidation_if_the_rules_say_so(
    guard: int, stale_guard: bool, grade: Grade, late_us: int, barred: bool
) -> None:
    def poor(events: Rows) -> Rows | None:
        for _ in some(events, Event.STEP, code=0):
            readings = list(some(events, Event.INDEX))
            events[readings, ms.E_X] = events[readings, ms.E_TIME] - late_us
            events[readings, ms.E_CODE] = grade
            return events
        return None

    venue, _, after = lives.changed_stream(poor)
    update = {"guard_liquidate": guard, "stale_guard": stale_guard}
    found = audited(venue, after, venue.rules.model_copy(update=update))
    assert (found["I10"] > 0) == barred


@pytest.mark.spec("I16")
def test_a_mark_lies_between_its_book_and_the_outside() -> None:
    """With both known their median bounds it; made by hand, because both are seldom there."""
    venue, _ = lives.stream(0)
    listing = venue.listing
    i = 0
    index = listing.feeds[listing.feed_of(i)].index_ticks

    def row(kind: Event, **columns: int) -> list[int]:
        return [columns.get(name, int(kind) if name == "kind" else 0) for name in ms.EVENT_COLUMNS]

    for mark, broken in ((index + 5, 0), (index + 8, 0), (index + 4, 1), (index + 9, 1)):
        rows = [
            row(Event.EXTERNAL, instrument=i, price=index + 5),
            row(Event.MARK, instrument=i, price=mark, size=index, amount=-1, x=index + 7, y=index + 9),
        ]  # fmt: skip
        audit = Audit(listing, venue.accounts, venue.rules)
        audit.add(np.array(rows, np.int64))
        assert audit.violations["I16"] == broken


def test_positions_from_events_are_the_engines() -> None:
    venue, events, fewer = lives.changed_stream(lost(Event.FILL, instrument=0))
    assert audited(venue, events)["I12"] == 0
    wrong = venue.positions()
    wrong[0, 0] += 1
    audit = Audit(venue.listing, venue.accounts)
    audit.add(events)
    assert np.array_equal(audit.positions, venue.positions())
    assert audit.finish(wrong)["I12"] == 1
    assert audited(venue, fewer)["I12"] > 0


def test_reasons_of_refusals_are_no_trades() -> None:
    """A REJECT says nothing that the audit counts."""
    venue, events = lives.stream(0)
    refused = events[events[:, ms.E_KIND] == Event.REJECT]
    assert len(refused)
    assert set(np.unique(refused[:, ms.E_CODE])) <= {int(r) for r in Reason}
    audit = Audit(venue.listing, venue.accounts)
    audit.add(refused)
    assert not any(audit.violations.values())

"""Liquidations told from event logs: exact legs, chains that end outside, in random exchanges."""

from __future__ import annotations

from collections import Counter

import lives
import numpy as np
import pytest

from sim.exchange import messages as m
from sim.exchange.messages import Event
from sim.risk.eventlog import EventLog, needed
from sim.risk.waterfall import TOTALS
from sim.risk.why import Liquidation, why

SEEDS = range(24)
VERDICTS = {"PROPOSE", "RESOLVE"}


def liquidations(seed: int) -> tuple[list[Liquidation], np.ndarray]:
    venue, events = lives.stream(seed)
    rows = needed(events, venue.listing)
    found = []
    for account in range(venue.accounts):
        found += why(venue.listing, venue.rules, rows, account).liquidations
    return found, events


@pytest.mark.spec("LIQ-09", "MAR-11")
def test_every_flag_is_told_and_its_legs_add_up() -> None:
    count = 0
    for seed in SEEDS:
        found, events = liquidations(seed)
        flags = events[events[:, m.E_KIND] == Event.FLAG]
        assert sorted(case.seq for case in found) == sorted(flags[:, m.E_SEQ].tolist())
        for case in found:
            capped = any(a.collateral_cap_usd for a in lives.stream(seed)[0].listing.assets)
            assert case.exact or capped
            count += case.exact
    assert count > 50


@pytest.mark.spec("LIQ-09")
def test_a_chain_ends_with_what_the_flag_names() -> None:
    ends: Counter[str] = Counter()
    for seed in SEEDS:
        found, events = liquidations(seed)
        at = {int(row[m.E_SEQ]): row for row in events}
        for case in found:
            last = max(k for k, link in enumerate(case.chain) if link.event == "FLAG")
            first, behind = case.chain[last], case.chain[last + 1 :]  # the flag it began with
            if behind[0].event in VERDICTS:  # no price did it, but what was said of an event
                ends["verdict"] += 1
                assert behind[0].seq < first.seq
                for link in behind:
                    assert at[link.seq][m.E_KIND] == Event[link.event]
                continue
            ends[case.cause.event] += 1
            assert behind == (case.cause,)
            assert at[first.seq][m.E_PARENT] == case.cause.seq
            if case.cause.event == "INDEX":
                assert at[case.cause.seq][m.E_KIND] == Event.INDEX
            else:
                assert case.cause.seq == 0
    assert ends["INDEX"] > 20
    assert ends["NONE"] > 0
    assert ends["verdict"] > 0


@pytest.mark.spec("LIQ-02", "LIQ-08")
def test_no_event_of_a_liquidation_is_left_out() -> None:
    """Counts over all cases are those of the log, deficits their sum."""
    for seed in SEEDS:
        found, events = liquidations(seed)
        kinds = events[:, m.E_KIND]
        steps = events[kinds == Event.STEP]
        assert sum(case.totals["forced_orders"] for case in found) == len(steps)
        deficits = events[kinds == Event.DEFICIT][:, m.E_AMOUNT].sum() / 1e6
        assert sum(case.totals["deficit_usd"] for case in found) == pytest.approx(deficits)
        adl = sum(line.count for case in found for line in case.lines if line.event == "ADL")
        assert adl == (kinds == Event.ADL).sum()
        assert all(set(case.totals) == set(TOTALS) for case in found)


def test_rows_that_are_not_needed_change_nothing() -> None:
    venue, events = lives.stream(0)
    few, all_of = (
        EventLog(venue.listing, needed(events, venue.listing)),
        EventLog(venue.listing, events),
    )
    assert len(few.rows) < len(events)
    for flag in few.flags:
        assert few.held(flag) == all_of.held(flag)

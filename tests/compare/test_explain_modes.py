"""Offset groups and portfolio margin: the legs are the kernel's own floats, in random exchanges."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import lives
import pytest
from programs import Program

from sim.exchange import messages as m
from sim.exchange.explain import explain
from sim.exchange.instruments import JOINT_MAX
from sim.exchange.legs import Leg, release_usd
from sim.exchange.messages import Event, Kind

SEEDS = range(1, 13)
LINKS = ("underlying", "strike_ticks", "below", "jumps")


def linked(seed: int) -> Program:
    """A wide program in portfolio mode, its events tied to its feeds by strikes and jumps."""
    made, rng = lives.program(seed), Random(seed)
    listing = dict(made.listing)
    feeds = [dict(feed) for feed in listing["feeds"]]
    for feed in feeds:
        feed["grid"] = sorted(round(rng.uniform(0.01, 0.3), 3) for _ in range(rng.randint(1, 4)))
    events: list[dict[str, Any]] = []
    joint = {feed["name"]: 1 for feed in feeds}  # outcomes of jumps: few enough to be listed
    for k, declared in enumerate(listing["events"]):
        event = {name: value for name, value in declared.items() if name not in LINKS}
        feed = feeds[k % len(feeds)] if rng.random() < 0.4 else feeds[0]
        outcomes = len(event["outcomes"]) + (not event["exhaustive"]) if "outcomes" in event else 2
        if rng.random() < 0.9:
            event["underlying"] = feed["name"]
            if outcomes == 2 and "low" not in event and rng.random() < 0.5:
                event["strike_ticks"] = max(1, round(feed["index_ticks"] * rng.uniform(0.7, 1.3)))
                event["below"] = rng.random() < 0.5
                event.pop("outcomes", None)
                event.pop("exhaustive", None)
            elif joint[feed["name"]] * (outcomes + 1) > JOINT_MAX:
                del event["underlying"]
            else:
                joint[feed["name"]] *= outcomes + 1
                event["jumps"] = [round(rng.uniform(-0.4, 0.6), 2) for _ in range(outcomes)]
        events.append(event)
    listing |= {"feeds": feeds, "events": events}
    rules = dict(made.rules)
    rules |= {
        "margin_mode": "portfolio",
        "portfolio_extreme": rng.choice([1.0, 3.0, 8.0]),
        "portfolio_extreme_weight": rng.choice([0.33, 1.0, 0.0]),
        "portfolio_floor": rng.choice([0.5, 1.0, 0.0]),
        "portfolio_initial": rng.choice([1.25, 1.0, 2.0]),
    }
    return replace(made, listing=listing, rules=rules)


def follow(made: Program, every: int) -> list[Leg]:
    """Compare the sums of all accounts with the kernel's at many moments; returns the legs seen."""
    venue = lives.fresh(made)
    seen: list[Leg] = []
    for n, message in enumerate(made.messages):
        venue.handle(message)
        if n % every == 0:
            for account in range(made.accounts):
                said = explain(venue, account)
                assert (said.ne_usd, said.mm_usd) == venue.maintenance(account), (n, account)
                assert (said.strict_ne_usd, said.im_usd) == venue.initial(account), (n, account)
                seen += said.legs
    return seen


@pytest.mark.spec("MAR-07", "MAR-11")
def test_portfolio_legs_are_the_kernels_numbers() -> None:
    """And every way to bind comes up, else they could agree on nothing."""
    missing = {
        "point", "floor", "nothing", "jumps", "strike", "void", "spot in use", "orders", "extreme",
        "unlinked",
    }  # fmt: skip
    for seed in SEEDS:
        for leg in follow(linked(seed), 45):
            if leg.clause == "MAR-05" and "lambda" in leg.inputs:
                missing -= {"unlinked"}
            if leg.clause != "MAR-07":
                continue
            for part in leg.inputs.values():
                worst = part["worst"]
                missing -= {part["binds"]}
                missing -= {"jumps"} if "jumps" in worst else set()
                missing -= {"strike"} if "price" in worst else set()
                missing -= {"spot in use"} if part["spot_in_use_usd"] else set()
                missing -= {"extreme"} if worst["weight"] not in (0, 1) else set()
                ends = {end["outcome"] for end in part["from_events_usd"].values()}
                missing -= {"void"} if "void" in ends else set()
            if leg.im_usd != leg.mm_usd * 1.25 != 0:
                missing -= {"orders"}
    assert missing == set()


@pytest.mark.spec("MAR-07")
def test_a_portfolio_leg_is_recomputed_from_its_own_inputs() -> None:
    """weight · -(move · exposure + each event), the floor, the factor: the amount, exactly."""
    count = 0
    for leg in follow(linked(SEEDS[0]), 200) + follow(linked(SEEDS[1]), 200):
        if leg.clause != "MAR-07":
            continue
        for name, amount in (("initial", leg.im_usd), ("maintenance", leg.mm_usd)):
            if name not in leg.inputs:
                assert amount == 0.0
                continue
            part = leg.inputs[name]
            total = part["worst"]["move"] * part["exposure_usd"]
            for end in part["from_events_usd"].values():
                total += end["pnl_usd"]
            assert part["exposure_usd"] == part["derivatives_usd"] + part["spot_in_use_usd"]
            assert part["loss_usd"] == part["worst"]["weight"] * -total
            assert amount == part["factor"] * max(0.0, part["loss_usd"], part["floor_usd"])
            count += amount > 0
    assert count > 20


@pytest.mark.spec("MAR-06", "MAR-11")
def test_an_offset_leg_is_recomputed_from_its_own_inputs() -> None:
    seen = set()
    for seed in SEEDS:
        venue = lives.stream(seed)[0]
        for account in range(venue.accounts):
            for leg in explain(venue, account).legs:
                if "offset_ratio" not in str(leg.inputs):
                    continue
                for name, amount in (("initial", leg.im_usd), ("maintenance", leg.mm_usd)):
                    if name not in leg.inputs:
                        assert amount == 0.0
                        continue
                    part = leg.inputs[name]
                    kept = min(part["long_usd"], part["short_usd"])
                    term = part["net_usd"] * part["fraction"] + part["offset_ratio"] * kept
                    assert term == amount
                    assert len(part["members"]) >= 2
                    seen.add((name, kept > 0))
    assert seen == {(n, kept) for n in ("initial", "maintenance") for kept in (True, False)}


@pytest.mark.spec("LIQ-00")
def test_an_account_alone_in_liquidation_stays_flagged_until_it_may_be_released() -> None:
    """After a tick that concerned nobody else: flagged if and only if NE is below `release_usd`."""
    seen = set()
    for seed in SEEDS:
        for made in (lives.program(seed), linked(seed)):
            venue = lives.fresh(made)
            for message in made.messages:
                before = set(venue.flagged())
                rows = venue.handle(message)
                if message[m.M_KIND] != Kind.LIQUIDATE:
                    continue
                kinds = {row[m.E_KIND] for row in rows}
                concerned = before | {
                    row[m.E_ACCOUNT] for row in rows if row[m.E_KIND] == Event.FLAG
                }
                if len(concerned) != 1 or Event.FUND_RETURN in kinds:
                    continue
                (account,) = concerned
                said = explain(venue, account)
                flagged = account in venue.flagged()
                assert flagged == (said.ne_usd < release_usd(venue.rules, said.legs))
                seen.add((flagged, venue.rules.margin_mode == "portfolio"))
    assert len(seen) == 4

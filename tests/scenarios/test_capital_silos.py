"""``capital-silos``: the same books under four margin modes, small."""

from __future__ import annotations

import json
import math
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import scenarios
from agents import blocks
from scenarios.errors import ScenarioError
from scenarios.studies.capital_silos import MODES, CapitalSilos
from scenarios.studies.runner import run_study
from scenarios.studies.silos_books import Party, parties_of
from scenarios.studies.silos_desk import ROUNDING, Desk
from scenarios.studies.silos_intervals import Bootstrap
from scenarios.studies.silos_measure import bystanders, measure, offsets
from scenarios.studies.silos_shock import Market, Shock, paths, strike
from scenarios.studies.silos_venue import PRICE_TICKS, Terms, Venue
from sim.exchange.instruments import USDC, Kind
from sim.exchange.messages import E_AMOUNT, E_CODE, E_KIND, M_ARG, M_KIND, Event, Reason
from sim.exchange.messages import Kind as Message
from sim.exchange.policies import MarginMode

pytestmark = pytest.mark.spec("MAR-08")

TINY = ["seeds=2", "workers=1"]
SCALE = 0.06


def small(*changes: str, shocks: tuple[str, ...] = ()) -> CapitalSilos:
    """Two seeds in one process; of the shocks only these, if any are named."""
    study = scenarios.load("capital-silos", [*TINY, *changes])
    assert isinstance(study, CapitalSilos)
    if not shocks:
        return study
    chosen = tuple(s for s in study.shock if s.name in shocks)
    assert len(chosen) == len(shocks)
    made = study.model_copy(update={"shock": chosen, "reference": shocks[-1]})
    made._origin = study.origin
    return made


@pytest.fixture(scope="module")
def venue() -> Venue:
    return Venue(Terms())


@pytest.fixture(scope="module")
def people(venue: Venue) -> list[Party]:
    return parties_of(venue, small().scaled(SCALE).population, 3)


@pytest.fixture(scope="module")
def desks(venue: Venue, people: list[Party]) -> dict[MarginMode, Desk]:
    return {mode: Desk(venue, people, mode, 1000.0) for mode in MODES}


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    study = small(shocks=("flat", "launch-fails", "BTC-20%"))
    return run_study(study, scale=SCALE, out=None)[2]


def rows(report: dict[str, Any], name: str) -> list[dict[str, Any]]:
    table = report["tables"][name]
    return [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]


# books ------------------------------------------------------------------------------------


def test_every_derivative_and_event_nets_to_zero(venue: Venue, people: list[Party]) -> None:
    for i in range(len(venue.names)):
        net = sum(p.book.get(i, 0) for p in people)
        assert net >= 0 if venue.listing.kind(i) == Kind.SPOT else net == 0


def test_sizes_have_a_heavy_tail_and_a_seed(venue: Venue) -> None:
    population = small().population
    one, again, other = (parties_of(venue, population, seed) for seed in (1, 1, 2))
    assert one == again != other
    longs = sorted(sum(abs(lots) for lots in p.book.values()) for p in one if p.archetype == "long")
    assert sum(longs[-6:]) > 0.3 * sum(longs) > 20 * longs[len(longs) // 2]


@pytest.mark.parametrize(
    ("archetype", "event", "jumps"), [("legislation", "ACT", "BTC"), ("treasury", "LAUNCH", "TOK")]
)
def test_a_hedge_of_an_event_ends_even_either_way(
    venue: Venue, archetype: str, event: str, jumps: str
) -> None:
    """Coins, derivatives and shares together gain nothing whichever way the event goes."""
    party = next(p for p in parties_of(venue, small().population, 1) if p.archetype == archetype)
    item = next(e for e in venue.listing.events if e.name == event)
    i = venue.ids[event]
    price = venue.first_ticks[i] / 1000
    for won, jump in enumerate(item.jumps):
        shares = party.book[i]
        yes = won == 0
        paid = (1.0 if yes else 0.0) - price
        gain = shares * paid
        spot, size = venue.ids[f"{jumps}/USDC"], 0.0
        for k, lots in [*party.book.items(), *((spot, n) for n in party.coins.values())]:
            if venue.listing.kind(k) != Kind.EVENT:
                size += venue.usd(k, lots, PRICE_TICKS)
        assert gain + size * jump == pytest.approx(0.0, abs=2e-3 * abs(size) + 1.0)


def test_larger_falls_share_their_noise_and_jumps_come_last(venue: Venue) -> None:
    market = Market()
    mild, wild = (
        paths(venue, Shock(name="x", drop={"BTC": d}, event=e), market, 5)
        for d, e in ((0.1, ""), (0.3, "ACT"))
    )
    assert mild[0][0] == wild[0][0] == PRICE_TICKS
    assert mild[-1][0] == 9000
    assert wild[-1][0] == round(7000 * 0.85)
    assert {row[1] for row in wild} == {PRICE_TICKS}  # ETH
    noise = [
        [math.log(row[0] / PRICE_TICKS) - math.log(1 - d) * k / 90 for k, row in enumerate(p[:-1])]
        for p, d in ((mild, 0.1), (wild, 0.3))
    ]
    assert np.allclose(*noise, atol=3e-4)


# capital ----------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_the_need_is_the_least_that_the_exchange_accepts(
    desks: dict[MarginMode, Desk], mode: MarginMode
) -> None:
    """With it every book is held; ten micro-USDC less are refused, wherever it is not 0."""
    desk = desks[mode]
    desk.fund(desk.need)
    tried = 0
    for p, w in zip(*np.nonzero(desk.need > ROUNDING), strict=True):
        account = desk.wallets.account(int(p), int(w))
        ne, im = desk.exchange.initial(account)
        assert 0.0 <= ne - im < 1e-5
        more = blocks.deposit(account, USDC, 10)
        more[0, M_KIND], more[0, M_ARG] = Message.WITHDRAW, 1
        events = desk.send(more, refused=True)
        assert events[0, E_KIND] == Event.REJECT
        assert events[0, E_CODE] == Reason.INSUFFICIENT_MARGIN
        tried += 1
    assert tried > 10
    assert not any(desk.exchange.verify().values())


def test_without_credit_nobody_owes(venue: Venue, people: list[Party]) -> None:
    desk = Desk(venue, people, "isolated", 1000.0, credit=False)
    desk.fund(desk.need)
    accounts = [
        desk.wallets.account(p, w)
        for p in range(len(people))
        for w in range(desk.wallets.count)
        if desk.rich[p, w]
    ]
    assert min(desk.exchange.balance(a, USDC) for a in accounts) >= 0
    assert (desk.need >= desk_need(venue, people)).all()


def desk_need(venue: Venue, people: list[Party]) -> np.ndarray:
    return Desk(venue, people, "isolated", 1000.0).need


def test_equal_capital_is_equal(desks: dict[MarginMode, Desk]) -> None:
    total = np.max([desk.own_capital().sum(axis=1) for desk in desks.values()], axis=0)
    for desk in desks.values():
        spread = desk.spread(total)
        assert np.array_equal(spread.sum(axis=1), total)
        assert (spread[desk.rich == 0] == 0).all()
        desk.fund(spread)  # raises if a wallet cannot hold its book


# shocks -----------------------------------------------------------------------------------


def test_nothing_happens_in_a_flat_market(desks: dict[MarginMode, Desk]) -> None:
    for desk in desks.values():
        desk.fund(desk.own_capital())
        before = desk.exchange.equities()
        outcome = strike(desk, Shock(name="flat"), Market(), 1)
        harm, lost = measure(desk, Shock(name="flat"), outcome)
        assert outcome.quiet
        assert (harm.bad_debt_usd, harm.liquidated_usd, harm.flagged) == (0, 0, 0)
        assert not lost.any()
        holds = desk.exchange.positions().any(axis=1)
        assert holds.any()
        assert np.array_equal(desk.exchange.equities()[holds], before[holds])


def test_who_stands_by_and_who_offsets(desks: dict[MarginMode, Desk]) -> None:
    desk = desks["unified"]
    fall, launch = Shock(name="f", drop={"BTC": 0.2}), Shock(name="l", event="LAUNCH")
    kinds = np.array([p.archetype for p in desk.parties])
    apart = bystanders(desk, fall)[: len(kinds)]
    assert apart[kinds == "treasury"].all()
    assert not apart[kinds == "legislation"].any()
    assert not bystanders(desk, fall)[desk.outside]
    assert not bystanders(desk, launch)[: len(kinds)][kinds == "treasury"].any()
    assert set(kinds[offsets(desk, fall)]) <= {"carry", "calendar", "strip"}
    assert set(kinds[offsets(desk, launch)]) == {"treasury"}


def test_deficits_are_borne_by_somebody(desks: dict[MarginMode, Desk]) -> None:
    shock = Shock(name="f", drop={"BTC": 0.4})
    for desk in desks.values():
        desk.fund(desk.own_capital())
        outcome = strike(desk, shock, Market(), 1)
        harm, lost = measure(desk, shock, outcome)
        kinds = outcome.events[:, E_KIND]
        deficit = outcome.events[kinds == Event.DEFICIT]
        paid = outcome.events[kinds == Event.INSURANCE][:, E_AMOUNT].sum() / 1e6
        borne = paid + harm.deleveraged_usd + harm.socialised_usd
        assert borne == pytest.approx(deficit[:, E_AMOUNT].sum() / 1e6, abs=1e-3)
        assert harm.bad_debt_usd >= borne - 1e-3
        assert lost.sum() == harm.lost > 0
        assert harm.untouched_usd <= harm.liquidated_usd
        assert not any(desk.exchange.verify().values())
        if desk.mode == "isolated":
            assert harm.untouched_usd == 0.0  # wallets share nothing


# the study --------------------------------------------------------------------------------


def test_the_report(report: dict[str, Any]) -> None:
    metrics = {name: entry["value"] for name, entry in report["metrics"].items()}
    assert metrics["silos_flat_harm_usd"] == 0
    assert metrics["silos_violations"] == 0
    assert metrics["silos_untouched_isolated"] == 0
    runs = rows(report, "runs")
    assert len(runs) == 2 * 2 * 3 * 4  # seeds, views, shocks, modes
    need: dict[str, float] = {}
    for row in rows(report, "needs"):
        need[row["mode"]] = need.get(row["mode"], 0.0) + row["need_usd"]
    assert need["unified"] <= need["segregated"] <= need["isolated"]
    one = next(r for r in rows(report, "own") if (r["shock"], r["mode"]) == ("BTC-20%", "isolated"))
    debts = [
        r["bad_debt_usd"] / r["gross_usd"] * 1e4
        for r in runs
        if (r["view"], r["shock"], r["mode"]) == ("own", "BTC-20%", "isolated")
    ]
    assert one["bad_debt_bps"] == pytest.approx(sum(debts) / 2)
    assert min(debts) <= one["bad_debt_low_bps"] <= one["bad_debt_high_bps"] <= max(debts)
    assert metrics["silos_bad_debt_isolated_bps"] == pytest.approx(one["bad_debt_bps"])


def test_modes_see_the_same_books_and_equal_capital(report: dict[str, Any]) -> None:
    runs = rows(report, "runs")
    for seed in (1, 2):
        mine = [r for r in runs if r["seed"] == seed]
        assert len({r["gross_usd"] for r in mine}) == 1
        assert len({r["capital_usd"] for r in mine if r["view"] == "equal"}) == 1
        assert len({r["capital_usd"] for r in mine if r["view"] == "own"}) > 1


def test_processes_change_nothing(report: dict[str, Any]) -> None:
    study = small(shocks=("flat", "launch-fails", "BTC-20%"))
    two = run_study(study.model_copy(update={"workers": 2}), scale=SCALE, out=None)[2]
    assert report["digest"] == two["digest"]


def test_the_picture(tmp_path: Any) -> None:
    study = small("seeds=1", shocks=("flat", "act-fails", "BTC-30%"))
    _, path, found = run_study(study, scale=SCALE, out=tmp_path)
    assert path is not None
    svg = (path / "pictures" / "capital-silos.svg").read_text("utf-8")
    root = ElementTree.fromstring(svg)
    words = [t.text for t in root.iter() if t.tag.endswith("text")]
    assert {"unified", "portfolio", "segregated", "isolated", "BTC-30%", "act-fails"} <= set(words)
    assert "nan" not in svg
    assert json.loads((path / "manifest.json").read_text("utf-8"))["digest"] == found["digest"]


def test_an_interval_is_the_middle_of_resampled_means() -> None:
    values = [1.0, 2.0, 3.0, 10.0]
    found = Bootstrap(4, 1).of(values)
    assert found.mean == 4.0
    assert 1.0 < found.low < 4.0 < found.high < 10.0
    assert Bootstrap(4, 1).of(values) == found
    assert Bootstrap(3, 1).of([5.0] * 3).low == 5.0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("reference=BTC-21%", "unknown shock 'BTC-21%'"),
        ("shock.1.event=VOTE", "moves no price"),
        ("seeds=0", "seeds"),
        ("population.carry.parties=0", "population.carry.parties"),
        ("market.level_share=[1.0]", "one entry per level"),
        ("terms.act_dwn=0.1", "act_down"),
    ],
)
def test_bad_input_is_named(change: str, said: str) -> None:
    with pytest.raises(ScenarioError, match=said):
        scenarios.load("capital-silos", [change])

"""Opening positions: targets met, margin sufficient, tails and leverage as given."""

from __future__ import annotations

from itertools import count

import numpy as np
import pytest
from pydantic import ValidationError

from agents.facts import Facts
from agents.population import Opening, PopulationParams, open_positions
from agents.sizes import bounded_pareto, initial_margin_usd
from agents.testing import START_US, tiny_facts
from sim.exchange.messages import (
    M_ACCOUNT,
    M_INSTRUMENT,
    M_KIND,
    M_ORDER,
    M_PRICE,
    M_SIDE,
    M_SIZE,
    Kind,
)
from sim.streams import stream


def opened(facts: Facts, n: int = 400, seed: int = 1, **params: object) -> Opening:
    ids = count(1)

    def new_ids(k: int) -> np.ndarray:
        return np.array([next(ids) for _ in range(k)], dtype=np.int64)

    chosen = PopulationParams.model_validate(params)
    accounts = np.arange(10, 10 + n)
    return open_positions(facts, accounts, chosen, stream(seed, "test"), START_US, new_ids)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_longs_equal_shorts_equal_the_target(seed: int) -> None:
    facts = tiny_facts()
    lots = opened(facts, seed=seed).lots
    for c in range(facts.perpetuals):
        lot_usd = facts.usd(c, float(facts.start_ticks[c]), 1)
        target = int(facts.oi[c] / lot_usd)
        assert lots[:, c].clip(min=0).sum() == target
        assert lots[:, c].clip(max=0).sum() == -target


def test_messages_build_exactly_these_positions() -> None:
    """Replays the orders: in each book bids and asks of one wave are equal and nothing rests."""
    facts = tiny_facts()
    opening = opened(facts)
    messages = np.concatenate(opening.blocks)
    orders = messages[messages[:, M_KIND] == Kind.NEW]
    assert len(orders) == opening.orders
    assert len(np.unique(orders[:, M_ORDER])) == len(orders)
    perpetual = orders[orders[:, M_INSTRUMENT] < facts.perpetuals]
    signed = np.where(perpetual[:, M_SIDE] == 0, perpetual[:, M_SIZE], -perpetual[:, M_SIZE])
    lots = np.zeros_like(opening.lots)
    np.add.at(lots, (perpetual[:, M_ACCOUNT] - 10, perpetual[:, M_INSTRUMENT]), signed)
    assert (lots == opening.lots).all()
    for c in range(facts.perpetuals):
        for price in np.unique(perpetual[perpetual[:, M_INSTRUMENT] == c, M_PRICE]):
            chosen = (perpetual[:, M_INSTRUMENT] == c) & (perpetual[:, M_PRICE] == price)
            assert signed[chosen].sum() == 0


def test_everybody_starts_with_more_than_initial_margin() -> None:
    facts = tiny_facts()
    opening = opened(facts)
    notional = np.abs(opening.lots) * facts.start_ticks[:3] * facts.tick_value[:3] / 1e6
    margin = initial_margin_usd(facts, notional)
    assert (opening.equity_usd >= 1.0999 * margin).all()
    assert opening.leverage.max() <= 1 / 0.02


def test_leverage_over_open_interest_is_the_lognormal() -> None:
    facts = tiny_facts(oi_usd=1e6)
    opening = opened(facts, n=2000, max_account_share=0.01)
    notional = np.abs(opening.lots) * facts.start_ticks[:3] * facts.tick_value[:3] / 1e6
    gross = notional.sum(axis=1)
    share = gross / gross.sum()
    assert share[opening.leverage < 3].sum() == pytest.approx(2.77 / 7.63, abs=0.03)
    assert share[opening.leverage > 7].sum() == pytest.approx(1.16 / 7.63, abs=0.03)


def test_the_last_wave_is_at_the_price_of_the_start() -> None:
    facts = tiny_facts()
    messages = np.concatenate(opened(facts).blocks)
    last = messages[messages[:, M_KIND] == Kind.INDEX][-len(facts.listing.feeds) :]
    assert last[:, M_PRICE].tolist() == [f.index_ticks for f in facts.listing.feeds]
    assert messages[-1, M_KIND] == Kind.MARK


def test_without_extras_there_are_only_perpetuals_and_usdc() -> None:
    facts = tiny_facts()
    opening = opened(facts, coin_share=0, debtor_share=0, share_holder_share=0)
    messages = np.concatenate(opening.blocks)
    deposits = messages[messages[:, M_KIND] == Kind.DEPOSIT]
    orders = messages[messages[:, M_KIND] == Kind.NEW]
    assert not deposits[:, M_INSTRUMENT].any()
    assert (orders[:, M_INSTRUMENT] < facts.perpetuals).all()
    assert opening.debt_usd == 0


def test_debtors_owe_the_given_multiple() -> None:
    facts = tiny_facts()
    opening = opened(facts, debtor_share=0.1)
    debtors = opening.equity_usd[-40::2]
    assert opening.debt_usd == pytest.approx(1.64 * debtors.sum(), rel=1e-3)


def test_the_same_seed_gives_the_same_blocks() -> None:
    facts = tiny_facts()
    a, b, c = (np.concatenate(opened(facts, seed=s).blocks) for s in (1, 1, 2))
    assert (a == b).all()
    assert a.shape != c.shape or (a != c).any()


@pytest.mark.parametrize("n", [2, 3, 5, 17])
def test_small_populations_meet_the_targets_too(n: int) -> None:
    lots = opened(tiny_facts(oi_usd=1e4), n=n).lots
    assert (lots.sum(axis=0) == 0).all()
    assert (lots != 0).any(axis=0).all()


def test_one_account_is_no_population() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        opened(tiny_facts(), n=1)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("size_tail_exponent", 1.5),
        ("wave_level", (0.9, 1.1)),
        ("wave_share", (1.0,)),
        ("leverage_median", -1),
    ],
)
def test_bad_parameters_are_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(ValidationError, match="wave_" if "wave" in field else field):
        PopulationParams.model_validate({field: value})


def test_bounded_pareto_has_the_tail_and_the_bound() -> None:
    draws = bounded_pareto(stream(3, "pareto"), 20_000, 0.56, 0.02)
    draws.sort()
    assert draws[-1] / draws.sum() < 0.03
    middle = draws[10_000:18_000]  # below the cut the tail is a power law
    low, high = middle[0], middle[-1]
    slope = np.log(2.0 / 10.0) / np.log(low / high)
    assert slope == pytest.approx(0.56, abs=0.05)
    assert len(bounded_pareto(stream(3, "pareto"), 0, 0.56, 0.02)) == 0

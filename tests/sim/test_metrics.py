"""Every metric's hand-computed example, read from docs/metrics.md."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from metric_rows import Steps, row

from sim.exchange.instruments import (
    Asset,
    BinaryEvent,
    Feed,
    Listing,
    Margin,
    Perpetual,
    Spot,
)
from sim.exchange.messages import EV_COLS, Event
from sim.network.statement import Statement
from sim.risk.cascade import Cascade
from sim.risk.metrics import UNITS, Metrics
from sim.risk.truth import TrueOutcome

DOC = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"
ACCOUNTS, END_US = 10, 100_000_000
HOLDING = ("cash", "lent", "position", "insurance", "shares")  # lines that are no event rows
TOLD = ("borrowed", "outcome", "resolution")  # nor are these

LISTING = Listing(
    feeds=(Feed(name="C", tick_micro=100_000, index_ticks=1000),),
    assets=(
        Asset(name="C", feed="C", units_per_coin=10, haircut_w=0.9, haircut_b=1.1, haircut_kappa=0),
    ),
    perpetuals=(
        Perpetual(
            name="C-PERP",
            feed="C",
            lots_per_coin=1,
            margin=Margin(base=0.1, factor=0, base_m=0.05, factor_m=0),
        ),
    ),
    spots=(Spot(name="C/USDC", base="C"),),
    events=(BinaryEvent(name="E"),),
)


def example(lines: list[str]) -> tuple[np.ndarray, Steps, np.ndarray]:
    """Event rows, true prices and equities (micro-USDC) of one example."""
    jumps: dict[float, float] = {}
    equities = np.zeros(ACCOUNTS, np.int64)
    rows = []
    for line in lines:
        if line.startswith("truth"):
            _, t, price = line.split()
            jumps[float(t.removeprefix("t="))] = float(price)
        elif line.startswith("equity"):
            _, account, usd = line.split()
            equities[int(account.removeprefix("account="))] = round(float(usd) * 1e6)
        elif not line.startswith(HOLDING + TOLD):
            rows.append(row(line, len(rows) + 1))
    return np.array(rows, np.int64).reshape(-1, EV_COLS), Steps(jumps), equities


def statement(lines: list[str]) -> Statement | None:
    """What accounts hold, from ``cash``, ``lent``, ``position`` and ``insurance`` lines."""
    found = Statement(
        LISTING,
        sizes=np.zeros((ACCOUNTS, 1), np.int64),
        costs=np.zeros((ACCOUNTS, 1), np.int64),
        balances=np.zeros((ACCOUNTS, 4), np.int64),
        claims=np.zeros((ACCOUNTS, 2), np.int64),
        marks=np.array([1000, 1000, 500]),
        index=np.array([1000]),
        pools=np.zeros(2, np.int64),
    )
    insurance = 0
    for line in filter(lambda line: line.startswith(HOLDING), lines):
        kind, *words = line.split()
        account = int(words[0].removeprefix("account=")) if len(words) > 1 else 0
        if kind == "cash":
            found.balances[account, 0] = round(float(words[1]) * 1e6)
        elif kind == "lent":
            found.claims[account, 0] = round(float(words[1]) * 1e6)
            found.pools[0] += found.claims[account, 0]
        elif kind == "position":
            found.sizes[account, 0] = int(words[1].removeprefix("size="))
            found.costs[account, 0] = round(float(words[2].removeprefix("cost=")) * 1e6)
        elif kind == "shares":
            found.balances[account, 2:] = [int(word.split("=")[1]) for word in words[1:]]
        elif kind == "insurance":
            insurance = round(float(words[0]) * 1e6)
    held = found.balances.any() or found.sizes.any()
    return replace(found, insurance=insurance) if held else None


def told(lines: list[str], kind: str) -> list[dict[str, str]]:
    """The ``name=value`` words of the lines of a kind."""
    own = [line.split()[1:] for line in lines if line.startswith(kind)]
    return [dict(word.split("=") for word in words if "=" in word) for words in own]


def outcomes(lines: list[str]) -> list[TrueOutcome]:
    """How the event really ends, if an ``outcome`` line says so."""
    return [TrueOutcome(int(line.split()[1])) for line in lines if line.startswith("outcome")]


def evaluated(tool: Metrics, lines: list[str], equities: np.ndarray) -> dict[str, float | None]:
    """The metrics of an example whose events ``tool`` has seen, all else of it told now."""
    for words in told(lines, "borrowed"):
        units = np.array([round(float(words["usdc"]) * 1e6), int(words["coins"]) * 10])
        tool.debts.note(round(float(words["t"]) * 1e6), units)
    if (held := statement(lines)) is not None:
        tool.contagion.take(held)
        tool.jumps.take(equities, held.balances, held.marks)
    resolution = {k: float(v) for words in told(lines, "resolution") for k, v in words.items()}
    return tool.report(equities, held, outcomes=outcomes(lines), resolution=resolution).metrics


def examples() -> list[Any]:
    found = []
    for section in re.split(r"^### ", DOC.read_text("utf-8"), flags=re.MULTILINE)[1:]:
        name = section.split("\n", 1)[0].strip()
        for block in re.findall(r"```\n(.*?)```", section, flags=re.DOTALL):
            *lines, result = block.strip().splitlines()
            metric, value = result.split(" = ")
            assert metric == name
            found.append(pytest.param(lines, name, float(value), id=name))
    return found


EXAMPLES = examples()


def metrics(truth: Steps | None = None) -> Metrics:
    return Metrics(LISTING, ACCOUNTS, 0, END_US, truth)


def test_every_metric_has_an_example_and_a_unit() -> None:
    assert {p.values[1] for p in EXAMPLES} == set(UNITS)


@pytest.mark.parametrize(("lines", "name", "value"), EXAMPLES)
def test_example(lines: list[str], name: str, value: float) -> None:
    rows, truth, equities = example(lines)
    tool = metrics(truth)
    tool.add(rows)
    assert evaluated(tool, lines, equities)[name] == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(("lines", "name", "value"), EXAMPLES)
def test_example_is_the_same_in_pieces(lines: list[str], name: str, value: float) -> None:
    """Row by row, flushed whenever a FLAG and its LEGs are together."""
    rows, truth, equities = example(lines)
    tool = metrics(truth)
    for i in range(len(rows)):
        tool.add(rows[i : i + 1])
        if i + 1 < len(rows) and rows[i + 1, 2] != Event.LEG:
            tool.flush()
    assert evaluated(tool, lines, equities)[name] == pytest.approx(value, rel=1e-12)


def test_nothing_happened() -> None:
    report = metrics().report(np.zeros(ACCOUNTS, np.int64))
    absent = {name for name, value in report.metrics.items() if value is None}
    assert absent == {
        "first_adl_delay_s",
        "cascade_r",
        "cascade_radius",
        "liquidation_slippage_bps",
        "amplification",
        "depth_min_share",
        "mark_gap_max_bps",
        "event_price_min",
        "event_price_max",
        "wrongful_liquidation_share",
        "wrongful_notional_usd",
        "wrongful_debt_share",
        "liquidation_loss_ratio",
        "loss_market_usd",
        "loss_book_usd",
        "loss_oracle_usd",
        "loss_resolution_usd",
        "bad_debt_true_usd",
        "extracted_usd",
        "extraction_ratio",
        "oracle_error_max_bps",
        "oracle_error_s",
        "oracle_stale_s",
        "oracle_detect_s",
        "oracle_undetected",
        "oracle_recover_s",
        "oracle_false_alarms",
        "oracle_false_alarm_s",
        "event_jump_exposure_usd",
        "wrong_resolution_share",
        "resolution_p95_s",
        "capital_locked_usd_days",
        "corruption_cost_usd",
        "corruption_profit_usd",
        "debtrank_share",
        "exposure_radius",
        "unpaid_share",
    }
    assert all(value == 0 for name, value in report.metrics.items() if name not in absent)
    assert list(report.with_units()) == list(UNITS)


def test_stages_and_deepest_stage() -> None:
    rows = [
        "FLAG t=10 account=3",
        "FILL t=10 account=3 instrument=0 side=1 price=990 size=10 code=1 order=-1",
        "FILL t=10 account=7 other=3 instrument=0 side=1 price=990 size=10",
        "BACKSTOP t=11 account=3 other=9 instrument=0 price=980 size=-5",
        "INSURANCE t=12 account=3 amount=5000000",
        "ADL t=12 account=3 other=8 instrument=0 price=970 size=2 amount=1000000",
        "FILL t=13 account=4 instrument=0 side=0 price=1000 size=1 code=1 order=-9",
    ]
    tool = metrics()
    tool.add(np.array([row(line, i + 1) for i, line in enumerate(rows)], np.int64))
    report = tool.report()
    assert report.stages == {
        "book_usd": 1090.0,
        "backstop_usd": 490.0,
        "insurance_usd": 5.0,
        "adl_usd": 194.0,
        "socialised_usd": 0.0,
        "first_adl_delay_s": 2.0,
        "liquidated_accounts": 2,
        "adl_accounts": 1,
    }
    assert tool.stage.tolist() == [0, 0, 0, 4, 1, 0, 0, 0, 0, 0]
    assert tool.fills == 3


def test_cascade_peak_and_graph() -> None:
    """40 orders without offspring, then 400 s later 20 with one each and those 20."""
    cascade = Cascade()
    quiet = [row(f"STEP t={t} account=1", seq) for seq, t in enumerate(range(40), 1)]
    parents = [row(f"STEP t={440 + i} account=2 seq={1000 + i}", 0) for i in range(20)]
    fills = [
        row(f"FILL t=441 account=2 seq={2000 + i} code=1 order={-1000 - i}", 0) for i in range(20)
    ]
    children = [row(f"STEP t=800 account=3 seq={3000 + i} parent={2000 + i}", 0) for i in range(20)]
    cascade.add(np.array(quiet + parents + children), np.array(fills))
    assert cascade.reproduction() == 1.0
    graph = cascade.graph()
    assert graph.number_of_nodes() == 80
    assert list(graph.successors(1003)) == [3003]
    assert graph.nodes[1003]["account"] == 2

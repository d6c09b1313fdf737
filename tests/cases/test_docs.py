"""docs/cases.md: its example runs, and it names every field there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from scenarios.casefile import declare, expect, read, run, sources, steps
from scenarios.casefile.report import differences
from scenarios.casefile.schema import Case

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "cases.md").read_text("utf-8")
README = (ROOT / "README.md").read_text("utf-8")
NAMED = set(re.findall(r"`(\w+)`", PAGE)) | set(re.findall(r"\b(\w+) = ", PAGE))


@pytest.mark.parametrize(("text", "checks"), [(PAGE, 10), (README, 3)], ids=["page", "readme"])
def test_the_example_runs(text: str, checks: int) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    outcome = run(read(example))
    assert outcome.passed, differences(outcome)
    assert outcome.checks >= checks


MODELS = [
    Case, steps.Step, expect.Expect, expect.EventRow, expect.Buckets, expect.Position,
    expect.Resting, declare.Feed, declare.Asset, declare.Lending, declare.Perpetual,
    declare.Inverse, declare.Future, declare.Spot, declare.Event, declare.Usdc, declare.Margin,
    declare.Volatility, steps.Money, steps.Withdraw, steps.Transfer, steps.Order, steps.Conditional, steps.Cancel,
    steps.CancelAll, steps.Replace, steps.Trade, steps.Reading, steps.External, steps.Advance,
    steps.Resolve, steps.Propose, steps.Dispute, steps.Sets, steps.Convert, steps.Pool,
    steps.Commit, steps.SetState, steps.Settings, steps.Disconnect, sources.Sources,
    sources.SourceReading,
]  # fmt: skip


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.__name__)
def test_every_field_is_on_the_page(model: type[BaseModel]) -> None:
    assert set(model.model_fields) - NAMED == set()


def test_the_page_names_no_action_that_is_none() -> None:
    table = PAGE.partition("## Steps")[2].partition("## Expectations")[0]
    first = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    named = {name for cell in first for name in re.findall(r"`(\w+)`", cell)}
    assert named == set(steps.ACTIONS)


def test_the_page_names_no_expectation_that_is_none() -> None:
    table = PAGE.partition("## Expectations")[2].partition("## From a program")[0]
    first = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    named = {name for cell in first for name in re.findall(r"`(\w+)`", cell)}
    assert named == set(expect.Expect.model_fields)

"""docs/examples.md and docs/portfolio.md: quoted figures come out again, every field is named."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from rich.console import Console

from scenarios.portfolio import files, lab, schema, tables
from scenarios.portfolio.correlations import correlation_of
from sim.exchange.instruments import Margin

DOCS = Path(__file__).resolve().parents[2] / "docs"
EXAMPLES = (DOCS / "examples.md").read_text("utf-8")
PAGE = (DOCS / "portfolio.md").read_text("utf-8")
SECTIONS = {
    match[1]: text
    for text in EXAMPLES.split("\n## ")[1:]
    if (match := re.search(r"^windtunnel portfolio (\S+)$", text, re.MULTILINE))
}
FENCE = re.compile(r"```text\n(.*?)```", re.DOTALL)
NUMBER = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")


@cache
def analysed(name: str) -> dict[str, Any]:
    return lab.analyse(files.load(name))


def printed(name: str) -> str:
    """What the command prints into a pipe."""
    screen = Console(file=io.StringIO(), width=120, highlight=False)
    screen.print(tables.report(analysed(name)))
    text = screen.file.getvalue()  # type: ignore[attr-defined]
    return "\n".join(line.rstrip() for line in text.splitlines())


def numbers(found: Any) -> Iterator[float]:
    """Every number in the JSON object."""
    if isinstance(found, dict):
        found = list(found.values())
    if isinstance(found, list | tuple):
        for item in found:
            yield from numbers(item)
    elif isinstance(found, int | float):
        yield abs(float(found))


def test_every_example_has_a_section() -> None:
    assert set(SECTIONS) == set(files.names())


@pytest.mark.parametrize("name", SECTIONS)
def test_what_is_quoted_is_what_the_command_prints(name: str) -> None:
    output = printed(name)
    quotes = FENCE.findall(SECTIONS[name])
    assert len(quotes) >= 4
    for quote in quotes:
        assert quote.rstrip("\n") in output
    # Asked of every example: margin in every mode, and the loss in every state.
    assert any(quote.startswith(" Margin, USD") for quote in quotes)
    assert any(quote.startswith(" Loss, USD") for quote in quotes)


@pytest.mark.parametrize("name", SECTIONS)
def test_figures_in_the_text_are_the_commands(name: str) -> None:
    said = NUMBER.findall(FENCE.sub("", SECTIONS[name]))
    assert said
    known = {round(x) for x in numbers(analysed(name))}
    assert [figure for figure in said if round(float(figure.replace(",", ""))) not in known] == []


def test_the_example_file_of_the_page_works() -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    portfolio = files.read(text)
    correlation_of(portfolio)
    found = lab.analyse(portfolio)
    assert len(found["modes"]) == 4
    assert len(found["what_if"]) == 1


MODELS = [
    schema.Portfolio, schema.Price, schema.Event, schema.Holding, schema.Position, schema.Shares,
    schema.Trade, schema.WhatIf, schema.Horizon, schema.MarginTables, schema.Model, schema.States,
    Margin,
]  # fmt: skip


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.__name__)
def test_every_field_is_on_the_page(model: type[BaseModel]) -> None:
    named = set(re.findall(r"`(\w+)(?:`| = )", PAGE)) | set(re.findall(r"\[(\w+)\]", PAGE))
    assert set(model.model_fields) - named == set()

"""Reads a page and, independently of the dashboard, the Parquet behind it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import duckdb
from playwright.sync_api import Locator, Page, expect


def amount(text: str) -> float:
    """The number in a text of the page."""
    return float(re.sub(r"[^0-9.\-]", "", text.replace("−", "-")))


def shown(place: Locator) -> float:
    """The number in a place of the page, once there is one."""
    expect(place).to_have_text(re.compile(r"\d"))
    return amount(place.text_content() or "")  # inner_text is empty below the fold of a grid


def ask_all(runs: Path, run: str, file: str, query: str) -> list[tuple[Any, ...]]:
    """Rows of a run's Parquet by DuckDB; the file (or files, with a star) is `t`."""
    with duckdb.connect() as connection:
        connection.execute(f"create view t as select * from '{runs / run / file}'")
        return connection.execute(query).fetchall()


def ask(runs: Path, run: str, file: str, query: str) -> tuple[Any, ...]:
    """The first of the rows."""
    return ask_all(runs, run, file, query)[0]


def row_of(page: Page, account: int) -> Locator:
    """The row of an account in the table."""
    return page.locator(f".ag-center-cols-container .ag-row[row-id='{account}']")


def open_run(page: Page, site: str, query: str) -> None:
    page.goto(f"{site}/?{query}")
    expect(page.locator("#card-scenario")).to_be_visible()
    expect(page.locator("#accounts .ag-center-cols-container .ag-row").first).to_be_visible()

"""The table of accounts: sortable, filterable, a row is chosen by a click or the space bar."""

from __future__ import annotations

from typing import Any

import dash_ag_grid as dag
import polars as pl

MONEY = {"function": "params.value == null ? '—' : d3.format(',.2f')(params.value)"}
COLUMNS = (
    ("account", "Account", 95, None),
    ("cohort", "Cohort", 130, "text"),
    ("pnl_usd", "Profit or loss, USD", 120, "money"),
    ("start_equity_usd", "Equity at start, USD", 125, "money"),
    ("end_equity_usd", "Equity at end, USD", 125, "money"),
    ("stage", "Last stage", 115, "text"),
    ("flagged", "First flagged, UTC", 105, "text"),
    ("liquidated_notional_usd", "Liquidated, USD", 125, "money"),
    ("adl_notional_usd", "Auto-deleveraged, USD", 150, "money"),
    ("insurance_usd", "From insurance, USD", 125, "money"),
    ("haircut_usd", "Haircut, USD", 105, "money"),
)


def column(field: str, title: str, width: int, kind: str | None) -> dict[str, Any]:
    """The definition of one column of AG Grid."""
    result: dict[str, Any] = {
        "field": field,
        "headerName": title,
        "minWidth": width,
        "width": width,
        "filter": kind == "text" and "agTextColumnFilter",
    }
    if kind == "money":
        result |= {"valueFormatter": MONEY, "type": "rightAligned"}
    if field == "pnl_usd":
        result["sort"] = "asc"
    if field in ("account", "cohort"):
        result["pinned"] = "left" if field == "account" else None
    return result


def accounts_grid(frame: pl.DataFrame, chosen: int | None) -> Any:
    """The table of `data.accounts`, the row of the account `chosen` marked."""
    return dag.AgGrid(
        id="accounts",
        # Not `flex`: with it AG Grid 35 can leave every row hidden, a known fault.
        columnSize="responsiveSizeToFit",
        columnDefs=[column(*c) for c in COLUMNS],
        rowData=grid_rows(frame),
        selectedRows=[] if chosen is None else {"ids": [str(chosen)]},
        getRowId="params.data.id",
        defaultColDef={
            "sortable": True,
            "resizable": True,
            "wrapHeaderText": True,
        },
        dashGridOptions={
            "rowSelection": {
                "mode": "singleRow",
                "checkboxes": False,
                "enableClickSelection": True,
            },
            "rowHeight": 30,
            "headerHeight": 56,
            "animateRows": False,
            "theme": {"function": "themeQuartz.withParams({fontSize: 13, accentColor: '#0072B2'})"},
        },
        style={"height": "360px", "width": "100%"},
    )


def grid_rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Rows for the table from `data.accounts`; the grid wants text as a row's `id`."""
    shown = frame.with_columns(
        pl.col("flagged").dt.strftime("%H:%M:%S").fill_null("never").alias("flagged"),
        pl.col("account").cast(pl.String).alias("id"),
    )
    return shown.select("id", *(c[0] for c in COLUMNS if c[0] in shown.columns)).to_dicts()

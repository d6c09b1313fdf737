"""Figures without a browser: what is drawn, in which unit, with which words."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import plotly.graph_objects as go
import polars as pl
import pytest

from dashboard import binned, data
from dashboard.drawings import GRAPHS, draw
from dashboard.explanation import Explanation, Leg, explain
from dashboard.figures.axes import cursor
from dashboard.figures.depth import bands, depth
from dashboard.figures.liquidations import STAGE_LABELS, liquidations
from dashboard.figures.margin import SHOWN, margin, steps
from dashboard.figures.prices import prices
from dashboard.margins import margin_explanation
from dashboard.runs import Run
from dashboard.theme import ROLES, Scheme, base
from sim.exchange.rules import Rules
from tests.dashboard.synthetic import LISTING, START_US

SCHEMES: tuple[Scheme, ...] = ("light", "dark")


def titles(figure: go.Figure) -> list[str]:
    return [axis.title.text for axis in (*figure.select_xaxes(), *figure.select_yaxes())]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", GRAPHS)
def test_every_figure_has_units_utc_and_a_cursor(run: Run, name: str, scheme: Scheme) -> None:
    instrument = "3" if name == "event-prices" else "0"
    figure = draw(name, run, instrument, scheme, 250.0)
    text = " ".join(t for t in titles(figure) if t)
    assert "UTC" in text
    assert "USD" in text or "bp" in text
    (line,) = figure.layout.shapes
    assert line.x0 - data.span(run)[0] == timedelta(seconds=250)
    assert not draw(name, run, instrument, scheme, None).layout.shapes


def test_prices_are_drawn_as_they_are(run: Run) -> None:
    frame = data.lines(run, 0, ("index", "mark"))
    figure = prices(frame, run.units[0], data.span(run), "light")
    drawn = {trace.name: trace.y for trace in figure.data}
    assert set(drawn) == {"index (oracle)", "mark"}
    assert drawn["mark"].tolist() == frame.filter(pl.col("line") == "mark")["value"].to_list()


def test_an_event_is_drawn_between_nothing_and_one_dollar(run: Run) -> None:
    frame = data.lines(run, 3, ("mark", "bid", "ask"))
    figure = prices(frame, run.units[3], data.span(run), "dark")
    assert figure.layout.yaxis.range == (-0.02, 1.02)
    assert "USD per share" in figure.layout.yaxis.title.text


def test_stages_are_stacked_in_order(run: Run) -> None:
    frame = binned.liquidations(run)
    figure = liquidations(frame, binned.interval_us(run), data.span(run), "light")
    bars = [trace for trace in figure.data if trace.type == "bar"]
    assert [bar.name for bar in bars] == list(STAGE_LABELS.values())
    assert bars[0].y.sum() == pytest.approx(frame["book_usd"].sum())
    assert "per 5 s" in figure.layout.yaxis.title.text


def test_a_quiet_run_says_so(run: Run) -> None:
    quiet = binned.liquidations(run).with_columns(
        pl.lit(0.0).alias(s) for s in (*STAGE_LABELS, "flagged_accounts")
    )
    figure = liquidations(quiet, 1_000_000, data.span(run), "light")
    assert figure.layout.annotations[0].text == "Nothing was closed by force."


def test_the_heat_map_has_bids_below_and_asks_above(run: Run) -> None:
    frame = binned.depth(run, 0)
    (heat,) = depth(frame, run.units[0], data.span(run), "light").data
    z = np.array(heat.z)
    assert z.shape == (20, 61)
    assert len(heat.x) == 62
    assert len(heat.y) == 21
    first = frame.filter(pl.col("time") == frame["time"].min())
    touch = first.filter(pl.col("bucket") == 0)
    bid, ask = touch.sort("side")["usd_per_bp"]
    assert z[9, 0] == pytest.approx(np.log10(bid))
    assert z[10, 0] == pytest.approx(np.log10(ask))
    assert bands()[9].startswith("0–2 bp below")
    assert bands()[19].startswith("150–200 bp above")
    assert z[9, 30] == 0  # the bids next to the mid are gone
    assert "0 USD (0 coins)" in heat.text[9][30]


def test_the_waterfall_ends_at_what_is_left(run: Run) -> None:
    found = margin_explanation(run, 5)
    assert found is not None
    (bars,) = margin(found, "light").data
    relative = [x for x, m in zip(bars.x, bars.measure, strict=True) if m == "relative"]
    assert sum(relative) == pytest.approx(1550 - 2600)
    assert [label for m, label, _ in steps(found) if m == "total"] == [
        "<b>NE</b>",
        "<b>NE − MM</b>",
    ]


def test_many_legs_are_drawn_as_the_largest_and_the_rest() -> None:
    legs = [Leg(f"L{n}", "MAR-03", "", n, 1.5 * n, n, 0.5 * n) for n in range(1, 41)]
    many = Explanation(START_US, tuple(legs))
    bars = steps(many)
    assert sum(m == "relative" for m, _, _ in bars) == 2 * SHOWN
    assert sum(v for m, _, v in bars if m == "relative") == pytest.approx(bars[-1][2])
    assert "29 others" in [label for _, label, _ in bars]


def test_an_account_that_held_nothing() -> None:
    figure = margin(explain(LISTING, Rules(), [], at_us=0), "light")
    assert "nothing" in figure.layout.annotations[0].text


def test_no_instrument_no_figure(run: Run) -> None:
    figure = draw("event-prices", run, None, "light", None)
    assert figure.layout.annotations[0].text == "The run has none."
    assert not cursor(base("light"), data.span(run)[0]).layout.shapes


def _luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(("scheme", "ground"), [("light", "#FFFFFF"), ("dark", "#242424")])
def test_lines_stand_out_from_the_ground(scheme: Scheme, ground: str) -> None:
    for role, colour in ROLES[scheme].items():
        if role in ("book_usd", "backstop_usd"):
            continue  # filled bars, told apart by place and label
        light, dark = sorted((_luminance(colour), _luminance(ground)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 3, (role, colour)

"""Time and tables: what `advance` sends, and frames that say what the state says."""

from __future__ import annotations

import ast
import subprocess
import sys

import numpy as np
import pytest
from facade import USD, fresh, funded

from sim.exchange.house import HOUR_US, PERIODS_US, SECOND_US, regular
from sim.exchange.messages import M_ARG, M_INSTRUMENT, M_KIND, M_PRICE, M_TIME, Kind
from sim.exchange.names import UnknownName


# --- time --------------------------------------------------------------------------------------
def test_regular_messages_come_at_multiples_and_in_order() -> None:
    block = regular(HOUR_US - 1, HOUR_US + 5 * SECOND_US)
    hour = block[block[:, M_TIME] == HOUR_US]
    assert hour[:, M_KIND].tolist() == [
        Kind.MARK, Kind.PREMIUM, Kind.FUNDING, Kind.INTEREST, Kind.SETTLE, Kind.LIQUIDATE,
    ]  # fmt: skip
    assert (np.diff(block[:, M_TIME]) >= 0).all()
    for kind, every in PERIODS_US.items():
        times = block[block[:, M_KIND] == kind][:, M_TIME]
        assert len(times) == (HOUR_US + 5 * SECOND_US) // every - (HOUR_US - 1) // every
        assert (times % every == 0).all()
    assert len(regular(0, SECOND_US - 1)) == 0
    assert len(regular(SECOND_US, SECOND_US)) == 0


def test_advance_in_parts_is_advance_at_once() -> None:
    x, y = funded(), funded()
    x.advance(2 * 3600 + 7, hold=True)
    for seconds in (0.3, 0.7, 3599.5, 6.5, 3600):
        y.advance(seconds, hold=True)
    assert x.now == y.now == (2 * 3600 + 7) * SECOND_US
    assert x.state_digest() == y.state_digest()


def test_advance_sends_the_regular_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    x = funded()
    blocks: list[np.ndarray] = []
    monkeypatch.setattr(x, "process", blocks.append)
    x.advance(3700)
    sent = np.concatenate(blocks)
    assert np.array_equal(sent, regular(0, 3700 * SECOND_US))
    blocks.clear()
    x.advance(2, hold=True)
    (held,) = blocks
    first = held[held[:, M_TIME] == 3701 * SECOND_US]
    assert first[:3, M_KIND].tolist() == [Kind.INDEX, Kind.INDEX, Kind.MARK]
    assert first[:2, M_INSTRUMENT].tolist() == [0, 1]
    assert first[:2, M_PRICE].tolist() == [1_000_000, 400_000]
    assert first[:2, M_ARG].tolist() == [3701 * SECOND_US] * 2


def test_marks_follow_prices_when_time_passes() -> None:
    x = funded()
    x.price("BTC", 1_001_000)
    assert x.mark(0) == 1_000_000
    outcome = x.advance(1)
    assert x.mark(0) == 1_001_000
    assert "MARK" in repr(outcome)
    assert outcome.frame()["kind"].to_list().count("MARK") == 2  # the perpetual and the spot book


def test_prices_grow_stale_unless_held() -> None:
    x, y = funded(), funded()
    x.advance(120)
    y.advance(120, hold=True)
    assert x.submit(0, "BTC-PERP", "buy", 1, 999_000).reason == "STALE_ORACLE"
    assert y.submit(0, "BTC-PERP", "buy", 1, 999_000)


def test_time_does_not_run_backwards() -> None:
    x = funded()
    x.advance(0.5)
    assert x.now == 500_000
    assert x.deposit(0, "USDC", 1).events[0, 1] == 500_000
    with pytest.raises(ValueError, match="backwards"):
        x.advance(-1)
    with pytest.raises(ValueError, match="backwards"):
        x.advance(to_us=3)
    with pytest.raises(ValueError, match="backwards"):
        x.send(Kind.MARK, time_us=400_000)


# --- frames ------------------------------------------------------------------------------------
@pytest.fixture
def traded():
    """Account 0 is long 100 lots from account 1; there are quotes, shares and a refusal."""
    x = funded()
    x.submit(0, "BTC-PERP", "buy", 150, 999_000)
    x.submit(1, "BTC-PERP", "sell", 100, 999_000)
    x.submit(2, "BTC-PERP", "sell", 70, 1_000_500)
    x.mint(3, "Rain", 40)
    x.submit(4, "BTC/USDC", "buy", 3, 1)
    return x


def test_instruments_and_books(traded) -> None:
    frame = traded.instruments()
    assert frame["name"].to_list() == ["BTC-PERP", "ETH-PERP", "BTC/USDC", "Rain"]
    assert frame["kind"].to_list() == ["perpetual", "perpetual", "spot", "event"]
    first = frame.row(0, named=True)
    assert (first["bid"], first["ask"], first["last"]) == (999_000, 1_000_500, 999_000)
    assert (first["tick_usd"], first["lot"], first["open_interest"]) == (0.1, 0.001, 100)
    assert frame.row(1, named=True)["bid"] is None
    books = traded.books().row(0, named=True)
    assert (books["mid"], books["spread"]) == (999_750, 1_500)
    assert (books["bid_lots"], books["ask_lots"], books["bid_orders"]) == (50, 70, 1)


def test_one_book(traded) -> None:
    traded.submit(3, "BTC-PERP", "sell", 5, 1_000_500)
    traded.submit(3, "BTC-PERP", "sell", 6, 1_000_400)
    frame = traded.book_frame("BTC-PERP")
    assert frame["side"].to_list() == ["buy", "sell", "sell", "sell"]
    assert frame["size"].to_list() == [50, 6, 70, 5]
    assert frame["ahead"].to_list() == [0, 0, 6, 76]
    assert frame["price_usd"][1] == 100_040.0
    assert traded.book_frame("ETH-PERP").is_empty()
    with pytest.raises(ValueError, match="no instrument 9"):
        traded.book_frame(9)


def test_accounts(traded) -> None:
    frame = traded.accounts_frame()
    assert len(frame) == 6
    for row in frame.iter_rows(named=True):
        a = row["account"]
        assert row["equity_usd"] == traded.equity(a) / 1e6
        assert (row["ne_usd"], row["mm_usd"]) == traded.maintenance(a)
        strict, im = traded.initial(a)
        assert (row["im_usd"], row["free_usd"]) == (im, strict - im)
        assert row["flagged"] is False
    assert frame["open_orders"].to_list() == [1, 0, 1, 0, 0, 0]
    assert traded.accounts_frame([1, 4])["account"].to_list() == [1, 4]


def test_positions_and_balances(traded) -> None:
    frame = traded.positions_frame()
    long = frame.row(0, named=True)
    assert (long["account"], long["instrument"], long["size"]) == (0, "BTC-PERP", 100)
    assert (long["quantity"], long["entry_usd"], long["mark_usd"]) == (0.1, 99_900.0, 100_000.0)
    assert (long["pnl_asset"], long["pnl"], long["pnl_usd"]) == ("USDC", 10.0, 10.0)
    assert frame["pnl_usd"].sum() == 0
    assert traded.positions_frame([1])["size"].to_list() == [-100]
    balances = traded.balances_frame([3])
    rows = {row["asset"]: row for row in balances.iter_rows(named=True)}
    assert rows["USDC"]["units"] == 99_960 * USD
    assert rows["BTC"]["value_usd"] == 50_000.0
    assert rows["Rain:YES"]["value_usd"] + rows["Rain:NO"]["value_usd"] == 40.0


def test_events_say_what_they_mean(traded) -> None:
    frame = traded.events()
    assert frame["seq"].to_list() == list(range(1, traded.seq + 1))
    by = {name: rows.row(0, named=True) for (name,), rows in frame.group_by("kind")}
    assert (by["FILL"]["name"], by["FILL"]["side"], by["FILL"]["size"]) == ("BTC-PERP", "sell", 100)
    assert (by["DEPOSIT"]["name"], by["DEPOSIT"]["side"]) in {("USDC", None), ("BTC", None)}
    assert by["MINT"]["name"] == "Rain"
    assert (by["INDEX"]["name"], by["INDEX"]["meaning"]) in {("BTC", "valid"), ("ETH", "valid")}
    assert by["REJECT"]["meaning"] == "price_out_of_bounds"
    assert (by["REJECT"]["asked"], by["REJECT"]["name"]) == ("NEW", "BTC/USDC")
    assert traded.events(last=True)["kind"].to_list() == ["REJECT"]
    traded.deposit(0, 77, 1)
    assert traded.events(last=True)["name"].to_list() == ["77"]


def test_frames_of_an_empty_exchange_have_their_columns() -> None:
    x = fresh()
    for frame in (x.positions_frame(), x.balances_frame(), x.events(), x.book_frame(0)):
        assert frame.is_empty()
        assert frame.width >= 5


def test_repr_tells_the_state(traded) -> None:
    text = repr(traded)
    assert "1970-01-01 00:00:00.000 UTC" in text
    assert "4 instruments, 6 accounts, 2 orders resting, 1 fills, 1 refusals" in text


def test_polars_is_not_imported_for_trading() -> None:
    program = """
import sys
from facade import funded
x = funded()
assert x.submit(0, "BTC-PERP", "buy", 1, 999_000).resting == 1
x.advance(1); x.restore(x.snapshot())
heavy = {"polars", "mesa", "duckdb", "networkx", "rich", "typer"} & set(sys.modules)
assert not heavy, heavy
"""
    folder = __file__.rpartition("/")[0]
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_notebook_of_the_docs_runs(repo) -> None:
    text = (repo / "docs" / "exchange.md").read_text("utf-8")
    program = text.partition("```python\n")[2].partition("```")[0]
    names: dict = {}
    lines = program.splitlines()
    for part in ast.parse(program).body:
        source = "\n".join(lines[part.lineno - 1 : part.end_lineno])
        said = lines[part.end_lineno - 1].partition("# ")[2]
        code = compile(ast.Interactive([part]), "<docs>", "single")
        if said.startswith("UnknownName"):
            with pytest.raises(UnknownName, match="did you mean"):
                exec(code, names)
        elif said.startswith("<") and isinstance(part, ast.Expr):
            assert repr(eval(source.partition(" #")[0], names)) == said
        else:
            exec(code, names)
    assert names["x"].state_digest() == names["y"].state_digest()

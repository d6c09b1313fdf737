"""What a run leaves behind: digest, events, tables, manifest; nothing when it is not complete."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recording import LISTING, START, Exchange, S, event, finish, noise, numbered, record

from sim.exchange.instruments import Listing
from sim.exchange.messages import EVENT_COLUMNS, Event
from sim.exchange.rules import Rules
from sim.oracle.truth import flat
from sim.record import recorder as recorder_module
from sim.record.digest import Digest
from sim.record.folder import RecordError, RunFolder, plain
from sim.record.recorder import CHUNK_ROWS, Recorder
from sim.record.store import Run, RunDamaged, RunNotFound, RunStore


# digest -------------------------------------------------------------------------------------
@pytest.mark.spec("I17")
@given(st.lists(st.integers(0, 300)))
def test_the_digest_is_that_of_all_bytes_however_they_are_cut(cuts: list[int]) -> None:
    events = noise(300, minutes=5.5)
    digest = Digest(START)
    for part in np.split(events, sorted(cuts)):
        digest.add(part)
    assert digest.hexdigest() == hashlib.sha256(events.tobytes()).hexdigest()
    minute = (events[:, 1] - START) // (60 * S)
    assert digest.minutes() == [
        hashlib.sha256(events[minute <= m].tobytes()).hexdigest() for m in range(6)
    ]


def test_runs_that_part_agree_up_to_that_minute() -> None:
    one, other = noise(400, minutes=4), noise(400, minutes=4)
    other[other[:, 1] >= START + 130 * S, 7] += 1
    a, b = Digest(START), Digest(START)
    a.add(one)
    b.add(other)
    assert [x == y for x, y in zip(a.minutes(), b.minutes(), strict=True)] == [
        True,
        True,
        False,
        False,
    ]


def test_minutes_without_an_event_are_there() -> None:
    digest = Digest(START)
    digest.add(numbered(event(1, Event.MARK), event(200, Event.MARK)))
    a, b, c, d = digest.minutes()
    assert a == b == c != d


# events -------------------------------------------------------------------------------------
def test_every_event_is_kept_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_module, "PART_ROWS", 1000)
    events = noise(3210)
    path = finish(record(events, cuts=[10, 11, 2500], folder=RunFolder(tmp_path, "r")))
    assert path == tmp_path / "r"
    parts = sorted(p.name for p in (path / "events").iterdir())
    assert parts == [f"{k:06d}.parquet" for k in (1, 2, 3, 4)]
    frame = Run(path).events().collect()
    assert tuple(frame.columns) == EVENT_COLUMNS
    assert set(frame.dtypes) == {pl.Int64}
    np.testing.assert_array_equal(frame.to_numpy(), events)


def test_fills_leaves_out_what_happens_to_ordinary_orders(tmp_path: Path) -> None:
    events = noise(5000)
    path = finish(record(events, mode="fills", folder=RunFolder(tmp_path, "r")))
    ordinary = np.isin(events[:, 2], [1, 3, 4]) & (events[:, 9] >= 0)
    assert 0 < ordinary.sum() < np.isin(events[:, 2], [1, 3, 4]).sum()
    assert path is not None
    np.testing.assert_array_equal(Run(path).events().collect().to_numpy(), events[~ordinary])


def test_a_summary_has_no_events(tmp_path: Path) -> None:
    path = finish(record(noise(500), mode="summary", folder=RunFolder(tmp_path, "r")))
    assert path is not None
    assert not (path / "events").exists()
    frame = Run(path).events().collect()
    assert tuple(frame.columns) == EVENT_COLUMNS
    assert len(frame) == 0


def test_without_a_folder_nothing_is_written(tmp_path: Path) -> None:
    recorder = record(noise(500))
    assert finish(recorder) is None
    assert recorder.events == 500
    assert recorder.digest.hexdigest() == hashlib.sha256(noise(500).tobytes()).hexdigest()


def test_observers_see_every_event_in_order() -> None:
    events = noise(CHUNK_ROWS + 1000)
    seen: list[np.ndarray] = []
    recorder = Recorder(LISTING, 5, START, START + 1)
    recorder.observe(lambda chunk: seen.append(chunk.copy()))
    for part in np.split(events, [100, 200, 210]):
        recorder.add(part)
    recorder.flush()
    np.testing.assert_array_equal(np.concatenate(seen), events)


def test_rows_handed_over_may_be_reused() -> None:
    events = noise(100)
    buffer = events.copy()
    recorder = Recorder(LISTING, 5, START, START + 1)
    recorder.add(buffer)
    buffer[:] = 0
    recorder.flush()
    assert recorder.digest.hexdigest() == hashlib.sha256(events.tobytes()).hexdigest()


# tables -------------------------------------------------------------------------------------
def frame(seconds: float, base: int) -> list[np.ndarray]:
    """A market data frame of three instruments; values `base` + column + 100·instrument."""
    names = [n for n in EVENT_COLUMNS[6:] if n != "parent"]
    return [
        event(
            seconds,
            Event.BOOK,
            instrument=i,
            **{n: base + EVENT_COLUMNS.index(n) + 100 * i for n in names},
        )
        for i in range(3)
    ]


@pytest.mark.parametrize("cuts", [None, [3], [3, 6, 9]])
def test_series_takes_the_first_frame_of_each_second(cuts: list[int] | None) -> None:
    rows = [*frame(0, 1000), *frame(0.5, 2000), *frame(1, 3000), *frame(2.5, 4000)]
    truth = flat({"BTC": 9_999.7}, START, START + 120 * S)
    table = record(numbered(*rows), cuts=cuts, truth=truth).series.frame()
    assert table.columns == [
        "time_us",
        "instrument",
        "index",
        "mark",
        "bid",
        "ask",
        "last",
        "depth10",
        "depth50_bid",
        "depth50_ask",
        "oi",
        "truth",
    ]
    assert (table["time_us"] - START).to_list() == [0] * 3 + [S] * 3 + [5 * S // 2] * 3
    first = [1010, 1009, 1006, 1007, 1008, 1014, 1011, 1012, 1015]  # columns, by docs/formats.md
    assert table.row(0)[1:] == (0, *first, 10_000)
    assert table.row(1)[1:] == (1, *(x + 100 for x in first), 10_000)
    assert table.row(2)[1:] == (2, *(x + 200 for x in first), -1)
    assert table.row(3)[1:] == (0, *(x + 2000 for x in first), 10_000)
    assert record(numbered(*rows)).series.frame()["truth"].to_list() == [-1] * 9


def test_book_holds_the_ten_buckets() -> None:
    row = event(10, Event.DEPTH, instrument=1, side=1)
    row[6:] = np.arange(10) * 7
    table = record(numbered(row)).depth.frame()
    assert table.columns == ["time_us", "instrument", "side", *(f"b{k}" for k in range(10))]
    assert table.rows() == [(START + 10 * S, 1, 1, *range(0, 70, 7))]


WATERFALL = numbered(
    event(1.5, Event.FLAG, account=1, amount=-5),
    event(1.5, Event.FILL, account=1, other=2, price=10_000, size=3, code=1),  # 30 USD
    event(1.5, Event.FILL, account=3, other=2, price=10_000, size=9),  # not forced
    event(2.0, Event.FILL, account=1, instrument=2, side=1, price=400, size=10, code=1),  # 4 USD
    event(2.2, Event.FILL, account=1, instrument=2, side=0, price=400, size=10, code=1),  # NO: 6
    event(2.5, Event.BACKSTOP, account=1, other=4, price=10_000, size=-2),  # 20 USD
    event(3.0, Event.UNFLAG, account=1),
    event(3.0, Event.FLAG, account=1),
    event(3.0, Event.INSURANCE, account=1, amount=1_500_000),
    event(3.5, Event.ADL, account=1, other=3, price=20_000, size=1, amount=50),  # 20 USD
    event(3.5, Event.HAIRCUT, account=0, other=1, amount=2_000_000),
    event(3.5, Event.HAIRCUT, account=-1, other=1, amount=500_000),
    event(4.0, Event.FLAG, account=2),
)


@pytest.mark.parametrize("cuts", [None, [1, 5], list(range(1, 13))])
def test_funds_hold_what_was_done_before_each_second(cuts: list[int] | None) -> None:
    recorder = record(WATERFALL, cuts=cuts)
    for second in range(6):
        recorder.sample(START + second * S, Exchange())
    table = recorder.funds.frame()
    assert table.columns == [
        "time_us",
        "insurance_usd",
        "pool_usdc",
        "flagged_accounts",
        "book_usd",
        "backstop_usd",
        "insurance_usd_paid",
        "adl_usd",
        "socialised_usd",
    ]
    assert table["time_us"].to_list() == [START + k * S for k in range(6)]
    assert table.row(0)[1:4] == (5.0, 7.5, 2)
    assert table["book_usd"].to_list() == [0, 0, 30, 40, 40, 40]
    assert table["backstop_usd"].to_list() == [0, 0, 0, 20, 20, 20]
    assert table["insurance_usd_paid"].to_list() == [0, 0, 0, 0, 1.5, 1.5]
    assert table["adl_usd"].to_list() == [0, 0, 0, 0, 20, 20]
    assert table["socialised_usd"].to_list() == [0, 0, 0, 0, 2.5, 2.5]


@pytest.mark.parametrize("cuts", [None, [1, 5], list(range(1, 13))])
def test_accounts_hold_what_became_of_them(cuts: list[int] | None) -> None:
    recorder = record(WATERFALL, cuts=cuts)
    recorder.accounts.begin(np.array([10, 20, 30, 40, 50]) * S)
    cohorts = {"noise": np.array([0, 1]), "maker": [4]}
    table = recorder.accounts.frame(np.array([11, 0, 30, 40, -1]) * S, cohorts)
    assert table.columns == [
        "account",
        "cohort",
        "start_equity_usd",
        "end_equity_usd",
        "pnl_usd",
        "flagged_us",
        "stage",
        "liquidated_notional_usd",
        "adl_notional_usd",
        "insurance_usd",
        "haircut_usd",
    ]
    flagged = [-1, START + 3 * S // 2, START + 4 * S, -1, -1]
    assert table["account"].to_list() == [0, 1, 2, 3, 4]
    assert table["cohort"].to_list() == ["noise", "noise", "", "", "maker"]
    assert table["start_equity_usd"].to_list() == [10, 20, 30, 40, 50]
    assert table["end_equity_usd"].to_list() == [11, 0, 30, 40, -1]
    assert table["pnl_usd"].to_list() == [1, -20, 0, 0, -51]
    assert table["flagged_us"].to_list() == flagged
    assert table["stage"].to_list() == ["none", "adl", "none", "none", "none"]
    assert table["liquidated_notional_usd"].to_list() == [0, 30 + 4 + 6 + 20 + 20, 0, 0, 0]
    assert table["adl_notional_usd"].to_list() == [0, 0, 0, 20, 0]
    assert table["insurance_usd"].to_list() == [0, 1.5, 0, 0, 0]
    assert table["haircut_usd"].to_list() == [2, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("last", "stage"), [(1, "none"), (2, "book"), (6, "backstop"), (9, "insurance"), (10, "adl")]
)
def test_the_stage_is_the_deepest_reached(last: int, stage: str) -> None:
    table = record(WATERFALL[:last]).accounts.frame(np.zeros(5), {})
    assert table["stage"][1] == stage


@pytest.mark.parametrize("cuts", [None, [1], [2], [4], [1, 2, 3, 4, 5, 6]])
def test_money_paid_in_or_out_is_no_profit(cuts: list[int] | None) -> None:
    rows = numbered(
        event(1, Event.DEPOSIT, account=1, instrument=0, size=5 * S),
        event(1, Event.DEPOSIT, account=2, instrument=1, size=3),  # at the first index: 30 USD
        event(2, Event.INDEX, instrument=0, price=5_000),
        event(2, Event.INDEX, instrument=0, price=0),  # no price
        event(3, Event.WITHDRAW, account=2, instrument=1, size=1),  # 5 USD
        event(4, Event.INDEX, instrument=0, price=8_000),
        event(5, Event.WITHDRAW, account=3, instrument=0, size=2 * S),
    )
    table = record(rows, cuts=cuts).accounts.frame(np.array([0, 5, 25, -2, 0]) * S, {})
    assert table["pnl_usd"].to_list() == [0, 0, 0, 0, 0]


def test_money_of_the_setup_is_where_they_start() -> None:
    recorder = Recorder(LISTING, 2, START, START + S)
    recorder.add(numbered(event(0, Event.DEPOSIT, account=0, instrument=0, size=9 * S)))
    recorder.begin(Exchange(9 * S, 0))
    table = recorder.accounts.frame(np.array([10, 0]) * S, {})
    assert table["start_equity_usd"].to_list() == [9, 0]
    assert table["pnl_usd"].to_list() == [1, 0]


@given(st.lists(st.integers(0, 400)))
def test_tables_do_not_depend_on_how_events_come(cuts: list[int]) -> None:
    events = noise(400)
    one, other = record(events), record(events, cuts=sorted(cuts))
    for r in (one, other):
        for second in range(0, 120, 7):
            r.sample(START + second * S, Exchange())
    end = np.arange(5) * S
    assert one.accounts.frame(end, {}).equals(other.accounts.frame(end, {}))
    assert one.funds.frame().equals(other.funds.frame())


# the folder ---------------------------------------------------------------------------------
def test_a_complete_run_has_all_its_files_and_says_what_it_is(tmp_path: Path) -> None:
    metrics = {"bad_debt_usd": {"value": 0.0, "unit": "USD"}, "x": {"value": None, "unit": "s"}}
    recorder = record(noise(50), folder=RunFolder(tmp_path / "runs", "test-1"))
    path = finish(recorder, metrics=metrics, wall_seconds=1.5, report={"gap": float("nan")})
    assert path == tmp_path / "runs" / "test-1"
    assert sorted(p.name for p in path.iterdir()) == [
        "accounts.parquet",
        "book.parquet",
        "events",
        "funds.parquet",
        "holdings.parquet",
        "manifest.json",
        "metrics.parquet",
        "series.parquet",
    ]
    manifest = json.loads((path / "manifest.json").read_text())
    assert manifest["schema"] == 1
    assert manifest["run_id"] == "test-1"
    assert manifest["digest"] == hashlib.sha256(noise(50).tobytes()).hexdigest()
    assert manifest["digests"][-1] == manifest["digest"]
    assert (manifest["start_us"], manifest["end_us"]) == (START, START + 120 * S)
    assert manifest["versions"].keys() >= {"python", "numpy", "numba", "mesa", "polars"}
    assert manifest["platform"]["machine"]
    assert manifest["rules"] == Rules().model_dump(mode="json")
    assert Listing.model_validate(manifest["listing"]) == LISTING
    assert manifest["instruments"] == [
        {
            "name": "BTC-PERP",
            "kind": "perpetual",
            "feed": "BTC",
            "tick_usd": 1.0,
            "lot_coins": 1e-3,
        },
        {"name": "BTC/USDC", "kind": "spot", "feed": "BTC", "tick_usd": 1.0, "lot_coins": 1e-3},
        {"name": "E", "kind": "event", "feed": None, "tick_usd": 1e-3, "lot_coins": 1.0},
    ]
    assert manifest["assets"] == ["USDC", "BTC", "E:YES", "E:NO"]
    assert manifest["feeds"] == [{"name": "BTC", "tick_usd": 1.0}]
    assert (manifest["scenario"], manifest["seed"]) == ("test", 1)
    assert manifest["report"] == {"gap": None}
    run = Run(path)
    assert run.metrics().collect().rows() == [("bad_debt_usd", 0.0, "USD"), ("x", None, "s")]
    for table in (run.accounts(), run.book(), run.series(), run.funds()):
        table.collect()


def test_an_id_that_is_taken_gets_a_number(tmp_path: Path) -> None:
    first, second = RunFolder(tmp_path, "a"), RunFolder(tmp_path, "a")
    assert (first.run_id, second.run_id) == ("a", "a-2")
    first.complete({})
    assert RunFolder(tmp_path, "a").run_id == "a-3"
    second.abort()
    assert RunFolder(tmp_path, "a").run_id == "a-2"


@pytest.mark.parametrize("bad", ["", ".", "..", ".tmp-x", "a/b", "a\\b", "a b", "-x"])
def test_an_id_is_a_plain_file_name(tmp_path: Path, bad: str) -> None:
    with pytest.raises(ValueError, match="cannot be the id of a run"):
        RunFolder(tmp_path, bad)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_interrupted_run_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    def interrupted() -> None:
        with record(noise(500), folder=RunFolder(tmp_path, "r")) as recorder:
            recorder._write_part()
            assert [p.name for p in tmp_path.iterdir()] == [".tmp-r"]
            raise error

    with pytest.raises(error):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_a_killed_run_does_not_look_complete(tmp_path: Path) -> None:
    record(noise(500), folder=RunFolder(tmp_path, "r"))._write_part()
    assert RunStore(tmp_path).ids() == []
    with pytest.raises(RunNotFound, match="no run 'r' in"):
        RunStore(tmp_path).open("r")
    with pytest.raises(RunNotFound, match="is no complete run"):
        RunStore(tmp_path).open(tmp_path / ".tmp-r")


def test_a_complete_run_survives_the_end_of_the_block(tmp_path: Path) -> None:
    with record(noise(5), folder=RunFolder(tmp_path, "r")) as recorder:
        finish(recorder)
    assert RunStore(tmp_path).ids() == ["r"]


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    code = f"""
        import resource, sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        import test_record as t
        folder = t.RunFolder({str(tmp_path)!r}, "r")
        recorder = t.record(t.noise(20_000), folder=folder)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
        try:
            t.finish(recorder)
        except t.RecordError as error:
            print(error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    )
    assert f"cannot write run r to {tmp_path}: File too large" in done.stdout, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordError, match=r"cannot make a run in .*file"):
        RunFolder(tmp_path / "file", "r")


def test_json_gets_plain_values() -> None:
    value = {
        1: np.int64(5),
        "a": np.array([1.0, np.nan]),
        "p": Path("x"),
        "t": (np.bool_(True), float("inf"), None, "s"),
    }
    assert plain(value) == {"1": 5, "a": [1.0, None], "p": "x", "t": [True, None, None, "s"]}


# the store ----------------------------------------------------------------------------------
@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    for name in ("oct-2025-s1", "oct-2025-s2", "calm-s1"):
        finish(record(noise(20), folder=RunFolder(tmp_path, name)))
    return RunStore(tmp_path)


def test_runs_are_listed_oldest_first(store: RunStore) -> None:
    (store.path / "notes").mkdir()
    (store.path / "readme.txt").write_text("")
    assert store.ids() == ["oct-2025-s1", "oct-2025-s2", "calm-s1"]
    assert [run.run_id for run in store.runs()] == store.ids()
    assert store.runs()[0].manifest["scenario"] == "test"
    assert RunStore(store.path / "none").runs() == []


def test_a_run_is_opened_by_id_prefix_or_path(store: RunStore, tmp_path: Path) -> None:
    for ref in ("calm-s1", "calm", "c", tmp_path / "calm-s1", f"{tmp_path}/calm-s1/"):
        assert store.open(ref).run_id == "calm-s1"
    assert RunStore(tmp_path / "none").open(tmp_path / "calm-s1").run_id == "calm-s1"


@pytest.mark.parametrize(
    ("ref", "reason"),
    [
        ("oct", "'oct' is the beginning of several runs: oct-2025-s1, oct-2025-s2"),
        ("oct-2024-s1", "no run 'oct-2024-s1' in .*; nearest: oct-2025-s1"),
        ("zzz", "no run 'zzz' in .*; there is: oct-2025-s1, oct-2025-s2, calm-s1"),
        ("", "no run '' in"),
    ],
)
def test_what_is_not_found_names_the_nearest(store: RunStore, ref: str, reason: str) -> None:
    with pytest.raises(RunNotFound, match=reason):
        store.open(ref)


def test_an_empty_store_says_so(tmp_path: Path) -> None:
    with pytest.raises(RunNotFound, match="where there are no runs"):
        RunStore(tmp_path).open("x")


def test_a_folder_without_manifest_is_no_run(store: RunStore) -> None:
    (store.path / "half").mkdir()
    with pytest.raises(RunNotFound, match=r"'half' is no complete run: it has no manifest.json"):
        store.open("half")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "manifest.json: cannot be read"),
        ("[]", "not a manifest"),
        ('{"schema": 99}', "written in format 99, this version reads up to 1"),
        ("{}", "written in format None"),
    ],
)
def test_a_damaged_manifest_is_said(store: RunStore, text: str, reason: str) -> None:
    (store.path / "calm-s1" / "manifest.json").write_text(text)
    with pytest.raises(RunDamaged, match=reason):
        store.open("calm-s1")
    assert [run.run_id for run in store.runs()] == ["oct-2025-s1", "oct-2025-s2"]


def test_a_missing_table_is_said(store: RunStore) -> None:
    (store.path / "calm-s1" / "funds.parquet").unlink()
    with pytest.raises(RunDamaged, match=r"funds.parquet: missing"):
        store.open("calm-s1").funds()


def test_listing_runs_needs_no_polars() -> None:
    code = "import sim.record.store, sys; sys.exit('polars' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)

"""True prices: waypoints and extremes are hit exactly, and a bad price file is refused by row."""

from __future__ import annotations

import gzip
import math
from pathlib import Path

import numpy as np
import pytest

from sim.oracle.bars import PriceFileError, read_bars
from sim.oracle.truth import Follower, TruthPath, bridge, flat, follow, from_bars, from_waypoints

S = 1_000_000
START = 1_760_129_400 * S  # 2025-10-10 20:50 UTC
HEADER = "open_time_ms,open,high,low,close,volume"
ROWS = [
    "1760129400000,100,110,95,105,1",
    "1760129460000,106,106,90,100,1",
    "1760129520000,100,100,100,100,1",
]
CRASH = [(START, 116_830.0), (START + 1260 * S, 114_283.0), (START + 1830 * S, 101_516.0)]


def write(folder: Path, *lines: str) -> Path:
    path = folder / "bars.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


# paths ------------------------------------------------------------------------------------
def test_a_path_is_linear_between_its_points_and_flat_beyond() -> None:
    path = TruthPath(("A",), 10 * S, np.array([[100.0, 200.0, 150.0]]))
    times = np.array([0, 10 * S, 10 * S + 250_000, 11 * S, 11 * S + S // 2, 12 * S, 99 * S])
    assert path.sample(0, times).tolist() == [100, 100, 125, 200, 175, 150, 150]
    assert path.at(11 * S).tolist() == [200]
    assert path.end_us == 12 * S


def test_a_path_refuses_what_is_no_price() -> None:
    for bad in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match="not positive"):
            TruthPath(("A",), 0, np.array([[1.0, bad]]))
    with pytest.raises(ValueError, match="2 names"):
        TruthPath(("A", "B"), 0, np.ones((1, 3)))


def test_scaling_multiplies_log_returns() -> None:
    path = TruthPath(("A", "B"), 0, np.array([[100.0, 80.0], [7.0, 14.0]]))
    assert path.scaled(1) is path
    assert path.scaled(0).values.tolist() == [[100, 100], [7, 7]]
    np.testing.assert_allclose(path.scaled(2).values, [[100, 64], [7, 28]], rtol=1e-14)
    np.testing.assert_allclose(path.scaled(0.5).values[0, 1], 100 * math.sqrt(0.8), rtol=1e-14)


def test_a_flat_path_is_flat() -> None:
    path = flat({"BTC": 5.0, "ETH": 2.5}, START, START + 90 * S + 1)
    assert path.names == ("BTC", "ETH")
    assert path.values.shape == (2, 92)
    assert set(path.values[1]) == {2.5}
    with pytest.raises(ValueError, match="not after start"):
        flat({"BTC": 5.0}, START, START)


# waypoints --------------------------------------------------------------------------------
@pytest.mark.parametrize("sigma", [0.0, 0.002])
def test_each_waypoint_is_hit_exactly(sigma: float) -> None:
    path = from_waypoints(CRASH, seed=3, sigma_1m=sigma)
    assert path.values.shape == (1, 1831)
    for time, price in CRASH:
        assert path.at(time)[0] == price


def test_between_waypoints_the_log_price_is_straight_without_noise() -> None:
    path = from_waypoints([(0, 100.0), (4 * S, 1600.0)], seed=1)
    np.testing.assert_allclose(path.values[0], [100, 200, 400, 800, 1600], rtol=1e-14)


def test_noise_has_its_volatility_and_its_seed() -> None:
    points = [(0, 100.0), (36_000 * S, 100.0)]
    a, b, c = (from_waypoints(points, seed=s, sigma_1m=0.001) for s in (1, 1, 2))
    np.testing.assert_array_equal(a.values, b.values)
    assert (a.values != c.values).any()
    per_second = np.diff(np.log(a.values[0])).std()
    assert per_second * math.sqrt(60) == pytest.approx(0.001, rel=0.02)


def test_the_path_covers_the_run() -> None:
    path = from_waypoints(CRASH, seed=1, start_us=START - 60 * S, end_us=START + 2000 * S)
    assert path.start_us == START - 60 * S
    assert path.end_us == START + 2000 * S
    assert path.at(START - 30 * S)[0] == CRASH[0][1]
    assert [path.at(t)[0] for t, _ in CRASH] == [p for _, p in CRASH]
    assert path.at(START + 1999 * S)[0] == CRASH[-1][1]
    late = from_waypoints(CRASH, seed=1, start_us=START + 60 * S, end_us=START + 1900 * S)
    whole = from_waypoints(CRASH, seed=1)
    np.testing.assert_array_equal(late.values[0, :1771], whole.values[0, 60:])


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        ([], "no waypoint"),
        ([(0, 1.0), (0, 2.0)], "not later than the one before"),
        ([(0, 1.0), (5, 2.0)], "no whole second"),
        ([(0, -1.0)], "not positive"),
        ([(0, math.inf)], "not positive"),
    ],
)
def test_bad_waypoints_are_refused(points: list[tuple[int, float]], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        from_waypoints(points, seed=1)


def test_a_bridge_is_tied_down_at_both_ends() -> None:
    walk = bridge(np.random.default_rng(1), 20, 3.0)
    assert len(walk) == 21
    assert walk[0] == walk[20] == 0
    assert max(map(abs, walk)) > 1


# followers --------------------------------------------------------------------------------
def test_followers_move_by_their_beta() -> None:
    lead = from_waypoints(CRASH, seed=1, sigma_1m=0.001)
    path = follow(
        lead, [Follower("ETH", 4000.0, beta=2.0), Follower("USDe", 1.0, beta=0.0)], seed=1
    )
    assert path.names == ("BTC", "ETH", "USDe")
    move = lead.values[0] / lead.values[0, 0]
    np.testing.assert_allclose(path.values[1], 4000 * move**2, rtol=1e-12)
    assert set(path.values[2]) == {1.0}


def test_a_follower_more_leaves_the_others_as_they_were() -> None:
    lead = from_waypoints(CRASH, seed=1)
    one, two = Follower("A", 1.0, 1.0, 0.01), Follower("B", 1.0, 1.0, 0.01)
    both = follow(lead, [two, one], seed=1)
    np.testing.assert_array_equal(follow(lead, [one], seed=1).values[1], both.values[2])
    assert (both.values[1] != both.values[2]).any()


# bars -------------------------------------------------------------------------------------
def test_a_bar_is_walked_open_nearer_extreme_other_extreme_close(tmp_path: Path) -> None:
    path = from_bars(read_bars(write(tmp_path, HEADER, *ROWS)), seed=1, roughness=0)
    at = [path.at(START + t * S)[0] for t in (0, 20, 40, 59, 60, 80, 100, 120, 150, 180)]
    assert at == [100, 95, 110, 105.25, 106, 106, 90, 100, 100, 100]
    assert path.values.shape == (1, 181)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_walk_stays_in_each_bar_and_visits_its_extremes(shared_data: Path, seed: int) -> None:
    bars = read_bars(shared_data / "btcusdt_perp_1m_2025_10_10.csv")
    assert bars.prices.shape == (4, 86)
    path = from_bars(bars, seed=seed)
    assert path.start_us == START
    assert path.end_us == START + 86 * 60 * S
    minutes = path.values[0, :-1].reshape(86, 60)
    np.testing.assert_array_equal(minutes[:, 0], bars.prices[0])
    np.testing.assert_array_equal(minutes.max(axis=1), bars.prices[1])
    np.testing.assert_array_equal(minutes.min(axis=1), bars.prices[2])
    assert path.values[0, -1] == bars.prices[3, -1]
    assert (np.diff(path.values[0]) != 0).mean() > 0.8


def test_part_of_the_bars_can_be_run(tmp_path: Path) -> None:
    bars = read_bars(write(tmp_path, HEADER, *ROWS))
    whole = from_bars(bars, seed=1)
    part = from_bars(bars, seed=1, start_us=START + 30 * S, end_us=START + 90 * S)
    np.testing.assert_array_equal(part.values[0], whole.values[0, 30:91])
    with pytest.raises(PriceFileError, match=r"20:50:00 to 2025-10-10 20:53:00, but .* 20:53:01"):
        from_bars(bars, seed=1, end_us=START + 181 * S)
    with pytest.raises(PriceFileError, match="but the run goes from 2025-10-10 20:49:59"):
        from_bars(bars, seed=1, start_us=START - S)


def test_a_kline_file_without_header_is_read(tmp_path: Path) -> None:
    plain = [row + ",1760129459999,1,1,1,1,0" for row in ROWS]
    assert plain[0].count(",") == 11
    want = read_bars(write(tmp_path, HEADER, *ROWS))
    got = read_bars(write(tmp_path, *plain))
    np.testing.assert_array_equal(got.prices, want.prices)
    micro = [row.replace("00,", "00000,", 1) for row in ["open_time,open,high,low,close", *ROWS]]
    assert micro[1].startswith("1760129400000000,")
    assert read_bars(write(tmp_path, *micro)).start_us == START


def test_bars_may_be_compressed_and_have_blank_lines(tmp_path: Path) -> None:
    text = "\n".join([HEADER, *ROWS, "", ""])
    path = tmp_path / "bars.csv.gz"
    path.write_bytes(gzip.compress(text.encode()))
    assert read_bars(path).prices.shape == (4, 3)


@pytest.mark.parametrize(
    ("lines", "row", "reason"),
    [
        ([HEADER, ROWS[0], ROWS[2]], 3, "gap: 1 minute missing between 2025-10-10 20:50:00"),
        ([HEADER, ROWS[0], "1760129700000,1,1,1,1"], 3, "gap: 4 minutes missing"),
        ([HEADER, ROWS[1], ROWS[0]], 3, "times out of order"),
        ([HEADER, ROWS[0], ROWS[0]], 3, "is there twice"),
        ([HEADER, ROWS[0], "1760129460000,106,nan,90,100,1"], 3, "high 'nan' is no number"),
        ([HEADER, "1760129400000,100,,95,105,1"], 2, "high '' is no number"),
        ([HEADER, "1760129400000,100,inf,95,105,1"], 2, "high 'inf' is no number"),
        ([HEADER, "1760129400000,1oo,110,95,105,1"], 2, "open '1oo' is no number"),
        ([HEADER, "1760129400000,100,90,95,105,1"], 2, "low 95.0 is above high 90.0"),
        ([HEADER, "1760129400000,120,110,95,105,1"], 2, "open 120.0 is outside low 95.0"),
        ([HEADER, "1760129400000,100,110,95,94,1"], 2, "close 94.0 is outside low 95.0"),
        ([HEADER, "1760129400000,100,110,0,94,1"], 2, "low 0 is not positive"),
        ([HEADER, "1760129400000,100,110,-5,94,1"], 2, "low -5 is not positive"),
        ([HEADER, "17:50,100,110,95,105,1"], 2, "open time '17:50' is no whole number"),
        ([HEADER, "1760129400123,100,110,95,105,1"], 2, "is no whole minute"),
        ([HEADER, "1760129400,100,110,95,105,1"], 2, "neither milliseconds nor microseconds"),
        ([HEADER, "1760129400000,100,110"], 2, "3 columns only; expected a header with"),
        (["time,open,high,low,last", ROWS[0]], 1, "no column open_time_ms, close; expected"),
        (["1760129400000,100,110,95,105,1"], 1, "no header and 6 columns; expected"),
        ([HEADER], None, "no bar, only a header"),
        ([""], None, "the file is empty; expected"),
    ],
)
def test_a_bad_file_is_refused_by_row(
    tmp_path: Path, lines: list[str], row: int | None, reason: str
) -> None:
    path = write(tmp_path, *lines)
    with pytest.raises(PriceFileError) as error:
        read_bars(path)
    assert error.value.row == row
    where = f"{path}, row {row}: " if row else f"{path}: "
    assert str(error.value).startswith(where)
    assert reason in str(error.value)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PriceFileError, match="no such file"):
        read_bars(tmp_path / "none.csv")
    with pytest.raises(PriceFileError, match="cannot be read"):
        read_bars(tmp_path)
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(PriceFileError, match="not a text file"):
        read_bars(tmp_path / "b.csv")
    (tmp_path / "b.gz").write_bytes(b"plain")
    with pytest.raises(PriceFileError, match="cannot be read"):
        read_bars(tmp_path / "b.gz")

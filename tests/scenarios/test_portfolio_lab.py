"""The portfolio lab's losses: by hand, against each other, and from the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.testing

import windtunnel
from scenarios.errors import ScenarioError
from scenarios.portfolio import files, lab
from scenarios.portfolio.book import book_of
from scenarios.portfolio.states import BY_PRICE, MOST, ends_of, moves_of, table_of
from scenarios.portfolio.stresses import matrix
from sim.exchange.whatif import VOID as VOIDED
from sim.exchange.whatif import decided

SMALL = """
price = [{ name = "X", price_usd = 10, volatility = 0.5, grid = [0.1] }]
event = [
  { name = "E", probability = 0.25, price = 0.3, underlying = "X", jumps = { YES = 0.2, NO = -0.1 } },
]
holding = [{ asset = "USDC", usd = 1_000 }, { asset = "X", coins = 50 }]
position = [{ on = "X", coins = -80 }]
shares = [{ event = "E", outcome = "NO", amount = 100 }]
"""


def found(text: str, *sets: str) -> dict[str, Any]:
    return lab.analyse(files.read(text, sets))


def test_the_loss_in_every_state_by_hand() -> None:
    states = found(SMALL)["states"]
    assert [m["move"] for m in states["moves"]] == [-0.1, 0, 0.1]
    assert [e["title"] for e in states["ends"]] == ["E YES", "E NO", "E VOID"]
    # A net short of 30 coins at 10, and 100 NO at .70: (1 + move)(1 + jump) - 1 of 300 USD, and
    # the shares lose 70, win 30, or lose 20 when each pays a half.
    jumps, shares = (0.2, -0.1, 0.0), (70, -30, 20)
    for move, row in zip((-0.1, 0.0, 0.1), states["losses_usd"], strict=True):
        by_hand = [300 * ((1 + move) * (1 + j) - 1) + s for j, s in zip(jumps, shares, strict=True)]
        assert row == pytest.approx(by_hand, abs=1e-6)
    assert states["worst"]["ends"] == "E YES"
    assert states["worst"]["move"] == 0.1


def test_jump_to_resolution_by_hand() -> None:
    (row,) = found(SMALL)["jumps"]
    assert (row["event"], row["worst_outcome"]) == ("E", "YES")
    assert row["loss_usd"] == pytest.approx({"YES": 70 + 60, "NO": -30 - 30})
    assert row["exposure_usd"] == pytest.approx(130)


def test_oracle_states_by_hand() -> None:
    stress = found(SMALL)["stress"]
    oracles = stress["oracles"]
    assert oracles == ["true", "stale", "wrong", "void"]
    at = stress["moves"].index(0.1)
    yes = stress["states"].index({"E": "YES"})
    losses = dict(zip(oracles, stress["losses_usd"][at][yes], strict=True))
    rise = 1.1 * 1.2 - 1
    # Stale: only the 50 coins move. Wrong: NO is paid though YES is true. Void: a half each.
    assert losses == pytest.approx(
        {
            "true": 300 * rise + 70,
            "stale": -500 * rise,
            "wrong": 300 * rise - 30,
            "void": 300 * rise + 20,
        }
    )
    worst = stress["worst"]
    assert (worst["oracle"], worst["outcomes"], worst["move"]) == ("true", {"E": "YES"}, 0.1)


@pytest.mark.parametrize("name", files.names())
def test_the_true_oracle_is_the_state_table(name: str) -> None:
    """The exchange's revaluation and the risk functions agree, up to ticks and lots."""
    book = book_of(files.load(name, ["states.void=false"]))
    table, stress = table_of(book), matrix(book)
    for c, ends in enumerate(table.ends):
        outcomes = {event: how for event, how in ends.outcomes if how != BY_PRICE}
        column = stress["states"].index(outcomes)
        ours = [row[c] for row in table.losses_usd]
        theirs = [row[column][0] for row in stress["losses_usd"]]
        assert ours == pytest.approx(theirs, abs=5.0)


def test_a_strike_has_two_sides() -> None:
    text = """
price = [{ name = "X", price_usd = 100, volatility = 0.5, grid = [0.1] }]
event = [{ name = "Over", underlying = "X", strike_usd = 105, price = 0.3, side = "SIDE" }]
shares = [{ event = "Over", amount = 10 }]
"""
    for side, losses in (("above", (3, -7)), ("below", (-7, 3))):
        states = found(text.replace("SIDE", side))["states"]
        whys = [move["why"] for move in states["moves"]]
        assert whys == ["", "", "under 105", "at 105", ""]
        by_price = [row[0] for row in states["losses_usd"]]
        assert by_price == [losses[0]] * 3 + [losses[1]] * 2
        assert [row[1] for row in states["losses_usd"]] == [-2.0] * 5  # void pays a half


def test_tail_of_a_book_of_shares_has_atoms() -> None:
    """Short 100 YES at .04: VaR95 is a gain of 4, ES95 a loss of 76."""
    text = """
event = [{ name = "E", probability = 0.04 }]
shares = [{ event = "E", outcome = "NO", amount = 100 }]
levels = [0.95]
"""
    (row,) = found(text)["tails"]
    assert row["var_usd"] == pytest.approx(-4)
    assert row["es_usd"] == pytest.approx(76)


def test_a_mixture_is_exact() -> None:
    """Long 1 perpetual N(0, 10²) and 100 YES at .3."""
    text = """
price = [{ name = "X", price_usd = 100, volatility = 0.1 }]
event = [{ name = "E", probability = 0.3 }]
position = [{ on = "X", coins = 1 }]
shares = [{ event = "E", amount = 100 }]
horizon = { days = 365 }
model = { others = 0.0 }
"""
    result = found(text)
    assert result["method"]["name"] == "exact"
    assert [row["es_usd"] for row in result["tails"]] == pytest.approx(
        [49.09, 52.00, 55.42], abs=5e-3
    )
    normal = [row["normal_es_usd"] for row in result["tails"]]
    assert normal == pytest.approx([96.7, 109.7, 125.0], abs=0.05)


def test_simulation_agrees_with_the_exact_law() -> None:
    exact, drawn = (found(SMALL, f"model.method={method!r}") for method in ("exact", "simulate"))
    assert (exact["method"]["name"], drawn["method"]["name"]) == ("exact", "simulated")
    for a, b in zip(exact["tails"], drawn["tails"], strict=True):
        assert abs(a["es_usd"] - b["es_usd"]) < 5 * b["es_error_usd"]
        assert a["comonotone_es_usd"] >= a["es_usd"]


def test_the_same_seed_gives_the_same_numbers_and_another_does_not() -> None:
    a, b, c = (found(SMALL, "model.copula='t'", f"model.seed={seed}") for seed in (1, 1, 2))
    assert a == b
    assert a["tails"] != c["tails"]


def test_a_copula_is_simulated_and_says_why() -> None:
    method = found(SMALL, "model.copula='t'")["method"]
    assert (method["name"], method["why"]) == ("simulated", "a t copula has no closed form")
    result = found(SMALL, "correlation={X={E=0.5}}")
    assert "depend by declared jumps only" in result["method"]["why"]


def test_hedge_ratios_by_formula() -> None:
    """Long a coin of 100 against an event that makes it jump by 20 USD: h* is that of the formula."""
    text = """
price = [{ name = "X", price_usd = 100, volatility = 0.3 }]
event = [
  { name = "E", probability = 0.4, underlying = "X", jumps = { YES = 0.2, NO = 0.0 } },
]
holding = [{ asset = "X", coins = 1 }]
horizon = { days = 36.5 }
model = { paths = 200_000 }
"""
    rows = {row["sell"]: row for row in found(text)["hedges"]["alone"]}
    assert rows["X"]["ratio"] == pytest.approx(1)
    assert rows["X"]["r_squared"] == pytest.approx(1)
    # 1 coin is hedged by selling D = 20 YES; R² = p(1-p)D²/(s² + p(1-p)D²), s² = .3²/10·100².
    spread = 0.4 * 0.6 * 20**2
    assert rows["E YES"]["ratio"] == pytest.approx(20, rel=0.02)
    assert rows["E YES"]["r_squared"] == pytest.approx(spread / (90 + spread), abs=0.01)


def test_what_ifs_show_before_and_after() -> None:
    result = found(
        SMALL
        + """
[[what_if]]
name = "flat"
trade = [
  { position = "X-PERP", coins = 80 },
  { event = "E", outcome = "NO", amount = -100 },
  { asset = "X", coins = -50 },
]
"""
    )
    (then,) = result["what_if"]
    assert [h["name"] for h in then["holdings"]] == ["USDC"]
    assert all(row["im_usd"] == row["mm_usd"] == row["need_usd"] == 0 for row in then["modes"])
    assert all(row["ne_usd"] == then["equity_usd"] == result["equity_usd"] for row in then["modes"])
    assert [row["es_usd"] for row in then["tails"]] == [0, 0, 0]
    before = {row["mode"]: row["im_usd"] for row in result["modes"]}
    assert before["unified"] > 0


def test_least_capital_in_every_state() -> None:
    """Isolated: the short's wallet has its margin and nothing of the coins beside it."""
    result = found(SMALL, "margin.derivative={base=0.1,factor=0,base_m=0.05,factor_m=0}")
    ends = {row["mode"]: row["endurance"] for row in result["modes"]}
    assert {row["mode"]: row["need_usd"] for row in result["modes"]}["isolated"] == 80
    # +10 % and YES: the price rises by 32 %, the short of 800 loses 256, its wallet had 80.
    assert ends["isolated"]["uncovered_usd"] == pytest.approx(256 - 80)
    assert ends["isolated"]["worst"] == "+10 %, E YES"
    assert ends["unified"]["uncovered_usd"] == 0
    assert ends["isolated"]["states"] == 9


def test_many_events_are_shown_one_at_a_time() -> None:
    events = "".join(
        f'[[event]]\nname = "E{i}"\nprobability = 0.5\n[[shares]]\nevent = "E{i}"\namount = 10\n'
        for i in range(8)
    )
    book = book_of(files.read(f"model = {{ others = 0.0 }}\n{events}"))
    ends, notes = ends_of(book)
    assert len(ends) == 16 <= MOST
    assert len(notes) == 2
    result = lab.analyse(book.portfolio)
    assert result["states"]["worst"]["loss_usd"] == 5
    assert result["stress"]["worst"]["loss_usd"] == 40
    assert "losses_usd" not in result["stress"]  # 256 outcomes: only the worst are listed


def test_a_categorical_and_a_scalar_event() -> None:
    text = """
shares = [
  { event = "Race", outcome = "Bob", amount = 100 },
  { event = "Rate", outcome = "SHORT", amount = 50 },
]
model = { others = 0.0 }
[[event]]
name = "Race"
outcomes = ["Ann", "Bob"]
exhaustive = false
probabilities = { Ann = 0.5, Bob = 0.3, none = 0.2 }
[[event]]
name = "Rate"
low = 0
high = 10
probability = 0.4
"""
    result = found(text)
    states = result["states"]
    titles = [ends["title"] for ends in states["ends"]]
    losses = dict(zip(titles, states["losses_usd"][0], strict=True))
    assert losses["Race Bob, Rate SHORT"] == -70 - 20
    assert losses["Race none, Rate LONG"] == 30 + 30
    assert losses["Race VOID, Rate VOID"] == pytest.approx(30 - 100 / 3 + 30 - 25, abs=1e-5)
    race, rate = sorted(result["jumps"], key=lambda row: row["event"])
    assert race["loss_usd"] == pytest.approx({"Ann": 30, "Bob": -70, "none": 30})
    assert rate["loss_usd"] == pytest.approx({"LONG": 30, "SHORT": -20})


@pytest.mark.spec("PRD-02")
def test_a_void_pays_alike() -> None:
    book = book_of(files.read(SMALL))
    then = decided(book.listing, book.account, 0, VOIDED)
    assert then.balances[0] == book.account.balances[0] + 50 * 1_000_000


def test_only_one_price_may_move() -> None:
    text = """
price = [
  { name = "A", price_usd = 10, volatility = 0.5, grid = [0.1] },
  { name = "B", price_usd = 20, volatility = 0.5, grid = [0.2, 0.3] },
]
holding = [{ asset = "A", coins = 10 }, { asset = "B", coins = 10 }]
correlation = { A = { B = 0.5 } }
"""
    alone = found(text, "states.price=A")["states"]
    assert [m["move"] for m in alone["moves"]] == [-0.1, 0, 0.1]
    assert [row[0] for row in alone["losses_usd"]] == [10, 0, -10]
    given = book_of(files.read(text, ["states.moves=[-0.5, 0.25]"]))
    assert [float(m.value) for m in moves_of(given)] == [-0.5, 0, 0.25]
    assert table_of(given).losses_usd[0] == (150.0,)


# --- the command ----------------------------------------------------------------------------------
def run(*arguments: str) -> typer.testing.Result:  # type: ignore[name-defined]
    return typer.testing.CliRunner().invoke(windtunnel.app, ["portfolio", *arguments])


def test_without_a_file_the_examples_are_listed() -> None:
    assert "token-treasury" in run().stdout
    rows = json.loads(run("--json").stdout)
    assert [row["name"] for row in rows] == files.names()


def test_json_is_one_object_with_everything(tmp_path: Path) -> None:
    file = tmp_path / "small.portfolio.toml"
    file.write_text(SMALL, "utf-8")
    done = run(str(file), "--json", "--set", "holding.USDC.usd=500")
    assert done.exit_code == 0, done.output
    made = json.loads(done.stdout)
    assert {"modes", "states", "stress", "tails", "jumps", "hedges", "what_if"} <= set(made)
    assert made["own_usdc_usd"] == 500


def test_legs_are_shown_on_request() -> None:
    plain, legs = (run("binary-strip", *more).stdout for more in ((), ("--legs",)))
    assert "MAR-07" not in plain
    assert "MAR-07" in legs
    assert "MAR-05" in legs


def test_help_teaches_by_example() -> None:
    assert "windtunnel portfolio token-treasury" in run("--help").stdout


@pytest.mark.parametrize("name", files.names())
def test_no_number_is_cut(name: str) -> None:
    assert "…" not in run(name, "--legs").stdout


def test_bad_input_is_one_line_and_exit_2(tmp_path: Path) -> None:
    file = tmp_path / "bad.portfolio.toml"
    file.write_text(SMALL.replace("0.25", "25"), "utf-8")
    done = run(str(file))
    assert done.exit_code == 2
    assert f"error: {file}:3: event.E.probability: " in done.output
    assert run("token-treasuri").exit_code == 2


def test_help_does_not_import_the_lab() -> None:
    code = (
        "import sys, windtunnel\n"
        "assert not any(m.startswith(('scipy', 'numpy', 'pydantic')) for m in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(windtunnel.__file__).parent)


def test_an_empty_portfolio_is_refused() -> None:
    with pytest.raises(ScenarioError, match="nothing is held"):
        lab.analyse(files.read(""))

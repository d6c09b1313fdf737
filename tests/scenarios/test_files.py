"""Scenario files: what is refused, and how the refusal reads."""

from __future__ import annotations

from pathlib import Path

import pytest

import scenarios
from scenarios.errors import ScenarioError, choose, nearest
from scenarios.files import parse_overrides, with_overrides
from scenarios.source import line_of, lines
from scenarios.studies import KINDS

TEXT = '''
name = "small"
title = "A small one"
start = 2025-10-10T20:50:00Z
end = 2025-10-10T20:53:00Z
description = """
seed = 4
[rules]
"""

[[coin]]
name = "BTC"
price_usd = 100
oi_share = 0.6
[coin.margin]
base = 0.05
base_m = 0.025

[[coin]]
name = "A.B"
price_usd = 2
oi_share = 0.4

[rules]
phi = 1.0

[grades.mild]
"index.scale" = 0.5
seed = 8
'''


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "small.scenario.toml"
    path.write_text(TEXT, "utf-8")
    return path


def refusal(file: Path, *overrides: str, old: str = "", new: str = "") -> str:
    file.write_text(TEXT.replace(old, new, 1) if old else TEXT, "utf-8")
    with pytest.raises(ScenarioError) as error:
        scenarios.load(file, overrides)
    return str(error.value)


def test_lines_are_found() -> None:
    found = lines(TEXT)
    assert found["coin", 1, "price_usd"] == 21
    assert found["rules", "phi"] == 25
    assert line_of(found, ("coin", 0, "margin", "base")) == 16
    assert found["grades", "mild", "index.scale"] == 28
    assert ("seed",) not in found  # it stands in a text of several lines


def test_a_good_file_loads(file: Path) -> None:
    scenario = scenarios.load(file)
    assert scenario.start_us == 1_760_129_400_000_000
    assert scenario.end_us - scenario.start_us == 180_000_000
    assert scenario.coin[0].margin.base_m == 0.025


def test_overrides_reach_entries_by_name_and_grades_come_first(file: Path) -> None:
    scenario = scenarios.load(file, ["coin.A.B.beta=2", "coin.0.beta=3", "grade=mild", "seed=9"])
    assert [c.beta for c in scenario.coin] == [3.0, 2.0]
    assert (scenario.index.scale, scenario.seed) == (0.5, 9)
    again = with_overrides(scenario, {"rules.phi": 0.5})
    assert (again.rules.phi, again.index.scale, again.seed) == (0.5, 0.5, 9)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a=1", 1),
        ("a=1.5", 1.5),
        ("a=true", True),
        ("a=x/y.csv", "x/y.csv"),
        ("a= 'q'", "q"),
        ("a=[1]", [1]),
    ],
)
def test_override_values_are_toml_else_text(text: str, value: object) -> None:
    assert parse_overrides([text]) == [("a", value)]


def test_unknown_scenario_names_the_nearest() -> None:
    with pytest.raises(
        ScenarioError, match=r"unknown scenario 'oct2025'; did you mean 'oct-2025'\?"
    ):
        scenarios.load("oct2025")


def test_unknown_field_names_line_allowed_and_nearest(file: Path) -> None:
    said = refusal(file, old="phi =", new="phii =")
    assert said.startswith(
        f"{file}:25: rules.phii: unknown field 'phii'; did you mean 'phi'? allowed: "
    )
    assert "band_ratio" in said


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("recrod=full", "--set: recrod: unknown field 'recrod'; did you mean 'record'?"),
        (
            "rules.disposal.policy=vegaa",
            "--set: rules.disposal.policy: 'vegaa' is not known; did you mean 'vega'?",
        ),
        ("rules.disposal=vega", "to choose a kind, set rules.disposal.policy=vega"),
        ("rules.disposal.ratio=0.2", "rules.disposal: say which with rules.disposal.policy"),
        (
            "record=ful",
            "--set: record: 'ful' is not known; did you mean 'full'? allowed: full, fills",
        ),
        ("coin.ETH.beta=1", "coin.ETH.beta: no entry 'ETH'"),
        ("seed.x=1", "seed"),
        ("grade=hard", "grade: unknown grade 'hard'; allowed: mild"),
        ("index.scale=nan", "index.scale: Input should be a finite number"),
        ("rules.maker_fee_bps=-9", "the exchange would pay for every trade"),
        ("end=2025-10-10T20:50:00Z", "is not after start"),
        ("coin.BTC.oi_share=0.5", "add to 0.9000, not to 1"),
        ("index.lead=XYZ", "unknown coin 'XYZ'"),
        ("nonsense", "'nonsense' is not of the form path=value"),
    ],
)
def test_bad_overrides_are_refused(file: Path, override: str, said: str) -> None:
    assert said in refusal(file, override)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('name = "small"', "", "name: this field is required"),
        ("seed = 4\n[rules]\n", "seed = 4\n[rules]\n", ""),
        (
            "price_usd = 100",
            "price_usd = -1",
            ":13: coin.0.price_usd: Input should be greater than 0",
        ),
        ("= 0.6", "= 0.6.", "Expected newline"),
        ("base_m = 0.025", "base_m = 0.5", "initial below maintenance margin"),
    ],
)
def test_bad_files_are_refused(file: Path, old: str, new: str, said: str) -> None:
    if not said:
        scenarios.load(file)
        return
    assert said in refusal(file, old=old, new=new)


def test_hints() -> None:
    assert nearest("bad_dept_usd", ["bad_debt_usd", "x"]) == "bad_debt_usd"
    assert choose("zzz", ["a", "b"]) == "; allowed: a, b"
    assert choose("z", map(str, range(50)), most=2) == "; allowed: 0, 1 and 48 more"


def test_the_package_imports_nothing_heavy() -> None:
    import subprocess
    import sys

    heavy = {"mesa", "numba", "dash", "polars", "pydantic"}
    code = f"import scenarios, sys; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("name", scenarios.names())
def test_library_scenarios_load_and_list(name: str) -> None:
    from scenarios.listing import listing_of

    scenario = scenarios.load(name)
    if isinstance(scenario, scenarios.Study):
        assert scenario.study in KINDS
        return
    listing = listing_of(scenario)
    assert len(listing.feeds) == len(scenario.coin)

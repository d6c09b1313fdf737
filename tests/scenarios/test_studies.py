"""Studies: how one is read, refused, run, written and shown; with a toy study of one table."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, ClassVar, Literal

import polars as pl
import pytest
from pydantic import Field
from rich.console import Console

import scenarios
from scenarios.controls import check_scenario
from scenarios.editor import schema
from scenarios.errors import ScenarioError
from scenarios.explain import explain_account
from scenarios.files import with_overrides
from scenarios.part import Part
from scenarios.studies import KINDS, pictures, terminal
from scenarios.studies.base import Findings, Study
from scenarios.studies.datafile import Column, DataFile, read_csv
from scenarios.studies.digest import digest
from sim.risk.units import STUDY_UNITS, UNITS
from sim.streams import stream

TEXT = """
study = "toy"
name = "my-toy"
title = "Dice"
seed = 4

[dice]
throws = 6

[[check]]
id = "high"
metric = "highest"
compare = ">="
value = 1
"""


class Dice(Part):
    throws: Annotated[int, Field(ge=1)] = 3
    file: DataFile = DataFile()


class Toy(Study):
    """Throws dice."""

    needs_exchange: ClassVar[bool] = False
    study: Literal["toy"]
    dice: Dice = Dice()

    def located(self) -> Toy:
        file = self.dice.file.located(self.origin, "dice.file.path")
        return self.model_copy(update={"dice": self.dice.model_copy(update={"file": file})})

    def run(self, progress: Any = None) -> Findings:
        eyes = stream(self.seed, "dice").integers(1, 7, self.dice.throws).tolist()
        table = pl.DataFrame(
            {"throw": list(range(len(eyes))), "stake_usd": [float(e) for e in eyes]}
        )
        return Findings(
            {"highest": float(max(eyes)), "missing": None},
            {"throws": table},
            {
                "throws": lambda: pictures.bars(
                    "Dice", "eyes", [str(i) for i in table["throw"]], {"a": eyes}
                )
            },
        )


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    module = ModuleType("toy_study")
    module.Toy = Toy  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "toy_study", module)
    monkeypatch.setitem(KINDS, "toy", ("toy_study", "Toy"))
    monkeypatch.setitem(STUDY_UNITS, "toy", {"highest": "USD", "missing": "s"})
    known = {**Study.model_fields["check"].annotation.__args__[0].known, "highest": "USD"}  # type: ignore[union-attr]
    monkeypatch.setattr("scenarios.studies.base.StudyCheck.known", known)
    path = tmp_path / "toy.scenario.toml"
    path.write_text(TEXT, "utf-8")
    return path


def refusal(file: Path, *overrides: str, old: str = "", new: str = "") -> str:
    file.write_text(TEXT.replace(old, new, 1) if old else TEXT, "utf-8")
    with pytest.raises(ScenarioError) as error:
        scenarios.load(file, overrides)
    return str(error.value)


def test_a_study_loads_with_overrides(file: Path) -> None:
    study = scenarios.load(file, ["dice.throws=2", "seed=9"])
    assert isinstance(study, Toy)
    assert (study.dice.throws, study.seed) == (2, 9)
    again = with_overrides(study, {"dice.throws": 8})
    assert (again.dice.throws, again.seed) == (8, 9)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"toy"', '"toi"', ":2: study: unknown study 'toi'; did you mean 'toy'? allowed: "),
        ("throws", "throw", ":8: dice.throw: unknown field 'throw'; did you mean 'throws'?"),
        ("= 6", "= 0", ":8: dice.throws: Input should be greater than or equal to 1"),
        ('"highest"', '"higest"', "unknown metric 'higest'; did you mean 'highest'?"),
        ('"highest"', '"bad_debt_usd"', "unknown metric 'bad_debt_usd'"),
        ('title = "Dice"', "", "title: this field is required"),
    ],
)
def test_bad_studies_are_refused_by_line(file: Path, old: str, new: str, said: str) -> None:
    assert said in refusal(file, old=old, new=new)


def test_bad_overrides_are_refused(file: Path) -> None:
    assert "--set: dice.throws: " in refusal(file, "dice.throws=-1")
    assert "did you mean 'dice'?" in refusal(file, "dize.throws=1")


def test_a_metric_of_another_study_is_refused(file: Path) -> None:
    other = next(iter(STUDY_UNITS["loop-ladder"]))
    assert f"unknown metric {other!r}" in refusal(file, old='"highest"', new=f'"{other}"')


def test_what_needs_a_market_refuses_a_study(file: Path) -> None:
    with pytest.raises(ScenarioError, match="'my-toy' is a study and no market"):
        scenarios.market(file)
    assert scenarios.market("smoke").name == "smoke"


def test_a_run_leaves_tables_pictures_and_a_manifest(file: Path, tmp_path: Path) -> None:
    result = scenarios.run(scenarios.load(file), out=tmp_path / "runs")
    assert list(result.report)[:8] == [
        "run_id", "scenario", "study", "seed", "digest", "wall_seconds", "metrics", "checks",
    ]  # fmt: skip
    assert result.report["metrics"]["missing"] == {"value": None, "unit": "s"}
    assert result.report["checks"][0]["passed"]
    assert result.path is not None
    names = {str(p.relative_to(result.path)) for p in result.path.rglob("*") if p.is_file()}
    assert names == {
        "manifest.json", "tables/throws.csv", "tables/throws.parquet", "pictures/throws.svg",
    }  # fmt: skip
    manifest = json.loads((result.path / "manifest.json").read_text("utf-8"))
    assert manifest["report"] == result.report
    stored = pl.read_parquet(result.path / "tables/throws.parquet")
    assert digest({"throws": stored}) == manifest["digest"]
    assert [p.name for p in (tmp_path / "runs").iterdir()] == [result.run_id]


def test_same_seed_same_digest_other_seed_another(file: Path) -> None:
    study = scenarios.load(file)
    one, two, other = (scenarios.run(study, seed=s, out=None) for s in (1, 1, 2))
    assert (one.run_id, one.report["digest"]) == (two.run_id, two.report["digest"])
    assert one.report["digest"] != other.report["digest"]


def test_a_run_id_knows_a_file_by_its_content(file: Path, tmp_path: Path) -> None:
    ids = []
    for name, content in (("a.csv", "x"), ("b.csv", "x"), ("c.csv", "y")):
        (tmp_path / name).write_text(content, "utf-8")
        study = scenarios.load(file, [f"dice.file.path={name}"])  # beside the study's own file
        ids.append(scenarios.run(study, out=None).run_id)
    assert ids[0] == ids[1] != ids[2]
    study = scenarios.load(file, ["dice.file.path=d.csv"])
    with pytest.raises(ScenarioError, match=r"--set: dice.file.path: d.csv: No such file"):
        scenarios.run(study, out=None)


def test_scale_events_and_verification_are_refused(file: Path) -> None:
    study = scenarios.load(file)
    with pytest.raises(ScenarioError, match="'toy' has no scale"):
        scenarios.run(study, out=None, scale=2.0)
    for options in ({"record": "full"}, {"verify": True}):
        with pytest.raises(ScenarioError, match="no stream of events"):
            scenarios.run(study, out=None, **options)


def test_checks_of_a_study(file: Path) -> None:
    good = check_scenario(scenarios.load(file))
    bad = check_scenario(scenarios.load(file, ["check.high.value=7"]))
    assert (good["passed"], bad["passed"]) == (True, False)
    assert bad["checks"][0]["value"] <= 6


def test_explain_says_that_a_study_has_no_accounts(file: Path, tmp_path: Path) -> None:
    result = scenarios.run(scenarios.load(file), out=tmp_path)
    with pytest.raises(ScenarioError, match="is a study"):
        explain_account(result.run_id, 0, runs=tmp_path)


def test_the_dashboard_passes_a_study_over(file: Path, tmp_path: Path) -> None:
    from dashboard.pages.library import library
    from dashboard.runs import RunError, list_runs, load_run

    result = scenarios.run(scenarios.load(file), out=tmp_path / "runs")
    assert list_runs(tmp_path / "runs", 10) == []
    assert "are studies" in str(library(tmp_path / "runs", []))
    with pytest.raises(RunError, match=r"is a study and no market: its tables are in"):
        load_run(tmp_path / "runs", result.run_id)


def test_the_terminal_shows_units_in_headers(file: Path) -> None:
    report = scenarios.run(scenarios.load(file), out=None).report
    console = Console(width=120, record=True, file=None, quiet=False)
    with console.capture() as shown:
        console.print(terminal.report(report))
    head = shown.get().split("throws", 1)[1].split("─")[0].split()
    assert head == ["stake,", "throw", "USD"]  # on two lines
    assert terminal.header("sold_share") == "sold, %"
    assert terminal.cell(0.125, "sold_share") == "12.50"


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "toy"])
def test_every_kind_has_a_schema_and_a_file_in_the_library(kind: str) -> None:
    assert schema(kind)["properties"]["study"]["const"] == kind
    studies = [s for name in scenarios.names() if isinstance(s := scenarios.load(name), Study)]
    assert kind in {s.study for s in studies}


def test_every_bit_counts_in_the_digest() -> None:
    frame = pl.DataFrame({"a": [0.1, None], "b": ["x", "y"]})
    nudged = pl.DataFrame({"a": [0.1 + 2**-56, None], "b": ["x", "y"]})
    assert digest({"t": frame}) == digest({"t": frame.clone()})
    found = {digest({"t": f}) for f in (frame, nudged, frame.reverse(), frame.rename({"a": "c"}))}
    assert len(found) == 4
    assert digest({"t": pl.DataFrame({"a": [0.0]})}) == digest({"t": pl.DataFrame({"a": [-0.0]})})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "the file is empty"),
        ("a,n\n", "the file has a header and no rows"),
        ("a,m\nx,1\n", "row 1: column 'n' is missing; allowed: a, m"),
        ("a,n\nx,1\nx,nan\n", "row 3: column 'n': 'nan' is not a finite number"),
        ("a,n\nx,1\nx,inf\n", "row 3: column 'n': 'inf' is not a finite number"),
        ("a,n\nx,\n", "row 2: column 'n': the cell is empty"),
        ("a,n\nx,1.5.2\n", "row 2: column 'n': '1.5.2' is not a number"),
        ("a,n\nx,-1\n", "row 2: column 'n': -1 is below 0"),
        ("a,n\n,1\n", "row 2: column 'a': the cell is empty"),
        ("a,n,w\nx,1,1.5\n", "row 2: column 'w': '1.5' is not a whole number"),
    ],
)
def test_bad_csv_files_are_refused_by_row_and_column(
    tmp_path: Path, content: str, said: str
) -> None:
    path = tmp_path / "data.csv"
    path.write_text(content, "utf-8")
    columns = {
        "a": Column("text"),
        "n": Column(low=0.0),
        "w": Column("whole", optional=True),
    }
    with pytest.raises(ScenarioError) as error:
        read_csv(path, columns)
    assert str(error.value).startswith(str(path))
    assert said in str(error.value)


def test_csv_cells_are_typed(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text(" n ,a,other\n1e3,x,?\n2, y ,?\n", "utf-8")
    found = read_csv(path, {"a": Column("text"), "n": Column(), "w": Column(optional=True)})
    assert found.rows() == [("x", 1000.0, None), ("y", 2.0, None)]
    with pytest.raises(ScenarioError, match="No such file"):
        read_csv(tmp_path / "none.csv", {})


def test_pictures_escape_and_survive_nothing() -> None:
    drawn = pictures.lines("a < b", "x", "y", {"one": [(0.0, 1.0), (2.0, 3.0)], "none": []})
    assert "a &lt; b" in drawn
    assert drawn.count("<polyline") == 2
    assert "<svg" in pictures.lines("t", "x", "y", {})
    assert pictures.bars("t", "y", ["a", "b"], {"s": [1.0, None]}).count("<rect") == 3
    assert pictures.axis(0.0, 10.0) == [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]


def test_metrics_of_studies_have_names_of_their_own(repo: Path) -> None:
    """A name stands for one thing, and docs/metrics.md explains it."""
    text = (repo / "docs" / "metrics.md").read_text("utf-8")
    seen = set(UNITS)
    for units in STUDY_UNITS.values():
        assert not seen & set(units)
        seen |= set(units)
        assert [name for name in units if f"`{name}`" not in text] == []

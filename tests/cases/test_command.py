"""`windtunnel case` and `windtunnel schema`, as a user meets them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scenarios.casefile import find, read
from scenarios.casefile.schema import Case
from scenarios.casefile.steps import ACTIONS
from scenarios.editor import schema
from scenarios.errors import ScenarioError

REPO = Path(__file__).resolve().parents[2]


def windtunnel(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The command of this checkout."""
    environment = {**os.environ, "PYTHONPATH": str(REPO)}
    return subprocess.run(
        [sys.executable, "-m", "windtunnel", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment,
        timeout=300,
    )


@pytest.fixture
def folder(tmp_path: Path, small: str) -> Path:
    (tmp_path / "good.case.toml").write_text(small, "utf-8")
    bad = small.replace("bob = 994", "bob = 995").replace('"ORD-01"', '"LED-02"')
    (tmp_path / "missed.case.toml").write_text(bad, "utf-8")
    return tmp_path


def test_a_folder_with_a_miss(folder: Path) -> None:
    done = windtunnel("case", ".", cwd=folder)
    assert done.returncode == 1, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("ok   ORD-01")
    assert lines[1].startswith("MISS LED-02")
    assert lines[2] == "missed.case.toml:32: step 2: equity.bob"
    assert lines[-1] == "2 cases, 1 missed; by clause: LED-02 1 (1 missed), ORD-01 1"


def test_one_clause_as_json(folder: Path) -> None:
    done = windtunnel("case", str(folder), "--clause", "ORD-01", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)
    assert data["passed"] is True
    assert [c["title"] for c in data["cases"]] == ["A trade"]
    assert data["clauses"] == {"ORD-01": {"cases": 1, "missed": 0}}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["case", "gone"], "error: gone: there is no such file or folder"),
        (["case", ".", "--clause", "ORD-1"], "error: --clause: no case has 'ORD-1'; did you mean"),
        (["case", "bad.toml"], "error: bad.toml:26: step 1 (trade): unknown account 'bo'; did you"),
        (["case", ".", "bad.toml"], "bad.toml:26"),
        (["schema", "cas"], "error: unknown kind of file 'cas'; did you mean 'case'?"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(
    folder: Path, small: str, arguments: list[str], said: str
) -> None:
    (folder / "bad.toml").write_text(small.replace('seller = "bob"', 'seller = "bo"'), "utf-8")
    done = windtunnel(*arguments, cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    lines = done.stderr.splitlines()
    assert len(lines) == 1
    assert said in lines[0]


def test_the_schema_names_every_field(tmp_path: Path) -> None:
    done = windtunnel("schema", "case", cwd=tmp_path)
    assert done.returncode == 0
    made = json.loads(done.stdout)
    assert made == json.loads(json.dumps(schema("case")))
    assert set(made["properties"]) == set(Case.model_fields)
    assert set(made["$defs"]["Step"]["properties"]) >= set(ACTIONS)
    assert made["additionalProperties"] is False


def resolved(made: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in part:
        part = made["$defs"][part["$ref"].rpartition("/")[2]]
    return part


def fits(made: dict[str, Any], part: dict[str, Any], value: Any) -> bool:
    """Whether a value's tables have only fields that the schema knows."""
    part = resolved(made, part)
    if "enum" in part:
        return value in part["enum"]
    if "const" in part:
        return bool(value == part["const"])
    if "anyOf" in part:
        return any(fits(made, one, value) for one in part["anyOf"])
    if "oneOf" in part:
        return sum(fits(made, one, value) for one in part["oneOf"]) == 1
    if isinstance(value, dict):
        if part.get("type") != "object":
            return False
        known, more = part.get("properties", {}), part.get("additionalProperties", True)
        return all(
            fits(made, known[k], v)
            if k in known
            else more is True or (isinstance(more, dict) and fits(made, more, v))
            for k, v in value.items()
        )
    if isinstance(value, list):
        items = part.get("items", {})
        return part.get("type") == "array" and all(fits(made, items, v) for v in value)
    return part.get("type") not in ("object", "array")


def test_the_schema_fits_every_case_of_the_library(small: str) -> None:
    import tomllib

    made = schema("case")
    for path in find():
        assert fits(made, made, tomllib.loads(path.read_text("utf-8"))), path
    assert not fits(made, made, tomllib.loads(small.replace("buyer", "buyr")))
    assert not fits(made, made, tomllib.loads(small.replace("positions", "position")))
    for policy, good in (("vega", True), ("vga", False)):
        rules = f'disposal = {{ policy = "{policy}", fraction = 0.5 }}'
        text = small.replace('preset = "conformance"', rules)
        assert fits(made, made, tomllib.loads(text)) is good


def test_the_schema_lists_events_and_reasons() -> None:
    made = json.dumps(schema("case"))
    assert '"FILL"' in made
    assert '"INSUFFICIENT_MARGIN"' in made


def test_a_scenario_has_a_schema_too() -> None:
    assert "coin" in schema("scenario")["properties"]
    with pytest.raises(ScenarioError, match="unknown kind of file 'x'"):
        schema("x")


def test_a_case_is_frozen(small: str) -> None:
    case = read(small)
    with pytest.raises(ValueError, match="frozen"):
        case.title = "another"  # type: ignore[misc]

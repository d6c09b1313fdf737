"""Finding and reading case files; every fault is a `ScenarioError` with file, line and step."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from scenarios.casefile.amounts import in_range
from scenarios.casefile.schema import Case
from scenarios.errors import ScenarioError, choose
from scenarios.schema import Origin
from scenarios.source import Key, dotted

LIBRARY = Path(__file__).resolve().parents[1] / "cases"
SUFFIX = ".case.toml"


def find(paths: Iterable[str | Path] = ()) -> list[Path]:
    """The case files of files and folders, sorted within each; without paths, windtunnel's own."""
    found: list[Path] = []
    for given in list(paths) or [LIBRARY]:
        path = Path(given)
        if path.is_dir():
            inside = sorted(path.rglob(f"*{SUFFIX}"))
            if not inside:
                raise ScenarioError(f"no *{SUFFIX} in this folder", where=str(path))
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise ScenarioError("there is no such file or folder", where=str(path))
    return list(dict.fromkeys(found))


def chosen(paths: Iterable[str | Path] = (), clauses: Sequence[str] = ()) -> list[Case]:
    """The cases of files and folders, only those of ``clauses`` if any are given; all are checked."""
    cases = [load(path) for path in find(paths)]
    known = sorted({clause for case in cases for clause in case.clauses})
    for clause in clauses:
        if clause not in known:
            raise ScenarioError(f"no case has {clause!r}{choose(clause, known)}", path="--clause")
    return [c for c in cases if not clauses or set(clauses) & set(c.clauses)]


def load(path: str | Path) -> Case:
    """Read and check a case file; raises ScenarioError."""
    try:
        text = Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(str(error), where=str(path)) from None
    case = read(text, str(path))
    if not case.step:
        raise ScenarioError("a case needs at least one [[step]]", where=str(path), path="step")
    if not any(step.expect is not None or step.refused is not None for step in case.step):
        raise ScenarioError(
            "no step expects anything: a case that cannot miss shows nothing",
            where=str(path),
            path="step",
        )
    return case


def _number(text: str) -> Decimal | float:
    """A number of a file; one that no field can hold stays a float, or pydantic would write it out."""
    try:
        number = Decimal(text)
    except ArithmeticError:
        return float("inf")
    return number if not number.is_finite() or in_range(number) else float("inf")


def read(text: str, file: str = "<text>") -> Case:
    """A case from its text; raises ScenarioError."""
    try:
        # Numbers are read as exact decimals: 0.1 is a tenth.
        raw = tomllib.loads(text, parse_float=_number)
    except (tomllib.TOMLDecodeError, ValueError, RecursionError) as error:
        raise ScenarioError(str(error) or type(error).__name__, where=file) from None
    origin = Origin(file, text)
    try:
        case = Case.model_validate(raw)
    except ValidationError as error:
        raise explain(error, raw, origin) from None
    case._origin = origin
    return case


def explain(error: ValidationError, raw: Any, origin: Origin) -> ScenarioError:
    """The first fault that pydantic found, as one sentence with its place."""
    faults = error.errors(include_url=False)
    # A field that is not known explains a field that is missing: it is the same one, misspelt.
    first = next((f for f in faults if f["type"] == "extra_forbidden"), faults[0])
    path = _real(raw, tuple(first["loc"]), first["type"])
    model = _model(path[:-1], raw)
    match first["type"]:
        case "extra_forbidden":
            word = str(path[-1])
            what = f"unknown field {word!r}{choose(word, model.model_fields if model else [])}"
        case "missing":
            what = "this field is required"
        case "literal_error" if isinstance(first["input"], str):
            word = str(first["input"])
            field = model.model_fields.get(str(path[-1])) if model else None
            what = f"{word!r} is not known{choose(word, _words(field.annotation) if field else [])}"
        case "union_tag_invalid":
            # "'steps', 'full'": the names that a table may have under its `policy`.
            tags = [tag.strip(" '") for tag in str(first["ctx"]["expected_tags"]).split(",")]
            word, path = str(first["ctx"]["tag"]), (*path, "policy")
            what = f"{word!r} is not known{choose(word, tags)}"
        case "value_error":
            what = str(first["ctx"]["error"])
        case _:
            what = f"{first['msg']}, found {_short(first['input'])}"
    return ScenarioError(what, where=origin.place(path), path=_words_for(path))


def _words_for(path: Sequence[Key]) -> str:
    """``("step", 3, "order", "size")`` as ``step 4 (order.size)``: steps are counted from 1."""
    if len(path) > 1 and path[0] == "step" and isinstance(path[1], int):
        rest = dotted(path[2:])
        return f"step {path[1] + 1}" + (f" ({rest})" if rest else "")
    return dotted(path)


def _real(raw: Any, path: tuple[Key, ...], kind: str) -> tuple[Key, ...]:
    """The path without the names of union members that pydantic puts in."""
    real: list[Key] = []
    here = raw
    for n, key in enumerate(path):
        last_of_missing = kind == "missing" and n == len(path) - 1
        try:
            here = here[key]
        except (KeyError, IndexError, TypeError):
            if not last_of_missing:
                continue
        real.append(key)
    return tuple(real)


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The models that an annotation may be."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [m for inner in get_args(annotation) for m in _models(inner)]


def _of_policy(models: Sequence[type[BaseModel]], table: Any) -> type[BaseModel]:
    """The one of several models that a table's `policy` chooses; else the first."""
    name = table.get("policy") if isinstance(table, dict) else None
    for model in models:
        field = model.model_fields.get("policy")
        if field is not None and field.default == name:
            return model
    return models[0]


def _model(path: Sequence[Key], raw: Any) -> type[BaseModel] | None:
    """The model of the table at a path."""
    here: type[BaseModel] | None = Case
    table = raw
    for key in path:
        try:
            table = table[key]
        except (KeyError, IndexError, TypeError):
            table = None
        if isinstance(key, int) or here is None:
            continue
        if key not in here.model_fields:
            return here if here.__name__ == "Position" else None
        models = _models(here.model_fields[key].annotation)
        here = _of_policy(models, table) if models else None
    return here


def _words(annotation: Any) -> list[str]:
    """The literals that an annotation allows."""
    found: list[str] = []
    for inner in get_args(annotation):
        found += _words(inner) if get_args(inner) else [inner] if isinstance(inner, str) else []
    return found


def _short(value: Any, most: int = 60) -> str:
    text = str(value) if isinstance(value, Decimal) else repr(value)
    return text if len(text) <= most else text[: most - 1] + "…"

"""Finding, reading and overriding scenario files; every fault is a `ScenarioError`.

An override is ``path=value``: the path is dotted, an entry of a list is named by its ``name``,
``id`` or place (``coin.BTC.beta=2``, ``index.waypoint.0.price_usd=1``), the value a TOML value or,
if it is none, text.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from scenarios import studies
from scenarios.errors import ScenarioError, choose
from scenarios.schema import Origin, Scenario
from scenarios.shelf import Shelf
from scenarios.source import Key, dotted
from scenarios.studies.base import Study

LIBRARY = Shelf(Path(__file__).parent / "library", ".scenario.toml", "scenario")
names, find = LIBRARY.names, LIBRARY.find
Overrides = Iterable[str] | Mapping[str, Any]
Described = TypeVar("Described", Scenario, Study)


def load(name_or_path: str | Path, overrides: Overrides = ()) -> Scenario | Study:
    """Read and check a scenario, or a study (`scenarios.studies`).

    Raises ScenarioError naming the file and the line or the dotted path, what is allowed there
    and the nearest match.
    """
    path = find(name_or_path)
    try:
        text = path.read_text("utf-8")
        raw = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ScenarioError(str(error), where=str(path)) from None
    return build(raw, overrides, file=str(path), text=text)


def market(name_or_path: str | Path, overrides: Overrides = ()) -> Scenario:
    """As `load`, for what needs a market with traders; ScenarioError for a study."""
    found = load(name_or_path, overrides)
    if not isinstance(found, Scenario):
        raise ScenarioError(
            f"{found.name!r} is a study and no market with traders", where=found.origin.file
        )
    return found


def build(
    raw: dict[str, Any], overrides: Overrides = (), *, file: str = "", text: str = ""
) -> Scenario | Study:
    """A scenario or study from the tables of its file and overrides; ``text`` serves to name lines."""
    pairs = parse_overrides(overrides)
    chosen = dict(pairs)
    below: list[tuple[str, Any]] = []
    words = (("grade", "grades"), ("variant", "variants"))
    for word, table in () if "study" in raw else words:
        name = str(chosen.get(word, raw.get(word, "")))
        known = raw.get(table, {})
        if name and name not in known:
            raise ScenarioError(
                f"unknown {word} {name!r}{choose(name, known)}", where=file, path=word
            )
        below += known[name].items() if name else ()
    pairs = [*below, *pairs]
    return _validated(raw, pairs, Origin(file, text))


def _validated(
    raw: dict[str, Any], pairs: list[tuple[str, Any]], origin: Origin
) -> Scenario | Study:
    raw = deepcopy(raw)
    # A table of a variant stays as it is when a later override reaches into it.
    given = frozenset(put(raw, path, deepcopy(value)) for path, value in pairs)
    origin = replace(origin, given=origin.given | given)
    root: type[Scenario] | type[Study] = Scenario
    if "study" in raw:
        root = studies.kind(str(raw["study"]), where=origin.place(("study",)))
    try:
        scenario = root.model_validate(raw)
    except ValidationError as error:
        raise explain(error, raw, origin, root=root) from None
    scenario._origin = origin
    return scenario


def with_overrides(scenario: Described, overrides: Overrides) -> Described:
    """A scenario (or study) with further overrides; its other fields stay."""
    raw = scenario.model_dump(mode="python", exclude_unset=True)
    made = _validated(_plain(raw), parse_overrides(overrides), scenario.origin)
    if not isinstance(made, type(scenario)):
        raise ScenarioError(f"{scenario.name!r} cannot become another kind of study", path="study")
    return made


def _plain(value: Any) -> Any:
    """Tuples as lists, so that entries can be replaced."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value


def parse_overrides(overrides: Overrides) -> list[tuple[str, Any]]:
    """Pairs of dotted path and value from ``path=value`` texts or a mapping."""
    if isinstance(overrides, Mapping):
        return list(overrides.items())
    pairs = []
    for text in overrides:
        path, equals, value = text.partition("=")
        if not equals or not path.strip():
            raise ScenarioError(f"{text!r} is not of the form path=value", path="--set")
        try:
            parsed = tomllib.loads(f"value = {value.strip()}")["value"]
        except tomllib.TOMLDecodeError:
            parsed = value.strip()
        pairs.append((path.strip(), parsed))
    return pairs


def put(raw: dict[str, Any], path: str, value: Any) -> tuple[Key, ...]:
    """Set a field by its dotted path in the tables of a file; returns the path with list places."""
    here: Any = raw
    taken: list[Key] = []
    parts = split(path, raw)
    for last, part in ((i == len(parts) - 1, p) for i, p in enumerate(parts)):
        if isinstance(here, list):
            key: Key = _place(here, part, path)
        elif isinstance(here, dict):
            key = part
            if not last:
                here.setdefault(part, {})
        else:
            raise ScenarioError(f"{dotted(taken)!r} is a value, not a table", path=path)
        taken.append(key)
        if last:
            here[key] = value
        else:
            here = here[key]
    return tuple(taken)


def split(path: str, raw: dict[str, Any]) -> list[str]:
    """Parts of a dotted path; the name of a list's entry may itself contain dots."""
    parts = path.split(".")
    entries = raw.get(parts[0])
    if isinstance(entries, list) and len(parts) > 2:
        for end in range(len(parts), 1, -1):
            name = ".".join(parts[1:end])
            if any(name in (e.get("name"), e.get("id")) for e in entries if isinstance(e, dict)):
                return [parts[0], name, *parts[end:]]
    return parts


def _place(entries: list[Any], part: str, path: str) -> int:
    labels = [
        str(e.get("name", e.get("id", i))) if isinstance(e, dict) else str(i)
        for i, e in enumerate(entries)
    ]
    if part in labels:
        return labels.index(part)
    if part.isdecimal() and int(part) < len(entries):
        return int(part)
    raise ScenarioError(f"no entry {part!r}{choose(part, labels)}", path=path)


def model_at(path: Iterable[Key], root: type[BaseModel] = Scenario) -> type[BaseModel] | None:
    """The model of the table at a path of a scenario, None if it is no table with known fields.

    After the place of a table of a chosen kind the kind may stand, as pydantic writes it.
    """
    models = [root]
    for *_, after in _walk(path, root):
        models = after
    return models[0] if models else None


def _walk(
    path: Iterable[Key], root: type[BaseModel]
) -> Iterator[tuple[Key, bool, list[type[BaseModel]]]]:
    """Steps of a path: the key, whether it is the kind of a table (no field), what may be there."""
    models = [root]
    for key in path:
        of_kind = [m for m in models if key in _kinds(m)] if len(models) > 1 else []
        if of_kind:
            models = of_kind
        elif not isinstance(key, int):
            field = models[0].model_fields.get(key) if models else None
            models = _models(field.annotation) if field else []
        yield key, bool(of_kind), models


def _without_kinds(path: tuple[Key, ...], root: type[BaseModel]) -> tuple[Key, ...]:
    """A path as the file has it, without the kinds that pydantic writes into it."""
    return tuple(key for key, is_kind, _ in _walk(path, root) if not is_kind)


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The models of the table or tables in a field's type; none for a table of any names."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) is dict:
        return []
    return [model for part in get_args(annotation) for model in _models(part)]


def _kinds(model: type[BaseModel]) -> list[str]:
    """The words by which a table of a chosen kind says that it is of this model."""
    words = (_words(field.annotation) for field in model.model_fields.values())
    return [some[0] for some in words if len(some) == 1]


def explain(
    error: ValidationError,
    raw: Any,
    origin: Origin,
    *,
    root: type[BaseModel] = Scenario,
    prefix: tuple[Key, ...] = (),
) -> ScenarioError:
    """The first fault that pydantic found, as one sentence with its place.

    ``raw`` is what was validated as a ``root``; it stands at ``prefix`` in the file.
    """
    faults = error.errors(include_url=False)
    # A field that is not known explains a field that is missing: it is the same one, misspelt.
    first = next((f for f in faults if f["type"] == "extra_forbidden"), faults[0])
    loc: tuple[Key, ...] = tuple(first["loc"])
    path = _without_kinds(loc, root)
    if first["type"] not in ("missing", "extra_forbidden"):
        while path and not _exists(raw, path):
            path = path[:-1]  # pydantic adds the types of members of unions
    whole = (*prefix, *path)
    match first["type"]:
        case "extra_forbidden":
            model = model_at(loc[:-1], root)
            allowed = list(model.model_fields) if model else []
            what = f"unknown field {path[-1]!r}{choose(str(path[-1]), allowed)}"
        case "missing":
            what = "this field is required"
        case "literal_error":
            found = str(first["input"])
            what = f"{found!r} is not known{choose(found, _literals(loc, root))}"
        case "value_error":
            what = str(first["ctx"]["error"])
        case "union_tag_invalid":
            whole = (*whole, str(first["ctx"]["discriminator"]).strip("'"))
            allowed = re.findall(r"'([^']+)'", first["ctx"]["expected_tags"])
            what = f"{first['ctx']['tag']!r} is not known{choose(first['ctx']['tag'], allowed)}"
        case "union_tag_not_found":
            tag = str(first["ctx"]["discriminator"]).strip("'")
            what = f"say which with {dotted((*whole, tag))}, a table of a chosen kind needs it"
        case "model_attributes_type" if isinstance(first["input"], str):
            what = f"a table is expected, found {_short(first['input'])}; to choose a kind, set"
            what += f" {dotted(whole)}.policy={first['input']}"
        case _:
            what = f"{first['msg']}, found {_short(first['input'])}"
    return ScenarioError(what, where=origin.place(whole), path=dotted(whole))


def _exists(raw: Any, path: tuple[Key, ...]) -> bool:
    for key in path:
        try:
            raw = raw[key]
        except (KeyError, IndexError, TypeError):
            return False
    return True


def _literals(path: tuple[Key, ...], root: type[BaseModel]) -> list[str]:
    while isinstance(path[-1], int):
        path = path[:-1]
    model = model_at(path[:-1], root)
    field = model.model_fields.get(str(path[-1])) if model else None
    return _words(field.annotation) if field else []


def _words(annotation: Any) -> list[str]:
    """The words of the literals in a field's type."""
    inner = get_args(annotation)
    if get_origin(annotation) is Literal:
        return [str(word) for word in inner]
    return [word for part in inner for word in _words(part)]


def _short(value: Any, most: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= most else text[: most - 1] + "…"

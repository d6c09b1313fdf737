"""Finding, reading and overriding portfolio files; every fault is a `ScenarioError`."""

from __future__ import annotations

import tomllib
from copy import deepcopy
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from scenarios import files
from scenarios.errors import ScenarioError
from scenarios.portfolio import checks
from scenarios.portfolio.schema import SUFFIXES, Portfolio
from scenarios.schema import Origin
from scenarios.shelf import Shelf
from scenarios.source import Key, dotted

LIBRARY = Shelf(Path(__file__).resolve().parents[1] / "portfolios", ".portfolio.toml", "portfolio")
names, find = LIBRARY.names, LIBRARY.find


def load(name_or_path: str | Path, overrides: files.Overrides = ()) -> Portfolio:
    """Read and check a portfolio.

    Raises ScenarioError naming the file, the line and the entry, what is allowed there and the
    nearest match.
    """
    path = find(name_or_path)
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(str(error), where=str(path)) from None
    return read(text, overrides, file=str(path))


def read(text: str, overrides: files.Overrides = (), *, file: str = "<text>") -> Portfolio:
    """A portfolio from the text of a file and overrides (``path=value``)."""
    try:
        raw = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, ValueError, RecursionError) as error:
        raise ScenarioError(str(error) or type(error).__name__, where=file) from None
    given = frozenset(
        files.put(raw, numbered(raw, path), value)
        for path, value in files.parse_overrides(deepcopy(overrides))
    )
    origin = Origin(file, text, given)
    try:
        portfolio = Portfolio.model_validate(raw)
    except ValidationError as error:
        raise _explain(error, raw, origin) from None
    portfolio._origin = origin
    checks.check(portfolio)
    return portfolio


def _explain(error: ValidationError, raw: dict[str, Any], origin: Origin) -> ScenarioError:
    """The first fault, its entry named as people name it, with a hint where per cent were meant."""
    found = files.explain(error, raw, origin, root=Portfolio)
    faults, hint = error.errors(include_url=False), ""
    first = next((f for f in faults if f["type"] == "extra_forbidden"), faults[0])
    value = first.get("input")
    if first["type"] in ("less_than_equal", "less_than") and isinstance(value, int | float):
        if first["ctx"].get("le", first["ctx"].get("lt")) == 1 and 2 <= value <= 100:
            hint = f"; did you mean {value / 100:g}?"
    if first["loc"][0] == "shares" and first["loc"][-1] == "amount":
        hint = "; who has sold YES holds NO, so write that"
    path = found.path.split(".")
    keys: list[Key] = [int(k) if i == 1 and k.isdecimal() else k for i, k in enumerate(path)]
    return ScenarioError(found.what + hint, where=found.where, path=entry(raw, keys))


def label(item: Any) -> str:
    """What an entry of a list is called: its name, or what it is about."""
    if not isinstance(item, dict):
        return ""
    if "on" in item and "name" not in item:
        kind = str(item.get("kind", "perpetual"))
        return f"{item['on']}-{SUFFIXES.get(kind, kind)}"
    return str(item.get("name") or item.get("asset") or item.get("event") or "")


def entry(raw: Any, path: list[Key]) -> str:
    """``event.0.price`` as ``event.Launch.price`` where the entry has a name."""
    if len(path) > 1 and isinstance(path[1], int):
        items = raw.get(str(path[0])) if isinstance(raw, dict) else None
        if isinstance(items, list) and path[1] < len(items) and (name := label(items[path[1]])):
            return dotted([path[0], name, *path[2:]])
    return dotted(path)


def numbered(raw: dict[str, Any], path: str) -> str:
    """``holding.USDC.usd`` as ``holding.1.usd``: the way back, for overrides."""
    table, _, rest = path.partition(".")
    items = raw.get(table)
    for i, item in enumerate(items if isinstance(items, list) else []):
        name = label(item)
        if name and (rest == name or rest.startswith(f"{name}.")):
            return f"{table}.{i}{rest[len(name) :]}"
    return path

"""Messages as a case file: what a fuzzer prints when it has found and shrunk a failure.

``to_case`` says each message in the words of a case where these give the same row back, and as raw
columns (`send`) where they do not, so that the file sends exactly the messages it was made of (but
for `seq`, which counts anew).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from scenarios.casefile.amounts import EPOCH, MICRO, CaseFault, plain, times
from scenarios.casefile.encode import MESSAGE_COLUMNS, Encoder
from scenarios.casefile.names import Names
from scenarios.casefile.redeclare import tables
from scenarios.casefile.schema import Case
from scenarios.casefile.steps import Step
from scenarios.casefile.wording import Wording
from sim.exchange.instruments import Listing
from sim.exchange.messages import Kind
from sim.exchange.rules import Rules

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def toml(value: Any) -> str:
    """A value as TOML, tables inline."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Mapping):
        inside = ", ".join(f"{key(k)} = {toml(v)}" for k, v in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    return f"[{', '.join(toml(v) for v in value)}]"


def key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def to_case(
    listing: Listing,
    rules: Rules,
    accounts: int | Sequence[str],
    messages: Iterable[Sequence[int]],
    expectations: Mapping[int, Mapping[str, Any]] | None = None,
    *,
    title: str = "A case written by a program",
    clauses: Sequence[str] = (),
    text: str = "",
) -> str:
    """A case file that sends ``messages`` (rows of ``docs/formats.md``) in their order.

    ``accounts`` are names or their number (`a0`, `a1`, …).  ``expectations`` are `expect` tables by
    the place of the message they follow; -1 is the end.  Refusals are no failures in the file.

    Raises ValueError for times that run backwards or lie outside the years 1 to 9999, and for a
    listing whose lots are no decimal fractions of a coin.
    """
    who = [f"a{n}" for n in range(accounts)] if isinstance(accounts, int) else list(accounts)
    rows = [dict(zip(MESSAGE_COLUMNS, map(int, m), strict=True)) for m in messages]
    start = rows[0]["time"] if rows else 0
    out = [f"title = {toml(title)}"]
    if clauses:
        out.append(f"clauses = {toml(list(clauses))}")
    if text:
        out.append(f"text = {toml(text)}")
    out += [f"start = {_stamp(start)}", "allow_refusals = true", ""]
    declared = tables(listing, start)
    changed = {
        name: value
        for name, value in rules.model_dump().items()
        if value != Rules.model_fields[name].default
    }
    if changed:
        out += ["[rules]", *(f"{key(k)} = {toml(v)}" for k, v in changed.items()), ""]
    for table, entries in declared.items():
        if isinstance(entries, Mapping):
            out += [f"[{table}]", *(f"{key(k)} = {toml(v)}" for k, v in entries.items()), ""]
            continue
        for entry in entries:
            out += [f"[[{table}]]", *(f"{key(k)} = {toml(v)}" for k, v in entry.items()), ""]
    out += ["[accounts]", *(f"{key(name)} = {{}}" for name in who), ""]
    case = Case.model_validate({
        "title": title, "start": EPOCH + timedelta(microseconds=start), **declared,
        "accounts": {name: {} for name in who},
    })  # fmt: skip
    for step in _steps(case, listing, who, rows, expectations or {}):
        out += ["[[step]]", *(f"{key(k)} = {toml(v)}" for k, v in step.items()), ""]
    return "\n".join(out)


def _stamp(us: int) -> str:
    try:
        return (EPOCH + timedelta(microseconds=us)).isoformat().replace("+00:00", "Z")
    except OverflowError:
        raise ValueError(f"time {us} us is outside the years 1 to 9999") from None


def _steps(
    case: Case,
    listing: Listing,
    who: Sequence[str],
    rows: Sequence[Mapping[str, int]],
    expectations: Mapping[int, Mapping[str, Any]],
) -> Iterable[dict[str, Any]]:
    """The tables of the steps."""
    names = Names(listing, who)
    encoder = Encoder(case, names)
    wording = Wording(names, encoder.start)
    for n, row in enumerate(rows):
        if row["time"] < encoder.now:
            raise ValueError(f"message {n}: time runs backwards")
        if row["time"] > encoder.now:
            yield {"advance": times(row["time"] - encoder.now, Decimal(1) / MICRO)}
            encoder.now = row["time"]
        step = wording.said(row)
        if not _sends(encoder, step, row):
            step = wording.raw(row)
        if row["kind"] in (Kind.NEW, Kind.CONDITIONAL):
            wording.placed[row["order"]] = row["instrument"]
        yield {**step, "expect": expectations[n]} if n in expectations else step
    if -1 in expectations:
        yield {"expect": expectations[-1]}


def _sends(encoder: Encoder, step: Mapping[str, Any], row: Mapping[str, int]) -> bool:
    """Whether a step gives exactly this row."""
    try:
        made = encoder.step(Step.model_validate(step))
    except (CaseFault, ValueError):
        return False
    same = {name: value for name, value in row.items() if value and name != "seq"}
    return len(made) == 1 and {k: v for k, v in made[0].items() if v} == same

"""docs/policies.md: every policy has its section, and the cases it names exist and are about it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from sim.exchange.policies import ADL, DISPOSALS, AnyDisposal, MarginMode
from sim.exchange.rules import Rules

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "policies.md").read_text("utf-8")
CASES = ROOT / "scenarios" / "cases"


def sections(level: str) -> dict[str, str]:
    """Text of the sections of a level, by heading."""
    parts = re.split(rf"^{level} (.+)$", PAGE, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def headed() -> set[str]:
    """First words of the headings, `a, b` counting as two."""
    return {word for head in sections("###") for word in re.findall(r"\b[a-z_]{4,}\b", head)}


def test_every_policy_has_a_section() -> None:
    bounds = get_args(Rules.model_fields["bounds"].annotation)
    shortfall = get_args(Rules.model_fields["shortfall"].annotation)
    known = {*get_args(MarginMode), *DISPOSALS, *ADL, *bounds, *shortfall}
    assert known - headed() == set()


@pytest.mark.parametrize("model", get_args(get_args(AnyDisposal)[0]), ids=lambda m: m.__name__)
def test_every_disposal_names_its_fields(model: type) -> None:
    (text,) = (t for head, t in sections("###").items() if f"`{model.__name__}`" in head)
    fields = set(model.model_fields) - {"policy"}  # type: ignore[attr-defined]
    assert fields - set(re.findall(r"`(\w+)`", text)) == set()


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(\w+/[\w-]+)`", PAGE))))
def test_a_case_that_the_page_names_exists(name: str) -> None:
    assert (CASES / f"{name}.case.toml").is_file()


@pytest.mark.parametrize("head", sorted(sections("###")))
def test_every_policy_says_what_it_assumes_and_when_it_is_wrong(head: str) -> None:
    text = sections("###")[head]
    for word in ("Does", "Assumes", "Wrong when", "From", "Case"):
        assert f"**{word}" in text, word

"""Kinds by name, loaded on demand; every one passes the check that users run on their own."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import agents
from agents import blocks
from agents.base import Trader
from agents.testing import build, check_agent, check_block, tiny_facts
from sim.exchange.messages import Kind


@pytest.mark.parametrize("kind", sorted(agents.KINDS))
def test_every_kind_passes_check_agent(kind: str) -> None:
    sent = check_agent(agents.kind(kind))
    assert sum(len(block) for block in sent) > 0


def test_unknown_kind_lists_those_there_are() -> None:
    with pytest.raises(KeyError, match=r"makr.*allowed.*'maker'"):
        agents.kind("makr")


def test_importing_agents_loads_neither_mesa_nor_numba() -> None:
    code = "import sys, agents; print([m for m in ('mesa', 'numba', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("kind", sorted(agents.KINDS))
def test_unknown_parameters_are_named(kind: str) -> None:
    with pytest.raises(ValueError, match="no_such_field"):
        agents.kind(kind).Params.model_validate({"no_such_field": 1})


@pytest.mark.parametrize("kind", sorted(agents.KINDS))
def test_parameters_are_frozen(kind: str) -> None:
    params = agents.kind(kind).Params()
    with pytest.raises(ValueError, match="frozen"):
        setattr(params, next(iter(type(params).model_fields)), 1)


class Sleepless(Trader):
    def wake(self, now_us, view, inbox):  # type: ignore[no-untyped-def]
        return blocks.none(), 0


class Thief(Trader):
    def wake(self, now_us, view, inbox):  # type: ignore[no-untyped-def]
        return blocks.cancel_all(5), 1_000_000


class Mimic(Trader):
    def wake(self, now_us, view, inbox):  # type: ignore[no-untyped-def]
        size = int(self.model.rng.integers(1, 1000))
        return blocks.new(self.account, 0, 0, 100, size, self.new_ids(1)), 1_000_000


class Bold(Trader):
    def wake(self, now_us, view, inbox):  # type: ignore[no-untyped-def]
        return blocks.mark(), 1_000_000


class Generous(Trader):
    def wake(self, now_us, view, inbox):  # type: ignore[no-untyped-def]
        return blocks.new(self.account, 0, 0, 100, -3, self.new_ids(1)), 1_000_000


@pytest.mark.parametrize(
    ("cls", "says"),
    [
        (Sleepless, "sleep no time"),
        (Thief, "somebody else's account"),
        (Mimic, "another stream"),
        (Bold, "may not send"),
        (Generous, "not positive"),
    ],
)
def test_check_agent_sees_what_is_wrong(cls: type[Trader], says: str) -> None:
    with pytest.raises(AssertionError, match=says):
        check_agent(cls)


@pytest.mark.parametrize(
    ("block", "says"),
    [
        (np.zeros((1, 11), dtype=np.int64), "12 columns"),
        (np.zeros((1, 12)), "int64"),
        ([[0] * 12], "array"),
    ],
)
def test_check_block_sees_a_wrong_shape(block: object, says: str) -> None:
    with pytest.raises(AssertionError, match=says):
        check_block(block, np.array([1]), tiny_facts(), {int(Kind.NEW)})


def test_a_strategy_takes_one_account() -> None:
    facts = tiny_facts()
    world = build(agents.kind("maker"), facts, 1).world
    with pytest.raises(ValueError, match="needs 1 accounts, got 2"):
        agents.kind("maker")(world, "x", np.array([1, 2]), 20_000, None, facts)


def test_params_of_another_kind_are_refused() -> None:
    facts = tiny_facts()
    world = build(agents.kind("maker"), facts, 1).world
    wrong = agents.kind("noise").Params()
    with pytest.raises(TypeError, match="parameters of Maker"):
        agents.kind("maker")(world, "x", np.array([1]), 20_000, wrong, facts)

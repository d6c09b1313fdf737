"""A stream belongs to its name: nobody else's can shift it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from sim.streams import stream

PINNED = [798385407, 973631658, 71059655]


def draws(*key: object) -> list[int]:
    return stream(*key).integers(1 << 62, size=4).tolist()  # type: ignore[arg-type]


def test_the_same_name_draws_the_same() -> None:
    assert draws(7, "maker/0") == draws(7, "maker/0")


@pytest.mark.parametrize(
    "other", [(8, "maker/0"), (7, "maker/1"), (7, "maker/0", "size"), (7, "maker/0size"), (7, "")]
)
def test_another_seed_name_or_purpose_draws_otherwise(other: tuple[object, ...]) -> None:
    assert draws(*other) != draws(7, "maker/0")


def test_a_purpose_is_no_part_of_the_name() -> None:
    assert draws(1, "ab", "c") != draws(1, "a", "bc")


def test_no_process_hash_is_in_it() -> None:
    code = "from sim.streams import stream; print(stream(3, 'x').integers(1 << 62))"
    seen = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": salt},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for salt in ("1", "2")
    }
    assert seen == {f"{stream(3, 'x').integers(1 << 62)}\n"}


def test_the_draws_may_not_change() -> None:
    """A change here changes every run ever made: say so in the changelog."""
    assert stream(1, "maker/0", "size").integers(1 << 30, size=3).tolist() == PINNED


def test_streams_are_independent() -> None:
    a, b = (stream(5, f"t{i}").standard_normal(20_000) for i in range(2))
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.03


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(ValueError, match="seed -1 is negative"):
        stream(-1, "x")

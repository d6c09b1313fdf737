"""Makes the modules beside this file importable and runs the cases against every engine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

HERE = str(Path(__file__).resolve().parent)
if HERE not in sys.path:
    sys.path.insert(0, HERE)

COMPARE = str(Path(HERE).parent / "compare")
if COMPARE not in sys.path:
    sys.path.insert(0, COMPARE)

from engines import ENGINES, Engine  # noqa: E402
from kernel_venue import KernelVenue, index_median  # noqa: E402

ENGINES.setdefault("kernel", Engine(KernelVenue, index_median))


@pytest.fixture(params=sorted(ENGINES))
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine in turn."""
    return ENGINES[request.param]


@pytest.fixture
def venue_factory(engine: Engine) -> Any:
    """Makes a venue of (listing, rules, accounts)."""
    return engine.make
